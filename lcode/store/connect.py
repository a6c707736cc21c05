"""The only place that opens a connection to SQLite: each is hardened before anything is read through it.

Defensive mode, no trust in what a schema says, checked cells, foreign keys, and FULL durability unless derived data asks for
less. No extension is loaded but the one file that derived data asks for, and afterwards none can be. Nothing is
checkpointed into a file before it was found to be one of ours (`own`): what is refused stays as it was, to the byte. A look
leaves no write-ahead log behind that was not there.
"""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

import apsw

from lcode.store import checksum

CACHE = 1_000  # KiB of pages of memory: others' commits empty it, and the system keeps the file in memory anyway
WAIT = 30.0  # seconds until a writer that cannot get its turn is told who holds the store
_READ_ONLY = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
Durability = Literal["FULL", "NORMAL"]  # NORMAL: the last commits may be gone after a power cut, nothing is damaged
_NO_TEXT = "not an error"  # what SQLite says of some faults that a backup meets
_FAULTS = {apsw.FullError: "the disk is full", apsw.IOError: "disk I/O error", apsw.CantOpenError: "a file cannot be opened"}
_LOGS = ("-wal", "-journal")  # beside the file: what was not carried over into it


def connect(
    path: Path | None,
    *,
    read_only: bool = False,
    immutable: bool = False,
    vfs: str | None = None,
    wait: float = WAIT,
    extension: Path | None = None,
    durability: Durability = "FULL",
) -> apsw.Connection:
    """A hardened connection to the database at `path`; None is a private one in memory. `immutable` reads a file that nobody
    changes, also where its folder may not be written. `extension` is a library that gives SQL functions; what it offers is
    missing where it cannot be loaded. Raises apsw.Error."""
    if path is None:
        connection = apsw.Connection(":memory:")
    elif immutable:
        from urllib.parse import quote

        connection = apsw.Connection(f"file:{quote(str(path))}?immutable=1", flags=_READ_ONLY, vfs=vfs)
    elif read_only and not any(Path(f"{path}{log}").exists() for log in _LOGS):
        return _look(path, vfs, wait, extension)
    else:
        connection = apsw.Connection(str(path), flags=_READ_ONLY if read_only else _READ_WRITE, vfs=vfs)
    return _hardened(connection, wait, extension, durability)


def _look(path: Path, vfs: str | None, wait: float, extension: Path | None) -> apsw.Connection:
    """A connection that reads alone, as SQLite itself refuses the rest, and that takes with it the log and its index that any
    reader makes: one that is open for reading only could not. There is nothing that it could carry over into the file."""
    connection = _hardened(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs), wait, extension)
    connection.execute("PRAGMA query_only=ON")
    own(connection)
    return connection


def _hardened(
    connection: apsw.Connection, wait: float, extension: Path | None = None, durability: Durability = "FULL"
) -> apsw.Connection:
    try:
        if extension is not None:
            _load(connection, extension)
        _harden(connection, wait, durability)
    except BaseException:
        connection.close()
        raise
    return connection


def copy_database(source: apsw.Connection, target: apsw.Connection) -> None:
    """One state of `source` into `target`, by SQLite's backup in one step: who writes meanwhile is not waited for, and does not
    wait. Raises apsw.Error."""
    try:
        with target.backup("main", source, "main") as run:
            run.step()
    except apsw.Error as error:
        if str(error) != _NO_TEXT:
            raise
        raise type(error)(_FAULTS.get(type(error), type(error).__name__)) from error


def reset(path: Path, *, vfs: str | None = None, wait: float = WAIT) -> None:
    """Make a database empty, whatever is in it and whoever has it open, as SQLite's manual has it: for derived data alone. The
    connection is not hardened: that reads, which damage may not let it. Raises apsw.Error."""
    with closing(apsw.Connection(str(path), vfs=vfs)) as connection:
        connection.set_busy_timeout(int(wait * 1000))
        with suppress(apsw.Error):
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # so that it stays in the mode of its log
        connection.config(apsw.SQLITE_DBCONFIG_RESET_DATABASE, 1)
        connection.execute("VACUUM")
        connection.config(apsw.SQLITE_DBCONFIG_RESET_DATABASE, 0)


def own(connection: apsw.Connection) -> None:
    """Let the last connection to go tidy up the write-ahead log: the file is one of ours."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)


def _load(connection: apsw.Connection, extension: Path) -> None:
    """Give the connection the functions of the library, where this system can load it. Nothing was read through it yet."""
    try:
        connection.enable_load_extension(True)
        connection.load_extension(str(extension))
    except (apsw.Error, AttributeError):  # a library for another system, or an SQLite that loads none
        return


def _harden(connection: apsw.Connection, wait: float, durability: Durability) -> None:
    connection.set_busy_timeout(int(wait * 1000))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
    connection.execute("PRAGMA cell_size_check=ON")
    if durability == "FULL":
        connection.execute(f"PRAGMA cache_size=-{CACHE}")
    connection.execute(f"PRAGMA synchronous={durability}")
    checksum.register(connection)
