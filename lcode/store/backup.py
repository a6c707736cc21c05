"""Backups of a database: made in one step while others write, checked before they count, few enough to stay small.

A backup is one file, made by SQLite's own backup from a snapshot; the files of a database are never copied one by one. It
gets its name when it is whole, checked and on the disk, so that a damaged store never pushes a good backup out.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from lcode import clock
from lcode.errors import StoreDamaged, StoreError, StoreUnwritable, UserError
from lcode.store import check, migrations
from lcode.store.atomic import sync_folder
from lcode.store.commits import state_of
from lcode.store.connect import connect, copy_database
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths, StorePaths, create_private_file, private_folder

NEWEST, DAYS, WEEKS = 3, 7, 4  # kept: these many newest, then one a day, then one a week
SPACE = 256_000_000  # bytes that the backups of a database may take; more where two of them need it
EVERY = timedelta(hours=24)
EVERY_MESSAGES = 1_000
FIRST_AFTER, FIRST_MESSAGES = timedelta(hours=1), 100  # what a new store must hold or how old it must be for its first one

_NAME = re.compile(r"^(?P<stem>[a-z]+)-(?P<schema>schema\d+-)?(?P<moment>[\d-]+T\d{6}\.?\d{3}Z)(-(?P<mark>\d+))?\.db$")


@dataclass(frozen=True)
class Origin:
    """A database, and where what belongs to it lies. `agent_id` is '' for the user's."""

    path: Path
    schema: migrations.Schema
    agent_id: str = ""

    @classmethod
    def of_agent(cls, paths: AgentPaths) -> Origin:
        return cls(paths.memory_db, migrations.MEMORY, paths.folder.name)

    @classmethod
    def of_user(cls, paths: StorePaths) -> Origin:
        return cls(paths.user_db, migrations.USER)

    @property
    def folder(self) -> Path:
        return self.path.parent / "backups"

    @property
    def damaged(self) -> Path:
        """What was moved aside when the database was mended."""
        return self.path.parent / "damaged"

    def lock(self, name: str) -> NamedLock:
        return NamedLock(self.path.parent / "locks" / f"{name}-{self.path.stem}.lock")


@dataclass(frozen=True)
class Backup:
    """One backup. `mark` is how far the store was: its last message's number, or the user's transactions; -1: not noted.
    `before_schema` says that it was made because the schema was about to change."""

    id: str
    path: Path
    taken: datetime
    mark: int
    size: int
    before_schema: bool = False


# -- looking ----------------------------------------------------------------------------------------------------------


def list_backups(origin: Origin) -> list[Backup]:
    """All backups of the database, newest first. Those of a clock that was ahead are the last: nobody knows when they were
    made, and the newest of them would be the newest for years."""
    found = []
    try:
        entries = list(os.scandir(origin.folder))
    except OSError:
        return []
    for entry in entries:
        match = _NAME.match(entry.name)
        if match is None or match["stem"] != origin.path.stem:
            continue
        taken = _moment(match["moment"])
        mark = int(match["mark"] or -1)
        size = entry.stat().st_size
        name = (match["schema"] or "") + match["moment"]
        found.append(Backup(name, Path(entry.path), taken, mark, size, bool(match["schema"])))
    ahead = clock.now() + EVERY
    return sorted(found, key=lambda backup: (backup.taken <= ahead, backup.taken, backup.path.name), reverse=True)


def find_backup(origin: Origin, name: str) -> Backup:
    """The backup with this id or unique beginning of one. Raises UserError."""
    found = [backup for backup in list_backups(origin) if backup.id == name] or [
        backup for backup in list_backups(origin) if name and backup.id.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    fault = f"there is no backup '{name}'" if not found else f"'{name}' fits several backups"
    raise UserError(fault, "`lcode backup list` shows them")


def verify(origin: Origin, backup: Backup) -> list[str]:
    """What is wrong with a backup, in words; [] for a good one."""
    return [problem.text for problem in check.examine(backup.path, origin.schema, origin.agent_id) if problem.kind != "mode"]


def newest_good(origin: Origin) -> Backup | None:
    return next((backup for backup in list_backups(origin) if not verify(origin, backup)), None)


def is_due(origin: Origin, mark: int, created: str) -> bool:
    """Whether it is time for a backup of a store that has come to `mark` and was made at `created`. Reads names only."""
    regular = [backup for backup in list_backups(origin) if not backup.before_schema]
    now = clock.now()
    if not regular:
        return mark >= FIRST_MESSAGES or (mark > 0 and bool(created) and now - clock.parse(created) > FIRST_AFTER)
    last = regular[0]
    return mark - last.mark >= EVERY_MESSAGES or (mark != last.mark and abs(now - last.taken) >= EVERY)


def due_now(origin: Origin) -> bool:
    """The same, asked of the database itself; False where it cannot be read."""
    try:
        with closing(connect(origin.path, read_only=True, wait=2)) as source:
            return is_due(origin, mark_of(source, origin.schema), made_at(source))
    except apsw.Error:
        return False


def mark_of(connection: apsw.Connection, schema: migrations.Schema) -> int:
    """How far the store has come: the number of its last message, or how many transactions changed the user's."""
    if schema.name != migrations.MEMORY.name:
        state = state_of(connection)
        return state.commits if state else 0
    rows = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchall()
    return int(str(rows[0][0])) if rows else 0


# -- making -----------------------------------------------------------------------------------------------------------


def create(origin: Origin, *, if_due: bool = False) -> Backup | None:
    """Make a backup and let the oldest go. None if somebody else is at it, or none is due. Raises StoreDamaged where the
    store is not whole: then no backup was made and none has gone."""
    if not origin.path.exists() or not origin.path.stat().st_size:
        raise StoreDamaged(f"{origin.path} is missing or empty: there is nothing to back up", check.MEND)
    lock = origin.lock("backup")
    if not lock.acquire("backup"):
        return None
    try:
        for part in origin.folder.glob(f".{origin.path.stem}-*.part*"):  # of attempts that were killed
            part.unlink(missing_ok=True)
        made = _create(origin, if_due)
        if made is not None:
            rotate(origin)
        return made
    except (apsw.CorruptError, apsw.NotADBError) as error:
        note_damage(origin, str(error))
        raise _not_whole(origin, str(error)) from error
    except (apsw.Error, OSError) as error:
        raise StoreUnwritable(f"no backup of {origin.path} could be made: {error}", "free space, or mend the folder") from error
    finally:
        lock.release()


def _create(origin: Origin, if_due: bool) -> Backup | None:
    with closing(connect(origin.path, read_only=True)) as source:
        migrations.check(source, origin.schema, origin.path)
        if if_due and not is_due(origin, mark_of(source, origin.schema), made_at(source)):
            return None
        part = private_folder(origin.folder) / f".{origin.path.stem}-{os.urandom(6).hex()}.part"
        try:
            mark = copy_checked(source, part, origin)
            target = _name(origin, mark)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    sync_folder(origin.folder)
    return next(backup for backup in list_backups(origin) if backup.path == target)


def copy_checked(source: apsw.Connection, target: Path, origin: Origin) -> int:
    """A whole copy of `source` at `target`, on the disk and found sound; its mark. Raises StoreDamaged, apsw.Error."""
    create_private_file(target)
    with closing(connect(target)) as copy:
        copy_database(source, copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        problems = check.examine_connection(copy, origin.schema, origin.agent_id)
        note_damage(origin, problems[0].text if problems else "")
        if problems:
            raise _not_whole(origin, problems[0].text)
        mark = mark_of(copy, origin.schema)
    sync_file(target)
    return mark


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_whole(origin: Origin, fault: str) -> StoreDamaged:
    return StoreDamaged(f"no backup was made: {origin.path} is damaged: {fault}", check.MEND)


def _name(origin: Origin, mark: int) -> Path:
    moment = clock.now()
    while True:
        target = origin.folder / f"{origin.path.stem}-{compact(moment)}-{mark}.db"
        if not target.exists():
            return target
        moment += timedelta(milliseconds=1)


def compact(moment: datetime) -> str:
    """A stamp that may stand in a file's name: `20261120T093000123Z`."""
    return re.sub(r"[-:.]", "", clock.stamp(moment))


def _moment(text: str) -> datetime:
    digits = re.sub(r"\D", "", text)
    return clock.parse(
        f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:14]}.{digits[14:]}Z"
    )


def made_at(connection: apsw.Connection) -> str:
    """When the store was made; '' where it does not say."""
    for table in ("identity", "agents"):
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchall():
            return str(connection.execute(f"SELECT coalesce(min(created_at), '') FROM {table}").fetchall()[0][0])
    return ""


def _damage_note(origin: Origin) -> Path:
    return origin.path.parent / "locks" / f"{origin.path.stem}.damage"


def note_damage(origin: Origin, fault: str) -> None:
    """Keep what a check found that nobody watched; '' for a store that is whole (again)."""
    note = _damage_note(origin)
    with suppress(OSError):
        if fault:
            create_private_file(note)
            note.write_text(fault, encoding="utf-8")
        else:
            note.unlink(missing_ok=True)


def noted_damage(origin: Origin) -> str:
    """What the last check found; '' if nothing."""
    try:
        return " ".join(_damage_note(origin).read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return ""


# -- letting go -------------------------------------------------------------------------------------------------------


def rotate(origin: Origin) -> list[Backup]:
    """Remove what is neither among the newest, nor the last of one of the last days or weeks; what went."""
    backups = [backup for backup in list_backups(origin) if not backup.before_schema]
    kept = _kept(backups)
    size, allowed = 0, max(SPACE, 2 * max((backup.size for backup in backups), default=0))
    gone = []
    for at, backup in enumerate(backups):
        size += backup.size
        if backup not in kept or (at >= 2 and size > allowed):
            size -= backup.size
            backup.path.unlink(missing_ok=True)
            gone.append(backup)
    return gone


def _kept(backups: Sequence[Backup]) -> set[Backup]:
    days: dict[object, Backup] = {}
    weeks: dict[object, Backup] = {}
    for backup in backups:  # newest first: the last of each day, of each week
        days.setdefault(backup.taken.date(), backup)
        weeks.setdefault(backup.taken.isocalendar()[:2], backup)
    return {*backups[:NEWEST], *list(days.values())[:DAYS], *list(weeks.values())[:WEEKS]}


def leftovers(origin: Origin) -> list[Path]:
    """Files and folders of work under way, or of work that was killed."""
    stem, beside = origin.path.stem, origin.path.parent
    patterns = (f".{stem}-*.part*", f".{stem}-*.tmp*", ".salvage-*", f"backups/.{stem}-*.part*", f"backups/{stem}-*.part")
    return sorted(path for pattern in patterns for path in beside.glob(pattern))


def remove_leftovers(origin: Origin) -> int:
    """Remove what killed work left behind; 0 while somebody is at work. How many files went."""
    locks = [lock for name in ("backup", "restore") if (lock := origin.lock(name)).acquire("cleaning up")]
    try:
        return _remove_leftovers(origin) if len(locks) == 2 else 0
    finally:
        for lock in locks:
            lock.release()


def _remove_leftovers(origin: Origin) -> int:
    parts = leftovers(origin)
    for part in parts:
        shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    return len(parts)


def rewrite(origin: Origin, change: Callable[[apsw.Connection], None]) -> int:
    """Apply `change` to every backup, so that what the user forgot is forgotten there too; how many there are. Deleted
    text is overwritten. What was moved aside when the store was mended (`damaged/`) is the caller's to remove."""
    lock = origin.lock("backup")
    if not lock.acquire("forgetting"):
        raise StoreError(f"a backup of {origin.path} is being made ({lock.owner()})", "try again when it is done")
    try:
        backups = list_backups(origin)
        for backup in backups:
            part = origin.folder / f".{origin.path.stem}-{os.urandom(6).hex()}.part"
            try:
                _rewrite(backup.path, part, change)
                part.replace(backup.path)
            finally:
                part.unlink(missing_ok=True)
        sync_folder(origin.folder) if backups else None
    finally:
        lock.release()
    return len(backups)


def _rewrite(source: Path, part: Path, change: Callable[[apsw.Connection], None]) -> None:
    create_private_file(part)
    with closing(connect(source, immutable=True)) as old, closing(connect(part)) as copy:
        copy_database(old, copy)
        copy.execute("PRAGMA journal_mode=MEMORY")
        copy.execute("PRAGMA secure_delete=ON")
        with copy:
            change(copy)
        copy.execute("VACUUM")
    sync_file(part)
