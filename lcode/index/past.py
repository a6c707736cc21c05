"""Past commits that a question's words fit, as answers of their own: what was done, when, and the files that it touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lcode.index import filters
from lcode.index.words import any_of, query_words
from lcode.store.database import fetch_all

if TYPE_CHECKING:
    import apsw

_FILES = 6  # of a commit that are named
_WORDS = 24  # of a question
_SQL = (
    "SELECT commits.id, commits.hash, commits.subject, commits.time, -bm25(commits_fts, 2.0, 1.0) AS score"
    " FROM commits_fts JOIN commits ON commits.id = commits_fts.rowid WHERE commits_fts MATCH ?{where}"
    " ORDER BY score DESC, commits.id DESC LIMIT ?"
)
_NEWEST = (
    "SELECT commits.id, commits.hash, commits.subject, commits.time, 0.0 FROM commits WHERE 1{where} ORDER BY id DESC LIMIT ?"
)


@dataclass(frozen=True)
class PastCommit:
    """`time` is in seconds since 1970; `files` are the first of those that it touched, as they are called now."""

    hash: str
    subject: str
    time: int
    files: tuple[str, ...]
    more_files: int
    score: float


def past_commits(
    connection: apsw.Connection, query: str, *, path: str = "", start: int = 0, end: int = 0, limit: int = 5
) -> list[PastCommit]:
    """Commits whose message fits `query` (without one: the newest), best first: those that touched `path` or what is below it,
    made from `start` on and before `end` (seconds; 0: any time)."""
    where, values = "", list[str | int]()
    if path:
        inside, bindings = filters.inside("path", path)
        where += f" AND EXISTS (SELECT 1 FROM commit_files WHERE commit_id = commits.id AND {inside})"
        values += bindings
    if start:
        where += " AND commits.time >= ?"
        values.append(start)
    if end:
        where += " AND commits.time < ?"
        values.append(end)
    expression = any_of(query_words(query)[:_WORDS])
    if expression:
        rows = fetch_all(connection, _SQL.format(where=where), (expression, *values, limit))
    else:
        rows = fetch_all(connection, _NEWEST.format(where=where), (*values, limit))
    return [_commit(connection, *row) for row in rows]


def _commit(connection: apsw.Connection, row: int, identity: str, subject: str, time: int, score: float) -> PastCommit:
    files = [
        path for (path,) in fetch_all(connection, "SELECT path FROM commit_files WHERE commit_id = ? ORDER BY path", (row,))
    ]
    return PastCommit(identity, subject, time, tuple(files[:_FILES]), max(0, len(files) - _FILES), score)
