"""Codec, sender and retry together against a service that fails in every way before it answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lcode.errors import ProviderError
from lcode.llm.codec_anthropic import AnthropicCodec
from lcode.llm.codec_openai import OpenAICodec
from lcode.llm.problems import Service
from lcode.llm.protocol import Delta, Message, Reply, Request, Restart, Text, TextPiece, ToolCall, ToolSpec
from lcode.llm.service import ServiceProvider
from tests.llm import loopback
from tests.llm.loopback import events, serving, whole

REQUEST = Request("m", "system", (ToolSpec("run", "Runs.", {"type": "object"}),), (Message("user", (Text("go"),)),))
CALL = ToolCall("c1", "run", {"command": "rm -rf build"})


def openai_stream() -> bytes:
    def delta(**fields: Any) -> dict[str, Any]:
        return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}

    arguments = json.dumps(CALL.arguments)
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "run", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": arguments[at : at + 4]}} for at in range(0, len(arguments), 4)]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}
    chunks = [delta(role="assistant", content="Cleaning."), *[delta(tool_calls=[piece]) for piece in (first, *pieces)]]
    return events(*chunks, end, usage)


def anthropic_stream() -> bytes:
    arguments = json.dumps(CALL.arguments)
    call = {"type": "tool_use", "id": "c1", "name": "run", "input": {}}
    data: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Cleaning."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": call},
    ]
    for at in range(0, len(arguments), 4):
        delta = {"type": "input_json_delta", "partial_json": arguments[at : at + 4]}
        data.append({"type": "content_block_delta", "index": 1, "delta": delta})
    data += [
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in data).encode()


APIS = {"openai": (OpenAICodec(), openai_stream()), "anthropic": (AnthropicCodec(), anthropic_stream())}


async def waited(seconds: float) -> None:
    WAITS.append(seconds)


WAITS: list[float] = []


def provider(api: str, url: str, **options: Any) -> ServiceProvider:
    service = Service("test", "127.0.0.1", "TEST_KEY")
    options = {"idle_timeout": 0.2, "environ": {}, "sleep": waited, **options}
    WAITS.clear()
    return ServiceProvider("test/m", APIS[api][0], url, service, key="k", **options)


async def collected(to: ServiceProvider) -> list[Delta]:
    return [delta async for delta in to.stream(REQUEST)]


def valid(deltas: list[Delta]) -> bool:
    """Exactly one reply, the last; and what was streamed since the last restart is its text."""
    *before, last = deltas
    assert isinstance(last, Reply)
    assert last.calls == (CALL,)
    assert not any(isinstance(delta, Reply) for delta in before)
    restarts = [at for at, delta in enumerate(before) if isinstance(delta, Restart)]
    since = before[restarts[-1] + 1 :] if restarts else before
    assert "".join(delta.text for delta in since if isinstance(delta, TextPiece)) == last.text
    return True


def status(code: int, **headers: str) -> loopback.Answer:
    body = b'{"error":{"message":"sorry","type":"x"}}'
    return whole(body, f"{code} Sorry", content_type="application/json", **headers)


def hang(connection: loopback.Connection) -> bool:
    connection.request()
    return False


def reset(connection: loopback.Connection) -> bool:
    connection.reset()
    return False


FAULTS: dict[str, loopback.Answer] = {
    "429": status(429),
    "429 with Retry-After": status(429, retry_after="3"),
    "408": status(408),
    "409": status(409),
    "500": status(500),
    "529": status(529),
    "reset": reset,
    "hang": hang,
    "html": whole(b"<html></html>", content_type="text/html"),
    "garbled": whole(b"data: {\n\n"),
    "empty": whole(b""),
    "error event": whole(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_recovered_by_one_retry_with_the_same_bytes(api: str, fault: str) -> None:
    with serving(FAULTS[fault], whole(APIS[api][1])) as service:
        deltas = asyncio.run(collected(provider(api, service.url)))
    assert valid(deltas)
    assert [type(delta) for delta in deltas].count(Restart) == 1
    first, second = (body for _, _, body in service.requests)
    assert first == second
    if fault == "429 with Retry-After":
        assert 3.0 <= WAITS[0] <= 4.0


@pytest.mark.parametrize("api", APIS)
def test_a_stream_cut_at_any_byte_never_gives_half_a_call(api: str) -> None:
    """Each cut stream is followed by a whole one. A stream that was accepted before its cut needs none."""
    stream = APIS[api][1]

    def cut(at: int) -> loopback.Answer:
        def answer(connection: loopback.Connection) -> bool:
            connection.send(loopback.head(content_type="text/event-stream") + stream[:at])
            return False

        return answer

    def answers() -> list[loopback.Answer]:
        return [answer for at in cuts for answer in ([cut(at)] if at >= needed else [cut(at), whole(stream)])]

    marker = b'"finish_reason": "tool_calls"' if api == "openai" else b'"type": "message_stop"'
    needed = stream.index(b"\n\n", stream.index(marker)) + 2
    cuts = [*range(0, len(stream), 3), needed, len(stream)]

    async def all_cuts(to: ServiceProvider) -> None:
        for _ in cuts:
            assert valid(await collected(to))

    with serving(*answers()) as service:
        asyncio.run(all_cuts(provider(api, service.url)))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_what_cannot_pass_is_not_sent_again(code: int) -> None:
    with serving(status(code), whole(openai_stream())) as service:
        with pytest.raises(ProviderError):
            asyncio.run(collected(provider("openai", service.url)))
        assert len(service.requests) == 1


def test_a_lasting_fault_is_explained_after_the_last_attempt() -> None:
    with serving(*[status(503)] * 9) as service:
        with pytest.raises(ProviderError, match=r"HTTP 503.*gave up after 4 attempts"):
            asyncio.run(collected(provider("openai", service.url, attempts=4)))
        assert len(service.requests) == 4
