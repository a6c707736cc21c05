"""OpenAI Chat Completions as the tests' server speaks it: its errors, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.support import openai_check
from tests.support.script import Call, Text, Thinking, Turn
from tests.support.wire import Count, Refusal, Rendered, arguments_text, dump, pieces

_KIND = "invalid_request_error"
_CREATED = 1_790_000_000
_FINISH = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "refusal": "content_filter"}


class OpenAIWire:
    """`terse`: few deltas without the fields that only the largest services send, as small compatible servers do it."""

    name = "openai"
    path = "/v1/chat/completions"

    def __init__(self, terse: bool = False) -> None:
        self.terse = terse

    def authorize(self, headers: Mapping[str, str], key: str | None) -> None:
        openai_check.authorize(headers, key)

    def check(self, body: dict[str, Any]) -> None:
        openai_check.check(body)

    def error(self, status: int, message: str, refusal: Refusal | None = None) -> dict[str, Any]:
        kinds = {429: "requests", 408: "server_error", 500: "server_error", 502: "server_error", 503: "server_error"}
        code = refusal.code if refusal else "rate_limit_exceeded" if status == 429 else None
        kind = (refusal and refusal.kind) or kinds.get(status, _KIND)
        if code == "insufficient_quota":
            kind = code
        return {"error": {"message": message, "type": kind, "param": refusal.param if refusal else None, "code": code}}

    def error_event(self) -> bytes:
        error = self.error(500, "The server had an error while processing your request. Sorry about that!")
        return f"data: {dump(error)}\n\n".encode()

    def too_long(self, tokens: int, window: int) -> Refusal:
        return Refusal(
            f"This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens."
            " Please reduce the length of the messages.",
            param="messages",
            code="context_length_exceeded",
        )

    def render(self, turn: Turn, body: dict[str, Any], ids: Callable[[int], str], count: Count) -> Rendered:
        head = {"id": f"chatcmpl-{ids(-1)}", "created": _CREATED, "model": body["model"]}
        finish = _FINISH.get(turn.reason, turn.reason)
        headers = {"x-request-id": f"req_{ids(-2)}", "openai-processing-ms": "1"}
        if not body.get("stream"):
            whole = _completion(turn, head, finish, ids, count)
            data = dump(whole).encode()
            return Rendered(data, "application/json", len(data), headers)
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        shape = {"id": "c"} if self.terse else {**head, "object": "chat.completion.chunk", "service_tier": "default"}
        extra = {} if self.terse else {"logprobs": None}
        after = {"usage": None} if usage and not self.terse else {}
        first: dict[str, Any] = {"role": "assistant"} if self.terse else {"role": "assistant", "content": "", "refusal": None}
        said = [(delta, None) for delta in [first, *_deltas(turn, ids, 3 if self.terse else 1)]]
        data = b"".join(
            _event({**shape, "choices": [{"index": 0, "delta": delta, **extra, "finish_reason": reason}], **after})
            for delta, reason in [*said, ({}, finish)]
        )
        whole_at = len(data)
        if usage:
            data += _event({**shape, "choices": [], "usage": _usage(count)})
        return Rendered(data + b"data: [DONE]\n\n", "text/event-stream; charset=utf-8", whole_at, headers)


def _usage(count: Count) -> dict[str, Any]:
    return {
        "prompt_tokens": count.input,
        "completion_tokens": count.output,
        "total_tokens": count.input + count.output,
        "prompt_tokens_details": {"cached_tokens": count.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": count.reasoning, "audio_tokens": 0},
    }


def _event(value: Any) -> bytes:
    return f"data: {dump(value)}\n\n".encode()


def _deltas(turn: Turn, ids: Callable[[int], str], factor: int) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    number = 0
    for at, item in enumerate(turn.items):
        if isinstance(item, Text):
            deltas += [{"content": piece} for piece in pieces(item.text, factor)]
        elif isinstance(item, Thinking):
            deltas += [{"reasoning_content": piece} for piece in pieces(item.text, factor)]
        else:
            first = {"index": number, **_call_object(item, item.id or f"call_{ids(at)}", "")}
            deltas.append({"tool_calls": [first]})
            for piece in pieces(arguments_text(item.arguments), factor):
                deltas.append({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
            number += 1
    return deltas


def _call_object(item: Call, call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": item.name, "arguments": arguments}}


def _completion(turn: Turn, head: dict[str, Any], finish: str, ids: Callable[[int], str], count: Count) -> dict[str, Any]:
    texts = [item.text for item in turn.items if isinstance(item, Text)]
    calls = [
        _call_object(item, item.id or f"call_{ids(at)}", arguments_text(item.arguments))
        for at, item in enumerate(turn.items)
        if isinstance(item, Call)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(count)}
