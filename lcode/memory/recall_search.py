"""Finding messages: full text in any inflection, filters inside the query, each hit with what stood around it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import apsw

from lcode.memory.dates import end_of, start_of
from lcode.memory.model import MessageRow, RecallHit
from lcode.memory.terms import match_expression
from lcode.store.database import Row, fetch_all, fetch_one

_OVER = 3  # times as many are fetched, because neighbours fold into one hit
MESSAGE = "seq, id, session_id, run_id, step_id, role, kind, content, text, created_at"
# A fork holds copies: a message is found once, where it was said, or where that was forgotten in its first copy.
_NO_COPY = (
    " AND (messages.copy_of = '' OR NOT EXISTS (SELECT 1 FROM messages AS twin WHERE twin.id = messages.copy_of"
    " OR (twin.copy_of = messages.copy_of AND twin.seq < messages.seq)))"
)
_NOT_SHOWN = (  # what a fork shows a copy of is in its sight too
    " AND NOT EXISTS (SELECT 1 FROM messages AS shown WHERE shown.session_id = ? AND shown.seq > ? AND shown.copy_of != ''"
    " AND shown.copy_of IN (messages.id, messages.copy_of))"
)
# Tools print much and notices repeat: at equal words, what somebody said comes first.
_CALLS_ONLY = "(messages.kind = 'assistant' AND substr(messages.text, 1, 1) = '→')"
_HAS_WORDS = "messages.text != ''"  # a reply that only searches memory has none
_WEIGHT = f"CASE WHEN messages.kind = 'tool' OR {_CALLS_ONLY} THEN 0.6 WHEN messages.kind = 'notice' THEN 0.3 ELSE 1.0 END"


@dataclass(frozen=True)
class Filters:
    """What a hit must pass. `start` and `end` are days or instants; `in_context` leaves out what its session shows already,
    `spoken` what is nothing but calls."""

    roles: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    session_id: str = ""
    in_context: tuple[str, int] = ("", 0)
    spoken: bool = False

    def clause(self) -> tuple[str, list[Any]]:
        """SQL that follows a WHERE, and its values. Raises MemoryEditError for a date that is none."""
        where = f" AND messages.kind != 'lookup' AND {_HAS_WORDS} AND NOT (messages.session_id = ? AND messages.seq > ?)"
        values: list[Any] = [*self.in_context]
        if self.in_context[0]:
            where += _NOT_SHOWN
            values += self.in_context
        where += "" if self.session_id else _NO_COPY
        where += f" AND NOT {_CALLS_ONLY}" if self.spoken else ""
        if self.roles:
            where += f" AND messages.role IN ({', '.join('?' * len(self.roles))})"
            values += self.roles
        bounds = (
            ("created_at >=", self.start and start_of(self.start)),
            ("created_at <", self.end and end_of(self.end)),
            ("session_id =", self.session_id),
        )
        for clause, value in bounds:
            if value:
                where += f" AND messages.{clause} ?"
                values.append(value)
        return where, values


def ranked(connection: apsw.Connection, query: str, filters: Filters, limit: int) -> list[RecallHit]:
    """Messages that match any word of `query`, best first; without a word the newest."""
    where, values = filters.clause()
    expression = match_expression(query)
    if expression:
        columns = ", ".join(f"messages.{name}" for name in MESSAGE.split(", "))
        each = (
            f"SELECT {columns}, -bm25({index}, 1.0, 0.5) * {_WEIGHT} AS score FROM {index}"
            f" JOIN messages ON messages.seq = {index}.rowid WHERE {index} MATCH ?{where}"
            for index in ("messages_fts", "tool_messages_fts")
        )
        sql = f"{' UNION ALL '.join(each)} ORDER BY score DESC, seq DESC LIMIT ?"
        values = [expression, *values, expression, *values]
    else:
        sql = f"SELECT {MESSAGE}, 0.0 FROM messages WHERE 1{where} ORDER BY seq DESC LIMIT ?"
    rows = fetch_all(connection, sql, (*values, limit * _OVER))
    messages = [(to_message(row[:10]), float(row[10])) for row in rows]
    return [_hit(connection, message, score) for message, score in _folded(messages)[:limit]]


def _folded(found: list[tuple[MessageRow, float]]) -> list[tuple[MessageRow, float]]:
    """Leave out what stands next to a better hit of the same session: that one shows it already."""
    kept: list[tuple[MessageRow, float]] = []
    for message, score in found:
        near = (other for other, _ in kept if other.session_id == message.session_id and abs(other.seq - message.seq) <= 1)
        if next(near, None) is None:
            kept.append((message, score))
    return kept


def in_order(connection: apsw.Connection, filters: Filters, limit: int) -> list[RecallHit]:
    """Messages that pass the filters, oldest first."""
    where, values = filters.clause()
    sql = f"SELECT {MESSAGE} FROM messages WHERE 1{where} ORDER BY seq LIMIT ?"
    return [_hit(connection, to_message(row), 0.0) for row in fetch_all(connection, sql, (*values, limit))]


def _hit(connection: apsw.Connection, message: MessageRow, score: float) -> RecallHit:
    base = f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND kind NOT IN ('notice', 'lookup') AND text != '' AND seq"
    here = (message.session_id, message.seq)
    before = fetch_all(connection, f"{base} < ? ORDER BY seq DESC LIMIT 1", here)
    after = fetch_all(connection, f"{base} > ? ORDER BY seq LIMIT 1", here)
    session = fetch_one(connection, "SELECT title, branch FROM sessions WHERE id = ?", (message.session_id,))
    title, branch = session or ("", "")
    return RecallHit(message, title, branch, score, tuple(map(to_message, before)), tuple(map(to_message, after)))


def to_message(row: Row) -> MessageRow:
    """The columns of `MESSAGE` as a record."""
    return MessageRow(*(*row[:7], json.loads(row[7]), *row[8:]))
