"""From the words of a question to the messages worth ranking: full text in SQL, within bounds that hold in a store of any size.

Rare words choose; common ones are counted in what those chose: a word that half of all messages hold costs time and tells
little. What tools print is looked up apart from speech and has a share of the places. What neighbours and the session say is
gathered when it is asked for (see `recall_surroundings`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from lcode.memory.recall_filters import Filters
from lcode.memory.recall_question import Question
from lcode.memory.recall_ranking import Corpus
from lcode.memory.recall_words import Words, any_of
from lcode.store.database import fetch_all, fetch_one, scalar

SPEECH, OUTPUTS = "messages_fts", "tool_messages_fts"
_BEST = {SPEECH: 60, OUTPUTS: 15}  # messages, by the words themselves
_NEAR = 10  # by words of like meaning
_DATED = 60  # in each time that the question names
_LOOKED_AT = 5  # times as many messages of a long time are looked at as are taken
_AFTER = 3  # messages within which a call of a tool and its result follow
_SCORED = {SPEECH: 5_000, OUTPUTS: 2_000}  # rows that one query may score
_NEAR_SCORED = 2_000  # the same by words of like meaning
_RARE = 1_000  # messages that a word of like meaning may be in
_SCORE = "bm25({0}, 1.0, 0.5)"
_ANY_COPY = "SELECT 1 FROM messages WHERE copy_of != '' LIMIT 1"
_COPIES = (  # a message is found where it was said, or where that is gone in its first copy
    "SELECT copy.seq FROM messages AS copy WHERE copy.copy_of != '' AND EXISTS (SELECT 1 FROM messages AS twin"
    " WHERE twin.id = copy.copy_of OR (twin.copy_of = copy.copy_of AND twin.seq < copy.seq))"
)


@dataclass(frozen=True)
class Scope:
    """Which rows of an index may be found at all, as SQL. What few rows are hidden by is cheaper as a list of those; what
    narrows the search (`joined`) is asked of each row."""

    joined: str = ""
    where: str = ""
    values: tuple[Any, ...] = ()
    share: float = 1.0  # of all messages, that its numbers may be of

    @classmethod
    def of(cls, connection: apsw.Connection, filters: Filters) -> Scope:
        if filters.narrows:
            where, values = filters.clause()
            low, high = _range(connection, filters.session_id, *filters.bounds)
            joined = " JOIN messages ON messages.seq = {0}.rowid"
            share = (high - low + 1) / _last(connection)
            return cls(joined, f" AND {{0}}.rowid BETWEEN ? AND ?{where}", (low, high, *values), share)
        session, after = filters.in_context
        where = f" AND {{0}}.rowid NOT IN ({_COPIES})" if fetch_one(connection, _ANY_COPY) else ""
        if not session:
            return cls("", where)
        elided = "SELECT message_id FROM elisions WHERE session_id = ?"
        shown = f"SELECT seq FROM messages WHERE session_id = ? AND seq > ? AND id NOT IN ({elided})"
        return cls("", f"{where} AND NOT ({{0}}.rowid > ? AND {{0}}.rowid IN ({shown}))", (after, session, after, session))

    def at(self, connection: apsw.Connection, start: str, end: str) -> Scope:
        """The same within a time."""
        low, high = _range(connection, "", start, end)
        joined = self.joined or " JOIN messages ON messages.seq = {0}.rowid"
        time = " AND {0}.rowid BETWEEN ? AND ? AND messages.created_at >= ? AND (? = '' OR messages.created_at < ?)"
        values = (low, high, start, end, end, *self.values)
        return Scope(joined, time + self.where, values, (high - low + 1) / _last(connection))

    def best(self, connection: apsw.Connection, index: str, expression: str, limit: int, since: int = 0) -> list[int]:
        """The messages that match, best first."""
        if not expression or not limit:
            return []
        sql = (
            f"SELECT {index}.rowid FROM {index}{self.joined.format(index)} WHERE {index} MATCH ?"
            f"{f' AND {index}.rowid > {since}' if since else ''}{self.where.format(index)}"
            f" ORDER BY {_SCORE.format(index)}, {index}.rowid DESC LIMIT ?"
        )
        return [row[0] for row in fetch_all(connection, sql, (expression, *self.values, limit))]


@dataclass
class Choice:
    """The messages that were chosen, best first of each way; `corpus` is what they were chosen from."""

    corpus: Corpus
    own: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    @property
    def all(self) -> list[int]:
        return list(dict.fromkeys((*self.own, *self.others)))


def choose(connection: apsw.Connection, question: Question, words: Words, scope: Scope, limit: int) -> Choice:
    """The messages that are worth ranking by their words, `limit` of them at the least where there are so many."""
    found = _found(connection, SPEECH, words)
    choice = Choice(_corpus(connection, found))
    choice.own = _by_words(connection, SPEECH, words, found, scope, max(_BEST[SPEECH], limit))
    printed = _found(connection, OUTPUTS, words)
    choice.others = _by_words(connection, OUTPUTS, words, printed, scope, _BEST[OUTPUTS])
    choice.others += scope.best(connection, SPEECH, _near(connection, words), _NEAR)
    for date in question.dates:
        within = scope.at(connection, date.start, date.end)
        choice.others += _by_words(connection, SPEECH, words, found, within, _DATED)
        choice.others += _said(connection, date.start, date.end, _DATED)
    return choice


def _by_words(
    connection: apsw.Connection, index: str, words: Words, found: Sequence[int], scope: Scope, limit: int
) -> list[int]:
    """The best messages by the rarest of the words, as many as may be scored; where those choose too few, what holds two of the
    others, and then the newest that hold one of them."""
    found = [int(count * scope.share) or min(count, 1) for count in found]
    order = sorted((number for number, count in enumerate(found) if count), key=lambda number: found[number])
    chosen: list[int] = []
    rows = 0
    while order and rows + found[order[0]] <= _SCORED[index]:
        rows += found[order[0]]
        chosen.append(order.pop(0))
    parts = [any_of(words.terms[number].own) for number in chosen]
    if rows < limit and len(order) > 1:
        parts.append(" AND ".join(f"({any_of(words.terms[number].own)})" for number in order[:2]))
    best = dict.fromkeys(scope.best(connection, index, " OR ".join(f"({part})" for part in parts), limit))
    for number in order:
        if len(best) >= limit:
            break
        best |= dict.fromkeys(_newest(connection, index, any_of(words.terms[number].own), found[number], scope, limit))
    return list(best)[:limit]


def _newest(connection: apsw.Connection, index: str, expression: str, found: int, scope: Scope, limit: int) -> list[int]:
    """The best of the newest messages that match, of older ones too where those are too few that may be found."""
    newest = _last(connection)
    scored = _SCORED[index]
    while True:
        since = max(0, int(newest * (1 - scored / max(found, 1))))
        best = scope.best(connection, index, expression, limit, since)
        if len(best) >= limit or not since:
            return best
        scored *= 8


def _near(connection: apsw.Connection, words: Words) -> str:
    """The words of like meaning that are rare enough to choose by."""
    forms = {form: weight for term in words.terms for form, weight in term.near}
    stems = {form: words.stems(form) for form in sorted(forms, key=lambda form: -forms[form])}
    held = _held(connection, SPEECH, [stem for some in stems.values() for stem in some])
    rare, rows = [], 0
    for form, some in stems.items():
        count = sum(held.get(stem, 0) for stem in some)
        if 0 < count <= _RARE and rows + count <= _NEAR_SCORED:
            rare.append(form)
            rows += count
    return any_of(rare)


def _found(connection: apsw.Connection, index: str, words: Words) -> list[int]:
    """In how many messages each term stands, those with several of its forms counted as several."""
    held = _held(connection, index, words.own)
    found = [0] * len(words.terms)
    for stem, number in words.own.items():
        found[number] += held.get(stem, 0)
    return found


def _held(connection: apsw.Connection, index: str, stems: Iterable[str]) -> dict[str, int]:
    """How many messages hold each of the words."""
    sql = f"SELECT term, doc FROM {index}_terms WHERE term IN (SELECT value FROM json_each(?))"
    return dict(fetch_all(connection, sql, (json.dumps(sorted(set(stems))),)))


def _corpus(connection: apsw.Connection, found: Sequence[int]) -> Corpus:
    connection.register_fts5_function("lcode_size", _size)
    sql = f"SELECT lcode_size({SPEECH}) FROM {SPEECH} LIMIT 1"
    messages, words = json.loads(scalar(connection, sql) or "[0, 0]")
    sessions = int(scalar(connection, "SELECT count(*) FROM sessions") or 0)
    return Corpus(messages, max(words, 1), sessions, tuple(found), ())


def _size(api: apsw.FTS5ExtensionApi, *_: Any) -> str:
    return json.dumps([api.row_count, api.column_total_size(0)])


def _last(connection: apsw.Connection) -> int:
    return int(scalar(connection, "SELECT max(seq) FROM messages") or 1)


def _range(connection: apsw.Connection, session_id: str, start: str, end: str) -> tuple[int, int]:
    """Numbers between which all messages of a session or a time lie."""
    conditions = [("session_id = ?", session_id), ("created_at >= ?", start), ("created_at < ?", end)]
    given = [(condition, value) for condition, value in conditions if value]
    where = " AND ".join(condition for condition, _ in given) or "1"
    sql = f"SELECT min(seq), max(seq) FROM messages WHERE {where}"
    low, high = fetch_one(connection, sql, [value for _, value in given]) or (None, None)
    return low or 0, high or 0


def _said(connection: apsw.Connection, start: str, end: str, limit: int) -> list[int]:
    """What users and the agent said in a time, from all over it: of a short one all."""
    of_time = "SELECT seq FROM messages WHERE created_at >= ? AND (? = '' OR created_at < ?) ORDER BY created_at"
    numbers = json.loads(scalar(connection, f"SELECT json_group_array(seq) FROM ({of_time})", (start, end, end)))
    some = json.dumps(numbers[:: len(numbers) // (_LOOKED_AT * limit) + 1])
    sql = "SELECT seq FROM messages WHERE seq IN (SELECT value FROM json_each(?)) AND kind IN ('user', 'assistant')"
    spoken = [row[0] for row in fetch_all(connection, sql, (some,))]
    return spoken[:: -(-len(spoken) // limit)] if spoken else []


def printed_after(connection: apsw.Connection, numbers: Sequence[int]) -> list[int]:
    """The calls of tools that follow these messages, and what came of them: where a command was asked for, and where it was
    run."""
    sql = (
        "SELECT other.seq FROM messages AS one JOIN messages AS other ON other.session_id = one.session_id"
        " AND other.seq BETWEEN one.seq + 1 AND one.seq + ? WHERE one.seq IN (SELECT value FROM json_each(?))"
        " AND (other.kind = 'tool' OR substr(other.text, 1, 1) = '→')"
    )
    return [row[0] for row in fetch_all(connection, sql, (_AFTER, json.dumps(numbers)))]


def in_time(connection: apsw.Connection, start: str, end: str, limit: int) -> list[int]:
    """The messages of a time, or the newest of them."""
    sql = "SELECT seq FROM messages WHERE created_at >= ? AND (? = '' OR created_at < ?) ORDER BY created_at DESC LIMIT ?"
    return [row[0] for row in fetch_all(connection, sql, (start, end, end, limit))]


def passing(connection: apsw.Connection, filters: Filters, numbers: Iterable[int]) -> set[int]:
    """Those of the messages that pass the filters; a summary only repeats what others say."""
    where, values = filters.clause()
    sql = f"SELECT seq FROM messages WHERE seq IN (SELECT value FROM json_each(?)) AND kind != 'summary'{where}"
    return {row[0] for row in fetch_all(connection, sql, (json.dumps([*numbers]), *values))}
