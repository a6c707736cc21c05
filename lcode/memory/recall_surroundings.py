"""What stands around a message: the spoken messages next to it, and what its session is about.

Each text is read and counted once, however many candidates it stands beside. How often a word stands in a session is counted
by the messages that the full text lists for it.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import apsw

from lcode.memory.recall_candidates import SPEECH
from lcode.memory.recall_ranking import Candidate, Corpus, Counts
from lcode.memory.recall_words import Words, any_of
from lcode.store.database import fetch_all, fetch_one, scalar

_LISTED = 20_000  # messages of one word that are told apart by their sessions
_APART = 5_000  # messages of a store of which it is looked up of which session each is
_COLUMNS = "seq, session_id, role, kind, created_at, text, terms"
_SPOKEN = "kind IN ('user', 'assistant') AND text != '' AND substr(text, 1, 1) != '→'"  # of which there is an index
_BESIDE = (
    f"SELECT seq FROM messages WHERE session_id = ? AND seq < ? AND {_SPOKEN} ORDER BY seq DESC LIMIT 2",
    f"SELECT seq FROM messages WHERE session_id = ? AND seq > ? AND {_SPOKEN} ORDER BY seq LIMIT 2",
)


Beside = tuple[list[int], list[int]]


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was read."""

    seq: int
    session: str
    role: str
    kind: str
    time: str
    text: str
    length: int
    counts: Counts


@dataclass(frozen=True)
class _Bounds:
    """The numbers between which the messages of a session lie; `numbers` are its own where others lie between them too."""

    first: int
    last: int
    size: int
    numbers: frozenset[int]


class Surroundings:
    """The texts of one search."""

    def __init__(self, connection: apsw.Connection, words: Words) -> None:
        self._connection = connection
        self._words = words
        self._read: dict[int, Said] = {}
        self._beside: dict[int, Beside] = {}

    def read(self, numbers: Iterable[int]) -> list[Said]:
        """The messages, in the order given; those that are not there are left out."""
        order = list(numbers)
        wanted = json.dumps([number for number in order if number not in self._read])
        sql = f"SELECT {_COLUMNS} FROM messages WHERE seq IN (SELECT value FROM json_each(?))"
        for seq, session, role, kind, time, text, terms in fetch_all(self._connection, sql, (wanted,)):
            counts = self._words.counts(text, terms)
            self._read[seq] = Said(seq, session, role, kind, time, text, text.count(" ") + 1, counts)
        return [self._read[number] for number in order if number in self._read]

    def beside(self, one: Said) -> Beside:
        """The numbers of up to two messages that somebody spoke before it, and after it, in its session, the nearest first."""
        if one.seq not in self._beside:
            here = (one.session, one.seq)
            before, after = ([row[0] for row in fetch_all(self._connection, sql, here)] for sql in _BESIDE)
            self._beside[one.seq] = before, after
        return self._beside[one.seq]

    def candidates(self, numbers: Iterable[int], topics: Topics, hidden: tuple[str, int]) -> list[Candidate]:
        """The messages as candidates for ranking. `hidden`: what is of this session up to this number was compacted."""
        chosen = self.read(numbers)
        self.read({number: None for one in chosen for side in self.beside(one) for number in side})
        names = self._names(chosen)
        about = topics.of({one.session for one in chosen})
        found = []
        for one in chosen:
            before, after = ([self._read[number] for number in side] for side in self.beside(one))
            topic, length = about[one.session]
            found.append(
                Candidate(
                    one.seq,
                    one.session,
                    one.role,
                    one.kind,
                    names.get(one.seq, ""),
                    one.time,
                    one.text,
                    one.length,
                    one.counts,
                    before=tuple(other.counts for other in before),
                    after=tuple(other.counts for other in after),
                    asked=bool(before) and "?" in before[0].text,
                    topic=topic,
                    topic_length=length,
                    compacted=one.session == hidden[0] and one.seq <= hidden[1],
                )
            )
        return found

    def _names(self, chosen: Sequence[Said]) -> dict[int, str]:
        sql = "SELECT seq, name FROM message_details WHERE name != '' AND seq IN (SELECT value FROM json_each(?))"
        return dict(fetch_all(self._connection, sql, (json.dumps([one.seq for one in chosen]),)))


class Topics:
    """How often the words of a question stand in whole sessions. `corpus` knows it of all of them together."""

    def __init__(self, connection: apsw.Connection, words: Words, corpus: Corpus) -> None:
        self._connection = connection
        self._mean = corpus.words / corpus.messages if corpus.messages else 1.0
        self._listed = [
            _listed(connection, any_of(term.own)) if 0 < count <= _LISTED else []
            for term, count in zip(words.terms, corpus.found, strict=True)
        ]
        self.corpus = replace(corpus, found_sessions=self._sessions(corpus))

    def of(self, sessions: Iterable[str]) -> dict[str, tuple[Counts, int]]:
        """The counts of each session, and of how many words it is."""
        found = {}
        for session in sessions:
            bounds = self._bounds(session)
            counts = tuple(_within(bounds, listed) for listed in self._listed)
            found[session] = tuple((float(count), float(count > 0)) for count in counts), int(bounds.size * self._mean)
        return found

    def _sessions(self, corpus: Corpus) -> tuple[int, ...]:
        """In how many sessions each term stands: in a large store equal runs of messages stand for sessions."""
        newest = int(scalar(self._connection, "SELECT max(seq) FROM messages") or 0)
        if newest <= _APART:
            of: dict[int, str] = dict(fetch_all(self._connection, "SELECT seq, session_id FROM messages"))
            return tuple(len({of.get(number) for number in listed}) for listed in self._listed)
        run = max(1, newest // max(corpus.sessions, 1))
        many = (len({number // run for number in listed}) for listed in self._listed)
        return tuple(count or (corpus.sessions if found else 0) for count, found in zip(many, corpus.found, strict=True))

    def _bounds(self, session: str) -> _Bounds:
        row = fetch_one(self._connection, "SELECT min(seq), max(seq), count(*) FROM messages WHERE session_id = ?", (session,))
        first, last, size = row if row and row[2] else (0, 0, 0)
        if last - first + 1 == size:
            return _Bounds(first, last, size, frozenset())
        rows = fetch_all(self._connection, "SELECT seq FROM messages WHERE session_id = ?", (session,))
        return _Bounds(first, last, size, frozenset(row[0] for row in rows))


def _listed(connection: apsw.Connection, expression: str) -> list[int]:
    sql = f"SELECT rowid FROM {SPEECH} WHERE {SPEECH} MATCH ?"
    return [row[0] for row in fetch_all(connection, sql, (expression,))]


def _within(bounds: _Bounds, listed: Sequence[int]) -> int:
    start, end = bisect_left(listed, bounds.first), bisect_right(listed, bounds.last)
    if not bounds.numbers:
        return end - start
    return sum(number in bounds.numbers for number in listed[start:end])
