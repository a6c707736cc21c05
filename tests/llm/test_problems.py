from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.llm import problems
from lcode.llm.problems import QUOTED, Service, from_answer, from_event, quoted

SERVICE = Service("openai", "api.openai.com", "OPENAI_API_KEY", ("hunter2-hunter2",))


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens.",
        "Your input exceeds the context window of this model.",
        "prompt is too long: 213462 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
        "the request exceeds the available context size. try increasing the context size",
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "Please reduce the length of the messages or completion.",
    ],
)
def test_a_request_too_long_for_the_model_is_recognised(words: str) -> None:
    error = from_answer(400, {}, json.dumps({"error": {"message": words}}), SERVICE)
    assert error.overflow
    assert not error.retryable


def test_the_code_of_an_error_is_recognised_too() -> None:
    body = {"error": {"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    assert from_answer(400, {}, json.dumps(body), SERVICE).overflow
    assert from_event({"type": "request_too_large", "message": "big"}, SERVICE).overflow


@pytest.mark.parametrize("words", ["Invalid schema for function 'f'", "messages: at least one message is required"])
def test_another_refusal_is_no_overflow(words: str) -> None:
    assert not from_answer(400, {}, json.dumps({"error": {"message": words}}), SERVICE).overflow


def test_too_many_tokens_a_minute_is_no_overflow() -> None:
    error = from_answer(429, {}, '{"error":{"message":"Rate limit: too many tokens per minute"}}', SERVICE)
    assert error.retryable
    assert not error.overflow


def test_an_empty_account_is_not_retried() -> None:
    error = from_answer(429, {}, '{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}', SERVICE)
    assert not error.retryable
    assert "credit" in error.message


def test_an_unknown_model_says_where_to_look() -> None:
    error = from_answer(404, {}, '{"error":{"message":"The model `gpt-9` does not exist"}}', SERVICE)
    assert "gpt-9" in error.message
    assert "--model" in error.hint


def test_keys_and_control_characters_are_cut_out_of_what_is_quoted() -> None:
    text = quoted("bad\x1b[0m key hunter2-hunter2 or sk-proj-abcdefghij****wxyz\u202e at\r\nline", SERVICE)
    assert text == "bad [0m key [key] or [key] at line"


@pytest.mark.parametrize("body", ["<html>x</html>", "  <!doctype html>"])
def test_html_is_not_quoted(body: str) -> None:
    assert "<" not in from_answer(502, {}, body, SERVICE).message


@given(st.integers(100, 599), st.text(max_size=2000) | st.builds(json.dumps, st.dictionaries(st.text(max_size=5), st.text())))
def test_any_answer_becomes_one_short_line(status: int, body: str) -> None:
    error = from_answer(status, {}, body, SERVICE)
    assert "\n" not in error.message
    assert len(error.message) < QUOTED + 200


@pytest.mark.parametrize(
    ("error", "url", "said", "attempts"),
    [
        (ConnectionRefusedError(111, "refused"), "http://localhost:11434/v1", "connection refused at localhost:11434", 2),
        (ConnectionRefusedError(111, "refused"), "http://[::1]:99/v1", "connection refused at [::1]:99", 2),
        (ConnectionRefusedError(111, "refused"), "https://api.example/v1", "connection refused at api.example:443", None),
        (
            socket.gaierror(socket.EAI_NONAME, "unknown"),
            "https://api.example",
            "api.example:443 cannot be resolved: unknown",
            2,
        ),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "https://api.example", "api.example:443 cannot be resolved: later", 6),
        (TimeoutError(), "https://api.example", "no connection to api.example:443 in time", None),
        (OSError(113, "no route"), "http://10.0.0.1:8/v1", "no connection to 10.0.0.1:8: OSError: [Errno 113] no route", None),
    ],
)
def test_a_connection_that_was_never_made_is_named_by_address_and_reason(
    error: OSError, url: str, said: str, attempts: int | None
) -> None:
    problem = problems.unreachable(error, url, SERVICE)
    assert said in problem.message
    assert problem.hint and problem.retryable
    assert getattr(problem, "attempts", None) == attempts
