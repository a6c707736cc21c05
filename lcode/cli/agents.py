"""`lcode agents`: whose memory a place has, and how to mend it where that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.lazy import SuggestingGroup
from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, is_terminal, plural, say, say_json, short, table
from lcode.errors import SessionBusy, UsageError, UserError

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.memory.agents import AgentRow
    from lcode.memory.store import Store


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@json_option
@place_options
@click.pass_context
def agents(ctx: click.Context, as_json: bool) -> None:
    """All agents of this user. `*` marks the one of this place."""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json)


@agents.command("list")
@json_option
@place_options
@click.pass_obj
def list_agents(options: Options, as_json: bool) -> None:
    """The same as `lcode agents`."""
    _list(options, as_json)


def agent_json(store: Store, agent: AgentRow, here: AgentRow | None) -> dict[str, Any]:
    folder = store.agent_paths(agent).folder
    return asdict(agent) | {"here": here is not None and here.id == agent.id, "folder": str(folder)}


def _list(options: Options, as_json: bool) -> None:
    from lcode.cli.place import registry
    from lcode.memory.dates import local

    with registry(options, writes=False) as (store, place):
        here = store.agents.known(place)
        rows = store.agents.list()
        if as_json:
            say_json([agent_json(store, row, here) for row in rows])
            return
    if not rows:
        say("no agents yet: the first one is made when you run lcode in a repository or folder")
        return
    cells = [
        ("*" if here is not None and here.id == row.id else "", short(row.id), row.name, row.kind, local(row.created_at),
         ", ".join(place_names(row.paths)) or "(no place)")
        for row in rows
    ]  # fmt: skip
    table(("", "ID", "NAME", "KIND", "SINCE", "PLACES"), cells)


def place_names(paths: Sequence[str]) -> list[str]:
    """The places as people name them, each once: a folder that became a repository is known under both."""
    return list(dict.fromkeys(map(_place_name, paths)))


def _place_name(path: str) -> str:
    """A path as people name the place: the folder of a repository, not its .git; `~` for the home."""
    from lcode.git.repository import worktree_of
    from lcode.path_text import text_path

    known = text_path(path)
    folder = known.parent if known.name == ".git" else worktree_of(known)
    gone = "" if known.exists() else " (gone)"
    try:
        return f"~/{folder.relative_to(Path.home()).as_posix()}{gone}"
    except (ValueError, RuntimeError):
        return f"{folder}{gone}"


def _current(store: Store, place: Place, name: str | None) -> AgentRow:
    """The agent that is named, or the place's own. Raises UserError."""
    if name is not None:
        return store.agents.find(name)
    agent = store.agents.known(place)
    if agent is None:
        raise UserError(f"{place.root} has no agent yet", "run lcode there, or name one; `lcode agents` lists them")
    return agent


@agents.command()
@click.argument("name", required=False)
@json_option
@place_options
@click.pass_obj
def show(options: Options, name: str | None, as_json: bool) -> None:
    """One agent: who it is, where it is known, what it holds."""
    from lcode.cli.place import registry
    from lcode.memory.dates import local
    from lcode.store.health import count_rows

    with registry(options, writes=False) as (store, place):
        here = store.agents.known(place)
        agent = _current(store, place, options.agent if name is None else name)
        counts = count_rows(store.agent_paths(agent).memory_db)
        facts = agent_json(store, agent, here) | {"counts": counts}
    if as_json:
        say_json(facts)
        return
    say(Styled(agent.name, "bold"), "  ", Styled(agent.id, "dim"))
    say(f"  since   {local(agent.created_at)}")
    for at, name_of_place in enumerate(place_names(agent.paths) or ["(no place)"]):
        say(f"  {'places ' if at == 0 else '       '} {name_of_place}")
    say(f"  holds   {', '.join(plural(count, noun[:-1]) for noun, count in counts.items()) or 'nothing yet'}")
    say(f"  folder  {facts['folder']}")


@agents.command()
@click.argument("name")
@click.argument("new", metavar="NEW_NAME")
@place_options
@click.pass_obj
def rename(options: Options, name: str, new: str) -> None:
    """Give an agent another name."""
    from lcode.cli.place import registry

    if not new.strip():
        raise UsageError("the new name is empty")
    with registry(options) as (store, _):
        agent = store.agents.find(name)
        if any(other.name == new.strip() and other.id != agent.id for other in store.agents.list()):
            raise UserError(f"there is an agent '{new.strip()}' already", "choose another name; `lcode agents` lists them")
        store.agents.rename(agent.id, new.strip())
    say(f"{agent.name} is now {new.strip()}")


@agents.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@place_options
@click.pass_obj
def relocate(options: Options, path: Path) -> None:
    """The agent (of this place, or --agent) has moved to PATH; places that are gone are forgotten."""
    from lcode.cli.place import registry
    from lcode.git.repository import find
    from lcode.path_text import text_path

    with registry(options) as (store, place):
        agent = _current(store, place, options.agent)
        target = find(path)
        before = store.agents.known(target)
        store.agents.bind(agent.id, target)
        for gone in (old for old in agent.paths if not text_path(old).exists()):
            store.agents.forget_path(gone)
        _tell_left(store, before, agent)
    say(f"{target.root} has the memory of {agent.name} now")


@agents.command()
@click.argument("name")
@place_options
@click.pass_obj
def share(options: Options, name: str) -> None:
    """Let this place have the agent NAME, as the other places of it do."""
    from lcode.cli.place import registry

    with registry(options) as (store, place):
        agent = store.agents.find(name)
        before = store.agents.known(place)
        if before is not None and before.id == agent.id:
            say(f"{place.root} has the memory of {agent.name} already")
            return
        store.agents.bind(agent.id, place)
        _tell_left(store, before, agent)
    say(f"{place.root} has the memory of {agent.name} now")


def _tell_left(store: Store, before: AgentRow | None, now: AgentRow) -> None:
    """Say what became of the agent that a place had before."""
    if before is None or before.id == now.id or store.agents.find(before.id).paths:
        return
    say(
        f"{before.name} ({short(before.id)}) has no place any more; its memory is kept"
        f" (`lcode agents merge {short(before.id)} {short(now.id)}` brings it along)",
        err=True,
    )


@agents.command()
@place_options
@click.pass_obj
def split(options: Options) -> None:
    """Give this place an agent of its own; the one it shared stays with the other places."""
    from lcode.cli.place import registry

    with registry(options) as (store, place):
        agent = _current(store, place, None)
        if len(agent.paths) < 2:
            raise UserError(f"{agent.name} is known in this place alone: there is nothing to split")
        own = store.agents.split(place)
    say(f"{place.root} has an agent of its own now ({short(own.id)}); {agent.name} stays with its other places")


@agents.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
@click.pass_obj
def delete(options: Options, name: str, yes: bool) -> None:
    """Delete an agent and everything that it remembers. This cannot be undone."""
    from lcode.cli.place import registry
    from lcode.store.health import count_rows

    with registry(options) as (store, _):
        agent = store.agents.find(name)
        refuse_live(store, agent)
        counts = count_rows(store.agent_paths(agent).memory_db)
        if not yes:
            _confirm(agent, counts)
        store.delete_agent(agent)
    say(f"{agent.name} ({short(agent.id)}) is deleted")


def refuse_live(store: Store, agent: AgentRow) -> None:
    """Raise SessionBusy while a session of the agent is open somewhere."""
    from lcode.store.locks import NamedLock

    for path in sorted(store.agent_paths(agent).locks.glob("session-*.lock")):
        owner = NamedLock(path).owner()
        if owner is not None:
            raise SessionBusy(f"a session of {agent.name} is open ({owner})", "close it first")


def _confirm(agent: AgentRow, counts: dict[str, int]) -> None:
    if not is_terminal():
        raise UsageError("deleting an agent has to be confirmed", "add --yes")
    holds = ", ".join(plural(count, noun[:-1]) for noun, count in counts.items()) or "nothing"
    click.confirm(f"Delete {agent.name} with {holds}? This cannot be undone", abort=True)


@agents.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="INTO")
@place_options
@click.pass_obj
def merge(options: Options, source: str, target: str) -> None:
    """Copy all sessions and passages of FROM into INTO; FROM's blocks become passages. FROM is left as it is."""
    from lcode.cli.place import registry
    from lcode.memory.merge import merge_agents

    with registry(options) as (store, _):
        one, other = store.agents.find(source), store.agents.find(target)
        if one.id == other.id:
            raise UsageError("FROM and INTO are the same agent")
        refuse_live(store, one)
        counts = merge_agents(store.agent_paths(one).memory_db, store.open(other), one.name)
    if not any(counts.values()):
        say(f"{other.name} holds everything of {one.name} already")
        return
    copied = ", ".join(plural(count, noun[:-1]) for noun, count in counts.items() if count)
    say(f"{other.name} now also holds {copied} of {one.name}")
    say(Styled(f"{one.name} is still there; `lcode agents delete {short(one.id)}` removes it", "dim"), err=True)
