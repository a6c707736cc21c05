"""Archival memory: passages, everything worth finding again that does not belong in the prompt all the time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import apsw

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory.dates import end_of, start_of
from lcode.memory.model import Actor, Passage, Provenance, Source, Trust
from lcode.memory.terms import identifier_parts, match_expression
from lcode.redact import Redactor
from lcode.sanitize import encodable
from lcode.store.database import Database, Row, fetch_all, fetch_one, scalar

MAX_TEXT = 20_000  # characters
KINDS = ("fact", "attempt", "note", "decision", "summary", "commit")
_COLUMNS = (
    "id, text, kind, (SELECT json_group_array(tag) FROM passage_tags WHERE passage_seq = passages.seq), citations, created_at,"
    " actor, source, trust, session_id"
)

# each side of the OR has its index: that of the text is over its beginning
_SAME = (
    "SELECT seq, citations, operation_id FROM passages WHERE operation_id = ?"
    " OR (substr(text, 1, 60) = substr(?, 1, 60) AND text = ? AND superseded_by = '') ORDER BY operation_id = ? DESC LIMIT 1"
)


class Archival:
    """The passages of one agent."""

    def __init__(self, memory: Database, redactor: Redactor) -> None:
        self._memory = memory
        self._redact = redactor.redact

    def insert(
        self, text: str, by: Provenance, *, kind: str = "fact", tags: Sequence[str] = (), citations: Sequence[str] = ()
    ) -> Passage:
        """Keep a passage. The same text (or the same operation) is kept once: what is there gets the new tags and citations.
        Raises MemoryEditError."""
        clean = self._redact(text.replace("\x00", "")).strip()
        if not clean:
            raise MemoryEditError("the passage is empty; nothing was written")
        if len(clean) > MAX_TEXT:
            raise MemoryEditError(
                f"the passage has {len(clean)} characters, {MAX_TEXT} are allowed; nothing was written", "split it"
            )
        labels = sorted({self._redact(tag.strip().lower()) for tag in tags if tag.strip()})
        cited = [self._redact(citation) for citation in citations]
        passage_id = by.operation_id.replace("op-", "passage-", 1)
        terms = identifier_parts(clean)

        def work(connection: apsw.Connection) -> Row:
            twin = fetch_one(connection, _SAME, (by.operation_id, clean, clean, by.operation_id))
            if twin and twin[2] != by.operation_id:
                _enrich(connection, twin[0], labels, json.loads(twin[1]), cited)
            if twin:
                return _at(connection, twin[0])
            connection.execute(
                "INSERT INTO passages (id, operation_id, text, terms, kind, citations, created_at, actor, source,"
                " trust, session_id,"
                " step_id, commit_id, worktree) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (passage_id, by.operation_id, clean, terms, kind, json.dumps(cited, ensure_ascii=False), clock.stamp(),
                 by.actor, by.source, by.trust, by.session_id, by.step_id, by.commit, by.worktree),
            )  # fmt: skip
            seq = connection.last_insert_rowid()
            connection.execute("INSERT INTO passages_fts (rowid, text, terms) VALUES (?, ?, ?)", (seq, clean, terms))
            connection.executemany("INSERT INTO passage_tags VALUES (?, ?)", [(seq, tag) for tag in labels])
            return _at(connection, seq)

        return _passage(self._memory.write(work), 0.0)

    def get(self, passage_id: str) -> Passage:
        """The passage with this id or unique beginning of one. Raises MemoryEditError."""
        bare = passage_id if passage_id.startswith("passage-") else f"passage-{passage_id}"
        end = f"{bare}\U0010ffff" if bare != "passage-" else bare  # which every id begins with
        rows = self._memory.read(
            lambda connection: fetch_all(
                connection, f"SELECT {_COLUMNS} FROM passages WHERE id >= ? AND id < ? LIMIT 2", (bare, end)
            )
        )
        if len(rows) != 1:
            raise MemoryEditError(
                f"there is no passage '{passage_id}'" if not rows else f"'{passage_id}' fits several passages"
            )
        return _passage(rows[0], 0.0)

    def landed(self, operation_id: str) -> Passage | None:
        """The passage that an operation made, if it landed."""
        row = self._memory.read(
            lambda connection: fetch_one(connection, f"SELECT {_COLUMNS} FROM passages WHERE operation_id = ?", (operation_id,))
        )
        return _passage(row, 0.0) if row else None

    def search(
        self,
        query: str,
        *,
        kind: str = "",
        tags: Sequence[str] = (),
        tag_match: Literal["any", "all"] = "any",
        start: str = "",
        end: str = "",
        limit: int = 10,
    ) -> list[Passage]:
        """Passages that match words of `query` in any inflection and pass every filter, best first; else the newest."""
        where, values = _filters(kind, tags, tag_match, start, end)
        expression = match_expression(query)
        if expression:
            sql = (
                f"SELECT {_COLUMNS}, -bm25(passages_fts, 1.0, 0.5) AS score FROM passages_fts"
                f" JOIN passages ON passages.seq = passages_fts.rowid WHERE passages_fts MATCH ?{where} ORDER BY"
                " score DESC, seq DESC LIMIT ?"
            )
            values = [expression, *values]
        else:
            sql = f"SELECT {_COLUMNS}, 0.0 FROM passages WHERE 1{where} ORDER BY seq DESC LIMIT ?"
        sql = sql.replace("SELECT id, text", "SELECT passages.id, passages.text")
        rows = self._memory.read(lambda connection: fetch_all(connection, sql, (*values, limit)))
        return [_passage(row[:10], float(row[10])) for row in rows]

    def count(self) -> int:
        return int(self._memory.read(lambda connection: scalar(connection, "SELECT count(*) FROM passages")))

    def tags(self) -> list[str]:
        """Every tag in use, most used first."""
        rows = self._memory.read(
            lambda connection: fetch_all(
                connection, "SELECT tag FROM passage_tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 100"
            )
        )
        return [row[0] for row in rows]


def _enrich(connection: apsw.Connection, seq: int, tags: Sequence[str], there: Sequence[str], cited: Sequence[str]) -> None:
    """Add tags and citations to a passage that holds the citations `there`."""
    connection.executemany("INSERT INTO passage_tags VALUES (?, ?) ON CONFLICT DO NOTHING", [(seq, tag) for tag in tags])
    together = list(dict.fromkeys([*there, *cited]))
    if together != list(there):
        text = json.dumps(together, ensure_ascii=False)
        connection.execute("UPDATE passages SET citations = ? WHERE seq = ?", (text, seq))


def _at(connection: apsw.Connection, seq: int) -> Row:
    """The columns of the passage with this number."""
    return fetch_all(connection, f"SELECT {_COLUMNS} FROM passages WHERE seq = ?", (seq,))[0]


def _filters(kind: str, tags: Sequence[str], tag_match: str, start: str, end: str) -> tuple[str, list[Any]]:
    where = " AND passages.superseded_by = ''"
    values: list[Any] = []
    if kind:
        where += " AND passages.kind = ?"
        values.append(kind)
    if tags:
        labels = sorted({encodable(tag.strip().lower()) for tag in tags})
        marks = ", ".join("?" * len(labels))
        where += f" AND (SELECT count(*) FROM passage_tags WHERE passage_seq = passages.seq AND tag IN ({marks})) >= ?"
        values += [*labels, len(labels) if tag_match == "all" else 1]
    if start:
        where += " AND passages.created_at >= ?"
        values.append(start_of(start))
    if end:
        where += " AND passages.created_at < ?"
        values.append(end_of(end))
    return where, values


def _passage(row: tuple[Any, ...], score: float) -> Passage:
    tags, citations = tuple(json.loads(row[3])), tuple(json.loads(row[4]))
    return Passage(row[0], row[1], row[2], tags, citations, row[5], Actor(row[6]), Source(row[7]), Trust(row[8]), row[9], score)
