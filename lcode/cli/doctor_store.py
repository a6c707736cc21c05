"""`lcode doctor` on the store: each database checked in full, its backups, its locks, what killed processes left behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.cli.doctor_finding import Finding
from lcode.cli.options import Options
from lcode.cli.output import plural
from lcode.errors import UserError

if TYPE_CHECKING:
    from lcode.memory.agents import AgentRow
    from lcode.memory.restore import Restored
    from lcode.store.backup import Origin
    from lcode.store.check import Problem
    from lcode.store.paths import StorePaths

_FIX = "`lcode doctor --fix` mends it"
_LARGE_LOG = 64 * 1024 * 1024
Mend = Callable[[], str]


def store_check(options: Options) -> Iterator[Finding]:
    """The home of the store, and the user's database."""
    from lcode.store.backup import Origin
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    if not paths.home.exists():
        yield Finding("store", "ok", f"{paths.home} (not made yet)")
        return
    yield _writable(paths.home)
    yield from _file_system(paths.home)
    if sys.platform != "win32":
        yield _private(paths)
    agents = next(paths.home.glob("agents/*/memory.db"), None)
    if not paths.user_db.exists() and agents is None:
        yield Finding("user.db", "ok", "not made yet")
        return
    origin = Origin.of_user(paths)
    rebuild = partial(_rebuilt, paths)
    yield from _database(
        "user.db", origin, rebuild, "Rebuild the registry from its newest good backup and the agents' own rows"
    )


def agents_check(options: Options) -> Iterator[Finding]:
    """Every agent's memory, and whose this place is."""
    from lcode.cli.place import registry
    from lcode.store.backup import Origin
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    with registry(options, writes=False) as (store, place):
        rows, here = store.agents.list(), store.agents.known(place)
    for row in rows:
        if row.initialised or paths.agent(row.id).memory_db.exists():
            again = partial(_restored, paths, row)
            asks = f"Restore the memory of {row.name} from its newest good backup"
            yield from _database(f"agent {row.name}", Origin.of_agent(paths.agent(row.id)), again, asks)
        yield from _places(row)
    yield from _unknown(paths, rows)
    if not rows:
        yield Finding("agents", "ok", "none yet")
    elif here is not None:
        yield Finding("here", "ok", f"{place.root} belongs to {here.name}")
    else:
        yield Finding("here", "ok", f"{place.root} has no agent yet")


# -- the folder -------------------------------------------------------------------------------------------------------


def _writable(folder: Path) -> Finding:
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("store", "fail", f"{folder} cannot be written", "mend its permissions, or set LCODE_HOME")
    free = shutil.disk_usage(folder).free
    if free < 50_000_000:
        return Finding("store", "warn", f"{folder}, only {free // 1_000_000} MB free", "free some space")
    return Finding("store", "ok", str(folder))


def _file_system(folder: Path) -> Iterator[Finding]:
    from lcode.store.filesystem import is_network, kind

    name = kind(folder)
    if is_network(name):
        yield Finding(
            "file system", "warn", f"{folder} is on {name}: there sessions wait longer for each other",
            "a folder on a local disk is faster and safer: set LCODE_HOME",
        )  # fmt: skip


def _private(paths: StorePaths) -> Finding:
    """Memory is for its owner's eyes: folders 0700, files 0600."""
    from lcode.store.check import open_to_others

    bare = [path for path in _private_paths(paths) if open_to_others(path)]
    if not bare:
        return Finding("permissions", "ok", "for you alone")
    names = ", ".join(map(str, bare[:3])) + (" …" if len(bare) > 3 else "")
    return Finding("permissions", "warn", f"others can read {names}", f"chmod -R go= '{paths.home}'", partial(_close, bare))


def _private_paths(paths: StorePaths) -> Iterator[Path]:
    for folder in (paths.home, *paths.home.glob("agents/*")):
        yield folder
        for pattern in ("*.db*", "backups", "backups/*", "damaged", "damaged/*", "damaged/*/*", "locks", "locks/*"):
            yield from folder.glob(pattern)


def _close(bare: Sequence[Path]) -> str:
    for path in bare:
        with suppress(FileNotFoundError):  # a log may go meanwhile
            path.chmod(0o700 if path.is_dir() else 0o600)
    return f"{plural(len(bare), 'file')} and folders are for you alone now"


def _unknown(paths: StorePaths, rows: Sequence[AgentRow]) -> Iterator[Finding]:
    known = {row.id for row in rows}
    for folder in sorted(paths.home.glob("agents/*/")):
        if folder.name not in known and (folder / "memory.db").exists():
            yield Finding(
                "agents", "warn", f"the registry does not know {folder.name}", _FIX, partial(_rebuilt, paths),
                asks="Complete the registry from the agents' own rows",
            )  # fmt: skip


def _places(row: AgentRow) -> Iterator[Finding]:
    if not any(Path(path).exists() for path in row.paths):
        yield Finding(
            f"agent {row.name}", "warn", "none of its places exists", f"lcode agents relocate PATH --agent {row.id[6:14]}"
        )


# -- one database -----------------------------------------------------------------------------------------------------


def _database(name: str, origin: Origin, restore: Mend, asks: str) -> Iterator[Finding]:
    from lcode.store.check import examine

    exists = origin.path.exists() and origin.path.stat().st_size
    if not exists:
        lost = "its memory is gone" if origin.agent_id else "the registry is gone"
        yield Finding(name, "fail", f"{lost}: {origin.path} is missing or empty", _FIX, restore, asks)
        yield from _backups(name, origin, sound=False)
        return
    problems = [problem for problem in examine(origin.path, origin.schema, origin.agent_id) if problem.kind != "mode"]
    yield _sound(name, origin, problems, restore, asks)
    yield from _backups(name, origin, sound=not problems)
    yield from _log(name, origin)
    yield from _leftovers(name, origin)
    yield from _locks(name, origin)


def _sound(name: str, origin: Origin, problems: Sequence[Problem], restore: Mend, asks: str) -> Finding:
    from lcode.store.health import inspect

    text = "; ".join(problem.text for problem in problems[:3]) + (" …" if len(problems) > 3 else "")
    kinds = {problem.kind for problem in problems}
    if kinds == {"newer"}:
        return Finding(name, "fail", text, "upgrade lcode; nothing was changed")
    if kinds == {"text"}:
        return Finding(name, "fail", text, f"searches may miss some; {_FIX}", partial(_reindexed, origin, restore))
    if problems:
        return Finding(name, "fail", f"{origin.path}: {text}", _FIX, restore, asks)
    health = inspect(origin.path, origin.schema)
    holds = ", ".join(plural(count, noun[:-1]) for noun, count in (health.counts or {}).items())
    older = "" if health.schema == health.known_schema else f" (brought to {health.known_schema} at the next start)"
    return Finding(name, "ok", f"sound, schema {health.schema}{older}, {health.size // 1024:,} KB, {holds}")


def _reindexed(origin: Origin, restore: Mend) -> str:
    from lcode.store.health import rebuild_full_text

    try:
        rebuild_full_text(origin.path, origin.schema)
    except UserError:  # its own tables are damaged
        return restore()
    return "the full text was made anew from the rows"


def _backups(name: str, origin: Origin, *, sound: bool) -> Iterator[Finding]:
    """Whether there is one that is recent and good."""
    from lcode.clock import now, stamp
    from lcode.memory.dates import local
    from lcode.store.backup import due_now, list_backups, verify

    label = f"{name} backups"
    found = list_backups(origin)
    make = partial(_backed_up, origin) if sound else None
    if not found:
        if due_now(origin):
            yield Finding(label, "warn", "there is none yet", "lcode backup create", make)
        return
    if faults := verify(origin, found[0]):
        yield Finding(label, "warn", f"the newest, {found[0].id}, is damaged: {faults[0]}", "lcode backup create", make)
        return
    age = now() - found[0].taken
    text = f"{plural(len(found), 'backup')}, the newest of {local(stamp(found[0].taken))} is good"
    late = age.days >= 7 and due_now(origin)
    yield Finding(label, "warn" if late else "ok", text, "lcode backup create" if late else "", make if late else None)


def _backed_up(origin: Origin) -> str:
    from lcode.store.backup import create

    made = create(origin)
    return f"made the backup {made.id}" if made else "another process is making a backup"


def _log(name: str, origin: Origin) -> Iterator[Finding]:
    log = origin.path.with_name(f"{origin.path.name}-wal")
    size = 0
    with suppress(OSError):
        size = log.stat().st_size
    if size > _LARGE_LOG:
        text = f"its write-ahead log has {size // 1_000_000} MB"
        yield Finding(name, "warn", text, f"a session may be reading for long; {_FIX}", partial(_shortened, origin))


def _shortened(origin: Origin) -> str:
    from lcode.store.health import shorten_log

    return "the write-ahead log was carried over" if shorten_log(origin.path, origin.schema) else "somebody still reads from it"


def _leftovers(name: str, origin: Origin) -> Iterator[Finding]:
    """Files of attempts that were killed."""
    from lcode.store.backup import leftovers

    if parts := leftovers(origin):
        text = f"{plural(len(parts), 'file')} of unfinished work: {parts[0].name}" + (" …" if len(parts) > 1 else "")
        mend = partial(_swept, origin)
        yield Finding(name, "warn", text, _FIX, mend)


def _swept(origin: Origin) -> str:
    from lcode.store.backup import remove_leftovers

    return f"removed {plural(remove_leftovers(origin), 'file')} of unfinished work"


def _locks(name: str, origin: Origin) -> Iterator[Finding]:
    """Who holds a named lock, and files of locks that nobody holds."""
    from lcode.store.locks import NamedLock

    files = sorted((origin.path.parent / "locks").glob("*-*.lock"))
    owners = [(file, NamedLock(file).owner()) for file in files]
    held = [f"{file.stem.partition('-')[0]} {owner}" for file, owner in owners if owner is not None]
    stale = [file for file, owner in owners if owner is None]
    if held:
        yield Finding(f"{name} locks", "ok", "; ".join(held[:5]) + (" …" if len(held) > 5 else ""))
    if stale:
        text = f"{plural(len(stale), 'lock')} left by processes that are gone; they stand in nobody's way"
        yield Finding(f"{name} locks", "ok", text, "", partial(_unlocked, stale))


def _unlocked(stale: Sequence[Path]) -> str:
    from lcode.store.locks import NamedLock

    freed = 0
    for file in stale:
        lock = NamedLock(file)
        if lock.acquire("cleaning up"):
            lock.release()
            freed += 1
    return f"removed {plural(freed, 'stale lock file')}"


# -- restoring --------------------------------------------------------------------------------------------------------


def _rebuilt(paths: StorePaths) -> str:
    from lcode.memory.restore import rebuild_registry

    return _told(rebuild_registry(paths))


def _restored(paths: StorePaths, row: AgentRow) -> str:
    from lcode.memory.restore import restore_agent

    return _told(restore_agent(paths, row))


def _told(done: Restored) -> str:
    """What came of a restore, in one line."""
    base = f"restored from the backup {done.backup.id}" if done.backup else "made anew: no backup was good"
    brought = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in done.brought.items()) or "nothing newer"
    aside = f"; the damaged files are in {done.aside}" if done.aside else ""
    return f"{base}; brought back from the damaged files: {brought}; lacks: {'; '.join(done.lacks) or 'nothing known'}{aside}"
