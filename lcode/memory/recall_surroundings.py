"""What stands around a message: the spoken messages next to it, and what its session is about.

Each text is read and counted once, however many candidates it stands beside. How often a word stands in a session is counted
by the messages that the full text lists for it.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import apsw

from lcode.memory.recall_candidates import SPEECH
from lcode.memory.recall_ranking import Candidate, Corpus, Counts
from lcode.memory.recall_words import Words, any_of
from lcode.store.database import Row, fetch_all, scalar

_LISTED = 12_000  # messages that are listed for the words of one question, those of the rarest words first
_APART = 5_000  # messages of a store of which it is looked up of which session each is
_COLUMNS = "seq, session_id, role, kind, created_at, text, terms"
_SPOKEN = "kind IN ('user', 'assistant') AND text != '' AND substr(text, 1, 1) != '→'"  # of which there is an index
_AMONG = "seq IN (SELECT value FROM json_each(?))"
_BESIDE = 2  # messages on either side


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


class Listed:
    """Which messages hold the words of a question, and in how many sessions they stand. Words that are too common are in none
    of the lists."""

    def __init__(self, connection: apsw.Connection, words: Words, corpus: Corpus) -> None:
        room = _LISTED
        self.terms: list[frozenset[int]] = [frozenset()] * len(words.terms)
        for number, found in sorted(enumerate(corpus.found), key=lambda pair: pair[1]):
            if (room := room - found) >= 0 and found:
                self.terms[number] = _listed(connection, any_of(words.terms[number].own))
        self.any = frozenset[int]().union(*self.terms)
        self.corpus = replace(corpus, found_sessions=self._sessions(connection, corpus))

    def _sessions(self, connection: apsw.Connection, corpus: Corpus) -> tuple[int, ...]:
        """In a large store equal runs of messages stand for sessions."""
        newest = int(scalar(connection, "SELECT max(seq) FROM messages") or 0)
        if newest <= _APART:
            of: dict[int, str] = dict(fetch_all(connection, "SELECT seq, session_id FROM messages"))
            return tuple(len({of.get(number) for number in listed}) for listed in self.terms)
        run = max(1, newest // max(corpus.sessions, 1))
        many = (len({number // run for number in listed}) for listed in self.terms)
        return tuple(count or (corpus.sessions if found else 0) for count, found in zip(many, corpus.found, strict=True))


class Surroundings:
    """The texts of one search, each read once."""

    def __init__(self, connection: apsw.Connection, words: Words, listed: Listed) -> None:
        self._connection = connection
        self._words = words
        self._listed = listed
        self._read: dict[int, Said] = {}
        self._spoken: dict[str, list[int]] = {}
        self._beside: dict[int, tuple[Counts, bool]] = {}  # counts, and whether it asks

    def read(self, numbers: Iterable[int]) -> list[Said]:
        """The messages, in the order given; those that are not there are left out."""
        order = list(numbers)
        for seq, session, role, kind, time, text, terms in self._rows(_COLUMNS, order, self._read):
            counts = self._words.counts(text, terms)
            self._read[seq] = Said(seq, session, role, kind, time, text, text.count(" ") + 1, counts)
        return [self._read[number] for number in order if number in self._read]

    def _rows(self, columns: str, numbers: Iterable[int], known: Container[int]) -> list[Row]:
        wanted = json.dumps([number for number in numbers if number not in known])
        return fetch_all(self._connection, f"SELECT {columns} FROM messages WHERE {_AMONG}", (wanted,))

    def beside(self, one: Said) -> tuple[list[int], list[int]]:
        """The numbers of up to two messages that somebody spoke before it, and after it, in its session, the nearest first."""
        spoken = self._spoken_in(one.session)
        start, end = bisect_left(spoken, one.seq), bisect_right(spoken, one.seq)
        return spoken[max(0, start - _BESIDE) : start][::-1], spoken[end : end + _BESIDE]

    def _spoken_in(self, session: str) -> list[int]:
        if session not in self._spoken:
            sql = (
                f"SELECT json_group_array(seq) FROM (SELECT seq FROM messages WHERE session_id = ? AND {_SPOKEN} ORDER BY seq)"
            )
            self._spoken[session] = json.loads(scalar(self._connection, sql, (session,)))
        return self._spoken[session]

    def _read_beside(self, numbers: Iterable[int]) -> None:
        """What counts of messages that stand beside others; those in no list need not be read for their words."""
        apart = list(dict.fromkeys(numbers))
        self.read(number for number in apart if number in self._listed.any)
        for number in apart:
            if (said := self._read.get(number)) is not None:
                self._beside[number] = said.counts, "?" in said.text
        for number, asks in self._rows("seq, instr(text, '?')", apart, self._beside):
            self._beside[number] = self._words.none, bool(asks)

    def candidates(self, numbers: Iterable[int], hidden: tuple[str, int]) -> list[Candidate]:
        """The messages as candidates for ranking. `hidden`: what is of this session up to this number was compacted."""
        chosen = self.read(numbers)
        sides = [self.beside(one) for one in chosen]
        self._read_beside(number for pair in sides for side in pair for number in side)
        names, topics = self._names(chosen), self._topics({one.session for one in chosen})
        return [
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
                before=tuple(self._beside[number][0] for number in before),
                after=tuple(self._beside[number][0] for number in after),
                asked=bool(before) and self._beside[before[0]][1],
                topic=topics[one.session][0],
                topic_length=topics[one.session][1],
                compacted=one.session == hidden[0] and one.seq <= hidden[1],
            )
            for one, (before, after) in zip(chosen, sides, strict=True)
        ]

    def _names(self, chosen: Sequence[Said]) -> dict[int, str]:
        sql = f"SELECT seq, name FROM message_details WHERE name != '' AND {_AMONG}"
        return dict(fetch_all(self._connection, sql, (json.dumps([one.seq for one in chosen]),)))

    def _topics(self, sessions: Iterable[str]) -> dict[str, tuple[Counts, int]]:
        """In how many spoken messages of each session the terms stand, and how many words it is long."""
        corpus = self._listed.corpus
        mean = corpus.words / corpus.messages if corpus.messages else 1.0
        found = {}
        for session in sessions:
            spoken = self._spoken_in(session)
            times = (len(listed.intersection(spoken)) for listed in self._listed.terms)
            found[session] = tuple((float(count), float(count > 0)) for count in times), int(len(spoken) * mean)
        return found


def _listed(connection: apsw.Connection, expression: str) -> frozenset[int]:
    if not expression:
        return frozenset()
    sql = f"SELECT json_group_array(rowid) FROM {SPEECH} WHERE {SPEECH} MATCH ?"
    return frozenset(json.loads(scalar(connection, sql, (expression,))))
