"""The tables of `index.db`. All of it is derived: another version is not brought forward, it is built anew.

What is costly to make (chunks, vectors) is kept once for each distinct content, whoever has it. What is searched is rows of one
checkout: files, and `code`, whose id is the row of that checkout's own full text, so that neither other branches nor other
worktrees have a part in its statistics. The text of code is not kept here: it is read from the file.

The functions here make tables and tell which are there; the rows themselves are `code_rows`'s and `history`'s.
"""

from __future__ import annotations

import os

import apsw

from lcode.store.migrations import Schema

VERSION = "4"  # of the tables below, as `meta` has it: the number of migrations is always one
APPLICATION_ID = 0x6C636978  # "lcix"

_CODE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE contents (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, language TEXT NOT NULL, lines INTEGER NOT NULL,
    partial INTEGER NOT NULL, "references" BLOB NOT NULL, embedded INTEGER NOT NULL, used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX contents_to_embed ON contents (id) WHERE embedded = 0;
CREATE INDEX contents_by_use ON contents (used_at);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, content_id INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, symbol TEXT NOT NULL,
    signature TEXT NOT NULL, doc TEXT NOT NULL, start_line INTEGER NOT NULL, end_line INTEGER NOT NULL,
    "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, checksum INTEGER NOT NULL,
    vector BLOB
) STRICT;
CREATE INDEX chunks_by_content ON chunks (content_id, number);
CREATE TABLE definitions (name TEXT NOT NULL COLLATE NOCASE, content_id INTEGER NOT NULL, chunk_id INTEGER NOT NULL) STRICT;
CREATE INDEX definitions_by_name ON definitions (name);
CREATE INDEX definitions_by_content ON definitions (content_id);
CREATE TABLE checkouts (
    id INTEGER PRIMARY KEY, root TEXT NOT NULL UNIQUE, branch TEXT NOT NULL DEFAULT '', head TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'new', seen_at INTEGER NOT NULL
) STRICT;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, checkout_id INTEGER NOT NULL, path TEXT NOT NULL, content_id INTEGER, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, kind TEXT NOT NULL, UNIQUE (checkout_id, path)
) STRICT;
CREATE INDEX files_by_content ON files (content_id) WHERE content_id IS NOT NULL;
CREATE TABLE code (id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL, chunk_id INTEGER NOT NULL) STRICT;
CREATE INDEX code_by_file ON code (file_id, chunk_id);
"""

_HISTORY = """
CREATE TABLE commits (
    id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, time INTEGER NOT NULL
) STRICT;
CREATE VIRTUAL TABLE commits_fts USING fts5 (
    subject, body, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);
CREATE TABLE commit_files (commit_id INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (commit_id, path)) STRICT, WITHOUT ROWID;
CREATE INDEX commit_files_by_path ON commit_files (path);
CREATE TABLE edges (
    checkout_id INTEGER NOT NULL, source_file INTEGER NOT NULL, target_file INTEGER NOT NULL, weight REAL NOT NULL,
    certain INTEGER NOT NULL, PRIMARY KEY (checkout_id, source_file, target_file)
) STRICT, WITHOUT ROWID;
CREATE TABLE imports (content_id INTEGER PRIMARY KEY, names TEXT NOT NULL) STRICT;
CREATE INDEX edges_by_target ON edges (checkout_id, target_file);
"""

# What memory.db says in words, by the numbers that its rows have there. `marks` names the last row of each kind: where memory
# has another one at that number it went back, and none of these vectors is of what is there now.
_TEXTS = """
CREATE TABLE models (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, form TEXT NOT NULL, dimension INTEGER NOT NULL, UNIQUE (name, form)
) STRICT;
CREATE TABLE marks (kind TEXT PRIMARY KEY, seq INTEGER NOT NULL, row_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_TEXTS_OF = """
CREATE TABLE {kind}_vectors (seq INTEGER PRIMARY KEY, model_id INTEGER NOT NULL, vector BLOB NOT NULL) STRICT;
CREATE TABLE {kind}_signs (seq INTEGER PRIMARY KEY, model_id INTEGER NOT NULL, signs BLOB NOT NULL) STRICT;
"""
TEXTS = ("message", "passage")


def create(connection: apsw.Connection) -> None:
    """Make the tables in an empty database."""
    connection.execute(_CODE + _HISTORY + _TEXTS + "".join(_TEXTS_OF.format(kind=kind) for kind in TEXTS))
    values = (("schema", VERSION), ("generation", os.urandom(8).hex()))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", values)
    connection.execute(f"PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID}")


INDEX = Schema("index", (create,))


def version(connection: apsw.Connection) -> str:
    """Of the tables that are there; '' for an empty database, 'unknown' for one that is no index."""
    tables, application = (
        next(iter(connection.execute(sql)))[0] for sql in ("SELECT count(*) FROM sqlite_schema", "PRAGMA application_id")
    )
    if not tables:
        return ""
    return _meta(connection, "schema") if application == APPLICATION_ID else "unknown"


def newer(found: str, ours: str) -> bool:
    """Whether a version, numbers with dots between, is one that comes after ours."""

    def numbers(text: str) -> list[int]:
        return [int(part) if part.isdecimal() else -1 for part in text.split(".")]

    return numbers(found) > numbers(ours)


def generation(connection: apsw.Connection) -> str:
    """Which making of the index this is: another one has none of the same rows. '' for none."""
    return _meta(connection, "generation")


def _meta(connection: apsw.Connection, key: str) -> str:
    try:
        row = next(iter(connection.execute("SELECT value FROM meta WHERE key = ?", (key,))), None)
    except apsw.SQLError:  # no such table
        return "unknown"
    return str(row[0]) if row else "unknown"


def full_text(checkout: int) -> str:
    """The name of the table that holds the full text of a checkout; its columns are path, names and body."""
    return f"code_fts_{checkout}"


def create_full_text(connection: apsw.Connection, checkout: int) -> None:
    """Make the full text of a checkout. Positions are kept (detail=full): without them a contentless table ranks nothing."""
    connection.execute(
        f"CREATE VIRTUAL TABLE {full_text(checkout)} USING fts5 (path, names, body, content = '', contentless_delete = 1,"
        " tokenize = 'porter unicode61')"
    )


def drop_full_text(connection: apsw.Connection, checkout: int) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {full_text(checkout)}")
