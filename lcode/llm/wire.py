"""The neutral JSON form of messages and replies: what the store keeps and what a recording holds.

It is stable: fields at their defaults are left out, the order of keys is fixed, the arguments of a call keep the
model's order, and reading it back gives equal objects. It knows no provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from lcode.events import Usage
from lcode.llm.protocol import Finish, Message, Part, Reply, Role, Text, Thinking, ToolCall, ToolResult

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_USAGE = ("input", "cached", "written", "output", "reasoning", "written_hour")


def clean(text: str) -> str:
    """`text` without NUL and lone surrogates: neither can be stored or sent, so both become U+FFFD. The halves of a
    pair that came in two pieces are joined."""
    if not _UNSENDABLE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "\ufffd")


def part_to_json(part: Part) -> dict[str, Any]:
    """`part` as a JSON object with a `type`."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Thinking):
        shape = {"type": "thinking", "text": part.text}
        return shape | _given(signature=part.signature, redacted=part.redacted, origin=part.origin)
    if isinstance(part, ToolCall):
        call = {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
        return call | _given(raw=part.raw, problem=part.problem)
    result = {"type": "tool_result", "call_id": part.call_id, "name": part.name, "text": part.text}
    return result | _given(is_error=part.is_error)


def part_from_json(data: Mapping[str, Any]) -> Part:
    """The part that `part_to_json` wrote. Raises ValueError for anything else."""
    try:
        kind = data["type"]
        if kind == "text":
            return Text(data["text"])
        if kind == "thinking":
            return Thinking(data["text"], data.get("signature", ""), data.get("redacted", ""), data.get("origin", ""))
        if kind == "tool_call":
            return ToolCall(data["id"], data["name"], data["arguments"], data.get("raw", ""), data.get("problem", ""))
        if kind == "tool_result":
            return ToolResult(data["call_id"], data["name"], data["text"], data.get("is_error", False))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a part of a message: {error!r}") from None
    raise ValueError(f"not a part of a message: type {kind!r}")


def parts_to_json(parts: Sequence[Part]) -> list[dict[str, Any]]:
    return [part_to_json(part) for part in parts]


def parts_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    return tuple(part_from_json(part) for part in data)


def message_to_json(message: Message) -> dict[str, Any]:
    """`message` as `{"role": …, "parts": […]}`."""
    return {"role": message.role, "parts": parts_to_json(message.parts)}


def message_from_json(data: Mapping[str, Any]) -> Message:
    """The message that `message_to_json` wrote. Raises ValueError for anything else."""
    try:
        role, parts = data["role"], data["parts"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message: {error!r}") from None
    if role not in get_args(Role):
        raise ValueError(f"not a message: role {role!r}")
    return Message(cast(Role, role), parts_from_json(parts))


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """`reply` as `{"parts": […], "finish": …}`, with its usage and model where there are any."""
    usage = {name: count for name in _USAGE if (count := getattr(reply.usage, name))}
    return {"parts": parts_to_json(reply.parts), "finish": reply.finish} | _given(usage=usage, model=reply.model)


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """The reply that `reply_to_json` wrote. Raises ValueError for anything else."""
    try:
        finish = data["finish"]
        parts = parts_from_json(data["parts"])
        usage = Usage(**data.get("usage", {}))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a reply: {error!r}") from None
    if finish not in get_args(Finish):
        raise ValueError(f"not a reply: finish {finish!r}")
    return Reply(parts, cast(Finish, finish), usage, data.get("model", ""))


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
