"""How the calls of a continued session ended, read from their stored results: a refused call must not look as if it had run."""

from __future__ import annotations

from collections.abc import Sequence

from lcode.agent.conversation import LOOKUPS, end_of
from lcode.memory.model import MessageRow


def ends(messages: Sequence[MessageRow]) -> dict[str, str]:
    """How each call with a stored result ended: '' (well), refused, interrupted or failed."""
    results = (part for row in messages if row.role == "tool" for part in row.content)
    return {str(part["call_id"]): end_of(part) for part in results if part.get("type") == "tool_result"}


def call_ends(reply: MessageRow, known: dict[str, str]) -> list[str]:
    """The ends of a reply's calls, in the order of the lines that its text has for them."""
    calls = (part for part in reply.content if part.get("type") == "tool_call" and part.get("name") not in LOOKUPS)
    return [known.get(str(part["id"]), "interrupted") for part in calls]
