"""Keeps the write-ahead log small, however many read.

SQLite starts the log anew only at a moment when nobody reads from it. With many sessions somebody always does, and the log
would grow without bound. So the writer that has the store waits for readers to end: not at all while the log is small, and
the longer the larger it is. Who begins to read meanwhile reads from the file itself and is not waited for.
"""

from __future__ import annotations

from contextlib import suppress

import apsw

MOST = 64 * 1024 * 1024  # bytes that the log may take
STEP = 1_000  # pages that are added before it is looked after again
_WAITS = ((2_000, 50), (4_000, 250), (8_000, 2_000), (12_000, 10_000))  # from so many pages on, milliseconds for readers


class LogSize:
    """Of the log of one connection, in place of SQLite's own automatic checkpoints."""

    def __init__(self, connection: apsw.Connection, wait: float) -> None:
        self._wait = int(wait * 1000)
        self._pages = 0
        self._next = STEP
        connection.execute(f"PRAGMA journal_size_limit={MOST}")
        connection.set_wal_hook(self._grew)

    def _grew(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages < self._pages:  # it was started anew
            self._next = STEP
        self._pages = pages
        return apsw.SQLITE_OK

    def tidy(self, connection: apsw.Connection) -> None:
        """After a commit, by who has the queue of the writers. What fails now is done after a later commit."""
        if self._pages < self._next:
            return
        self._next = self._pages + STEP
        wait = next((wait for pages, wait in reversed(_WAITS) if self._pages >= pages), 0)
        mode = apsw.SQLITE_CHECKPOINT_RESTART if wait else apsw.SQLITE_CHECKPOINT_PASSIVE
        connection.set_busy_timeout(wait)
        try:
            with suppress(apsw.Error):
                connection.wal_checkpoint(mode=mode)
        finally:
            connection.set_busy_timeout(self._wait)
