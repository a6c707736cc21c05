"""Finding passages: by words in any inflection, and by meaning beside them; filters inside the query.

The score is the share of the best match of words plus a share of the nearest in meaning. Words are never a gate, nor is
meaning: what has no vector is ranked by its words, and what shares no word with the question is found where it is near
enough. Both figures were measured with `benchmarks.passages`: sums of scores do better than sums of ranks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apsw

from lcode import clock
from lcode.index.message_vectors import PASSAGES
from lcode.memory import lives
from lcode.memory.dates import end_of, start_of
from lcode.memory.lives import AsOf
from lcode.memory.meaning import Asked, Meaning
from lcode.memory.model import Actor, Passage
from lcode.memory.passage_rows import columns, passage
from lcode.memory.terms import match_expression
from lcode.sanitize import encodable
from lcode.store.database import Row, fetch_all

_COUNTED = 0.5  # the weight of what the program counted beside what somebody said
_MEANING = 0.75  # the weight of the nearest in meaning, beside the best by words
_NEAR = 0.45  # the cosine from which on a passage is found that shares no word with the question
_OVER = 3  # times as many as are asked for are ranked
_SHARE = f"CASE WHEN passages.actor = '{Actor.PROGRAM}' AND kind = 'fact' THEN {_COUNTED} ELSE 1 END"


@dataclass(frozen=True)
class Filters:
    """What a passage must pass. Without `as_of` those count that have not ended, with it those that were true then. Commits are
    among them only where their kind is asked for."""

    kind: str = ""
    tags: tuple[str, ...] = ()
    tag_match: Literal["any", "all"] = "any"
    start: str = ""
    end: str = ""
    as_of: AsOf | None = None

    def rows(
        self, connection: apsw.Connection, source: str, score: str, matches: str, values: Iterable[Any], order: str, limit: int
    ) -> list[Row]:
        """The passages of `source` that pass, each behind its number and score. Raises MemoryEditError for a date that is
        none."""
        where, bounds = self._clause()
        only = lives.true_at(self.as_of) if self.as_of else lives.not_ended(clock.stamp())
        shown = columns(score="0.0", life=self.as_of is not None)
        sql = (
            f"SELECT passages.seq, {score} AS score, {shown} FROM {source}{only.join}"
            f" WHERE {matches} AND {only.condition}{where} ORDER BY {order} LIMIT ?"
        )
        return fetch_all(connection, sql, [*only.joined, *values, *only.values, *bounds, limit])

    def _clause(self) -> tuple[str, list[Any]]:
        where = " AND passages.kind = ?" if self.kind else " AND passages.kind != 'commit'"
        values: list[Any] = [self.kind] if self.kind else []
        if self.tags:
            labels = sorted({encodable(tag.strip().lower()) for tag in self.tags})
            marks = ", ".join("?" * len(labels))
            where += f" AND (SELECT count(*) FROM passage_tags WHERE passage_seq = passages.seq AND tag IN ({marks})) >= ?"
            values += [*labels, len(labels) if self.tag_match == "all" else 1]
        if self.start:
            where += " AND passages.created_at >= ?"
            values.append(start_of(self.start))
        if self.end:
            where += " AND passages.created_at < ?"
            values.append(end_of(self.end))
        return where, values


def search(
    connection: apsw.Connection, query: str, filters: Filters, limit: int, meaning: Meaning | None = None
) -> list[Passage]:
    """The best passages; without a word the newest. Raises MemoryEditError."""
    expression = match_expression(query)
    if not expression:
        return [passage(row[2:]) for row in filters.rows(connection, "passages", "0.0", "?", [1], "seq DESC", limit)]
    source = "passages_fts JOIN passages ON passages.seq = passages_fts.rowid"
    score, matches = f"-bm25(passages_fts, 1.0, 0.5) * {_SHARE}", "passages_fts MATCH ?"
    by_words = filters.rows(connection, source, score, matches, [expression], "score DESC, seq DESC", limit * _OVER)
    asked = meaning.ask(connection, PASSAGES, query) if meaning is not None else None
    if asked is None:
        return [_scored(row, row[1]) for row in by_words[:limit]]
    return _ranked(by_words, _near(connection, asked, filters, limit * _OVER), asked, limit)


def _near(connection: apsw.Connection, asked: Asked, filters: Filters, limit: int) -> list[Row]:
    """Passages that are near to the question and pass."""
    near = [seq for seq, cosine in asked.nearest(limit) if cosine >= _NEAR]
    among = "passages.seq IN (SELECT value FROM json_each(?))"
    return filters.rows(connection, "passages", "0.0", among, [json.dumps(near)], "passages.seq", len(near)) if near else []


def _ranked(by_words: Sequence[Row], near: Sequence[Row], asked: Asked, limit: int) -> list[Passage]:
    found = {row[0]: row for row in (*near, *by_words)}
    cosines = asked.cosines(found)
    most = max((row[1] for row in by_words), default=0.0) or 1.0
    nearest = max(cosines.values(), default=0.0)
    scores = {row[0]: row[1] / most for row in by_words}
    for seq, cosine in cosines.items():
        if nearest > 0 and cosine > 0:
            counted = _COUNTED if found[seq][8] == Actor.PROGRAM and found[seq][4] == "fact" else 1.0
            scores[seq] = scores.get(seq, 0.0) + _MEANING * counted * cosine / nearest
    best = sorted(scores, key=lambda seq: (-scores[seq], -seq))[:limit]
    return [_scored(found[seq], scores[seq]) for seq in best]


def _scored(row: Row, score: float) -> Passage:
    """The passage of a row, of which the number and the score of words stand in front."""
    return passage((*row[2:12], score, *row[13:]))
