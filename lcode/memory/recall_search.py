"""Finding messages: full text in any inflection, filters inside the query, the times that a question names."""

from __future__ import annotations

from dataclasses import replace

import apsw

from lcode.memory.model import MessageRow, Recalled, RecallHit
from lcode.memory.recall_filters import CALLS_ONLY, Filters
from lcode.memory.recall_moments import MESSAGE, moment, moments, to_message
from lcode.memory.terms import match_expression
from lcode.memory.when import When, dates_in, without
from lcode.store.database import fetch_all

_OVER = 3  # times as many are fetched, because neighbours and repeats fold into one hit
# Tools print much and notices repeat: at equal words, what somebody said comes first.
_WEIGHT = f"CASE WHEN messages.kind = 'tool' OR {CALLS_ONLY} THEN 0.6 WHEN messages.kind = 'notice' THEN 0.3 ELSE 1.0 END"


def search(connection: apsw.Connection, query: str, filters: Filters, *, limit: int, context: int = 1) -> Recalled:
    """Messages that match any word of `query`, best first; without a word the newest, each for itself. A time that the query
    asks for is a filter, unless nothing was said then."""
    dates = dates_in(query) if not (filters.start or filters.end) else ()
    words = without(query, dates)
    ranking: list[tuple[MessageRow, float]] = []
    asked = [one for one in dates if one.sure]
    if asked:
        ranking = _ranked(connection, words, _at(filters, asked[0]), limit * _OVER)
    widened = bool(asked) and not ranking
    if not ranking:
        ranking = _ranked(connection, words or query, filters, limit * _OVER)
    best = max((score for _, score in ranking), default=0.0)
    hits = moments(connection, ranking, limit=limit, context=context if query.strip() else 0)
    return Recalled(hits, best=best, confidence="fair" if hits else "none", dates=dates, widened=widened)


def _at(filters: Filters, date: When) -> Filters:
    return replace(filters, start=date.start, end=date.end)


def _ranked(connection: apsw.Connection, query: str, filters: Filters, limit: int) -> list[tuple[MessageRow, float]]:
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
    return [(to_message(row[:10]), float(row[10])) for row in fetch_all(connection, sql, (*values, limit))]


def in_order(connection: apsw.Connection, filters: Filters, limit: int) -> list[RecallHit]:
    """Messages that pass the filters, oldest first."""
    where, values = filters.clause()
    sql = f"SELECT {MESSAGE} FROM messages WHERE 1{where} ORDER BY seq LIMIT ?"
    return [moment(connection, to_message(row), 0.0) for row in fetch_all(connection, sql, (*values, limit))]
