"""The gate for parts of messages: keys and values, but not what is the provider's; signed thinking is whole or not sent."""

from __future__ import annotations

import json

from lcode.redact import Redactor
from lcode.redact_content import redacted_json, redacted_parts

REDACT = Redactor({"SECRET_TOKEN": "correct-horse-battery"}).redact
TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"


def thinking(text: str, origin: str = "anthropic:m") -> dict[str, str]:
    return {"type": "thinking", "text": text, "signature": f"signed {text}", "origin": origin}


def test_names_of_the_providers_mean_nothing_inside_the_arguments_of_a_call() -> None:
    arguments = {"id": TOKEN, "signature": [TOKEN], "deep": {"type": TOKEN, "origin": {"call_id": TOKEN, "redacted": TOKEN}}}
    call = {"type": "tool_call", "id": "call_1", "name": "f", "arguments": arguments}
    (clean,) = redacted_parts([call], REDACT)
    assert "ghp_" not in json.dumps(clean)
    assert (clean["type"], clean["id"], clean["name"]) == ("tool_call", "call_1", "f")


def test_keys_are_redacted() -> None:
    assert redacted_json({TOKEN: {"correct-horse-battery": 1}}, REDACT) == {"[redacted:github]": {"[redacted:environment]": 1}}


def test_what_is_the_providers_own_stays_to_the_byte() -> None:
    parts = [
        {"type": "thinking", "text": "", "redacted": TOKEN, "origin": "anthropic:m"},
        {"type": "thinking", "text": "", "signature": json.dumps({"call_1": TOKEN}), "origin": "openai:extra_content"},
        thinking("nothing secret"),
        {"type": "tool_result", "call_id": TOKEN, "name": "f", "text": "x"},
    ]
    assert redacted_parts(parts, REDACT) == parts


def test_thinking_with_a_secret_loses_its_signature_and_all_that_was_signed_with_it() -> None:
    hidden = {"type": "thinking", "text": "", "redacted": "encrypted", "origin": "anthropic:m"}
    extra = {"type": "thinking", "text": "", "signature": "{}", "origin": "openai:extra_content"}
    clean = redacted_parts([thinking("plain"), thinking(f"use {TOKEN}"), hidden, extra], REDACT)
    assert clean == [
        {"type": "thinking", "text": "plain", "origin": "anthropic:m"},
        {"type": "thinking", "text": "use [redacted:github]", "origin": "anthropic:m"},
        {"type": "thinking", "text": "", "origin": "anthropic:m"},
        extra,
    ]
    assert redacted_parts(clean, REDACT) == clean


def test_everything_can_be_encoded() -> None:
    part = {"type": "tool_call", "id": "\udce9", "name": "f\udce9", "arguments": {"\udce9": "\udce9"}}
    json.dumps(redacted_parts([part], REDACT), ensure_ascii=False).encode()
