"""The tables of `index.db`. All of it is derived: another version is not brought forward, it is built anew.

What is costly to make (chunks, vectors) is kept once for each distinct content, whoever has it. What is searched is rows of one
checkout: files, and `code`, whose id is the row of that checkout's own full text, so that neither other branches nor other
worktrees have a part in its statistics. The text of code is not kept here: it is read from the file.

`connection` functions here make and drop the full text of a checkout; the rows themselves are `code_rows`'s.
"""

from __future__ import annotations

import apsw

from lcode.store.migrations import Schema

VERSION = 1  # of the tables below; in `meta`, since the number of migrations is always one

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
    "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, vector BLOB
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
    PRIMARY KEY (checkout_id, source_file, target_file)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_by_target ON edges (checkout_id, target_file);
"""


def _index(connection: apsw.Connection) -> None:
    connection.execute(_CODE + _HISTORY)
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(VERSION),))


INDEX = Schema("index", (_index,))


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
