"""Generated messages, shared by the property tests of the wire forms."""

from __future__ import annotations

from hypothesis import strategies as st

from lcode.events import Usage
from lcode.llm.protocol import Message, Reply, Text, Thinking, ToolCall, ToolResult

words = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(words, json_values, max_size=3)

texts = st.builds(Text, words)
thinkings = st.builds(Thinking, words, signature=words, redacted=words, origin=st.sampled_from(["", "anthropic", "openai"]))
calls = st.builds(ToolCall, words, words, objects) | st.builds(ToolCall, words, words, st.none(), raw=words, problem=words)
results = st.builds(ToolResult, words, words, words, is_error=st.booleans())

messages = st.one_of(
    st.builds(Message, st.just("user"), st.lists(texts, max_size=3).map(tuple)),
    st.builds(Message, st.just("assistant"), st.lists(texts | thinkings | calls, max_size=4).map(tuple)),
    st.builds(Message, st.just("tool"), st.lists(results, max_size=3).map(tuple)),
)
usages = st.builds(Usage, *[st.integers(0, 10**6)] * 5)
replies = st.builds(
    Reply,
    st.lists(texts | thinkings | calls, max_size=4).map(tuple),
    st.sampled_from(["stop", "tool_calls", "length", "refusal"]),
    usages,
    words,
)
