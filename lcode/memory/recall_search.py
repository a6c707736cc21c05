"""Finding messages: what a question asks for, the messages worth ranking by words and by meaning, their order, as moments.

Words and vectors choose candidates apart from each other and are ranked together: what is found by words is never lost for lack
of a vector. Filters are conditions of the choice, not of what came of it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence
from dataclasses import replace

import apsw

from lcode.memory.meaning import Asked, Meaning
from lcode.memory.model import MessageRow, Recalled, RecallHit
from lcode.memory.recall_candidates import Scope, choose, in_time, passing, printed_after
from lcode.memory.recall_filters import Filters
from lcode.memory.recall_moments import MESSAGE, moment, moments, to_message
from lcode.memory.recall_question import Asks, Question, question_of
from lcode.memory.recall_ranking import Ranked, confidence_of, rank
from lcode.memory.recall_surroundings import Listed, Surroundings
from lcode.memory.recall_words import Words
from lcode.store.database import fetch_all

_OVER = 3  # times as many are read, because neighbours and repeats fold into one hit
_MEANT = 100  # messages that are chosen by their meaning
_DATED = 40  # the same of each time that the question names
_THEN = 5_000  # messages of such a time that are looked at
_AMONG = 20_000  # messages among which those are looked for one by one
_AROUND = 15  # messages whose neighbours are candidates too
_SPEAKERS = 200
_NAMES = (  # from one name to the next in the index of names, however many messages each has
    "WITH RECURSIVE one (name) AS (SELECT min(name) FROM message_details WHERE name != '' UNION ALL SELECT (SELECT min(name)"
    " FROM message_details WHERE name != '' AND name > one.name) FROM one WHERE one.name IS NOT NULL)"
    " SELECT name FROM one WHERE name IS NOT NULL LIMIT ?"
)


def search(
    connection: apsw.Connection,
    query: str,
    filters: Filters,
    *,
    limit: int,
    context: int = 1,
    meaning: Meaning | None = None,
) -> Recalled:
    """Messages that answer `query`, best first; without a word in it the newest, each for itself."""
    if not query.strip():
        return Recalled(moments(connection, _newest(connection, filters, limit), limit=limit, context=0))
    question = question_of(query, [row[0] for row in fetch_all(connection, _NAMES, (_SPEAKERS,))])
    ranked = best_of(connection, question, filters, limit * _OVER, meaning)
    rows = _messages(connection, [seq for seq, _ in ranked.order[: limit * _OVER]])
    scored = [(rows[seq], score) for seq, score in ranked.order[: limit * _OVER]]
    found = moments(connection, scored, limit=limit, context=context)
    hits = [replace(hit, confidence=confidence_of(hit.score)) for hit in found]
    return Recalled(hits, best=ranked.best, confidence=ranked.confidence, dates=question.dates)


def best_of(
    connection: apsw.Connection, question: Question, filters: Filters, limit: int, meaning: Meaning | None = None
) -> Ranked:
    """The numbers of the messages that answer a question, best first."""
    from lcode.index.message_vectors import MESSAGES

    words = Words(connection, question.terms)
    choice = choose(connection, question, words, Scope.of(connection, filters), limit)
    asked = meaning.ask(connection, MESSAGES, question.meaning) if meaning and question.meaning.strip() else None
    meant = _meant(connection, asked, filters, question) if asked else {}
    listed = Listed(connection, words, choice.corpus)
    surroundings = Surroundings(connection, words, listed)
    around = [number for one in surroundings.read(choice.own[:_AROUND]) for side in surroundings.beside(one) for number in side]
    if Asks.CODE in question.asks:
        around += printed_after(connection, choice.own[:_AROUND])
    numbers = passing(connection, filters, dict.fromkeys((*choice.all, *around, *meant)))
    candidates = surroundings.candidates(numbers, filters.in_context)
    if question.is_time_alone:
        candidates = [one for one in candidates if question.is_then(one.time)]
    cosines = asked.cosines(numbers) if asked else {}
    return rank(question, listed.corpus, candidates, cosines)


def _meant(connection: apsw.Connection, asked: Asked, filters: Filters, question: Question) -> dict[int, float]:
    """What is nearest in meaning, of all and of each time that the question names."""
    among = None
    if filters.narrows:
        where, values = filters.clause()
        sql = f"SELECT seq FROM messages WHERE 1{where} ORDER BY seq DESC LIMIT ?"
        among = [row[0] for row in fetch_all(connection, sql, (*values, _AMONG))]
    found = dict(asked.nearest(_MEANT, among))
    for date in question.dates:
        then = asked.cosines(in_time(connection, date.start, date.end, _THEN))
        found |= {seq: then[seq] for seq in heapq.nlargest(_DATED, then, key=then.__getitem__)}
    return found


def _messages(connection: apsw.Connection, numbers: Sequence[int]) -> dict[int, MessageRow]:
    sql = f"SELECT {MESSAGE} FROM messages WHERE seq IN (SELECT value FROM json_each(?))"
    return {row[0]: to_message(row) for row in fetch_all(connection, sql, (json.dumps(list(numbers)),))}


def _newest(connection: apsw.Connection, filters: Filters, limit: int) -> list[tuple[MessageRow, float]]:
    where, values = filters.clause()
    sql = f"SELECT {MESSAGE} FROM messages WHERE 1{where} ORDER BY seq DESC LIMIT ?"
    return [(to_message(row), 0.0) for row in fetch_all(connection, sql, (*values, limit))]


def in_order(connection: apsw.Connection, filters: Filters, limit: int) -> list[RecallHit]:
    """Messages that pass the filters, oldest first."""
    where, values = filters.clause()
    sql = f"SELECT {MESSAGE} FROM messages WHERE 1{where} ORDER BY seq LIMIT ?"
    return [moment(connection, to_message(row), 0.0) for row in fetch_all(connection, sql, (*values, limit))]
