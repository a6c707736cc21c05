"""Looking at a database without changing it: is it whole, does the full text fit the rows, how much does it hold.

Every look is a connection of its own that is read-only and closed at once; a damaged file is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import apsw

from lcode.errors import StoreError
from lcode.store import full_text, migrations
from lcode.store.check import in_a_line
from lcode.store.connect import connect
from lcode.store.database import Database

T = TypeVar("T")

_COUNTED = {"sessions": "sessions", "messages": "messages", "passages": "passages", "blocks": "blocks WHERE NOT deleted"}


@dataclass(frozen=True)
class Health:
    """What was found in one database. `problem` is '' for a sound one; `unindexed` names tables whose full text does not fit
    their rows."""

    path: Path
    exists: bool
    problem: str = ""
    schema: int = 0
    known_schema: int = 0
    counts: dict[str, int] | None = None
    unindexed: tuple[str, ...] = ()
    size: int = 0


def inspect(path: Path, schema: migrations.Schema) -> Health:
    """The health of the database at `path`: SQLite's own check, the schema's version, and rows against their full text."""
    newest = len(schema.migrations)
    if not path.exists():
        return Health(path, False, known_schema=newest)
    size = path.stat().st_size
    try:
        with closing(_open(path)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
            problem = "" if found == ["ok"] else "; ".join(map(in_a_line, found))
            version = migrations.version(connection)
            migrations.check(connection, schema, path)
            tables = _tables(connection)
            unindexed = tuple(rows for rows, index in full_text.indexes(connection) if not _indexed(connection, rows, index))
            return Health(path, True, problem, version, newest, _counts(connection, tables), unindexed, size)
    except (apsw.Error, StoreError) as error:
        return Health(path, True, str(error), known_schema=newest, size=size)


def count_rows(path: Path) -> dict[str, int]:
    """How many sessions, messages, passages and blocks a database holds; {} where there is none that can be read."""
    if not path.exists():
        return {}
    try:
        with closing(_open(path)) as connection:
            return _counts(connection, _tables(connection))
    except apsw.Error:
        return {}


def sqlite_version() -> str:
    return apsw.sqlite_lib_version()


def _open(path: Path) -> apsw.Connection:
    return connect(path, read_only=True, wait=2)


def _tables(connection: apsw.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _counts(connection: apsw.Connection, tables: set[str]) -> dict[str, int]:
    return {name: _count(connection, rows) for name, rows in _COUNTED.items() if name in tables}


def _count(connection: apsw.Connection, rows: str) -> int:
    return int(str(connection.execute(f"SELECT count(*) FROM {rows}").fetchall()[0][0]))


def _indexed(connection: apsw.Connection, rows: str, index: str) -> bool:
    """Whether every row has its entry in the full-text index, and no entry is left without a row."""
    entries = connection.execute(f"SELECT min(id), max(id), count(*) FROM {index}_docsize").fetchall()
    return entries == connection.execute(f"SELECT min(seq), max(seq), count(*) FROM {rows}").fetchall()


# -- small repairs ----------------------------------------------------------------------------------------------------


def rebuild_full_text(path: Path, schema: migrations.Schema) -> None:
    """Make the full text anew from the rows, which stay as they are. Raises StoreError where its own tables are damaged."""

    _repaired(path, schema, lambda database: database.write(full_text.rebuild))


def shorten_log(path: Path, schema: migrations.Schema) -> bool:
    """Carry the write-ahead log over into the database and cut it; False while somebody still reads from it."""

    def work(connection: apsw.Connection) -> bool:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
        return True

    return _repaired(path, schema, lambda database: database.read(work))


def _repaired(path: Path, schema: migrations.Schema, work: Callable[[Database], T]) -> T:
    database = Database(path, schema, lock=path.parent / "locks" / f"{path.stem}.lock")
    try:
        return work(database)
    finally:
        database.close()
