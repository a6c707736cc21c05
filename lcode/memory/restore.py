"""A damaged store made whole: the newest good backup, with everything newer that the damaged files still give.

The damaged files are moved aside together, never changed. What is lacking afterwards is named. Killed at any step, it is
done again: files that were moved aside by an unfinished attempt are read too. The registry comes from its own backups, and
what they lack from the agents' identity rows.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from lcode import clock
from lcode.errors import SessionBusy, StoreBusy, StoreDamaged, StoreUnwritable, UserError
from lcode.memory.bring_back import bring_back, tables_of
from lcode.store import check, migrations, salvage
from lcode.store.atomic import sync_folder
from lcode.store.backup import Backup, Origin, compact, newest_good, note_damage, sync_file, verify
from lcode.store.commits import Note, State, become, state_of
from lcode.store.connect import connect, copy_database
from lcode.store.locks import NamedLock
from lcode.store.paths import StorePaths, create_private_file, private_folder
from lcode.store.presence import Presence

_ENDS = ("-wal", "-shm", "-journal", "")  # the database last: without its log it is told from a whole one
_DONE = "restored.json"
_KEPT_ASIDE = 3
Finish = Callable[[apsw.Connection], list[str]]


@dataclass
class Restored:
    """What was done. `backup` None: there was no good one. `brought` is what came from the damaged files, by table; `lacks`
    what is known to be missing, in words."""

    path: Path
    backup: Backup | None
    aside: Path | None = None
    brought: dict[str, int] = field(default_factory=dict)
    lacks: list[str] = field(default_factory=list)


def refuse_live(paths: StorePaths, agent_id: str = "*") -> None:
    """Raise SessionBusy while a session is open, naming each; of all agents, or of one."""
    held = ((file.stem, NamedLock(file).owner()) for file in sorted(paths.home.glob(f"agents/{agent_id}/locks/session-*.lock")))
    live = [f"{name[8:16]} ({owner})" for name, owner in held if owner is not None]
    if live:
        raise SessionBusy(f"sessions are open: {', '.join(live)}", "close them first")


def restore(origin: Origin, backup: Backup | None = None, finish: Finish | None = None) -> Restored:
    """Put the newest good backup (or `backup`) in the place of the database, with what the damaged files still give. `finish`
    completes it and says what is lacking. Raises StoreBusy, StoreDamaged, StoreUnwritable, UserError."""
    if backup is not None and (faults := verify(origin, backup)):
        raise UserError(f"the backup {backup.id} is damaged: {faults[0]}", "`lcode backup list` shows the others")
    lock = origin.lock("restore")
    if not lock.acquire("restore"):
        raise StoreBusy(f"{origin.path} is being restored ({lock.owner()})", "wait until it is done")
    try:
        with Presence(origin.path).alone():
            _reunite(origin)
            return _restore(origin, backup or newest_good(origin), finish)
    except (OSError, apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as error:
        raise StoreUnwritable(f"{origin.path} could not be restored: {error}", "nothing was lost by the attempt") from error
    finally:
        lock.release()


def _restore(origin: Origin, backup: Backup | None, finish: Finish | None) -> Restored:
    done = Restored(origin.path, backup)
    part = private_folder(origin.path.parent) / f".{origin.path.stem}-{os.urandom(6).hex()}.part"
    try:
        fault = ""
        for with_damaged in (True, False):
            part.unlink(missing_ok=True)
            done.brought, done.lacks = {}, [fault] if fault else []
            state, fault = _prepare(origin, part, done, finish, with_damaged=with_damaged)
            if not fault:
                break
        if fault:
            raise StoreDamaged(f"{origin.path} could not be restored: {fault}", "`lcode backup list` shows the backups")
        sync_file(part)
        done.aside = _move_aside(origin)
        part.replace(origin.path)
        sync_folder(origin.path.parent)
    finally:
        part.unlink(missing_ok=True)
    note = Note(origin.path)
    note.forget()
    note.write(state)
    note.close()
    note_damage(origin, "")
    _finish_aside(origin, done)
    return done


def _prepare(origin: Origin, part: Path, done: Restored, finish: Finish | None, *, with_damaged: bool) -> tuple[State, str]:
    """The restored database at `part`: its state, and what is wrong with it."""
    note = Note(origin.path).read()
    state = _base(origin, part, done.backup, note)
    with ExitStack() as stack:
        views = [
            view
            for source in (_sources(origin) if with_damaged else ())
            for view in stack.enter_context(salvage.views(source, part, state.store if done.backup or note else ""))
        ]
        if not (done.backup or note):  # the files themselves are all that says which store this is
            state = next((found for view in views if (found := _state(view))), state)
        target = stack.enter_context(closing(connect(part)))
        brought = bring_back(target, views)
        done.brought = dict(brought)
        seen = max([salvage.commits(view) for view in views], default=0)
        done.lacks += _lacking(target, views, done.backup, (note.commits if note else 0) - max(seen, state.commits))
        with target:
            done.lacks += finish(target) if finish is not None else []
            commits = max(state.commits, seen, note.commits if note else 0) + 1
            become(target, state.store, commits)
        problems = check.examine_connection(target, origin.schema, origin.agent_id)
        return State(state.store, commits), problems[0].text if problems else ""


def _state(view: apsw.Connection) -> State | None:
    with suppress(apsw.Error, UnicodeDecodeError):
        return state_of(view)
    return None


def _base(origin: Origin, part: Path, backup: Backup | None, note: State | None) -> State:
    """The backup, or a new database of the same store, at `part`."""
    create_private_file(part)
    with closing(connect(part)) as target:
        if backup is not None:
            with closing(connect(backup.path, immutable=True)) as source:
                copy_database(source, target)
            target.execute("PRAGMA journal_mode=DELETE")
        with target:
            migrations.apply(target, origin.schema)
            if backup is None and note is not None:
                become(target, note.store, 0)
        state = state_of(target)
    assert state is not None  # every schema has it
    return state


def _sources(origin: Origin) -> Iterator[Path]:
    """The damaged files: where they are, and where an unfinished attempt left them."""
    for folder in sorted(origin.damaged.glob("*/")):
        if not (folder / _DONE).exists():
            yield folder / origin.path.name
    yield origin.path


def _lacking(target: apsw.Connection, views: Sequence[apsw.Connection], backup: Backup | None, writes: int) -> list[str]:
    """What the damaged files held, or should have held, and the restored store does not."""
    lacks = []
    for table in tables_of(target):
        counts = [_count(view, table) for view in views]
        had = max((count for count in counts if count is not None), default=0)
        missing = had - (_count(target, table) or 0)
        name = table.replace("_", " ")
        if missing > 0:
            lacks.append(f"{missing} of {had} {name}")
        elif counts and counts[-1] is None:  # not even an index of it could be read to its end
            lacks.append(f"perhaps some {name}: how many there were cannot be read")
    since = f" since {clock.stamp(backup.taken)}" if backup else ""
    if not views:
        lacks.append(f"everything that was written{since}" if backup else "everything: no file could be read")
    elif writes > 0:
        lacks.append(f"the last {writes} write{'s' if writes > 1 else ''}, which the files do not hold")
    return lacks


def _count(connection: apsw.Connection, table: str) -> int | None:
    """How many rows there are, by the table itself or by an index of it; None where neither can be read to its end. Versions
    of a block of which only the number is left do not count; where they cannot be read, the blocks say how many there are."""
    if table == "block_versions":
        with suppress(apsw.Error, UnicodeDecodeError):
            lost = _number(connection, "SELECT count(*) FROM block_versions WHERE operation = 'lost'")
            return max(_number(connection, "SELECT count(*) FROM block_versions") - lost, 0)
        with suppress(apsw.Error, UnicodeDecodeError):
            return _number(connection, "SELECT sum(version) FROM blocks")
    for how in (" NOT INDEXED", ""):
        with suppress(apsw.Error, UnicodeDecodeError):
            return _number(connection, f"SELECT count(*) FROM {table}{how}")
    return salvage.highest(connection, table) or None


def _number(connection: apsw.Connection, sql: str) -> int:
    return int(str(connection.execute(sql).fetchall()[0][0] or 0))


# -- moving aside -----------------------------------------------------------------------------------------------------


def _move_aside(origin: Origin) -> Path | None:
    """The damaged files, together, into a folder of their own."""
    files = [origin.path.with_name(origin.path.name + end) for end in _ENDS]
    there = [file for file in files if file.exists()]
    if not there:
        return None
    folder = origin.damaged / compact(clock.now())
    while folder.exists():
        folder = folder.with_name(f"{folder.name}x")
    private_folder(private_folder(origin.damaged) / folder.name)
    for file in there:
        file.replace(folder / file.name)
    sync_folder(folder)
    return folder


def _reunite(origin: Origin) -> None:
    """An attempt that was killed while it moved the files: a log is worth nothing without its database, so it goes back."""
    for folder in origin.damaged.glob("*/"):
        if (folder / _DONE).exists() or (folder / origin.path.name).exists() or not origin.path.exists():
            continue
        for file in folder.iterdir():
            file.replace(origin.path.with_name(file.name))
        folder.rmdir()


def _finish_aside(origin: Origin, done: Restored) -> None:
    """Note what came of it beside the damaged files, of which only the newest few are kept."""
    folders = sorted(origin.damaged.glob("*/"))
    report = {"backup": done.backup.id if done.backup else "", "brought": done.brought, "lacks": done.lacks}
    for folder in folders:
        if (folder / origin.path.name).exists() and not (folder / _DONE).exists():
            (folder / _DONE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
            (folder / _DONE).chmod(0o600)
    for folder in folders[:-_KEPT_ASIDE]:
        shutil.rmtree(folder, ignore_errors=True)


# -- an agent, the registry -------------------------------------------------------------------------------------------


def restore_agent(paths: StorePaths, identity: Any, backup: Backup | None = None) -> Restored:
    """Restore the memory of the agent with this row of the registry. Raises SessionBusy while it has a session."""
    refuse_live(paths, identity.id)

    def finish(target: apsw.Connection) -> list[str]:
        values = (identity.id, identity.name, identity.kind, json.dumps(identity.roots), json.dumps(identity.paths))
        target.execute("DELETE FROM identity WHERE agent_id != ?", (identity.id,))
        target.execute("INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*values, identity.created_at))
        return []

    return restore(Origin.of_agent(paths.agent(identity.id)), backup, finish)


def rebuild_registry(paths: StorePaths, backup: Backup | None = None) -> Restored:
    """Make the user's database again: its newest good backup, what the damaged file gives, and every agent by its own
    identity row. Raises SessionBusy while any session is open."""
    refuse_live(paths)

    def finish(target: apsw.Connection) -> list[str]:
        return _from_identities(target, paths)

    done = restore(Origin.of_user(paths), backup, finish)
    if done.backup is None and not done.brought.get("blocks"):
        done.lacks.append("the blocks of user scope (such as `human`), as no backup of user.db was good")
    return done


def _from_identities(target: apsw.Connection, paths: StorePaths) -> list[str]:
    """Complete the registry by what the agents say of themselves; what could not be asked."""
    lacks = []
    for folder in sorted(paths.home.glob("agents/*/")):
        row = _identity(Origin.of_agent(paths.agent(folder.name)))
        if row is not None:
            _register(target, row)
        elif not target.execute("SELECT 1 FROM agents WHERE id = ?", (folder.name,)).fetchall():
            lacks.append(f"whose memory {folder.name} is: its own row cannot be read")
    for (agent_id,) in target.execute("SELECT id FROM agents WHERE deleted_at = '' AND initialised").fetchall():
        if not paths.agent(str(agent_id)).folder.exists():  # deleted after the backup was made
            target.execute("UPDATE agents SET deleted_at = ? WHERE id = ?", (clock.stamp(), agent_id))
            target.execute("DELETE FROM agent_paths WHERE agent_id = ?", (agent_id,))
    return lacks


def _identity(origin: Origin) -> tuple[Any, ...] | None:
    """The identity row of an agent, from its database or the newest backup that can be read."""
    from lcode.store.backup import list_backups

    for path in (origin.path, *(backup.path for backup in list_backups(origin))):
        with suppress(apsw.Error, UnicodeDecodeError), closing(connect(path, read_only=True, wait=2)) as connection:
            for row in salvage.rows(connection, "identity"):
                if row["agent_id"] == origin.agent_id:
                    return tuple(row[name] for name in ("agent_id", "name", "kind", "roots", "paths", "created_at"))
    return None


def _register(target: apsw.Connection, row: tuple[Any, ...]) -> None:
    agent_id, name, kind, roots, known, created_at = row
    target.execute(
        "INSERT INTO agents (id, name, kind, roots, initialised, created_at) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, roots = excluded.roots, initialised = 1",
        (agent_id, name, kind, roots, created_at),
    )
    places = [str(path) for path in json.loads(known)]
    marks = ", ".join("?" * len(places))
    target.execute(f"DELETE FROM agent_paths WHERE agent_id = ? AND path NOT IN ({marks})", (agent_id, *places))
    for path in places:
        target.execute(
            "INSERT INTO agent_paths (path, agent_id, kind, first_seen) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (path, agent_id, kind, created_at),
        )
