from __future__ import annotations

import json

import pytest
from hypothesis import given

from lcode.llm.protocol import Message, Reply, Text, ToolCall
from lcode.llm.wire import (
    clean,
    message_from_json,
    message_to_json,
    part_from_json,
    part_to_json,
    reply_from_json,
    reply_to_json,
)
from tests.llm import strategies as some


@given(some.messages)
def test_a_message_comes_back_equal_and_its_bytes_are_stable(message: Message) -> None:
    written = json.dumps(message_to_json(message))
    again = message_from_json(json.loads(written))
    assert again == message
    assert json.dumps(message_to_json(again)) == written


@given(some.replies)
def test_a_reply_comes_back_equal(reply: Reply) -> None:
    assert reply_from_json(json.loads(json.dumps(reply_to_json(reply)))) == reply


def test_the_arguments_of_a_call_keep_the_order_of_the_model() -> None:
    call = ToolCall("c1", "edit", {"z": 1, "a": {"y": 2, "b": 3}})
    again = part_from_json(json.loads(json.dumps(part_to_json(call))))
    assert isinstance(again, ToolCall)
    assert json.dumps(again.arguments) == '{"z": 1, "a": {"y": 2, "b": 3}}'


def test_fields_at_their_defaults_are_left_out() -> None:
    assert part_to_json(Text("hi")) == {"type": "text", "text": "hi"}
    assert part_to_json(ToolCall("c", "n", {})) == {"type": "tool_call", "id": "c", "name": "n", "arguments": {}}


@pytest.mark.parametrize("data", [{}, {"type": "image"}, {"type": "text"}, {"type": "tool_call", "id": "x"}, None, "text"])
def test_what_is_no_part_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a part"):
        part_from_json(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [{}, {"role": "system", "parts": []}, {"role": "user"}])
def test_what_is_no_message_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a"):
        message_from_json(data)


def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    assert clean("a\x00b\ud83dc😀") == "a\ufffdb\ufffdc😀"
