"""What is in a session's prompt, as recall keeps it: the compactions of the session, each with its cut, and what they undo.

A compaction takes messages up to its cut out of the prompt and puts a summary before the rest; the messages stay in recall.
The last one that stands is in force; undone, the one before it is again. Cuts are named by messages, whose ids stay the
same wherever the rows go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import apsw

from lcode.memory.model import MessageRow
from lcode.memory.recall_search import MESSAGE, to_message
from lcode.store.database import fetch_all, fetch_one, scalar

_UNDONE = "SELECT summary_id FROM compactions WHERE session_id = ?1 AND undone_at != ''"


@dataclass(frozen=True)
class Compaction:
    """`cut_before` and `cut_after` are the last messages that were not in the prompt before and after it ('': none);
    `trigger` says why it was made (budget, overflow, user, model), `method` who wrote the summary: the model,
    the model from a shortened text, or an extract."""

    id: str
    session_id: str
    summary_id: str
    cut_before: str
    cut_after: str
    messages: int
    tokens_before: int
    tokens_after: int
    duration_ms: int
    trigger: str
    method: str
    created_at: str
    undone_at: str = ""

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
    sql = f"SELECT {MESSAGE} FROM messages WHERE session_id = ?1 AND seq > ?2 AND id NOT IN ({_UNDONE}) ORDER BY seq"
    rows = [to_message(row) for row in fetch_all(connection, sql, (session_id, cut))]
    summaries = [row for row in rows if row.kind == "summary"]
    return [*summaries[-1:], *(row for row in rows if row.kind != "summary")]


def compactions(connection: apsw.Connection, session_id: str) -> list[Compaction]:
    """All of a session, oldest first; also those that were undone."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM compactions WHERE session_id = ? ORDER BY created_at, rowid"
    return [Compaction(*row) for row in fetch_all(connection, sql, (session_id,))]


def add(connection: apsw.Connection, **row: Any) -> None:
    """Record a compaction and put it in force. Recorded again, it takes the place of what it was: it was taken further."""
    names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
    connection.execute(f"INSERT OR REPLACE INTO compactions ({names}) VALUES ({marks})", [row[name] for name in _COLUMNS])
    _cut_at(connection, row["session_id"], row["cut_after"])


def undo(connection: apsw.Connection, compaction_id: str, undone_at: str) -> None:
    """Have in the prompt what was there before the compaction, and what came since."""
    found = fetch_one(connection, "SELECT session_id, cut_before FROM compactions WHERE id = ?", (compaction_id,))
    if found is not None:
        connection.execute("UPDATE compactions SET undone_at = ? WHERE id = ?", (undone_at, compaction_id))
        _cut_at(connection, found[0], found[1])


def _cut_at(connection: apsw.Connection, session_id: str, message_id: str) -> None:
    """The prompt begins after this message, and its system text is to be rendered anew by whoever sends the next request."""
    connection.execute(
        "UPDATE sessions SET prompt_id = '', context_from = coalesce((SELECT seq FROM messages WHERE id = ?), 0) WHERE id = ?",
        (message_id, session_id),
    )


OPERATIONS: Mapping[str, Any] = {"add_compaction": add, "undo_compaction": undo}
