"""What is in a session's prompt, as recall keeps it: the compactions of the session, each with its cut, and what they undo.

A compaction takes messages up to its cut out of the prompt and puts a summary before the rest; the messages stay in recall.
The last one that stands is in force; undone, the one before it is again. Cuts are named by messages, whose ids stay the
same wherever the rows go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import apsw

from lcode.memory.elisions import apply, elisions, goes_with, undo_with
from lcode.memory.model import MessageRow
from lcode.memory.recall_moments import MESSAGE, to_message
from lcode.store.database import fetch_all, fetch_one, scalar


@dataclass(frozen=True)
class Compaction:
    """`cut_before` and `cut_after` are the last messages that were not in the prompt before and after it ('': none);
    `trigger` says why it was made (budget, overflow, user, model), `method` who wrote the summary: the model,
    the model from a shortened text, or an extract."""

    id: str
    session_id: str
    summary_id: str
    cut_after: str
    messages: int
    tokens_before: int
    tokens_after: int
    duration_ms: int
    trigger: str
    method: str
    created_at: str
    undone_at: str = ""
    cut_before: str = ""  # found when it is recorded

    @property
    def row(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def freed(self) -> float:
        """The share of the tokens that it freed."""
        return 1 - self.tokens_after / max(1, self.tokens_before)


_COLUMNS = tuple(field.name for field in fields(Compaction))


def context_rows(connection: apsw.Connection, session_id: str) -> list[MessageRow]:
    """The messages of a session that are in its prompt: the summary in force, then what came after its cut."""
    cut = int(scalar(connection, "SELECT context_from FROM sessions WHERE id = ?", (session_id,)) or 0)
    rows = _rows(connection, session_id, cut, in_summary(connection, session_id))
    return apply(rows, elisions(connection, session_id))


def rows_before(connection: apsw.Connection, session_id: str) -> list[MessageRow]:
    """What would be in the prompt if the last compaction that stands were undone."""
    standing = _standing(connection, session_id)
    if not standing:
        return context_rows(connection, session_id)
    cut = int(scalar(connection, "SELECT seq FROM messages WHERE id = ?", (standing[-1].cut_before,)) or 0)
    summary = standing[-2].summary_id if len(standing) > 1 else _inherited(connection, session_id)
    stay = (one for one in elisions(connection, session_id) if not goes_with(one, standing[-1].created_at))
    return apply(_rows(connection, session_id, cut, summary), stay)


def _rows(connection: apsw.Connection, session_id: str, cut: int, summary: str) -> list[MessageRow]:
    sql = (
        f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND seq > ? AND (kind != 'summary' OR id = ?)"
        " ORDER BY kind != 'summary', seq"
    )
    return [to_message(row) for row in fetch_all(connection, sql, (session_id, cut, summary))]


def in_summary(connection: apsw.Connection, session_id: str) -> str:
    """The id of the summary that is in the session's prompt; '' for none."""
    made = in_force(connection, session_id)
    return made.summary_id if made else _inherited(connection, session_id)


def _inherited(connection: apsw.Connection, session_id: str) -> str:
    """A summary without a compaction of its own came with a fork, and is older than the session's compactions."""
    sql = (
        "SELECT id FROM messages WHERE session_id = ?1 AND kind = 'summary' AND created_at <"
        " coalesce((SELECT min(created_at) FROM compactions WHERE session_id = ?1), '~') ORDER BY seq DESC LIMIT 1"
    )
    return str(scalar(connection, sql, (session_id,)) or "")


def compactions(connection: apsw.Connection, session_id: str) -> list[Compaction]:
    """All of a session, oldest first; also those that were undone."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM compactions WHERE session_id = ? ORDER BY created_at, rowid"
    return [Compaction(*row) for row in fetch_all(connection, sql, (session_id,))]


def in_force(connection: apsw.Connection, session_id: str) -> Compaction | None:
    """The last compaction of a session that stands."""
    return next(reversed(_standing(connection, session_id)), None)


def changed_at(connection: apsw.Connection, session_id: str) -> str:
    """When a compaction, or taking one back, last made another prompt of the session's; '' for never. What a provider
    reported before tells nothing of the prompt as it is."""
    sql = "SELECT max(max(created_at, undone_at)) FROM compactions WHERE session_id = ?"
    return str(scalar(connection, sql, (session_id,)) or "")


def last_prompt(connection: apsw.Connection, session_id: str) -> tuple[str, str, list[dict[str, Any]]] | None:
    """API, system text and schemas of the tools that the session sent last, also where they are to be rendered anew."""
    sql = "SELECT api, system, tools FROM prompts WHERE session_id = ? ORDER BY rowid DESC LIMIT 1"
    found = fetch_one(connection, sql, (session_id,))
    return (found[0], found[1], json.loads(found[2])) if found else None


def _standing(connection: apsw.Connection, session_id: str) -> list[Compaction]:
    return [made for made in compactions(connection, session_id) if not made.undone_at]


def add(connection: apsw.Connection, **row: Any) -> None:
    """Record a compaction and put it in force. Recorded again, it takes the place of what it was: it was taken further."""
    before = fetch_one(connection, "SELECT cut_before FROM compactions WHERE id = ?", (row["id"],)) or fetch_one(
        connection,
        "SELECT messages.id FROM sessions JOIN messages ON messages.seq = context_from WHERE sessions.id = ?",
        (row["session_id"],),
    )
    row["cut_before"] = before[0] if before else ""
    names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
    connection.execute(f"INSERT OR REPLACE INTO compactions ({names}) VALUES ({marks})", [row[name] for name in _COLUMNS])
    _cut_at(connection, row["session_id"], row["cut_after"])


def undo(connection: apsw.Connection, compaction_id: str, undone_at: str) -> None:
    """Have in the prompt what was there before the compaction, and what came since."""
    sql = "SELECT session_id, cut_before, created_at FROM compactions WHERE id = ? AND undone_at = ''"
    if found := fetch_one(connection, sql, (compaction_id,)):
        connection.execute("UPDATE compactions SET undone_at = ? WHERE id = ?", (undone_at, compaction_id))
        undo_with(connection, found[0], found[2])
        _cut_at(connection, found[0], found[1])


def _cut_at(connection: apsw.Connection, session_id: str, message_id: str) -> None:
    """The prompt begins after this message, and its system text is to be rendered anew by whoever sends the next request."""
    connection.execute(
        "UPDATE sessions SET prompt_id = '', context_from = coalesce((SELECT seq FROM messages WHERE id = ?), 0) WHERE id = ?",
        (message_id, session_id),
    )


OPERATIONS: Mapping[str, Any] = {"add_compaction": add, "undo_compaction": undo}
