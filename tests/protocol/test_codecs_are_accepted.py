"""Whatever a conversation holds, both codecs render it so that the services take it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.llm import codec_anthropic, codec_openai
from lcode.llm.protocol import Message, Part, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from tests.support import anthropic_check, openai_check, prefix
from tests.support.anthropic_check import redacted_of, signature_of
from tests.support.wire import dump, parse

TEXTS = st.one_of(st.sampled_from(["", " ", "\n", "a\x00b", "\ud800", "ends "]), st.text(max_size=12))
IDS = st.one_of(
    st.sampled_from(["call_1", "a.b", "x" * 70, "functions.read:0", "é", "toolu_01"]), st.text(min_size=1, max_size=8)
)
NAMES = st.one_of(st.sampled_from(["read_file", "", "no.such tool", "n" * 80]), st.text(max_size=8))
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda part: st.lists(part, max_size=2))
ARGUMENTS = st.none() | st.dictionaries(st.text(max_size=5), VALUES, max_size=2)
SPEC = ToolSpec("read_file", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})


@st.composite
def thoughts(draw: st.DrawFn) -> Thinking:
    text = draw(st.text(alphabet="ab \n", max_size=5))
    kind = draw(st.sampled_from(["anthropic:test-model", "openai", "redacted", "anthropic:another-model"]))
    if kind == "redacted":
        return Thinking("", redacted=redacted_of(text), origin="anthropic:test-model")
    signature = signature_of(text) if kind == "anthropic:test-model" else "" if kind == "openai" else "not for this model"
    return Thinking(text, signature, origin=kind)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """A user's message, a reply, and the answers to its calls."""
    user = Message("user", tuple(Text(text) for text in draw(st.lists(TEXTS, min_size=1, max_size=2))))
    said: list[Part] = [*draw(st.lists(thoughts(), max_size=1)), *(Text(text) for text in draw(st.lists(TEXTS, max_size=2)))]
    ids = draw(st.lists(IDS, max_size=3, unique=True))
    calls = [ToolCall(each, draw(NAMES), draw(ARGUMENTS), "", "") for each in ids]
    reply = Message("assistant", (*said, *calls))
    if not calls:
        return [user, reply]
    return [
        user,
        reply,
        Message("tool", tuple(ToolResult(call.id, call.name, draw(TEXTS), draw(st.booleans())) for call in calls)),
    ]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Exchanges whose ids never repeat (the agent's stay unique in a session), then what is asked now."""
    seen: set[str] = set()
    messages: list[Message] = []
    for exchange in draw(st.lists(exchanges(), max_size=3)):
        ids = {part.id for part in exchange[1].parts if isinstance(part, ToolCall)}
        if not ids & seen:
            seen |= ids
            messages += exchange
    last = draw(st.lists(TEXTS, max_size=2))
    if not messages or messages[-1].role != "tool" or last:
        messages.append(Message("user", tuple(Text(text) for text in last or ["go on"])))
    return tuple(messages)


def asked(messages: tuple[Message, ...], thinking: Any) -> Request:
    return Request("test-model", "You are.", (SPEC,), messages, max_tokens=8192, thinking=thinking, cache_key="k")


@given(conversations(), st.sampled_from(["off", "low", "high"]))
@settings(max_examples=150, deadline=None)
def test_openai_takes_every_conversation(messages: tuple[Message, ...], thinking: str) -> None:
    openai_check.check(parse(dump(codec_openai.encode(asked(messages, thinking))).encode()))


@given(conversations(), st.sampled_from(["off", "low", "high"]))
@settings(max_examples=150, deadline=None)
def test_anthropic_takes_every_conversation(messages: tuple[Message, ...], thinking: str) -> None:
    anthropic_check.check(parse(dump(codec_anthropic.encode(asked(messages, thinking))).encode()))


@given(conversations(), st.sampled_from([codec_openai.encode, codec_anthropic.encode]))
@settings(max_examples=150, deadline=None)
def test_a_conversation_cut_at_any_request_is_a_prefix_of_the_whole(messages: tuple[Message, ...], encode: Any) -> None:
    ends = [at for at in range(1, len(messages) + 1) if messages[at - 1].role != "assistant"]
    prefix.assert_prefix([encode(asked(messages[:end], "off")) for end in ends])
