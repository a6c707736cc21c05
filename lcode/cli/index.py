"""`lcode index`: build the index of the code, say how it stands, keep it as the files are."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.options import Options, json_option, place_options
from lcode.cli.output import Styled, one_line, plural, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK, EXIT_TEMPORARY, ConfigError, UsageError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.index.build import Status
    from lcode.worker.status import WorkerStatus


@click.command()
@click.option("--status", "only_status", is_flag=True, help="Say how the index stands; build nothing.")
@click.option("--rebuild", is_flag=True, help="Throw away what is there, of every worktree, and build anew.")
@click.option("--watch", is_flag=True, help="Keep the index as the files are until Ctrl-C.")
@json_option
@place_options
@click.pass_obj
def index(options: Options, only_status: bool, rebuild: bool, watch: bool, as_json: bool) -> int:
    """Build the index of the code, or bring it up to date.

    Sessions do that by themselves, in the background.
    """
    if only_status and (rebuild or watch):
        raise UsageError("--status builds nothing", "leave --rebuild and --watch out")
    if watch and as_json:
        raise UsageError("--watch has no --json", "`lcode index --status --json` says how the index stands")
    if only_status:
        return _status(options, as_json)
    return _build(options, rebuild=rebuild, watch=watch, as_json=as_json)


def _build(options: Options, *, rebuild: bool, watch: bool, as_json: bool) -> int:
    from lcode.cli.code_build import build
    from lcode.cli.code_place import index_of
    from lcode.cli.place import opened

    with opened(options, writes=True) as runtime:
        with closing(index_of(runtime, options)) as database:
            if rebuild:
                database.reset("the code index was thrown away")
            done = build(runtime, database)
            if as_json:
                say_json({**_shown(runtime, _state(runtime, database)), **done.shown()})
            else:
                say(done.line(runtime.root.name))
        if done.problem and not watch:
            return EXIT_TEMPORARY if done.busy else EXIT_ERROR
        if watch:
            from lcode.cli.watch import watch as keep_watching

            keep_watching(runtime)
    return EXIT_OK


def _status(options: Options, as_json: bool) -> int:
    from lcode.cli.place import opened
    from lcode.index.open import IndexDatabase, open_index

    with opened(options) as runtime:
        known = bool(runtime.agent.id)
        paths = runtime.store.agent_paths(runtime.agent)
        with closing(open_index(paths, read_only=True) if known else IndexDatabase(None)) as database:
            found = _state(runtime, database)
        if as_json:
            say_json(_shown(runtime, found))
        else:
            _say_status(runtime, found)
    return EXIT_OK


def _state(runtime: Runtime, database: Any) -> Status:
    from lcode.index.build import CodeIndex

    found: Status = CodeIndex(database, runtime.root).status()
    return found


def _worker(runtime: Runtime) -> WorkerStatus | None:
    from lcode.worker import status

    return status.read(runtime.store.agent_paths(runtime.agent)) if runtime.agent.id else None


def _lacking(runtime: Runtime) -> dict[str, int]:
    """How many messages and passages wait for their vectors."""
    return runtime.background.meaning.lacking(runtime.memory().database) if runtime.agent.id else {}


def _shown(runtime: Runtime, found: Status) -> dict[str, Any]:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from lcode.clock import stamp
    from lcode.index.open import index_path
    from lcode.path_text import path_text

    worker = _worker(runtime)
    values = asdict(found)
    seen = values.pop("seen_at")
    return {
        "root": path_text(runtime.root),
        "database": path_text(index_path(runtime.store.agent_paths(runtime.agent))) if runtime.agent.id else "",
        **values,
        "lacking": _lacking(runtime),
        "updated": stamp(datetime.fromtimestamp(seen, UTC)) if seen else "",
        "worker": asdict(worker) if worker is not None else None,
    }


def _say_status(runtime: Runtime, found: Status) -> None:
    from lcode.cli.doctor_index import shortened
    from lcode.memory.meaning import words as of_texts
    from lcode.path_text import path_text
    from lcode.worker.status import words

    if found.state == "new" and not found.files:
        say("the code is not indexed yet")
        say(Styled("`lcode index` builds it; a session does so by itself", "dim"))
    else:
        rows = {
            "index": f"{plural(found.files, 'file')}, {plural(found.chunks, 'chunk')}, {_size(found.bytes)}",
            "state": _STATES.get(found.state, found.state) + (f"; {found.problem}" if found.problem else ""),
            "kinds": ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.kinds.items(), key=lambda one: -one[1])),
            "vectors": _vectors(runtime, found),
            "updated": _age(found.seen_at),
        }
        if waiting := of_texts(_lacking(runtime)):
            rows["memory"] = f"vectors of {waiting} to come: found by words alone"
        if found.crashed:
            rows["crashed"] = f"the parser, over {shortened(found.crashed)}: found as plain text"
        for name, text in rows.items():
            if text:
                say(Styled(f"{name:<8} ", "dim"), text)
    say(Styled(f"{'worker':<8} ", "dim"), words(_worker(runtime), path_text(runtime.root)))


def _vectors(runtime: Runtime, found: Status) -> str:
    if found.to_embed:
        return f"{plural(found.to_embed, 'file')} to come"
    try:
        wanted = runtime.background.embedder().name
    except ConfigError as error:
        return f"not used: {error.message}"
    if found.embedder and found.embedder != wanted:
        return f"of another model than the settings name: `lcode index` or a session makes those of {one_line(wanted, 80)}"
    return "all there"


_STATES = {
    "new": "not built yet",
    "building": "being built: what is there can be searched",
    "lexical": "complete; vectors follow",
    "ready": "complete",
}


def _age(seconds: int) -> str:
    from lcode import clock
    from lcode.cli.progress import duration

    if not seconds:
        return "never"
    passed = clock.now().timestamp() - seconds
    return f"{duration(passed)} ago" if passed < 86_400 else f"{passed // 86_400:.0f} days ago"


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{count / 1_000:.0f} KB"
