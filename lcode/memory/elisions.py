"""What stands in a session's prompt in the place of a message's parts: a line for a result, nothing for reasoning.

The message itself stays in recall, whole. An elision is kept with the session, so that whoever takes it up sends the same
bytes; forks take theirs along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import apsw

from lcode.memory.model import MessageRow
from lcode.store.database import fetch_all

RESULT, REASONING = "result", "reasoning"
COMPACTION = "compaction"  # the reason of those that were made with a compaction, and go with it


@dataclass(frozen=True)
class Elision:
    """`text` stands in the place of the result of the call `call_id` (form `result`), or the thinking of a reply is left out
    (form `reasoning`). `handle` gets the result back; `reason` says why it was taken out."""

    session_id: str
    message_id: str
    call_id: str
    form: str
    text: str
    handle: str
    reason: str
    created_at: str

    @property
    def row(self) -> dict[str, Any]:
        return asdict(self)


_COLUMNS = tuple(field.name for field in fields(Elision))
_OF_COPY = """
INSERT OR IGNORE INTO elisions (session_id, message_id, call_id, form, text, handle, reason, created_at)
SELECT copy.session_id, copy.id, elisions.call_id, form, elisions.text, handle, reason, elisions.created_at
FROM elisions JOIN messages AS source ON source.id = elisions.message_id
JOIN messages AS copy ON copy.copy_of = CASE source.copy_of WHEN '' THEN source.id ELSE source.copy_of END
WHERE elisions.session_id = ?1 AND copy.session_id = ?2"""


def elisions(connection: apsw.Connection, session_id: str) -> list[Elision]:
    """Those of a session."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM elisions WHERE session_id = ? ORDER BY rowid"
    return [Elision(*row) for row in fetch_all(connection, sql, (session_id,))]


def shown(row: MessageRow, elision: Elision) -> MessageRow:
    """The message as it stands in the prompt."""
    if elision.form == REASONING:
        return replace(row, content=[part for part in row.content if part.get("type") != "thinking"])
    content = [
        {**part, "text": elision.text} if part.get("type") == "tool_result" and part.get("call_id") == elision.call_id else part
        for part in row.content
    ]
    return replace(row, content=content)


def apply(rows: Sequence[MessageRow], found: Iterable[Elision]) -> list[MessageRow]:
    """The messages as they stand in the prompt with these elisions."""
    by_message: dict[str, list[Elision]] = {}
    for elision in found:
        by_message.setdefault(elision.message_id, []).append(elision)
    made = []
    for row in rows:
        for elision in by_message.get(row.id, ()):
            row = shown(row, elision)  # noqa: PLW2901
        made.append(row)
    return made


def goes_with(elision: Elision, compacted_at: str) -> bool:
    """Whether it was made with the compaction begun at that time, or one after it."""
    return elision.reason == COMPACTION and elision.created_at >= compacted_at


def undo_with(connection: apsw.Connection, session_id: str, compacted_at: str) -> None:
    """Have whole again what was taken out with a compaction that is undone."""
    sql = "DELETE FROM elisions WHERE session_id = ? AND reason = ? AND created_at >= ?"
    connection.execute(sql, (session_id, COMPACTION, compacted_at))


def copy_elisions(connection: apsw.Connection, source_id: str, fork_id: str) -> None:
    """Have the copies in a fork stand in its prompt as their originals stand in that of the session they come from."""
    connection.execute(_OF_COPY, (source_id, fork_id))


def _add(connection: apsw.Connection, elisions: Sequence[Mapping[str, Any]]) -> None:
    names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
    for row in elisions:
        sql = f"INSERT OR REPLACE INTO elisions ({names}) VALUES ({marks})"
        connection.execute(sql, [row[name] for name in _COLUMNS])


OPERATIONS: Mapping[str, Any] = {"add_elisions": _add}
