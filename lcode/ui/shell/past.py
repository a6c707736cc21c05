"""How the calls of a continued session ended, read from their stored results: a refused call must not look as if it had run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lcode.agent.conversation import LOOKUPS
from lcode.memory.model import MessageRow

_REFUSED = ("Refused:", "The user said no.")
_INTERRUPTED = ("interrupted", "not run:")


def ends(messages: Sequence[MessageRow]) -> dict[str, str]:
    """How each call with a stored result ended: '' (well), refused, interrupted or failed."""
    results = (part for row in messages if row.role == "tool" for part in row.content)
    return {str(part["call_id"]): _end(part) for part in results if part.get("type") == "tool_result"}


def call_ends(reply: MessageRow, known: dict[str, str]) -> list[str]:
    """The ends of a reply's calls, in the order of the lines that its text has for them."""
    calls = (part for part in reply.content if part.get("type") == "tool_call" and part.get("name") not in LOOKUPS)
    return [known.get(str(part["id"]), "interrupted") for part in calls]


def _end(result: dict[str, Any]) -> str:
    text = str(result.get("text", ""))
    if not result.get("is_error"):
        return ""
    return "refused" if text.startswith(_REFUSED) else "interrupted" if text.startswith(_INTERRUPTED) else "failed"
