"""How far a store has come, noted beside it after each commit: a store that went back is told from one that is whole.

A lost write-ahead log, a foreign one, or an older copy put in its place leave a database in which SQLite finds no fault.
The count in the file is then behind the count in the note, or the file is another store. The note is written after the
commit and never synced: after a power loss it may be behind the store, never ahead of it, so it raises no false alarm.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from lcode.errors import StoreError
from lcode.store.paths import private_folder

_SIZE = 56  # bytes of the note: always the same, so that it is overwritten in one piece


@dataclass(frozen=True)
class State:
    """A store, and how many transactions have changed it."""

    store: str
    commits: int


def state_of(connection: apsw.Connection) -> State | None:
    """What the database says of itself; None before its first schema. Raises apsw.Error."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'store_state'").fetchall():
        return None
    rows = connection.execute("SELECT id, commits FROM store_state").fetchall()
    return State(str(rows[0][0]), int(str(rows[0][1]))) if rows else None


def count(connection: apsw.Connection) -> State | None:
    """Count the transaction that is about to be committed."""
    rows = connection.execute("UPDATE store_state SET commits = commits + 1 RETURNING id, commits").fetchall()
    return State(str(rows[0][0]), int(str(rows[0][1]))) if rows else None


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
        with suppress(OSError, StoreError):
            if self._descriptor is None:
                private_folder(self.path.parent)
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
                self._descriptor = os.open(self.path, flags, 0o600)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, f"{state.store} {state.commits}".ljust(_SIZE - 1).encode() + b"\n")

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def forget(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
