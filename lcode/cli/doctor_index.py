"""`lcode doctor` on the code index of the place: sound, complete, of this version; and what compares vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from lcode.cli.doctor_finding import Finding
from lcode.cli.options import Options
from lcode.cli.output import one_line, plural

if TYPE_CHECKING:
    from pathlib import Path

    from lcode.index.check import Health

_FIX = "`lcode doctor --fix` or `lcode index --rebuild` builds it anew"
_LARGE = 2_000_000_000  # bytes


def index_check(options: Options) -> Iterator[Finding]:
    """The index of the agent whose place this is."""
    import os

    from lcode.cli.place import registry
    from lcode.index.check import examine
    from lcode.index.open import index_path
    from lcode.store.paths import StorePaths, home

    with registry(options, writes=False) as (store, place):
        agent = store.agents.find(options.agent) if options.agent else store.agents.known(place)
    if agent is None:
        return
    path = index_path(StorePaths(home(os.environ)).agent(agent.id))
    if not path.exists():
        yield Finding("code index", "ok", "not built yet: `lcode index` builds it, a session does so by itself")
        return
    health = examine(path)
    rebuild = partial(_rebuilt, options)
    if health.older:
        yield Finding("code index", "warn", "of an earlier version of lcode", f"the next start builds it anew; {_FIX}", rebuild)
    elif health.newer:
        yield Finding(
            "code index", "warn", "of a newer version of lcode", "upgrade; `lcode index --rebuild` makes one of this version"
        )
    elif health.faults:
        text = "; ".join(health.faults[:3]) + (" …" if len(health.faults) > 3 else "")
        yield Finding("code index", "fail", f"{path}: {text}", _FIX, rebuild)
    else:
        yield from _sound(health)
        yield from _of_memory(health, path.with_name("memory.db"))


def _sound(health: Health) -> Iterator[Finding]:
    size = f"{health.size // 1024:,} KB"
    text = f"sound, {size}, {plural(health.chunks, 'chunk')}, {plural(health.checkouts, 'checkout')}"
    if health.size > _LARGE:
        yield Finding("code index", "warn", text, f"large; {_FIX}")
    else:
        yield Finding("code index", "ok", text)
    without = "sqlite-vec is not there (the extra `vectors`, where it has a build): they are compared by lcode itself, slower"
    how = "compared by sqlite-vec" if health.extension else without
    waiting = f", {plural(health.pending, 'file')} to come" if health.pending else ""
    yield Finding("vectors", "ok", f"{health.vectors:,}{waiting}; {how}")
    if health.crashed:
        yield Finding(
            "parsers", "warn", f"crashed over {shortened(health.crashed)}", "found as plain text: a newer grammar may help"
        )


def _of_memory(health: Health, path: Path) -> Iterator[Finding]:
    """The vectors of what memory holds; whether that is sound, others say."""
    from lcode.errors import StoreError
    from lcode.memory.meaning import total_of, words
    from lcode.store import migrations
    from lcode.store.database import Database

    with suppress(StoreError), closing(Database(path, migrations.MEMORY, read_only=True)) as memory:
        totals = memory.read(lambda connection: {kind: total_of(connection, kind) for kind in health.texts})
        waiting = words({kind: max(0, total - health.texts[kind]) for kind, total in totals.items()})
        more = f"; {waiting} to come, while a session is open" if waiting else ""
        yield Finding("vectors of memory", "ok", f"{sum(health.texts.values()):,}{more}")


def shortened(paths: Sequence[str]) -> str:
    """The first few of many files."""
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    return ", ".join(one_line(path, 200) for path in paths[:3]) + more


def _rebuilt(options: Options) -> str:
    from lcode.cli.code_build import build
    from lcode.cli.code_place import index_of
    from lcode.cli.place import opened

    with opened(options, writes=True) as runtime, closing(index_of(runtime, options)) as database:
        database.reset("it was found damaged")
        done = build(runtime, database)
    return done.line(runtime.root.name)
