"""`lcode backup`: copies of memory that were checked, and the way back to one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, is_terminal, say, say_json, table
from lcode.errors import EXIT_ERROR, EXIT_OK, StoreDamaged, UsageError, UserError

if TYPE_CHECKING:
    from lcode.memory.agents import AgentRow
    from lcode.memory.restore import Restored
    from lcode.store.backup import Backup, Origin

F = TypeVar("F", bound=Callable[..., Any])


def user_option(function: F) -> F:
    """--user: the registry and the blocks that all repositories share."""
    help_text = "The user's own database: registry and shared blocks."
    return click.option("--user", "of_user", is_flag=True, help=help_text)(function)


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@json_option
@place_options
@click.pass_context
def backup(ctx: click.Context, as_json: bool) -> None:
    """Backups of this place's agent and of the user's own database."""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json)


@backup.command("list")
@json_option
@place_options
@click.pass_obj
def list_command(options: Options, as_json: bool) -> None:
    """The same as `lcode backup`."""
    _list(options, as_json)


@backup.command()
@click.option("--if-due", is_flag=True, help="Only if the last one is a day or 1,000 messages old.")
@click.option("--quiet", is_flag=True, help="Say nothing, and stand back for everything else on the machine.")
@json_option
@place_options
@click.pass_obj
def create(options: Options, if_due: bool, quiet: bool, as_json: bool) -> None:
    """Make a backup of the agent's memory and of the user's database, and check it."""
    from lcode.store.backup import create as make

    if quiet and hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(10)
    made = [(origin, make(origin, if_due=if_due)) for origin in _origins(options) if origin.path.exists()]
    if as_json:
        say_json([backup_json(origin, one) for origin, one in made if one is not None])
    elif not quiet:
        for origin, one in made:
            say(f"{origin.path.name}: {_describe(one)}" if one else f"{origin.path.name}: none is due, or one is being made")


@backup.command()
@click.argument("name", metavar="[ID]", required=False)
@json_option
@place_options
@click.pass_obj
def verify(options: Options, name: str | None, as_json: bool) -> int:
    """Check the backups (or the one with this ID) as thoroughly as a database can be. Ends with 1 if one is damaged."""
    from lcode.store.backup import verify as check

    origins = _origins(options)
    found = [(origin, one, check(origin, one)) for origin, one in _found(origins, name)]
    if as_json:
        say_json([backup_json(origin, one) | {"problems": problems} for origin, one, problems in found])
    else:
        for origin, one, problems in found:
            mark = Styled("damaged", "red") if problems else Styled("good   ", "green")
            say(mark, f"  {origin.path.name}  {one.id}  {'; '.join(problems[:3])}".rstrip())
        if not found:
            say("there are no backups yet")
    return EXIT_ERROR if any(problems for _, _, problems in found) else EXIT_OK


@backup.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@user_option
@json_option
@place_options
@click.pass_obj
def restore(options: Options, name: str | None, yes: bool, of_user: bool, as_json: bool) -> None:
    """Put the newest good backup (or the one with this ID) back, with everything newer that the present files still give."""
    from lcode.memory.restore import rebuild_registry, restore_agent
    from lcode.store.backup import Origin, find_backup
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    row = None if of_user else _agent(options)
    origin = Origin.of_user(paths) if row is None else Origin.of_agent(paths.agent(row.id))
    chosen = find_backup(origin, name) if name is not None else None
    if not yes:
        confirm(origin, chosen)
    done = rebuild_registry(paths, chosen) if row is None else restore_agent(paths, row, chosen)
    say_json(restored_json(done)) if as_json else tell(done)


def confirm(origin: Origin, chosen: Backup | None) -> None:
    """Ask before a database is replaced. Raises UsageError where nobody can be asked."""
    if not is_terminal():
        raise UsageError("restoring has to be confirmed", "add --yes")
    which = f"the backup {chosen.id}" if chosen else "the newest good backup"
    click.confirm(
        f"Replace {origin.path} by {which}? What is newer and intact is kept, the present files are moved aside", abort=True
    )


def tell(done: Restored) -> None:
    """What came of a restore, and what is lacking."""
    from lcode.clock import stamp
    from lcode.memory.dates import local

    base = f"the backup of {local(stamp(done.backup.taken))} ({done.backup.id})" if done.backup else "no backup (none was good)"
    say(f"{done.path} is whole again, from {base}")
    brought = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in done.brought.items())
    say(f"  brought back from the damaged files: {brought or 'nothing that is newer'}")
    for lack in done.lacks or ["nothing that is known of"]:
        say(f"  lacks: {lack}")
    if done.aside is not None:
        say(Styled(f"  the damaged files are in {done.aside}", "dim"))


# -- shared -----------------------------------------------------------------------------------------------------------


def restored_json(done: Restored) -> dict[str, Any]:
    return {
        "path": str(done.path),
        "backup": done.backup.id if done.backup else None,
        "brought": done.brought,
        "lacks": done.lacks,
        "aside": str(done.aside) if done.aside else None,
    }


def backup_json(origin: Origin, one: Backup) -> dict[str, Any]:
    from lcode.clock import stamp

    return asdict(one) | {"path": str(one.path), "taken": stamp(one.taken), "database": str(origin.path)}


def _describe(one: Backup) -> str:
    return f"backup {one.id}, {one.size // 1024:,} KB, checked"


def _list(options: Options, as_json: bool) -> None:
    from lcode.clock import stamp
    from lcode.memory.dates import local

    found = _found(_origins(options), None)
    if as_json:
        say_json([backup_json(origin, one) for origin, one in found])
        return
    if not found:
        say("there are no backups yet: the first one is made by itself, or by `lcode backup create`")
        return
    rows = [
        (origin.path.name, one.id, local(stamp(one.taken)), f"{one.size // 1024:,} KB",
         "before a change of the schema" if one.before_schema else "")
        for origin, one in found
    ]  # fmt: skip
    table(("OF", "ID", "TAKEN", "SIZE", ""), rows)


def _found(origins: list[Origin], name: str | None) -> list[tuple[Origin, Backup]]:
    """The backups of all origins; with a name the one that has it. Raises UserError."""
    from lcode.store.backup import list_backups

    found = [(origin, one) for origin in origins for one in list_backups(origin)]
    if name is None:
        return found
    named = [pair for pair in found if pair[1].id == name] or [pair for pair in found if name and pair[1].id.startswith(name)]
    if not named:
        raise UserError(f"there is no backup '{name}'", "`lcode backup list` shows them")
    return named


def _origins(options: Options) -> list[Origin]:
    """The databases of this place: its agent's, if it has one, and the user's."""
    from lcode.store.backup import Origin
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    origins = [Origin.of_user(paths)]
    try:
        row = _agent(options)
    except StoreDamaged:  # the registry itself; an agent that was named by its whole id is found without it
        if options.agent and (paths.home / "agents" / options.agent).is_dir():
            return [Origin.of_agent(paths.agent(options.agent)), *origins]
        return origins
    except UserError:
        if options.agent is not None:
            raise
        return origins
    return [Origin.of_agent(paths.agent(row.id)), *origins]


def _agent(options: Options) -> AgentRow:
    """The agent that is named, or the place's. Raises UserError."""
    from lcode.cli.place import registry

    with registry(options, writes=False) as (store, place):
        if options.agent is not None:
            return store.agents.find(options.agent)
        row = store.agents.known(place)
    if row is None:
        raise UserError(f"{place.root} has no agent yet", "name one with --agent; `lcode agents` lists them")
    return row
