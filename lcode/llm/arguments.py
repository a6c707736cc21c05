"""Tool calls as models really write them: the text of the arguments, names and ids, made safe to keep and to send back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from lcode.ids import new_id
from lcode.llm.protocol import Message, ToolCall
from lcode.llm.wire import clean

_MAX_DEPTH = 64  # deeper nesting is no tool's argument, and could not be rendered again from a deep stack
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


def parsed_call(call_id: str, name: str, raw: str, *, cut: bool) -> ToolCall:
    """The call of `name` with the arguments in `raw`. `cut`: the reply ended early, so that a text that is empty
    may just not have begun. Never raises: what cannot be used is the call's `problem`."""
    name = clean(name)
    if not raw.strip():
        if cut:
            return ToolCall(call_id, name, None, "", "the reply ended before its arguments began")
        return ToolCall(call_id, name, {})
    arguments, problem = _parse(raw)
    if arguments is None:
        return ToolCall(call_id, name, None, clean(raw), "the reply was cut off inside its arguments" if cut else problem)
    return ToolCall(call_id, name, arguments)


def whole_call(call_id: str, name: str, arguments: dict[str, Any]) -> ToolCall:
    """A call whose arguments came as an object already."""
    problem = _fault(arguments)
    if problem:
        return ToolCall(call_id, clean(name), None, "", problem)
    return ToolCall(call_id, clean(name), arguments)


def _parse(raw: str) -> tuple[dict[str, Any] | None, str]:
    if _UNUSABLE.search(raw):  # the halves of a pair may have come in two pieces
        raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        return None, "the arguments are nested too deeply"
    except ValueError as error:
        return None, f"the arguments are not valid JSON ({error})"
    if not isinstance(value, dict):
        return None, f"the arguments must be a JSON object, not {type(value).__name__}"
    problem = _fault(value)
    return (None, problem) if problem else (value, "")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _fault(value: Any, depth: int = 0) -> str:
    """Why `value` could not be stored or sent back as it is; '' if it can. It is not mended: a tool must get what the
    model wrote or nothing."""
    if depth > _MAX_DEPTH:
        return "the arguments are nested too deeply"
    if isinstance(value, str):
        return "the arguments hold a NUL character or half a surrogate pair" if _UNUSABLE.search(value) else ""
    if isinstance(value, dict):
        return next((fault for item in value.items() for part in item if (fault := _fault(part, depth + 1))), "")
    if isinstance(value, list):
        return next((fault for part in value if (fault := _fault(part, depth + 1))), "")
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "the arguments hold a number that is too large"
    return ""


def used_ids(messages: Iterable[Message]) -> frozenset[str]:
    """The ids of all calls in a conversation."""
    return frozenset(part.id for message in messages for part in message.parts if isinstance(part, ToolCall))


def unique_ids(ids: list[str], used: frozenset[str] = frozenset()) -> list[str]:
    """`ids` with those made up that are missing, repeated, or taken by an earlier call (some servers count anew in each
    reply): each result must name one call."""
    seen = set(used)
    result: list[str] = []
    for given in ids:
        unique = clean(given)
        if not unique or unique in seen:
            unique = new_id("call")
        seen.add(unique)
        result.append(unique)
    return result


def sendable_name(name: str) -> str:
    """`name` as a service accepts it in the history: a model may have asked for a tool that cannot even be named."""
    return _NOT_A_NAME.sub("_", name)[:64] or "unknown"


def sendable_id(call_id: str, longest: int = 40) -> str:
    """`call_id` as every service accepts it (letters, digits, `_`, `-`), the same for a call and its result."""
    plain = _NOT_A_NAME.sub("_", call_id)
    if plain == call_id and 0 < len(plain) <= longest:
        return call_id
    return f"{plain[: longest - 13]}-{_digest(call_id)[:12]}"


def short_id(call_id: str) -> str:
    """`call_id` for services that accept exactly nine letters and digits."""
    return call_id if re.fullmatch("[a-zA-Z0-9]{9}", call_id) else _digest(call_id)[:9]


def dumped(arguments: dict[str, Any] | None) -> str:
    """Arguments as the text that is sent back: compact, in the model's order, `{}` where there were none to keep."""
    return "{}" if arguments is None else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "replace")).hexdigest()
