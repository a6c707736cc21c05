"""What a damaged database still gives: row by row, and only rows whose checksum says that they are as they were written.

It reads a copy of the damaged files: with and without their write-ahead log (the log may be the one that is foreign), and
with a header from a sound copy where the own one cannot be read. Nothing is taken from another store's files.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from lcode.store import checksum
from lcode.store.commits import last_written, state_of
from lcode.store.connect import connect
from lcode.store.paths import create_private_file

_CHUNKS = (256, 16, 1)  # rows asked for at once, fewer where some cannot be read
_POINTS = 50_000  # rows that are asked for one by one between two damaged places
_BROKEN = (apsw.Error, UnicodeDecodeError)
Values = tuple[Any, ...]


@contextmanager
def views(damaged: Path, sound: Path, store: str) -> Iterator[list[apsw.Connection]]:
    """What can be read of the database at `damaged`, which nobody has open, the oldest state first. `sound` is a good copy of
    it, or a new database of its schema; `store` the id it must have ('': not known)."""
    with tempfile.TemporaryDirectory(prefix=".salvage-", dir=sound.parent) as folder:
        found = {log: _view(damaged, sound, Path(folder) / f"log-{log}", log=log) for log in (False, True)}
        try:
            yield [view for log, view in found.items() if view is not None and _is_of(view, store, certain=log)]
        finally:
            for view in found.values():
                view.close() if view is not None else None


def _view(damaged: Path, sound: Path, folder: Path, *, log: bool) -> apsw.Connection | None:
    wal = damaged.with_name(f"{damaged.name}-wal")
    needed = wal if log else damaged
    if not needed.exists() or needed.stat().st_size <= 32:
        return None
    folder.mkdir(mode=0o700)
    copy = folder / "copy.db"
    create_private_file(copy)
    with suppress(OSError):
        shutil.copyfile(damaged, copy)
    if log:
        with suppress(OSError):
            shutil.copyfile(wal, folder / "copy.db-wal")
    for graft in (False, True):
        _mend_header(copy, sound, graft=graft, log=log)
        try:
            connection = connect(copy, wait=1)
        except apsw.Error:
            continue
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            return connection
        except _BROKEN:
            connection.close()
    return None


def _mend_header(copy: Path, sound: Path, *, graft: bool, log: bool) -> None:
    """Let SQLite open the copy: as long as its header says, and (`graft`) with the first page of a sound database of the same
    schema, whose tables begin where they do in all of them."""
    with sound.open("rb") as file:
        first = file.read(65_536)
    size = struct.unpack(">H", first[16:18])[0] or 65_536
    size = 65_536 if size == 1 else size
    with copy.open("rb") as file:
        data = bytearray(file.read(size))
    if graft or len(data) < 100:
        data = bytearray(first[:size].ljust(size, b"\0"))
    there = -(-copy.stat().st_size // size)
    pages = max(there, struct.unpack(">I", data[28:32])[0] if not graft else there, 1)
    data[18:20] = b"\x02\x02" if log else b"\x01\x01"
    data[28:32] = struct.pack(">I", min(pages, there + 1_000_000))
    data[92:96] = data[24:28]  # the length is meant
    with copy.open("r+b") as file:
        file.write(data)
        file.truncate(max(pages * size, len(data)))


def _is_of(connection: apsw.Connection, store: str, *, certain: bool) -> bool:
    """Whether what is read is of this store. A log says so in each of its transactions; a damaged file may not be able to."""
    try:
        last = last_written(connection)
        if last is None:
            return not certain
        if store or not certain:
            return store in ("", last.store)
        return state_of(connection) == last  # nothing but the file itself tells whether the log is its own
    except _BROKEN:
        return not certain


def commits(connection: apsw.Connection) -> int:
    """How many transactions this view has seen; 0 where it cannot be read."""
    with suppress(*_BROKEN):
        state = last_written(connection)
        return state.commits if state else 0
    return 0


def highest(connection: apsw.Connection, table: str) -> int:
    """The last row number that was given out in `table`; 0 where it cannot be read."""
    with suppress(*_BROKEN):
        rows = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchall()
        return int(str(rows[0][0])) if rows else 0
    return 0


def rows(connection: apsw.Connection, table: str) -> Iterator[dict[str, Any]]:
    """Every intact row of `table` that can be read, with its row number as `rowid`."""
    names = checksum.COLUMNS[table]
    intact = f"crc IS {checksum.expression(table)}"
    sql = f"SELECT rowid, {', '.join(names)} FROM {table} WHERE rowid {{}} AND {intact} ORDER BY rowid {{}} LIMIT ?"
    low, whole = yield from _walk(connection, sql.format("> ?", "ASC"), names, -1, None)
    if whole:
        return
    high, _ = yield from _walk(connection, sql.format("< ?", "DESC"), names, 2**62, low)
    for at in range(low + 1, min(high, low + _POINTS)):
        with suppress(*_BROKEN):
            for row in connection.execute(sql.format("= ?", "ASC"), (at, 1)).fetchall():
                yield _named(names, row)


def _walk(
    connection: apsw.Connection, sql: str, names: Sequence[str], at: int, stop: int | None
) -> Generator[dict[str, Any], None, tuple[int, bool]]:
    """Rows from `at` on to the first place that cannot be read, or to the row `stop`; where that was, and whether it is the
    end of the table."""
    size = 0
    while True:
        try:
            found = connection.execute(sql, (at, _CHUNKS[size])).fetchall()
        except _BROKEN:
            if size == len(_CHUNKS) - 1:
                return at, False
            size += 1
            continue
        for row in found:
            number = int(str(row[0]))
            if stop is not None and number <= stop:
                return stop, True
            yield _named(names, row)
            at = number
        if not found:
            return at, True


def _named(names: Sequence[str], row: Values) -> dict[str, Any]:
    return dict(zip(("rowid", *names), row, strict=True))


def tags(connection: apsw.Connection, seq: int) -> list[str]:
    """The tags of a passage."""
    with suppress(*_BROKEN):
        return [str(row[0]) for row in connection.execute("SELECT tag FROM passage_tags WHERE passage_seq = ?", (seq,))]
    return []
