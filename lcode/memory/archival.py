"""Archival memory: passages, everything worth finding again that does not belong in the prompt all the time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import apsw

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory import lives, passage_rows
from lcode.memory.citation import Citation, parse
from lcode.memory.lives import AsOf, Change, State
from lcode.memory.meaning import Meaning
from lcode.memory.model import Passage, Provenance, Source, Trust
from lcode.memory.passage_rows import columns, passage
from lcode.memory.passage_search import Filters, search
from lcode.memory.subjects import NO_SUBJECT, subject_of
from lcode.memory.terms import identifier_parts
from lcode.redact import Redactor
from lcode.sanitize import encodable
from lcode.store.database import Database, fetch_all, fetch_one, scalar

MAX_TEXT = 20_000  # characters
KINDS = ("fact", "attempt", "note", "decision", "summary", "commit")
_CONFIDENCE = {Source.SAID: 1.0, Source.COMMIT: 1.0, Source.FILE: 0.9, Source.TOOL: 0.9, Source.INFERRED: 0.8, Source.WEB: 0.6}

# of the same text, while it is true; each side of the OR has its index: that of the text is over its beginning
_SAME = (
    "SELECT seq, id, citations FROM passages WHERE substr(text, 1, 60) = substr(?, 1, 60) AND text = ?"
    " AND (valid_to = '' OR valid_to > max(?, valid_from)) ORDER BY seq DESC LIMIT 1"
)


@dataclass(frozen=True)
class _Given:
    """What is to be kept, clean and checked."""

    text: str
    kind: str
    tags: list[str]
    texts: list[str]  # the citations as they were written
    code: list[Citation]
    bases: list[str]
    supersedes: list[str]
    subject: str
    valid_from: str
    valid_from_commit: str
    confidence: float


class Archival:
    """The passages of one agent."""

    def __init__(self, memory: Database, redactor: Redactor, meaning: Meaning | None = None) -> None:
        self._memory = memory
        self._meaning = meaning
        self._redact = redactor.redact

    # -- writing ------------------------------------------------------------------------------------------------------

    def insert(
        self,
        text: str,
        by: Provenance,
        *,
        kind: str = "fact",
        tags: Sequence[str] = (),
        citations: Sequence[str | Citation] = (),
        subject: str = "",
        depends_on: Sequence[str] = (),
        supersedes: Sequence[str] = (),
        valid_from: str = "",
        valid_from_commit: str = "",
        confidence: float | None = None,
    ) -> Passage:
        """Keep a passage, true from now and the commit at hand on (or from the stamp `valid_from`).

        The same operation, or a text that is kept and still true, is kept once: what is there gets the new tags and citations.
        What it `supersedes`, and what else was true of its single-valued subject ('': as its words say), ends where it
        begins. Passages are named by their ids or unique beginnings. Raises MemoryEditError.
        """
        given = _Given(
            *(self._text(text), kind, self._labels(tags), [self._redact(str(citation)) for citation in citations]),
            *self._cited(citations, depends_on),
            supersedes=list(supersedes),
            subject=self._redact(subject) or self._subject(text, by, kind, tags),
            valid_from=valid_from,
            valid_from_commit=valid_from_commit if valid_from else by.commit,
            confidence=_CONFIDENCE[by.source] if confidence is None else min(1.0, max(0.0, confidence)),
        )
        return passage(self._memory.write(lambda connection: passage_rows.at(connection, _insert(connection, given, by))))

    def _text(self, text: str) -> str:
        clean = self._redact(text.replace("\x00", "")).strip()
        if not clean:
            raise MemoryEditError("the passage is empty; nothing was written")
        if len(clean) > MAX_TEXT:
            raise MemoryEditError(
                f"the passage has {len(clean)} characters, {MAX_TEXT} are allowed; nothing was written", "split it"
            )
        return clean

    def _subject(self, text: str, by: Provenance, kind: str, tags: Sequence[str]) -> str:
        """What the words say that it is about. What nobody vouched for ends nothing by its words."""
        return "" if by.trust is Trust.UNVERIFIED else subject_of(self._redact(text), kind, self._labels(tags))

    def _labels(self, tags: Sequence[str]) -> list[str]:
        return sorted({self._redact(tag.strip()).lower() for tag in tags if tag.strip()})

    def _cited(self, citations: Sequence[str | Citation], depends_on: Sequence[str]) -> tuple[list[Citation], list[str]]:
        """The code that is cited, and the passages that are built on."""
        found = [parse(self._redact(cited)) if isinstance(cited, str) else cited for cited in citations]
        code = [replace(cited, path=self._redact(cited.path), symbol=self._redact(cited.symbol)) for cited in found]
        return [cited for cited in code if not cited.depends_on], [*depends_on, *filter(None, (c.depends_on for c in found))]

    def close(
        self, passage_id: str, by: Provenance, *, at: str = "", commit: str = "", reason: str = "", superseded_by: str = ""
    ) -> Passage:
        """Say that a passage is true no more from the stamp `at` on (default: now, at the commit at hand). It stays, and what
        was true before is still answered. Raises MemoryEditError."""
        why = self._redact(reason)

        def change(change: Change, subject: str) -> None:
            end, where = (at, commit) if at else (change.stamp(subject), commit or by.commit)
            after = passage_rows.full_id(change.connection, superseded_by) if superseded_by else ""
            lives.close(change, end, where, after, subject)

        return self._changed(passage_id, by, why, change)

    def reopen(self, passage_id: str, by: Provenance, *, reason: str = "") -> Passage:
        """Take back the end of a passage: it was true all along. Raises MemoryEditError."""
        return self._changed(passage_id, by, self._redact(reason), lives.reopen)

    def _changed(self, name: str, by: Provenance, reason: str, work: Callable[[Change, str], None]) -> Passage:
        def write(connection: apsw.Connection) -> str:
            if done := lives.landed(connection, by.operation_id):
                return done
            passage_id = passage_rows.full_id(connection, name)
            change = Change(connection, by, passage_id, reason)
            change.get(passage_id)
            subject = lives.subject_of(connection, passage_id)
            at = change.stamp(subject)
            work(change, subject)
            change.save(at)
            return passage_id

        return self.get(self._memory.write(write))

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, passage_id: str) -> Passage:
        """The passage with this id or unique beginning of one. Raises MemoryEditError."""
        return self._memory.read(lambda connection: _get(connection, passage_rows.full_id(connection, passage_id)))

    def landed(self, operation_id: str) -> Passage | None:
        """The passage that an operation made or changed, if it landed."""

        def read(connection: apsw.Connection) -> Passage | None:
            passage_id = _made_by(connection, operation_id)
            return _get(connection, passage_id) if passage_id else None

        return self._memory.read(read)

    def states(self, passage_id: str) -> list[State]:
        """The life of a passage: every state, the first one first. Raises MemoryEditError."""
        return self._memory.read(lambda connection: lives.states(connection, passage_rows.full_id(connection, passage_id)))

    def ended_by(self, operation_id: str) -> list[Passage]:
        """The passages that were true no more by an operation, because of another."""
        return self._memory.read(
            lambda connection: [_get(connection, ended) for ended in lives.ended_by(connection, operation_id)]
        )

    def citing(self, paths: Iterable[str]) -> list[Passage]:
        """The passages that cite one of these files and are still true, the newest first."""
        only = lives.not_ended(clock.stamp())
        sql = (
            f"SELECT {columns()} FROM passages WHERE id IN (SELECT owner FROM citations WHERE path IN"
            f" (SELECT value FROM json_each(?))) AND {only.condition} ORDER BY seq DESC"
        )
        wanted = json.dumps([encodable(path) for path in paths])
        return [
            passage(row) for row in self._memory.read(lambda connection: fetch_all(connection, sql, (wanted, *only.values)))
        ]

    def about(self, beginning: str) -> list[Passage]:
        """The passages whose subject begins so and that are still true, the newest first."""
        only = lives.not_ended(clock.stamp())
        sql = (
            f"SELECT {columns()} FROM passages WHERE id IN (SELECT passage_id FROM passage_subjects WHERE subject >= ?"
            f" AND subject < ?) AND {only.condition} ORDER BY seq DESC"
        )
        bounds = (beginning, f"{beginning}\U0010ffff")
        return [
            passage(row) for row in self._memory.read(lambda connection: fetch_all(connection, sql, (*bounds, *only.values)))
        ]

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
        as_of: AsOf | None = None,
    ) -> list[Passage]:
        """Passages that match words of `query` in any inflection, or its meaning, and pass every filter, best first; without
        words the newest.

        Without `as_of`, those that have not ended; with it, those that were true then, with the life that was known. Commits
        are among them only where their kind is asked for.
        """
        filters = Filters(kind, tuple(tags), tag_match, start, end, as_of)
        return self._memory.read(lambda connection: search(connection, query, filters, limit, self._meaning))

    def commits(self) -> tuple[list[str], dict[str, str]]:
        """Every commit that the life of a passage names, and those that others took the place of, each with that other."""
        return self._memory.read(lambda connection: (lives.commits(connection), lives.replacements(connection)))

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


def _get(connection: apsw.Connection, passage_id: str) -> Passage:
    return passage(fetch_all(connection, f"SELECT {columns()} FROM passages WHERE id = ?", (passage_id,))[0])


def _made_by(connection: apsw.Connection, operation_id: str) -> str:
    made = scalar(connection, "SELECT id FROM passages WHERE operation_id = ?", (operation_id,))
    return str(made or lives.landed(connection, operation_id))


def _insert(connection: apsw.Connection, given: _Given, by: Provenance) -> int:
    """Keep a passage, with all that follows from it; its number."""
    if done := _made_by(connection, by.operation_id):
        return int(scalar(connection, "SELECT seq FROM passages WHERE id = ?", (done,)))
    earlier = [passage_rows.full_id(connection, name) for name in given.supersedes]
    bases = [passage_rows.full_id(connection, name) for name in given.bases]
    twin = fetch_one(connection, _SAME, (given.text, given.text, max(clock.stamp(), given.valid_from)))
    passage_id = twin[1] if twin else by.operation_id.replace("op-", "passage-", 1)
    change = Change(connection, by, passage_id)
    for name in [*earlier, *([passage_id] if twin else [])]:
        change.get(name)
    subject = lives.subject_of(connection, passage_id) or _subject(connection, given.subject, earlier)
    at = change.stamp(subject)
    state = State(passage_id, 1, at, given.valid_from or at, given.valid_from_commit)
    if twin:
        seq, there = int(twin[0]), change.get(passage_id)
        if passage_id in earlier:  # it takes its own place: what it cites was wrong
            passage_rows.uncite(connection, passage_id)
            twin = (seq, passage_id, "[]")
        _enrich(connection, seq, given, json.loads(twin[2]))
        begin = min((there, state), key=lambda one: one.valid_from)  # it may be known now to have been true before
        state = replace(there, valid_from=begin.valid_from, valid_from_commit=begin.valid_from_commit)
    else:
        seq = _add(connection, passage_id, given, by, at)
    if subject:
        sql = "INSERT INTO passage_subjects (passage_id, subject) VALUES (?, ?) ON CONFLICT DO NOTHING"
        connection.execute(sql, (passage_id, subject))
    passage_rows.cite(connection, passage_id, given.code, at)
    passage_rows.link(connection, passage_id, bases)
    lives.begin(change, state, subject, [name for name in earlier if name != passage_id])
    change.save(at)
    return seq


def _subject(connection: apsw.Connection, named: str, earlier: Sequence[str]) -> str:
    """The subject of a new passage: the one that is named, else that of what it takes the place of."""
    if named == NO_SUBJECT:
        return ""
    return named or next(filter(None, (lives.subject_of(connection, name) for name in earlier)), "")


def _add(connection: apsw.Connection, passage_id: str, given: _Given, by: Provenance, at: str) -> int:
    """The rows of a new passage; its number."""
    terms = identifier_parts(given.text)
    connection.execute(
        "INSERT INTO passages (id, operation_id, text, terms, kind, citations, confidence, created_at, valid_from, actor,"
        " source, trust, session_id, step_id, commit_id, worktree) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (passage_id, by.operation_id, given.text, terms, given.kind, json.dumps(given.texts, ensure_ascii=False),
         given.confidence, at, given.valid_from or at, by.actor, by.source, by.trust, by.session_id, by.step_id, by.commit,
         by.worktree),
    )  # fmt: skip
    seq = connection.last_insert_rowid()
    connection.execute("INSERT INTO passages_fts (rowid, text, terms) VALUES (?, ?, ?)", (seq, given.text, terms))
    connection.executemany("INSERT INTO passage_tags VALUES (?, ?)", [(seq, tag) for tag in given.tags])
    return seq


def _enrich(connection: apsw.Connection, seq: int, given: _Given, there: Sequence[str]) -> None:
    """Add tags and citations to a passage that holds the citations `there`."""
    connection.executemany("INSERT INTO passage_tags VALUES (?, ?) ON CONFLICT DO NOTHING", [(seq, tag) for tag in given.tags])
    together = list(dict.fromkeys([*there, *given.texts]))
    if together != list(there):
        text = json.dumps(together, ensure_ascii=False)
        connection.execute("UPDATE passages SET citations = ? WHERE seq = ?", (text, seq))
