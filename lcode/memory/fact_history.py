"""What happened to facts, in the order in which it was learned: recorded, superseded, closed, reopened."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from lcode.store.database import Database, fetch_all

# a passage without states has had one, as it was kept
_STATES = (
    "SELECT recorded_at, passage_id, number, passage_states.valid_from, passage_states.valid_to,"
    " passage_states.superseded_by, reason, passage_states.actor, passage_states.session_id, text, kind, seq"
    " FROM passage_states JOIN passages ON passages.id = passage_id WHERE kind != 'commit'"
    " UNION ALL SELECT created_at, id, 1, coalesce(nullif(valid_from, ''), created_at), valid_to, superseded_by, '', actor,"
    " session_id, text, kind, seq FROM passages WHERE kind != 'commit'"
    " AND NOT EXISTS (SELECT 1 FROM passage_states WHERE passage_id = passages.id)"
    " ORDER BY 12, 3"
)


@dataclass(frozen=True)
class Event:
    """`what`: recorded, superseded (by `successor`), closed, reopened or redated. The life as it was known from then on."""

    at: str
    passage_id: str
    what: str
    text: str
    kind: str
    valid_from: str
    valid_to: str
    successor: str
    reason: str
    actor: str
    session_id: str


def events(memory: Database) -> list[Event]:
    """All that happened to the facts of an agent, oldest first; commits are none."""

    def work(connection: apsw.Connection) -> list[Event]:
        found: list[Event] = []
        for at, passage_id, _, begin, end, after, reason, actor, session, text, kind, _ in fetch_all(connection, _STATES):
            last = found[-1] if found and found[-1].passage_id == passage_id else None
            if last is not None and (begin, end, after, reason) == (last.valid_from, last.valid_to, last.successor, ""):
                continue  # it was said again
            what = _what(last, end, after)
            found.append(Event(at, passage_id, what, text, kind, begin, end, after, reason, actor, session))
        return found

    return sorted(memory.read(work), key=lambda event: event.at)  # stable: those of one instant as they were kept


def _what(last: Event | None, end: str, successor: str) -> str:
    if last is None:
        return "recorded"
    if not end and last.valid_to:
        return "reopened"
    if (end, successor) == (last.valid_to, last.successor):
        return "redated"
    return "superseded" if successor else "closed"
