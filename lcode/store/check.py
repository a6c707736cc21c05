"""Is a database whole: the quick look when it is opened, and the full check that a backup and `lcode doctor` make.

The full check works on a copy made by SQLite's own backup in one step: it holds nobody up, and full text can be compared
with its rows there, which SQLite counts as writing. A damaged file is an answer here, never an exception.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from lcode.errors import StoreDamaged, StoreError, StoreNewer
from lcode.store import checksum, full_text, migrations
from lcode.store.commits import Note, State, state_of
from lcode.store.connect import connect, copy_database
from lcode.store.paths import create_private_file

QUICK = 1_000_000  # bytes up to which a database is checked whole when it is opened: 4 to 6 ms
_IN_MEMORY = 64_000_000  # bytes up to which the copy that is checked stays in memory
MEND = "`lcode doctor --fix` mends it, from the newest good backup if it must"

_UNKNOWN = "what it says of itself is missing or another store's (a foreign -wal file)"


@dataclass(frozen=True)
class Problem:
    """`kind` is what it takes to mend it: file (restore), text (full text made anew), mode (permissions), newer (upgrade)."""

    kind: str
    text: str


# -- when it is opened ------------------------------------------------------------------------------------------------


def refuse_lost(path: Path, note: State | None) -> None:
    """Raise StoreDamaged where a store that was written to has no file any more, or an empty one."""
    if note is None or not note.commits:
        return
    size = path.stat().st_size if path.exists() else -1
    if size <= 0:
        raise StoreDamaged(f"the memory store {path} is {'empty' if size == 0 else 'gone'}; it was written to before", MEND)


def at_open(connection: apsw.Connection, schema: migrations.Schema, path: Path, note: State | None) -> None:
    """The quick look at a store that has a schema. Raises StoreDamaged, or apsw.Error for a file that SQLite refuses."""
    fault = _truncated(connection, path) or _unexpected(connection, schema) or _behind(state_of(connection), note)
    if not fault and path.stat().st_size <= QUICK:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        fault = "" if found == ["ok"] else in_a_line(found[0])
        fault = fault or next((problem.text for problem in _rows(connection)), "")
    if fault:
        raise StoreDamaged(f"the memory store {path} is damaged: {fault}", MEND)


def _behind(found: State | None, note: State | None) -> str:
    """Whether the file is another store than the note is of, or an earlier state of it."""
    if found is None:
        return _UNKNOWN
    if note is None:
        return ""
    if note.store != found.store:
        return "it belongs to another store"
    missing = note.commits - found.commits
    return (
        f"its last {missing} write{'s are' if missing > 1 else ' is'} missing (a lost or foreign -wal file)"
        if missing > 0
        else ""
    )


def _truncated(connection: apsw.Connection, path: Path) -> str:
    """Whether pages are missing at the end: neither in the file nor in the write-ahead log."""
    size, pages = (_number(connection, f"PRAGMA {name}") for name in ("page_size", "page_count"))
    there = path.stat().st_size // size
    if there >= pages:
        return ""
    missing = set(range(there + 1, pages + 1)) - _logged_pages(path.with_name(f"{path.name}-wal"))
    if not missing or path.stat().st_size // size >= pages:  # a checkpoint has come between
        return ""
    return f"it is cut short: {len(missing)} of {pages} pages are missing"


def _logged_pages(log: Path) -> set[int]:
    """The numbers of the pages in a write-ahead log. SQLite has no locks on that file, so that it may be read."""
    pages: set[int] = set()
    with suppress(OSError), log.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return pages
        size, salts = struct.unpack(">I", head[8:12])[0], head[16:24]
        while len(frame := file.read(24)) == 24 and frame[8:16] == salts:
            pages.add(struct.unpack(">I", frame[:4])[0])
            file.seek(size, os.SEEK_CUR)
    return pages


def _unexpected(connection: apsw.Connection, schema: migrations.Schema) -> str:
    """What the file's schema holds that no migration made, or lacks; '' if nothing."""
    # one statement, so one state: another process may be bringing the store forward
    sql = "SELECT type, name, sql, (SELECT user_version FROM pragma_user_version) FROM sqlite_schema"
    rows = connection.execute(sql).fetchall()
    known = known_schema(schema, int(str(rows[0][3])) if rows else 0)
    found = {(str(row[0]), str(row[1])): str(row[2]) for row in rows}
    strange = [f"{kind} {name}" for kind, name in found if (kind, name) not in known and kind in ("trigger", "view")]
    if strange:
        return f"it holds a {strange[0]} that lcode did not make"
    missing = [f"the {kind} {name}" for kind, name in known if (kind, name) not in found]
    changed = [f"the {kind} {name}" for kind, name in known if found.get((kind, name)) != known[kind, name]]
    more = [f"the {kind} {name}" for kind, name in found if (kind, name) not in known and not name.startswith("sqlite_stat")]
    if missing:
        return f"{missing[0]} is missing in it"
    if changed:
        return f"{changed[0]} is not as lcode made it"
    return f"{more[0]} is not lcode's" if more else ""


def known_schema(schema: migrations.Schema, version: int) -> dict[tuple[str, str], str]:
    """Type and name to definition of everything that the first `version` migrations make (1 ms)."""
    with closing(connect(None)) as connection:
        migrations.apply(connection, migrations.Schema(schema.name, schema.migrations[:version]))
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    return {(str(row[0]), str(row[1])): str(row[2]) for row in rows}


# -- the full check ---------------------------------------------------------------------------------------------------


def full_check(path: Path, schema: migrations.Schema, agent_id: str = "") -> list[str]:
    """Everything that is wrong with the database at `path`, in words; [] for a sound one. Changes nothing."""
    return [problem.text for problem in examine(path, schema, agent_id)]


def examine(path: Path, schema: migrations.Schema, agent_id: str = "") -> list[Problem]:
    """The same with what it takes to mend each."""
    if not path.exists() or not path.stat().st_size:
        return [Problem("file", f"it is {'empty' if path.exists() else 'missing'}")]
    note = Note(path).read()  # before the file, which is never behind it
    problems = _modes(path)
    try:
        with closing(connect(path, read_only=True, wait=2)) as source:
            migrations.check(source, schema, path)
            if fault := _truncated(source, path) or _behind(state_of(source), note):
                problems.append(Problem("file", fault))
            with copied(source, path) as copy:
                return problems + examine_connection(copy, schema, agent_id)
    except StoreError as error:
        return [*problems, Problem("newer" if isinstance(error, StoreNewer) else "file", error.message)]
    except (apsw.Error, UnicodeDecodeError) as error:
        return [*problems, Problem("file", str(error))]


@contextmanager
def copied(source: apsw.Connection, path: Path) -> Iterator[apsw.Connection]:
    """A copy of one state of the database, in memory or, if it is large, in a private file beside it that goes at the end."""
    large = path.stat().st_size > _IN_MEMORY
    target = path.with_name(f".{path.stem}-{os.urandom(6).hex()}.tmp") if large else None
    if target is not None:
        create_private_file(target)
    copy = connect(target)
    try:
        copy_database(source, copy)
        if target is not None:
            copy.execute("PRAGMA journal_mode=MEMORY")
        yield copy
    finally:
        copy.close()
        if target is not None:
            for end in ("", "-wal", "-shm", "-journal"):
                target.with_name(target.name + end).unlink(missing_ok=True)


def examine_connection(connection: apsw.Connection, schema: migrations.Schema, agent_id: str = "") -> list[Problem]:
    """What is wrong inside a database of which nobody else has the connection's file open."""
    if not migrations.version(connection):
        return [Problem("file", "it holds no schema")]
    problems: list[Problem] = []
    for look in (_integrity, _references, _full_text, _rows, _blocks, _lives, lambda at: _identity(at, schema, agent_id)):
        try:
            problems.extend(look(connection))
        except (apsw.Error, UnicodeDecodeError) as error:
            problems.append(Problem("file", str(error)))
    with suppress(apsw.Error):
        if fault := _unexpected(connection, schema):
            problems.append(Problem("file", fault))
    return list(dict.fromkeys(problems))


def _integrity(connection: apsw.Connection) -> Iterator[Problem]:
    for (text,) in connection.execute("PRAGMA integrity_check(10)"):
        if text != "ok":
            full_text = "FTS5" in str(text) or "fts5" in str(text)
            yield Problem("text" if full_text else "file", in_a_line(str(text)))


def in_a_line(fault: str) -> str:
    """What SQLite's check found, which may be in several lines, the first of them a heading."""
    return " ".join(fault.removeprefix("*** in database main ***").split())


def _references(connection: apsw.Connection) -> Iterator[Problem]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Problem("file", f"row {row} of {table} names a row of {parent} that is not there")
        return


def _full_text(connection: apsw.Connection) -> Iterator[Problem]:
    for rows, index in full_text.indexes(connection):
        try:
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")
            entries = connection.execute(f"SELECT count(*), min(id), max(id) FROM {index}_docsize").fetchall()
            whole = entries == connection.execute(f"SELECT count(*), min(seq), max(seq) FROM {rows}").fetchall()
        except apsw.Error:
            whole = False
        if not whole:
            yield Problem("text", f"the full text of {rows} does not fit its rows")


def _rows(connection: apsw.Connection) -> Iterator[Problem]:
    """Rows whose checksum says that they are not as they were written."""
    for table in checksum.COLUMNS:
        if _exists(connection, table):
            bad = connection.execute(f"SELECT rowid FROM {table} WHERE crc IS NOT {checksum.expression(table)}").fetchall()
            if bad:
                yield Problem("file", f"{len(bad)} row{'s' if len(bad) > 1 else ''} of {table} changed by themselves")


def _blocks(connection: apsw.Connection) -> Iterator[Problem]:
    """A block is its newest version, and its versions have no gap."""
    sql = (
        "SELECT blocks.label FROM blocks LEFT JOIN block_versions ON block_versions.block_id = blocks.id"
        " AND block_versions.version = blocks.version WHERE block_versions.value IS NOT blocks.value"
    )
    yield from (Problem("file", f"the block {row[0]} is not its newest version") for row in connection.execute(sql))
    sql = "SELECT block_id FROM block_versions GROUP BY block_id HAVING min(version) != 1 OR max(version) != count(*)"
    yield from (Problem("file", f"versions of the block {row[0]} are missing") for row in connection.execute(sql))


def _lives(connection: apsw.Connection) -> Iterator[Problem]:
    """A passage is its newest state."""
    if not _exists(connection, "passage_states"):
        return
    sql = (
        "SELECT passages.id FROM passages JOIN passage_states AS state ON state.passage_id = passages.id AND number ="
        " (SELECT max(number) FROM passage_states WHERE passage_id = passages.id) WHERE (state.valid_from, state.valid_to,"
        " state.superseded_by) IS NOT (passages.valid_from, passages.valid_to, passages.superseded_by)"
    )
    yield from (Problem("file", f"the passage {row[0]} is not its newest state") for row in connection.execute(sql))


def _identity(connection: apsw.Connection, schema: migrations.Schema, agent_id: str) -> Iterator[Problem]:
    if state_of(connection) is None:
        yield Problem("file", _UNKNOWN)
    if schema.name != migrations.MEMORY.name or not agent_id:
        return
    found = [str(row[0]) for row in connection.execute("SELECT agent_id FROM identity")]
    if agent_id not in found:
        yield Problem("file", f"it belongs to another agent ({found[0]})" if found else "it does not say whose memory it is")


def _modes(path: Path) -> list[Problem]:
    if sys.platform == "win32":
        return []
    files = [path.parent, *(path.with_name(path.name + end) for end in ("", "-wal", "-shm"))]
    bare = [file.name for file in files if open_to_others(file)]
    return [Problem("mode", f"others can read {', '.join(bare)}")] if bare else []


def open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may do anything with a file; it may go while it is looked at, as logs do."""
    try:
        return bool(stat.S_IMODE(path.lstat().st_mode) & 0o077) and not path.is_symlink()
    except OSError:
        return False


def _exists(connection: apsw.Connection, table: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchall())


def _number(connection: apsw.Connection, sql: str) -> int:
    return int(str(connection.execute(sql).fetchall()[0][0]))
