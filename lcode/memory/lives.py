"""The lives of passages: from when to when each was true, and since when that is known.

Two clocks. The valid one says when a fact was true of the project, in time and in commits; the recorded one when the store
learned so. Every change adds a state; nothing that was known is overwritten, so the store answers what was true at one
moment as it was known at another. Of a single-valued subject at most one fact is true at any moment: a fact ends where the
next of its subject begins. `passages` repeats the newest state of each; both are written in one transaction. A passage
without states has had one: true from when it was kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apsw

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory.dates import local
from lcode.memory.model import Actor, Passage, Provenance, Source, short_passage
from lcode.store.database import Row, fetch_all, fetch_one


@dataclass(frozen=True)
class State:
    """What was known of a passage from `recorded_at` on, until its next state. `number` counts from 1; `valid_to` '': no end
    is known. Where it ends when it begins, it never was true."""

    passage_id: str
    number: int
    recorded_at: str
    valid_from: str
    valid_from_commit: str = ""
    valid_to: str = ""
    valid_to_commit: str = ""
    superseded_by: str = ""
    reason: str = ""
    actor: Actor = Actor.PROGRAM
    source: Source = Source.INFERRED
    session_id: str = ""

    @property
    def is_void(self) -> bool:
        return bool(self.valid_to) and self.valid_to <= self.valid_from

    def ended(self, at: str, commit: str, successor: str) -> State:
        """The same with an end not later than `at`; never before its beginning."""
        if self.valid_to and self.valid_to <= at:
            return self
        if at <= self.valid_from:
            at, commit = self.valid_from, self.valid_from_commit
        return replace(self, valid_to=at, valid_to_commit=commit, superseded_by=successor)

    def same(self, other: State) -> bool:
        """Whether it says of the fact what `other` does."""
        return _life(self) == _life(other)


@dataclass(frozen=True)
class AsOf:
    """A question's moment: what was true at `valid_at`, as it was known at `known_at` ('': as it is known now).

    Where it is a commit, `lineage` says of other commits whether they are in its history; they decide then, and the time only
    where a state names no commit, or one that is not known."""

    valid_at: str
    known_at: str = ""
    lineage: Mapping[str, bool] = field(default_factory=dict)


_COLUMNS = (
    "passage_id, number, recorded_at, valid_from, valid_from_commit, valid_to, valid_to_commit, superseded_by, reason, actor,"
    " source, session_id"
)
# the only state of a passage that has no row in passage_states
_FIRST = (
    "SELECT id, 0, created_at, coalesce(nullif(valid_from, ''), created_at), commit_id, valid_to, '', superseded_by, '', actor,"
    " source, session_id FROM passages WHERE id = ?"
)


def _life(state: State) -> tuple[str, ...]:
    return (state.valid_from, state.valid_from_commit, state.valid_to, state.valid_to_commit, state.superseded_by)


def _state(row: Row) -> State:
    passage_id, number, recorded_at, begin, begin_commit, end, end_commit, successor, reason, actor, source, session_id = row
    life = (begin, begin_commit, end, end_commit, successor)
    return State(passage_id, number, recorded_at, *life, reason, Actor(actor), Source(source), session_id)


# -- reading ----------------------------------------------------------------------------------------------------------


def states(connection: apsw.Connection, passage_id: str) -> list[State]:
    """Every state of a passage, the first one first."""
    sql = f"SELECT {_COLUMNS} FROM passage_states WHERE passage_id = ? ORDER BY number"
    rows = fetch_all(connection, sql, (passage_id,)) or fetch_all(connection, _FIRST, (passage_id,))
    return [_state(row) for row in rows]


def newest(connection: apsw.Connection, passage_id: str) -> State:
    """What is known of a passage now."""
    sql = f"SELECT {_COLUMNS} FROM passage_states WHERE passage_id = ? ORDER BY number DESC LIMIT 1"
    row = fetch_one(connection, sql, (passage_id,)) or fetch_one(connection, _FIRST, (passage_id,))
    if row is None:
        raise MemoryEditError(f"there is no passage '{passage_id}'")
    return _state(row)


def subject_of(connection: apsw.Connection, passage_id: str) -> str:
    """The single-valued subject of a passage; '' for none."""
    row = fetch_one(connection, "SELECT subject FROM passage_subjects WHERE passage_id = ?", (passage_id,))
    return row[0] if row else ""


@dataclass(frozen=True)
class Restriction:
    """Which passages a search may find: a join after `passages`, a condition, and the values of both."""

    condition: str
    values: Sequence[Any]
    join: str = ""
    joined: Sequence[Any] = ()


def not_ended(at: str) -> Restriction:
    """Passages that have not ended at `at`, as it is known now."""
    return Restriction("(passages.valid_to = '' OR passages.valid_to > max(?, passages.valid_from))", [at])


def true_at(moment: AsOf) -> Restriction:
    """Passages that were true at a moment. The state of each as it was known then is joined as `life`; where there is none, the
    passage itself is its only one."""
    known = moment.known_at or "~"  # after every stamp
    join = (
        " LEFT JOIN passage_states AS life ON life.passage_id = passages.id AND life.number = (SELECT max(number) FROM"
        " passage_states WHERE passage_id = passages.id AND recorded_at <= ?)"
    )
    there = (
        "(life.number IS NOT NULL OR passages.created_at <= ? AND NOT EXISTS (SELECT 1 FROM passage_states WHERE passage_id ="
        " passages.id))"
    )
    begun, ended = f"{VALID_FROM} <= ?", f"({VALID_TO} != '' AND {VALID_TO} <= ?)"
    bounds: list[Any] = [moment.valid_at]
    if moment.lineage:
        sides = [json.dumps([commit for commit, found in moment.lineage.items() if found is side]) for side in (True, False)]
        among = "{} IN (SELECT value FROM json_each(?))"
        begun, ended = (
            f"CASE WHEN {among.format(commit)} THEN 1 WHEN {among.format(commit)} THEN 0 ELSE {by_time} END"
            for commit, by_time in ((_FROM_COMMIT, begun), (_TO_COMMIT, ended))
        )
        bounds = [*sides, moment.valid_at]
    return Restriction(f"{there} AND {begun} AND NOT {ended}", [known, *bounds, *bounds], join, [known])


VALID_FROM = "coalesce(life.valid_from, nullif(passages.valid_from, ''), passages.created_at)"
VALID_TO = "coalesce(life.valid_to, passages.valid_to)"
_FROM_COMMIT = "coalesce(life.valid_from_commit, passages.commit_id)"
_TO_COMMIT = "coalesce(life.valid_to_commit, '')"
SUPERSEDED_BY = "coalesce(life.superseded_by, passages.superseded_by)"


def commits(connection: apsw.Connection) -> list[str]:
    """Every commit at which some passage became true, or ended."""
    sql = (
        "SELECT valid_from_commit FROM passage_states UNION SELECT valid_to_commit FROM passage_states"
        " UNION SELECT commit_id FROM passages WHERE NOT EXISTS (SELECT 1 FROM passage_states WHERE passage_id = passages.id)"
    )
    return [row[0] for row in fetch_all(connection, sql) if row[0]]


def replacements(connection: apsw.Connection) -> dict[str, str]:
    """Commits that a rebase or an amend replaced, each with the one that took its place."""
    sql = "SELECT commit_id, replaced_by FROM commit_digests WHERE replaced_by != ''"
    return {row[0]: row[1] for row in fetch_all(connection, sql)}


def lifetime(passage: Passage) -> str:
    """When a passage is true, in words, where that is not simply since it was kept."""
    begins, kept = local(passage.valid_from), local(passage.created_at)
    after = f", superseded by {short_passage(passage.superseded_by)}" if passage.superseded_by else ""
    if passage.valid_to and passage.valid_to <= passage.valid_from:
        return f"never true{after}"
    if passage.valid_to:
        return f"true {begins} to {local(passage.valid_to)}{after}"
    return f"true from {begins}" if begins != kept else ""


def described(moment: AsOf) -> str:
    """A question's moment in words."""
    return f"as of {local(moment.valid_at)}" + (f", as known at {local(moment.known_at)}" if moment.known_at else "")


# -- changing: all inside a transaction -------------------------------------------------------------------------------


@dataclass
class Change:
    """What one operation makes of the lives of passages. `save` writes each that is another then; `main` in any case, so that
    the operation is known to have landed."""

    connection: apsw.Connection
    by: Provenance
    main: str
    reason: str = ""
    _before: dict[str, State] = field(default_factory=dict)
    _now: dict[str, State] = field(default_factory=dict)

    def get(self, passage_id: str) -> State:
        if passage_id not in self._now:
            self._before[passage_id] = self._now[passage_id] = newest(self.connection, passage_id)
        return self._now[passage_id]

    def put(self, state: State) -> None:
        """Give a passage that was looked at, or is new, another state."""
        self._now[state.passage_id] = state

    def stamp(self, subject: str = "") -> str:
        """When it is recorded: now, and not before anything that it may change, should the clock have gone back."""
        self.facts(subject)
        return max([clock.stamp(), *(state.recorded_at for state in self._now.values())])

    def arrange(self, subject: str) -> None:
        """End each fact of a subject where the next begins; of two that begin together the one that was said later holds."""
        after: State | None = None
        for fact in sorted(self.facts(subject), key=lambda fact: fact.valid_from, reverse=True):  # stable: later said first
            settled = fact.ended(after.valid_from, after.valid_from_commit, after.passage_id) if after else fact
            self.put(settled)
            after = after if settled.is_void else settled

    def facts(self, subject: str) -> list[State]:
        """The passages of a subject, the last that was said first."""
        sql = "SELECT passage_id FROM passage_subjects JOIN passages ON id = passage_id WHERE subject = ? ORDER BY seq DESC"
        return [self.get(row[0]) for row in fetch_all(self.connection, sql, (subject,))] if subject else []

    def save(self, at: str) -> None:
        for passage_id, state in self._now.items():
            before = self._before.get(passage_id)
            if passage_id == self.main or before is None or not state.same(before):
                self._append(state, before, at)

    def _append(self, state: State, before: State | None, at: str) -> None:
        if before is not None and not before.number:  # its first state stood in the passage alone
            _materialise(self.connection, before)
            before = replace(before, number=1)
        operation = self.by.operation_id if state.passage_id == self.main else f"{self.by.operation_id}/{state.passage_id}"
        by, number = self.by, before.number + 1 if before else 1
        self.connection.execute(
            f"INSERT INTO passage_states ({_COLUMNS}, operation_id, trust, step_id, commit_id, worktree)"
            f" VALUES ({', '.join('?' * 17)})",
            (state.passage_id, number, at, *_life(state), self.reason, by.actor, by.source, by.session_id, operation, by.trust,
             by.step_id, by.commit, by.worktree),
        )  # fmt: skip
        self.connection.execute(
            "UPDATE passages SET valid_from = ?, valid_to = ?, superseded_by = ? WHERE id = ?",
            (state.valid_from, state.valid_to, state.superseded_by, state.passage_id),
        )


def _materialise(connection: apsw.Connection, first: State) -> None:
    connection.execute(
        "INSERT INTO passage_states (passage_id, number, recorded_at, valid_from, valid_from_commit, valid_to, superseded_by,"
        " operation_id, actor, source, trust, session_id, step_id, commit_id, worktree)"
        " SELECT id, 1, created_at, ?, commit_id, valid_to, superseded_by, operation_id, actor, source, trust, session_id,"
        " step_id, commit_id, worktree FROM passages WHERE id = ?",
        (first.valid_from, first.passage_id),
    )


def begin(change: Change, state: State, subject: str, supersedes: Iterable[str]) -> None:
    """Give a passage its first state, or another beginning, and end what it takes the place of."""
    change.put(state)
    for earlier in supersedes:
        change.put(change.get(earlier).ended(state.valid_from, state.valid_from_commit, state.passage_id))
    change.arrange(subject)


def close(change: Change, at: str, commit: str, successor: str, subject: str) -> None:
    """End a passage at `at`, be it earlier or later than it was known to end."""
    state = change.get(change.main)
    change.put(replace(state, valid_to="", superseded_by="").ended(at, commit, successor))
    change.arrange(subject)


def reopen(change: Change, subject: str) -> None:
    """Take back the end of a passage. A fact of its subject that took its place never was true then; it ends where the next
    one begins."""
    state = change.get(change.main)
    if not state.valid_to:
        return
    for rival in change.facts(subject):
        began_with_it = rival.valid_from == state.valid_from and not rival.is_void
        if rival.passage_id != state.passage_id and (began_with_it or rival.passage_id == state.superseded_by):
            change.put(rival.ended("", "", state.passage_id))
    change.put(replace(state, valid_to="", valid_to_commit="", superseded_by=""))
    change.arrange(subject)


def settle(connection: apsw.Connection, subjects: Iterable[str], by: Provenance, reason: str) -> None:
    """Make sure that each of these subjects has one fact at a time, after facts came from elsewhere."""
    for subject in subjects:
        change = Change(connection, by, "", reason)
        at = change.stamp(subject)
        change.arrange(subject)
        change.save(at)


def landed(connection: apsw.Connection, operation_id: str) -> str:
    """The passage whose life an operation changed, if it did; else ''."""
    row = fetch_one(connection, "SELECT passage_id FROM passage_states WHERE operation_id = ?", (operation_id,))
    return row[0] if row else ""


def ended_by(connection: apsw.Connection, operation_id: str) -> list[str]:
    """The other passages that an operation ended."""
    sql = "SELECT passage_id FROM passage_states WHERE operation_id > ? AND operation_id < ? AND superseded_by != ''"
    return [row[0] for row in fetch_all(connection, f"{sql} ORDER BY rowid", (f"{operation_id}/", f"{operation_id}/~"))]
