"""From stored messages to what is sent, and back: the one place where the two forms meet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lcode.llm.protocol import Message, ToolCall, ToolResult
from lcode.llm.wire import parts_from_json
from lcode.memory.model import MessageRow
from lcode.memory.reply_text import call_line as line_of_call
from lcode.memory.reply_text import reply_text as text_of_reply

BY_A_COMMAND = "(asked by a session's command)"  # what the user typed of such a message: nothing
LOOKUPS = frozenset({"conversation_search", "conversation_search_date", "archival_memory_search"})
_REFUSED = ("Refused:", "The user said no.")  # how the results of such calls begin
_INTERRUPTED = ("interrupted", "not run:")


def end_of(result: Mapping[str, Any]) -> str:
    """How the call of a stored result ended: '' (well), refused, interrupted or failed."""
    if not result.get("is_error"):
        return ""
    text = str(result.get("text", ""))
    return "refused" if text.startswith(_REFUSED) else "interrupted" if text.startswith(_INTERRUPTED) else "failed"


def to_messages(rows: Iterable[MessageRow]) -> tuple[Message, ...]:
    """Rows in stored order as neutral messages: the results of a step become one `tool` message, in the order of its calls."""
    messages: list[Message] = []
    waiting: dict[str, ToolResult | None] = {}
    for row in rows:
        parts = parts_from_json(row.content)
        if row.role == "tool":
            waiting |= {part.call_id: part for part in parts if isinstance(part, ToolResult) and part.call_id in waiting}
            continue
        _close(messages, waiting)
        if row.role == "assistant":
            messages.append(Message("assistant", parts))
            waiting = {part.id: None for part in parts if isinstance(part, ToolCall)}
        else:
            messages.append(Message("user", parts))
    _close(messages, waiting)
    return tuple(messages)


def _close(messages: list[Message], waiting: dict[str, ToolResult | None]) -> None:
    """End a step: every call has an answer, whatever happened."""
    if waiting:
        lost = {
            call_id: result or ToolResult(call_id, "", "interrupted: no result was kept", True)
            for call_id, result in waiting.items()
        }
        messages.append(Message("tool", tuple(lost.values())))
        waiting.clear()


def reply_text(content: list[dict[str, Any]]) -> str:
    """What people and search see of a reply with this redacted content: its words, and a line for each call that does
    something."""
    return text_of_reply(content, LOOKUPS)


def said(row: MessageRow) -> str:
    """The words of a stored reply, without its calls and its reasoning."""
    return "".join(str(part.get("text", "")) for part in row.content if part.get("type") == "text")


def said_and_called(row: MessageRow) -> str:
    """The words of a stored reply and what its calls were given, without the names of tools."""
    return re.sub(r"^→ \w+", "", row.text, flags=re.MULTILINE)


def call_line(call: ToolCall) -> str:
    """A redacted call in one line: its name and its short arguments."""
    return line_of_call(call.name, call.arguments or {})


def user_parts(text: str, context: str, typed: str = "") -> list[dict[str, Any]]:
    """The content of a user message: what changed around it, then the user's words. `typed` is what of them the user said
    where the rest was piped in; it is kept beside and not sent."""
    head = [{"type": "text", "text": context}] if context else []
    return [*head, {"type": "text", "text": text} | ({"typed": typed} if typed else {})]
