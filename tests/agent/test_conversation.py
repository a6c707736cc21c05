"""Stored messages and what is told of them."""

from __future__ import annotations

import pytest

from lcode.agent.calls import HEADLESS
from lcode.agent.conversation import end_of
from lcode.agent.recovery import BY_USER
from lcode.llm.protocol import ToolResult
from lcode.llm.wire import part_to_json


@pytest.mark.parametrize(
    ("text", "is_error", "end"),
    [
        ("Refused: plan mode changes nothing", True, "refused"),
        ("The user said no. Their word: tea", True, "refused"),
        (HEADLESS, True, "refused"),
        (BY_USER.head, True, "interrupted"),
        ("not run: the user interrupted before it began", True, "interrupted"),
        ("exit code 1", True, "failed"),
        ("Refused: is what the file says", False, ""),
    ],
)
def test_a_stored_result_says_how_its_call_ended(text: str, is_error: bool, end: str) -> None:
    assert end_of(part_to_json(ToolResult("call-1", "shell", text, is_error))) == end
