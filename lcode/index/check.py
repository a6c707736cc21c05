"""Whether the index is as it should be: its pages, its full text against its rows, its vectors, and what compares them.

It looks and mends nothing: what is wrong with a derived file is put right by building it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import apsw

from lcode.index import code_rows, schema
from lcode.index.vectors import extension_path
from lcode.store.connect import connect

_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.SQLError, UnicodeDecodeError)


@dataclass
class Health:
    """`faults` are what a rebuild puts right; `older`: it is of an earlier version, and the next start builds it anew;
    `newer`: it is of a later one, and left alone."""

    faults: list[str] = field(default_factory=list)
    older: bool = False
    newer: bool = False
    size: int = 0
    checkouts: int = 0
    chunks: int = 0
    vectors: int = 0
    pending: int = 0  # contents that wait for their vectors
    texts: dict[str, int] = field(default_factory=dict)  # vectors of messages and of passages
    extension: bool = False
    crashed: list[str] = field(default_factory=list)  # files over which their parser crashed


def examine(path: Path) -> Health:
    """Look at all of the index at `path`."""
    health = Health(size=sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists()))
    try:
        connection = connect(path, read_only=True, extension=extension_path())
    except apsw.Error as error:
        health.faults.append(str(error))
        return health
    try:
        _look(connection, health)
    except _BROKEN as error:
        health.faults.append(str(error))
    finally:
        connection.close()
    return health


def _look(connection: apsw.Connection, health: Health) -> None:
    found = schema.version(connection)
    if found != schema.VERSION:
        health.newer = schema.newer(found, schema.VERSION)
        health.older = not health.newer
        return
    for (line,) in connection.execute("PRAGMA quick_check(3)"):
        if line != "ok":
            health.faults.append(str(line))
    checkouts = list(connection.execute("SELECT id, root FROM checkouts"))
    health.checkouts = len(checkouts)
    health.chunks = _count(connection, "SELECT count(*) FROM chunks")
    health.vectors = _count(connection, "SELECT count(*) FROM chunks WHERE vector IS NOT NULL")
    health.pending = _count(connection, "SELECT count(*) FROM contents WHERE embedded = 0")
    health.texts = {kind: _count(connection, f"SELECT count(*) FROM {kind}_signs") for kind in schema.TEXTS}
    health.extension = _has_extension(connection)
    for checkout, root in checkouts:
        health.faults += [f"{root}: {fault}" for fault in _of_checkout(connection, checkout)]
        health.crashed += [f"{root}/{path}" for path in code_rows.crashed_files(connection, checkout)]


def _of_checkout(connection: apsw.Connection, checkout: int) -> list[str]:
    """Rows without full text, full text without rows, and rows whose chunk is gone."""
    table = f"{schema.full_text(checkout)}_docsize"
    ours = "FROM code JOIN files ON files.id = code.file_id WHERE files.checkout_id = ?"
    without = _count(connection, f"SELECT count(*) {ours} AND code.id NOT IN (SELECT id FROM {table})", checkout)
    orphans = _count(connection, f"SELECT count(*) FROM {table} WHERE id NOT IN (SELECT code.id {ours})", checkout)
    lost = _count(connection, f"SELECT count(*) {ours} AND code.chunk_id NOT IN (SELECT id FROM chunks)", checkout)
    said = {
        f"{without:,} chunks are not in the full text": without,
        f"the full text holds {orphans:,} chunks that are gone": orphans,
        f"{lost:,} rows lead to no chunk": lost,
    }
    return [text for text, count in said.items() if count]


def _has_extension(connection: apsw.Connection) -> bool:
    try:
        connection.execute("SELECT vec_version()").fetchone()
    except apsw.SQLError:
        return False
    return True


def _count(connection: apsw.Connection, sql: str, *bindings: int) -> int:
    row = connection.execute(sql, bindings).fetchone()
    return int(row[0]) if row else 0
