"""The canonical form of a request, and the assertion that each request of a conversation begins with the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.support.wire import dump


def canonical(body: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Tools, system and messages as sent (the order of keys kept), with the cache marks removed: what a provider caches by."""
    tools = dump([_unmarked(tool) for tool in body.get("tools") or []])
    system = dump(_content(body["system"])) if "system" in body else ""
    messages = []
    for message in body["messages"]:
        plain = _unmarked(message)
        if "content" in plain:
            plain["content"] = _content(plain["content"])
        messages.append(dump(plain))
    return tools, system, messages


def marks(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Every cache mark of a request, in order."""
    found: list[dict[str, Any]] = []
    holders: list[Any] = [*(body.get("tools") or [])]
    contents = [body.get("system"), *(message.get("content") for message in body["messages"] if isinstance(message, dict))]
    for content in contents:
        for block in content if isinstance(content, list) else []:
            holders.append(block)
            inner = block.get("content") if isinstance(block, dict) else None
            holders += inner if isinstance(inner, list) else []
    for holder in holders:
        if isinstance(holder, dict) and holder.get("cache_control") is not None:
            found.append(holder["cache_control"])
    if body.get("cache_control") is not None:
        found.append(body["cache_control"])
    return found


def common_prefix(one: bytes, other: bytes) -> int:
    """The length of what both begin with, by bisection (the texts are long, the comparison of slices is quick)."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def assert_prefix(requests: Iterable[Any]) -> None:
    """For each request of a conversation: tools and system equal the next one's, its messages are the first of the next one's,
    byte for byte. `requests` are recorded requests (grouped by their conversation) or bodies (of one conversation)."""
    last: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, request in enumerate(requests):
        key, body = ("", request) if isinstance(request, dict) else (request.conversation, request.body)
        if not isinstance(body.get("messages"), list):
            raise AssertionError(f"request {number} holds no messages")
        if key in last:
            before, earlier = last[key]
            _assert_next(earlier, body, f"request {before} → {number}" + (f" of {key!r}" if key else ""))
        last[key] = (number, body)


def _assert_next(earlier: dict[str, Any], later: dict[str, Any], where: str) -> None:
    tools, system, messages = canonical(earlier)
    next_tools, next_system, next_messages = canonical(later)
    _assert_same(tools, next_tools, f"{where}: tools")
    _assert_same(system, next_system, f"{where}: system")
    if len(next_messages) < len(messages):
        raise AssertionError(f"{where}: {len(messages)} messages became {len(next_messages)}")
    for at, (message, follower) in enumerate(zip(messages, next_messages, strict=False)):
        _assert_same(message, follower, f"{where}: messages[{at}]")


def _assert_same(one: str, other: str, where: str) -> None:
    if one == other:
        return
    first, second = one.encode(), other.encode()
    at = common_prefix(first, second)
    raise AssertionError(f"{where} differ at byte {at}:\n  {_around(first, at)}\n  {_around(second, at)}")


def _around(data: bytes, at: int) -> str:
    before, after = data[max(0, at - 40) : at], data[at : at + 40]
    return before.decode(errors="replace") + "⟦" + after.decode(errors="replace") + "⟧"


def _unmarked(value: Any) -> Any:
    return {key: part for key, part in value.items() if key != "cache_control"} if isinstance(value, dict) else value


def _content(content: Any) -> Any:
    """Content without marks; a lone text and a list that holds it are the same prompt."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return content
    plain = [_unmarked(block) for block in content]
    for block in plain:
        if isinstance(block, dict) and isinstance(block.get("content"), list):
            block["content"] = [_unmarked(part) for part in block["content"]]
    return plain
