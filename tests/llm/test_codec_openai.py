from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.errors import ProviderError
from lcode.events import Usage
from lcode.llm.codec_openai import Dialect, OpenAICodec, encode
from lcode.llm.decode_openai import OpenAIDecoder
from lcode.llm.protocol import (
    Message,
    Reply,
    Request,
    Text,
    TextPiece,
    Thinking,
    ThinkingPiece,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tests.llm import strategies as some

TOOL = ToolSpec("read_file", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})
HISTORY = (
    Message("user", (Text("hi"),)),
    Message(
        "assistant",
        (
            Thinking("hm", signature="s", origin="anthropic:x"),
            Text("Looking."),
            ToolCall("c1", "read_file", {"path": "ü.py", "a": 1}),
            ToolCall("c2", "no such tool", None, raw='{"pa', problem="cut"),
        ),
    ),
    Message("tool", (ToolResult("c1", "read_file", "text"), ToolResult("c2", "no such tool", "error", is_error=True))),
    Message("user", (Text("one"), Text("two"))),
    Message("user", (Text("three"),)),
)


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {"model": "m", "system": "be good", "tools": (TOOL,), "messages": HISTORY, **changes}
    return Request(**fields)


def delta(content: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": finish}]}


def calls(*items: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return delta(finish=finish, tool_calls=list(items))


def decoded(*chunks: dict[str, Any]) -> Reply:
    decoder = OpenAIDecoder("m")
    for chunk in chunks:
        decoder.feed("", chunk)
    return decoder.reply()


def test_a_conversation_becomes_the_messages_of_the_api() -> None:
    assert encode(request()) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {"type": "function", "function": {"name": "read_file", "description": "Reads.", "parameters": TOOL.parameters}}
        ],
        "messages": [
            {"role": "system", "content": "be good"},
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": '{"path":"ü.py","a":1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "no_such_tool", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "text"},
            {"role": "tool", "tool_call_id": "c2", "content": "error"},
            {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
            {"role": "user", "content": "three"},
        ],
    }


def test_fields_that_only_some_servers_know_are_sent_by_dialect() -> None:
    asked = request(max_tokens=100, cache_key="s1", thinking="high")
    plain = encode(asked)
    assert plain["max_tokens"] == 100
    assert not {"prompt_cache_key", "reasoning_effort", "max_completion_tokens"} & set(plain)
    full = encode(asked, Dialect("max_completion_tokens", cache_key=True, reasoning_effort=True))
    assert (full["max_completion_tokens"], full["prompt_cache_key"], full["reasoning_effort"]) == (100, "s1", "high")


@pytest.mark.parametrize(
    ("model", "effort"), [("gpt-5.2", "high"), ("gpt-5.6-sol", "none"), ("gpt-6-luna", "none"), ("gpt-5", "high")]
)
def test_models_that_take_tools_only_without_reasoning_are_told_so(model: str, effort: str) -> None:
    dialect = Dialect(reasoning_effort=True, openai_models=True)
    assert encode(request(model=model, thinking="high"), dialect)["reasoning_effort"] == effort
    assert encode(request(model=model, thinking="high", tools=()), dialect)["reasoning_effort"] == "high"


def test_earlier_reasoning_is_sent_back_only_where_the_dialect_says_so() -> None:
    thought = Message("assistant", (Thinking("hm", origin="openai"), Text("a")))
    assert encode(request(messages=(thought,)))["messages"][1] == {"role": "assistant", "content": "a"}
    sent = encode(request(messages=(thought,)), Dialect(reasoning_content=True))["messages"][1]
    assert sent["reasoning_content"] == "hm"


def test_what_came_with_a_call_goes_back_with_it_where_the_dialect_says_so() -> None:
    signature = {"google": {"thought_signature": "abc"}}
    reply = decoded(
        calls({**part(0, "a", "f", "{}"), "extra_content": signature}, part(1, "b", "f", "{}")), delta(finish="stop")
    )
    history = (Message("assistant", reply.parts),)
    first, second = encode(request(messages=history), Dialect(extra_content=True))["messages"][1]["tool_calls"]
    assert first["extra_content"] == signature
    assert "extra_content" not in second
    assert "extra_content" not in json.dumps(encode(request(messages=history)))


def test_a_strict_server_gets_short_ids_and_no_stream_options() -> None:
    body = encode(request(), Dialect(strict=True))
    assert "stream_options" not in body
    made = [call["id"] for call in body["messages"][2]["tool_calls"]]
    assert all(len(call_id) == 9 and call_id.isalnum() for call_id in made)
    assert [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"] == made


def test_an_assistant_message_has_content_unless_it_only_calls() -> None:
    only_calls = Message("assistant", (ToolCall("c", "t", {}),))
    messages = encode(request(system="", messages=(Message("assistant", ()), only_calls)))["messages"]
    assert messages[0] == {"role": "assistant", "content": ""}
    assert messages[1]["content"] is None


@given(st.lists(some.messages, max_size=5), st.lists(some.messages, max_size=3))
def test_a_longer_conversation_begins_with_the_same_bytes(before: list[Message], after: list[Message]) -> None:
    short = json.dumps(encode(request(messages=tuple(before))), ensure_ascii=False)
    long = json.dumps(encode(request(messages=(*before, *after))), ensure_ascii=False)
    assert long.startswith(short.removesuffix("]}"))


@given(some.messages)
def test_whatever_a_model_wrote_can_be_sent_as_utf8(message: Message) -> None:
    json.dumps(encode(request(messages=(message,))), ensure_ascii=False).encode("utf-8")


def test_text_thinking_and_usage_are_read_from_a_stream() -> None:
    decoder = OpenAIDecoder("m")
    pieces = decoder.feed("", delta("Hel", reasoning_content="think")) + decoder.feed("", delta("lo"))
    decoder.feed("", {**delta(finish="stop"), "model": "m-2"})
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    decoder.feed("", {"choices": [], "usage": usage})
    assert pieces == [ThinkingPiece("think"), TextPiece("Hel"), TextPiece("lo")]
    parts = (Thinking("think", origin="openai"), Text("Hello"))
    assert decoder.reply() == Reply(parts, "stop", Usage(10, 8, 0, 5, 3), "m-2")


def test_a_stream_without_a_finish_reason_is_no_reply() -> None:
    with pytest.raises(ProviderError, match="ended early") as caught:
        decoded(delta("Hello"))
    assert caught.value.retryable


def part(index: int | None, call_id: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in item.items() if value is not None}


@pytest.mark.parametrize(
    "chunks",
    [
        [
            calls(part(0, "a", "f", "")),
            calls(part(0, None, None, '{"x":')),
            calls(part(0, None, None, "1}"), part(1, "b", "g", "{}")),
        ],
        [calls(part(None, "a", "f", '{"x":1}'), part(None, "b", "g", "{}"))],
        [calls(part(None, "a", "f", '{"x":1')), calls(part(None, "a", None, "}")), calls(part(None, "b", "g", ""))],
        [calls(part(0, "a", "f", '{"x":1}')), calls(part(0, "b", "g", "{}"))],
        [calls(part(0, "a", "f", {"x": 1}), part(1, "b", "g", {}))],
        [calls(part(0, "a", "f", '{"x"')), calls(part(0, "a", "f", ":1}")), calls(part(1, "b", "g", ""))],
        [calls(part(None, "a", "f", '{"x":')), calls(part(None, None, None, "1}")), calls(part(None, "b", "g", None))],
    ],
    ids=["by index", "whole without index", "continued by id", "one index for all", "as objects", "name repeated", "bare rest"],
)
def test_tool_calls_are_read_however_a_server_cuts_them(chunks: list[dict[str, Any]]) -> None:
    reply = decoded(*chunks, delta(finish="stop"))
    assert reply.calls == (ToolCall("a", "f", {"x": 1}), ToolCall("b", "g", {}))
    assert reply.finish == "tool_calls"


def test_missing_and_repeated_ids_become_unique() -> None:
    reply = decoded(
        calls(part(0, None, "f", "{}"), part(1, "x", "f", "{}"), part(2, "x", "f", "{}")), delta(finish="tool_calls")
    )
    ids = [call.id for call in reply.calls]
    assert len(set(ids)) == 3
    assert all(ids)
    assert ids[1] == "x"


def test_an_id_of_an_earlier_call_is_not_used_again() -> None:
    decoder = OpenAICodec().decoder(request())
    decoder.feed("", calls(part(0, "c1", "f", "{}"), part(1, "c9", "f", "{}"), finish="stop"))
    first, second = decoder.reply().calls
    assert first.id not in ("c1", "c2")
    assert second.id == "c9"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("arguments", ["", '{"path": "a', '{"path"'])
def test_a_call_that_the_end_of_the_reply_cut_is_never_whole(arguments: str, finish: str) -> None:
    reply = decoded(calls(part(0, "a", "write", arguments)), delta(finish=finish))
    assert reply.finish == ("length" if finish == "length" else "refusal")
    assert reply.calls[0].arguments is None
    assert reply.calls[0].problem


@pytest.mark.parametrize(
    "raw",
    [
        '{"a": ',
        "[1]",
        "null",
        "nonsense",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\\u0000"}',
        '{"a":' * 200 + "1" + "}" * 200,
        '{"a":' * 3000 + "1" + "}" * 3000,
        "[" * 100_000,
    ],
)
def test_arguments_that_are_no_usable_object_are_a_problem_of_the_call(raw: str) -> None:
    reply = decoded(calls(part(0, "a", "write", raw)), delta(finish="tool_calls"))
    assert reply.calls[0].arguments is None
    assert reply.calls[0].problem
    assert reply.calls[0].raw == raw


def test_a_surrogate_pair_that_came_in_two_pieces_is_joined_and_a_half_is_replaced() -> None:
    assert decoded(delta("a\ud83d"), delta("\ude00b\ud800\x00", finish="stop")).text == "a😀b\ufffd\ufffd"


def test_a_refusal_is_text_and_the_reason_to_stop() -> None:
    reply = decoded(delta(refusal="I will not."), delta(finish="stop"))
    assert (reply.text, reply.finish) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    ("error", "retryable", "overflow"),
    [
        ({"message": "busy", "type": "server_error"}, True, False),
        ({"message": "slow down", "code": 429}, True, False),
        ({"message": "too long", "code": "context_length_exceeded", "type": "invalid_request_error"}, False, True),
        ({"message": "bad", "type": "invalid_request_error"}, False, False),
        ("it broke", True, False),
    ],
)
def test_an_error_inside_the_stream_is_raised(error: Any, retryable: bool, overflow: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        decoded(delta("a"), {"error": error})
    assert (caught.value.retryable, caught.value.overflow) == (retryable, overflow)


def test_a_body_that_is_not_a_stream_is_read_too() -> None:
    message = {"role": "assistant", "content": "Hi", "tool_calls": [part(None, "a", "f", "{}")]}
    decoder = OpenAIDecoder("m")
    pieces = decoder.whole({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 3}})
    assert pieces == [TextPiece("Hi")]
    assert decoder.reply() == Reply((Text("Hi"), ToolCall("a", "f", {})), "tool_calls", Usage(3), "m")


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "model"]), some.json_values), max_size=4))
def test_garbage_never_crashes_the_decoder(chunks: list[dict[str, Any]]) -> None:
    with pytest.raises(ProviderError):
        decoded(*chunks)


fields = st.sampled_from(
    ["index", "id", "function", "name", "arguments", "tool_calls", "content", "delta", "finish_reason", "x"]
)
trees = st.recursive(
    some.json_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4), max_leaves=12
)


@given(st.lists(st.dictionaries(fields, trees, max_size=4), max_size=4))
def test_garbled_choices_give_a_reply_or_an_error(choices: list[dict[str, Any]]) -> None:
    try:
        reply = decoded({"choices": choices})
    except ProviderError:
        return
    assert reply.finish in ("stop", "tool_calls", "length", "refusal")
