"""Anthropic Messages as the tests' server speaks it: its errors, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support import anthropic_check
from tests.support.anthropic_check import THOUGHT_ID, redacted_of, signature_of
from tests.support.script import Call, Item, Text, Thinking, Turn
from tests.support.wire import Count, Refusal, Rendered, arguments_object, arguments_text, dump, pieces

_FINISH = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "refusal": "refusal"}
_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class AnthropicWire:
    """`terse`: few deltas and no pings."""

    name = "anthropic"
    path = "/v1/messages"

    def __init__(self, terse: bool = False) -> None:
        self.terse = terse

    def authorize(self, headers: Mapping[str, str], key: str | None) -> None:
        anthropic_check.authorize(headers, key)

    def check(self, body: dict[str, Any]) -> None:
        anthropic_check.check(body)

    def error(self, status: int, message: str, refusal: Refusal | None = None) -> dict[str, Any]:
        kind = (refusal and refusal.kind) or _KINDS.get(status, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011CTest"}

    def error_event(self) -> bytes:
        return _event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})

    def too_long(self, tokens: int, window: int) -> Refusal:
        return Refusal(f"prompt is too long: {tokens} tokens > {window} maximum")

    def render(self, turn: Turn, body: dict[str, Any], ids: Callable[[int], str], count: Count) -> Rendered:
        stop = _FINISH.get(turn.reason, turn.reason)
        make = _call_ids(turn, ids)
        message: dict[str, Any] = {"id": f"msg_{ids(-1)}", "type": "message", "role": "assistant", "model": body["model"]}
        headers = {"request-id": f"req_{ids(-2)}"}
        tokens = _usage(count)
        if not body.get("stream"):
            content = [_block(item, at, make) for at, item in enumerate(turn.items)]
            usage = {**tokens, "output_tokens": count.output}
            whole = {**message, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}
            data = dump(whole).encode()
            return Rendered(data, "application/json", len(data), headers)
        opening = {
            **message,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**tokens, "output_tokens": 1},
        }
        events = [_event({"type": "message_start", "message": opening})]
        if not self.terse:
            events.append(_event({"type": "ping"}))
        for at, item in enumerate(turn.items):
            events += [
                _event({"type": kind, "index": at, **rest})
                for kind, rest in _item_events(item, at, make, 3 if self.terse else 1)
            ]
        delta = {"stop_reason": stop, "stop_sequence": None}
        usage = {**tokens, "output_tokens": count.output}
        events.append(_event({"type": "message_delta", "delta": delta, "usage": usage}))
        data = b"".join(events)
        return Rendered(data + _event({"type": "message_stop"}), "text/event-stream; charset=utf-8", len(data), headers)


def _call_ids(turn: Turn, ids: Callable[[int], str]) -> Callable[[int], str]:
    thought = bool(turn.items) and isinstance(turn.items[0], Thinking)
    prefix = THOUGHT_ID if thought else "toolu_01"
    return lambda at: f"{prefix}{ids(at)}"


def _usage(count: Count) -> dict[str, int]:
    """The service's `input_tokens` is what was neither read from the cache nor written to it."""
    return {
        "input_tokens": count.input - count.cached - count.written,
        "cache_creation_input_tokens": count.written,
        "cache_read_input_tokens": count.cached,
    }


def _event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {dump(value)}\n\n".encode()


def _block(item: Item, at: int, ids: Callable[[int], str]) -> dict[str, Any]:
    if isinstance(item, Text):
        return {"type": "text", "text": item.text}
    if isinstance(item, Call):
        call_id = item.id or ids(at)
        return {"type": "tool_use", "id": call_id, "name": item.name, "input": arguments_object(item.arguments)}
    if item.redacted:
        return {"type": "redacted_thinking", "data": redacted_of(item.text)}
    return {"type": "thinking", "thinking": item.text, "signature": signature_of(item.text)}


def _item_events(item: Item, at: int, ids: Callable[[int], str], factor: int) -> list[tuple[str, dict[str, Any]]]:
    block = _block(item, at, ids)
    deltas: list[dict[str, Any]] = []
    if isinstance(item, Text):
        block["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(item.text, factor)]
    elif isinstance(item, Call):
        block["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": ""}]
        deltas += [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments_text(item.arguments), factor)
        ]
    elif not item.redacted:
        signature = block["signature"]
        block.update(thinking="", signature="")
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(item.text, factor)]
        deltas.append({"type": "signature_delta", "signature": signature})
    events: list[tuple[str, dict[str, Any]]] = [("content_block_start", {"content_block": block})]
    events += [("content_block_delta", {"delta": delta}) for delta in deltas]
    return [*events, ("content_block_stop", {})]
