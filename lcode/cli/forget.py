"""`lcode forget`: what the user wants gone goes, everywhere; only the user can say so."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, is_terminal, plural, say, say_json, short
from lcode.errors import EXIT_ERROR, EXIT_OK, UsageError

if TYPE_CHECKING:
    from lcode.memory.forget import Forgotten, Place
    from lcode.memory.forget_rows import Wish
    from lcode.store.paths import StorePaths

_PATIENCE = 10.0  # seconds that a worker has to end


@click.command(
    epilog="What the files and commits of your repositories hold is theirs, and stays. Sessions must be closed first: they have"
    " the text in their own memory."
)
@click.argument("what", nargs=-1, required=True, metavar="TEXT|ID …")
@click.option("--ignore-case", "-i", is_flag=True, help="In upper and lower case alike.")
@click.option("--regex", is_flag=True, help="TEXT is a regular expression.")
@click.option("--text", "literal", is_flag=True, help="Nothing is an id, all is text.")
@click.option("--dry-run", is_flag=True, help="Only show what would be touched.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@place_options
@click.pass_obj
def forget(
    options: Options,
    what: tuple[str, ...],
    ignore_case: bool,
    regex: bool,
    literal: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Take a text out of all memory, or a message, passage, session, or version of a block (LABEL@v3) by its id.

    A text goes from every agent: messages, blocks and their versions, passages, prompts, logs, and every backup.
    """
    from lcode.agent.spool import folders
    from lcode.cli.place import only_the_user
    from lcode.cli.report import complain
    from lcode.memory import forget as forgetting
    from lcode.memory.restore import refuse_live
    from lcode.store.paths import StorePaths, home

    only_the_user("have things forgotten")
    if options.ephemeral and not dry_run:
        raise UsageError("--ephemeral does not go with a command that writes", "leave it out")
    paths = StorePaths(home(os.environ))
    wish, agent_id = _wish(options, what, ignore_case=ignore_case, regex=regex, literal=literal or regex)
    if not dry_run:
        refuse_live(paths)
    extra = folders(paths.agent(agent_id), os.environ)[1:]
    pending = paths.forgetting_since()
    found = forgetting.preview(paths, wish, agent_id, extra)
    if not dry_run and (found.counts or pending or any(place.concerned for place in found.places)):
        if not yes:
            _confirm(found)
        end_workers(paths)
        found = forgetting.forget(paths, wish, agent_id, extra)
        if pending:  # what that was about is written nowhere
            complain(
                f"a forgetting was cut off on {pending[:10]}", "if it was of something else than this, repeat that command too"
            )
    if as_json:
        say_json(_json(found, dry_run=dry_run))
    else:
        _show(found, dry_run=dry_run)
    return EXIT_ERROR if found.left else EXIT_OK


def _wish(options: Options, what: Sequence[str], *, ignore_case: bool, regex: bool, literal: bool) -> tuple[Wish, str]:
    """What is wanted, and whose the ids are; '' where there are none."""
    from lcode.cli.place import opened
    from lcode.memory.forget import Meant, meant

    if literal:
        return Meant(texts=list(what)).wish(ignore_case=ignore_case, regex=regex), ""
    with opened(options) as runtime:
        found = meant(what, runtime.memory())
        return found.wish(ignore_case=ignore_case), runtime.agent.id if found.by_id else ""


def end_workers(paths: StorePaths) -> None:
    """Ask the processes in the background to end, and wait for it: they have the store open. Sessions start them again."""
    import signal
    import socket

    from lcode.store.locks import NamedLock
    from lcode.worker.status import lock_file

    locks = [NamedLock(lock_file(paths.agent(folder.name))) for folder in paths.home.glob("agents/*/")]
    for lock in locks:
        owner = lock.owner()
        if owner is not None and owner.pid and owner.host == socket.gethostname():
            with suppress(OSError):
                os.kill(owner.pid, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    while any(lock.owner() is not None for lock in locks) and time.monotonic() < deadline:
        time.sleep(0.05)


# -- showing ----------------------------------------------------------------------------------------------------------


def _confirm(found: Forgotten) -> None:
    """Show what goes, and ask. Raises UsageError where nobody can be asked."""
    if not is_terminal():
        raise UsageError("forgetting cannot be taken back: it has to be confirmed", "add --yes; --dry-run shows what would go")
    _show(found, dry_run=True)
    click.confirm("Forget it for good, also in every backup?", abort=True)


def _show(found: Forgotten, *, dry_run: bool) -> None:
    concerned = [place for place in found.places if place.concerned]
    if not concerned and not found.files:
        say("nothing: it is nowhere in memory")
        return
    for place in concerned:
        _show_place(place, dry_run=dry_run)
    if found.files:
        say(Styled("files", "bold"), f"  {', '.join(path.name for path in found.files)}")
    if not dry_run:
        say("forgotten" if not found.left else Styled("forgotten, but not everywhere", "yellow"))
    for path in found.left:
        say(Styled(f"still in {path}: as part of a name or path that says where something is", "yellow"))


def _show_place(place: Place, *, dry_run: bool) -> None:
    name = f"agent {short(place.agent)}" if place.agent else "your own database"
    parts = [f"{tier}: {count:,}" for tier, count in sorted(place.rows.counts.items())]
    parts += [plural(len(place.files) + len(place.outputs), "file")] if place.files or place.outputs else []
    parts += [plural(place.backups, "backup")] if place.backups else []
    parts += ["what was set aside when it was mended"] if place.aside else []
    say(Styled(name, "bold"), f"  {', '.join(parts) or 'pages that are not in use any more'}")
    if dry_run:
        for quote in place.rows.quotes:
            say(Styled(f"    … {quote} …", "dim"))


def _json(found: Forgotten, *, dry_run: bool) -> dict[str, Any]:
    def shown(paths: Sequence[Path]) -> list[str]:
        return [str(path) for path in paths]

    places = [
        {
            "agent": place.agent, "counts": dict(place.rows.counts), "backups": place.backups,
            "files": shown([*place.files, *place.outputs]), "aside": place.aside,
            **({"quotes": place.rows.quotes} if dry_run else {}),
        }
        for place in found.places if place.concerned
    ]  # fmt: skip
    return {"done": not dry_run, "counts": dict(found.counts), "places": places, "files": shown(found.files),
            "left": shown(found.left)}  # fmt: skip
