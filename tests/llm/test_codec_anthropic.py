from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.errors import ProviderError
from lcode.events import Usage
from lcode.llm.codec_anthropic import encode
from lcode.llm.decode_anthropic import AnthropicDecoder
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

MARK = {"cache_control": {"type": "ephemeral"}}
MODEL = "claude-sonnet-4-5"
TOOLS = (ToolSpec("a", "A.", {"type": "object"}), ToolSpec("b", "B.", {"type": "object"}))
HISTORY = (
    Message("user", (Text("hi"),)),
    Message(
        "assistant",
        (
            Thinking("hm", signature="sig", origin="anthropic"),
            Thinking("", redacted="xyz", origin=f"anthropic:{MODEL}"),
            Text("Looking."),
            ToolCall("c1", "a", {"z": 1, "b": 2}),
            ToolCall("c:2", "b!", None, raw="{", problem="cut"),
        ),
    ),
    Message("tool", (ToolResult("c1", "a", "text"), ToolResult("c:2", "b!", "", is_error=True))),
)


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {"model": MODEL, "system": "be good", "tools": TOOLS, "messages": HISTORY, **changes}
    return Request(**fields)


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [without_marks(inner) for inner in value] if isinstance(value, list) else value


def marks(value: Any) -> int:
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(marks(inner) for inner in value.values())
    return sum(marks(inner) for inner in value) if isinstance(value, list) else 0


def test_a_conversation_becomes_the_messages_of_the_api() -> None:
    body = encode(request())
    called = body["messages"][1]["content"]
    made_id = called[4]["id"]
    assert made_id != "c:2"
    assert body == {
        "model": MODEL,
        "max_tokens": 32_000,
        "stream": True,
        "tools": [
            {"name": "a", "description": "A.", "input_schema": {"type": "object"}},
            {"name": "b", "description": "B.", "input_schema": {"type": "object"}, **MARK},
        ],
        "system": [{"type": "text", "text": "be good", **MARK}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi", **MARK}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "xyz"},
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "c1", "name": "a", "input": {"z": 1, "b": 2}},
                    {"type": "tool_use", "id": made_id, "name": "b_", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "text"},
                    {"type": "tool_result", "tool_use_id": made_id, "content": "(no output)", "is_error": True, **MARK},
                ],
            },
        ],
    }


def test_the_second_mark_stands_where_the_request_before_ended() -> None:
    more = (*HISTORY, Message("assistant", (Text("done"),)), Message("user", (Text("next"),)), Message("user", (Text("also"),)))
    marked = [at for at, message in enumerate(encode(request(messages=more))["messages"]) if marks(message)]
    assert marked == [2, 5]


def test_marks_stand_before_what_was_changed_and_what_will_be() -> None:
    more = (*HISTORY, Message("assistant", (Text("done"),)), Message("user", (Text("next"),)))
    for after, marked, all_of_them in (((1,), [0, 4], 4), ((1, 3), [0, 2, 4], 4), ((3, 9), [2, 4], 4)):
        body = encode(request(messages=more, marks=after))
        assert [at for at, message in enumerate(body["messages"]) if marks(message)] == marked
        assert marks(body) == all_of_them


@given(st.lists(some.messages, max_size=5), st.lists(some.messages, max_size=3))
def test_a_longer_conversation_begins_with_the_same_bytes_cache_marks_apart(
    before: list[Message], after: list[Message]
) -> None:
    short, long = encode(request(messages=tuple(before))), encode(request(messages=(*before, *after)))
    assert marks(short) <= 4
    assert marks(long) <= 4
    begin = json.dumps(without_marks(short), ensure_ascii=False)
    assert json.dumps(without_marks(long), ensure_ascii=False).startswith(begin.removesuffix("]}"))


@given(some.messages)
def test_no_message_is_empty_and_no_text_is_blank(message: Message) -> None:
    (sent,) = encode(request(messages=(message,)))["messages"]
    assert sent["content"]
    assert all(block["text"].strip() for block in sent["content"] if block["type"] == "text")
    assert sent["content"][-1]["type"] not in ("thinking", "redacted_thinking")


@pytest.mark.parametrize("origin", ["openai", "", "anthropic:claude-opus-5"])
def test_thinking_of_another_model_or_api_is_left_out(origin: str) -> None:
    message = Message("assistant", (Thinking("hm", signature="sig", origin=origin), Text("a")))
    assert without_marks(encode(request(messages=(message,))))["messages"][0]["content"] == [{"type": "text", "text": "a"}]


def thinking(model: str, level: str, max_tokens: int | None = None) -> dict[str, Any]:
    body = encode(request(model=model, thinking=level, max_tokens=max_tokens, messages=HISTORY[:1]))
    return {key: body[key] for key in ("thinking", "output_config") if key in body}


def test_thinking_is_asked_for_in_the_form_that_the_model_takes() -> None:
    assert thinking(MODEL, "off") == {}
    assert thinking(MODEL, "low") == {"thinking": {"type": "enabled", "budget_tokens": 4_096}}
    adaptive = {"type": "adaptive", "display": "summarized"}
    assert thinking("claude-sonnet-5", "off") == {}
    assert thinking("claude-sonnet-5", "high") == {"thinking": adaptive, "output_config": {"effort": "high"}}
    assert thinking("claude-opus-5-5", "off") == {"thinking": adaptive}
    assert thinking("claude-3-5-haiku-latest", "high") == {}


@pytest.mark.parametrize("max_tokens", [1_000, 2_048, 4_000, 30_000])
def test_the_thinking_budget_is_below_max_tokens(max_tokens: int) -> None:
    asked = thinking(MODEL, "high", max_tokens)
    if asked:
        assert 1_024 <= asked["thinking"]["budget_tokens"] < max_tokens
    else:
        assert max_tokens < 2_048


def test_thinking_is_not_turned_on_amid_calls_that_were_made_without() -> None:
    bare = (HISTORY[0], Message("assistant", (ToolCall("c1", "a", {}),)), Message("tool", (ToolResult("c1", "a", "x"),)))
    assert "thinking" not in encode(request(thinking="low", messages=bare))
    assert "thinking" in encode(request(thinking="low", messages=HISTORY))
    went_on = (*bare, Message("user", (Text("go on"),)))  # after an interrupt: the results and these words are one message
    assert "thinking" not in encode(request(thinking="low", messages=went_on))
    answered = (*went_on, Message("assistant", (Text("done"),)), Message("user", (Text("and now"),)))
    assert "thinking" in encode(request(thinking="low", messages=answered))


# --- the reply ---


def start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


BEGIN = {
    "type": "message_start",
    "message": {
        "model": "claude-x",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 7, "output_tokens": 1},
    },
}
END = {"type": "message_stop"}


def ending(reason: str, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20, **usage}}


def call(index: int, call_id: str, *pieces: str) -> list[dict[str, Any]]:
    block = {"type": "tool_use", "id": call_id, "name": "f", "input": {}}
    return [start(index, block), *(delta(index, type="input_json_delta", partial_json=piece) for piece in pieces), stop(index)]


def decoded(*events: dict[str, Any]) -> Reply:
    decoder = AnthropicDecoder("claude-x")
    for event in events:
        decoder.feed(event["type"], event)
    return decoder.reply()


def test_a_whole_stream_is_read() -> None:
    decoder = AnthropicDecoder("claude-x")
    pieces = []
    for event in [
        BEGIN,
        {"type": "ping"},
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="signature_delta", signature="sig"),
        stop(0),
        start(1, {"type": "redacted_thinking", "data": "xyz"}),
        stop(1),
        start(2, {"type": "text", "text": ""}),
        delta(2, type="text_delta", text="Hel"),
        delta(2, type="text_delta", text="lo"),
        stop(2),
        *call(3, "t1", "", '{"x"', ": 1}"),
        *call(4, "t2"),
        {"type": "something_new"},
        ending("tool_use"),
        END,
    ]:
        pieces += decoder.feed(event["type"], event)
    assert pieces == [ThinkingPiece("hm"), TextPiece("Hel"), TextPiece("lo")]
    assert decoder.reply() == Reply(
        (
            Thinking("hm", "sig", origin="anthropic:claude-x"),
            Thinking("", redacted="xyz", origin="anthropic:claude-x"),
            Text("Hello"),
            ToolCall("t1", "f", {"x": 1}),
            ToolCall("t2", "f", {}),
        ),
        "tool_calls",
        Usage(100, 90, 7, 20),
        "claude-x",
    )


def test_what_was_read_is_sent_back_verbatim() -> None:
    reply = decoded(
        BEGIN,
        start(0, {"type": "thinking", "thinking": ""}),
        delta(0, type="signature_delta", signature="sig"),
        stop(0),
        *call(1, "t1", '{"b": 1, "a": 2}'),
        ending("tool_use"),
        END,
    )
    (sent,) = encode(request(model="claude-x", messages=(Message("assistant", reply.parts),)))["messages"]
    assert json.dumps(without_marks(sent["content"])) == json.dumps(
        [
            {"type": "thinking", "thinking": "", "signature": "sig"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1, "a": 2}},
        ]
    )


@pytest.mark.parametrize("count", range(1, 7))
def test_a_stream_without_message_stop_is_no_reply(count: int) -> None:
    events = [
        BEGIN,
        start(0, {"type": "text", "text": ""}),
        delta(0, type="text_delta", text="a"),
        stop(0),
        ending("end_turn"),
        END,
    ]
    if count == len(events):
        assert decoded(*events).text == "a"
        return
    with pytest.raises(ProviderError, match="ended early") as caught:
        decoded(*events[:count])
    assert caught.value.retryable


@pytest.mark.parametrize("pieces", [(), ('{"path": "a',)])
@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded", "refusal"])
def test_a_call_that_the_end_of_the_reply_cut_is_never_whole(reason: str, pieces: tuple[str, ...]) -> None:
    reply = decoded(BEGIN, *call(0, "t1", *pieces)[:-1], ending(reason), END)
    assert reply.finish == ("refusal" if reason == "refusal" else "length")
    assert reply.calls[0].arguments is None
    assert reply.calls[0].problem


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("refusal", "refusal"), ("brand_new", "stop")],
)
def test_stop_reasons(reason: str, finish: str) -> None:
    assert decoded(BEGIN, ending(reason), END).finish == finish


def test_a_call_that_was_not_closed_breaks_the_stream() -> None:
    with pytest.raises(ProviderError, match="not finished"):
        decoded(BEGIN, *call(0, "t1", "{}")[:-1], ending("tool_use"), END)


@pytest.mark.parametrize(
    ("kind", "status", "retryable"),
    [
        ("overloaded_error", 529, True),
        ("api_error", 500, True),
        ("rate_limit_error", 429, True),
        ("invalid_request_error", 400, False),
    ],
)
def test_an_error_event_is_raised(kind: str, status: int, retryable: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        decoded(BEGIN, {"type": "error", "error": {"type": kind, "message": "sorry"}})
    assert (caught.value.status, caught.value.retryable) == (status, retryable)


def test_a_body_that_is_not_a_stream_is_read_too() -> None:
    decoder = AnthropicDecoder("claude-x")
    content = [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}]
    usage = {"input_tokens": 3, "output_tokens": 2}
    pieces = decoder.whole({"content": content, "stop_reason": "tool_use", "usage": usage, "model": "m"})
    assert pieces == [TextPiece("Hi")]
    assert decoder.reply() == Reply((Text("Hi"), ToolCall("t", "f", {"x": 1})), "tool_calls", Usage(3, output=2), "m")


kinds = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    ]
)
fields = st.sampled_from(
    ["index", "content_block", "delta", "message", "usage", "type", "id", "name", "input", "text", "stop_reason"]
)
trees = st.recursive(
    some.json_values | st.sampled_from(["text", "tool_use", "thinking", "text_delta", "input_json_delta", "end_turn"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.tuples(kinds, st.dictionaries(fields, trees, max_size=4)), max_size=6))
def test_garbage_gives_a_reply_or_an_error(events: list[tuple[str, dict[str, Any]]]) -> None:
    try:
        reply = decoded(*({**data, "type": kind} for kind, data in events))
    except ProviderError:
        return
    assert reply.finish in ("stop", "tool_calls", "length", "refusal")
