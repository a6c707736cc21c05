"""How far a store has come, noted beside it after each commit: a store that went back is told from one that is whole.

A lost write-ahead log, a foreign one, or an older copy put in its place leave a database in which SQLite finds no fault.
The count in the file is then behind the count in the note, or the file is another store. The note is written after the
commit and never synced: after a power loss it may be behind the store, never ahead of it, so it raises no false alarm.

The count is a row of SQLite's own table of sequences: that page is written with every message and passage anyway, and a page
of its own would make a write a tenth longer. The row has the store's id in its name, so that each transaction in a log says
which store it is of: where it is not the one that the file says, the log is another's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from lcode.errors import StoreError
from lcode.store.paths import private_folder

_SIZE = 56  # bytes of the note: always the same, so that it is overwritten in one piece


class State(NamedTuple):
    """A store, and how many transactions have changed it."""

    store: str
    commits: int


SCHEMA = """
CREATE TABLE store_state (one INTEGER PRIMARY KEY AUTOINCREMENT CHECK (one = 1), id TEXT NOT NULL) STRICT;
INSERT INTO store_state SELECT 1, lower(hex(randomblob(16)));
UPDATE sqlite_sequence SET name = 'store ' || (SELECT id FROM store_state), seq = 0 WHERE name = 'store_state';
"""
_ROW = "WHERE name GLOB 'store *'"
_STATE = "SELECT CAST(id AS TEXT), CAST(seq AS INTEGER) FROM store_state JOIN sqlite_sequence ON name = 'store ' || id"
_LAST = f"SELECT substr(name, 7), CAST(seq AS INTEGER) FROM sqlite_sequence {_ROW}"
_COUNT = f"UPDATE sqlite_sequence SET seq = CAST(seq AS INTEGER) + 1 {_ROW} RETURNING seq"


def state_of(connection: apsw.Connection) -> State | None:
    """What the database says of itself; None before its first schema, and where what it says does not fit together. Raises
    apsw.Error."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'store_state'").fetchall():
        return None
    rows: list[tuple[Any, ...]] = connection.execute(_STATE).fetchall()
    return State(*rows[0]) if rows else None


def last_written(connection: apsw.Connection) -> State | None:
    """The same by its last transaction alone, which a log may hold: where the rest is damaged too. Raises apsw.Error."""
    rows: list[tuple[Any, ...]] = connection.execute(_LAST).fetchall()
    return State(*rows[0]) if rows else None


def count(connection: apsw.Connection) -> int | None:
    """Count the transaction that is about to be committed; None where nothing says which store this is."""
    rows: list[tuple[Any, ...]] = connection.execute(_COUNT).fetchall()
    return rows[0][0] if rows else None


def become(connection: apsw.Connection, store: str, commits: int) -> None:
    """Make the database one that goes on where `store` was after so many transactions."""
    connection.execute("UPDATE store_state SET id = ?", (store,))
    connection.execute(f"UPDATE sqlite_sequence SET name = 'store ' || ?, seq = ? {_ROW}", (store, commits))


class Note:
    """The note beside the database at `path`. Written only by who holds the queue of its writers."""

    def __init__(self, path: Path) -> None:
        self.path = path.parent / "locks" / f"{path.stem}.commits"
        self._descriptor: int | None = None

    def read(self) -> State | None:
        """What was noted last; None where nothing was."""
        try:
            store, commits = self.path.read_text("ascii").split()
            return State(store, int(commits))
        except (OSError, ValueError):
            return None

    def write(self, state: State) -> None:
        """Note the state. A note that cannot be written stays behind, which harms nothing."""
        try:
            if self._descriptor is None:
                private_folder(self.path.parent)
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self.path, flags, 0o600)
            text = b"%-*b\n" % (_SIZE - 1, b"%b %d" % (state.store.encode(), state.commits))
            if hasattr(os, "pwrite"):
                os.pwrite(self._descriptor, text, 0)
            else:
                os.lseek(self._descriptor, 0, os.SEEK_SET)
                os.write(self._descriptor, text)
        except (OSError, StoreError):
            pass

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
