"""What people and search see of a reply: its words, and a line for each call that it made."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from lcode.redact import cut

_LINE = 300  # characters of a call


def reply_text(content: Sequence[Mapping[str, Any]], hidden: Container[str] = ()) -> str:
    """The text of a reply with this redacted content; calls of `hidden` tools are left out."""
    lines = ["".join(str(part["text"]) for part in content if part.get("type") == "text").strip()]
    calls = (part for part in content if part.get("type") == "tool_call" and part["name"] not in hidden)
    lines += [f"→ {call_line(part['name'], part.get('arguments') or {})}" for part in calls]
    return "\n".join(filter(None, lines))


def call_line(name: str, arguments: Mapping[str, Any]) -> str:
    """A redacted call in one line: its name and its short arguments."""
    values = [str(value) for value in arguments.values() if isinstance(value, str | int)]
    return cut(" ".join([name, *values]), _LINE).replace("\n", " ")
