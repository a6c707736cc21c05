"""The results of calls in recall memory, found again by their handles: the beginnings of their messages' ids.

The handle stands in the prompt, where the result no longer does. Ids are random, so that a short beginning names one
message; where it does not, that of the asking session is meant, else the newest. Copies in forks answer to the handle of
what they are copies of, also where that is gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw

from lcode.store.database import fetch_one, scalar

if TYPE_CHECKING:
    from lcode.memory.recall import Recall

_DIGITS = 8
_FOUND = """
SELECT * FROM (
SELECT content, call_id, session_id, created_at, id, copy_of FROM messages WHERE id >= ?1 AND id < ?2 AND role = 'tool'
UNION ALL
SELECT content, call_id, session_id, created_at, id, copy_of FROM messages WHERE copy_of != '' AND copy_of >= ?1
AND copy_of < ?2 AND role = 'tool'
) ORDER BY session_id = ?3 DESC, created_at DESC LIMIT 1"""
_CALL = """
SELECT arguments FROM tool_calls WHERE call_id = ?1 AND session_id IN (?2, (SELECT session_id FROM messages WHERE id = ?3))
ORDER BY rowid DESC LIMIT 1"""


@dataclass(frozen=True)
class Result:
    """What the call of `name` with `arguments` returned, whole as far as it was shown."""

    message_id: str
    name: str
    arguments: dict[str, Any]
    text: str
    created_at: str

    @property
    def about(self) -> str:
        return about(self.arguments)


def about(arguments: Mapping[str, Any]) -> str:
    """The main argument of a call on one line: the path, the command, the pattern."""
    main = next((str(value) for value in arguments.values() if isinstance(value, str)), "")
    return " ".join(main.split())[:100]


def handle_of(message_id: str) -> str:
    """The handle of a stored result."""
    return f"result-{message_id.removeprefix('message-')[:_DIGITS]}"


def find_result(recall: Recall, digits: str, session_id: str) -> Result | None:
    """The result whose handle has these digits: of any session, of the asking one where it is not one alone."""

    def work(connection: apsw.Connection, session: str) -> Result | None:
        return _result(connection, digits, session)

    return recall.ask(work, session_id) or recall.ask(work, "")


def _result(connection: apsw.Connection, digits: str, session_id: str) -> Result | None:
    row = fetch_one(connection, _FOUND, (f"message-{digits}", f"message-{digits}g", session_id))
    if row is None:
        return None
    content, call_id, session, created_at, message_id, original = row
    parts: list[dict[str, Any]] = json.loads(content)
    part = next((part for part in parts if part.get("type") == "tool_result"), {})
    arguments = json.loads(str(scalar(connection, _CALL, (call_id, session, original)) or "{}"))
    return Result(message_id, str(part.get("name", "")), arguments, str(part.get("text", "")), created_at)
