"""The tests' server refuses what the real services refuse, in their words, and takes what they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import client
from tests.support.anthropic_check import redacted_of, signature_of
from tests.support.client import answered, asked, body, post, tool, user
from tests.support.provider_server import ProviderServer, Script

APIS = ("openai", "anthropic")
MARK = {"cache_control": {"type": "ephemeral"}}
MODEL_47 = "claude-opus-4-7"


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    with ProviderServer(Script(lambda _: "ok"), api_key="test-key") as one:
        yield one


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def thought(text: str = "hm", signature: str | None = None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature_of(text) if signature is None else signature}


def result(call_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "x", **more}


def use(call_id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "read_file", "input": {"path": "a"}, **more}


def openai_call(**more: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def without(request: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != key}


def o(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return body("openai", *messages, **fields)


def a(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return body("anthropic", *messages, **fields)


o_asks, o_answers = partial(asked, "openai"), partial(answered, "openai")
a_asks, a_answers = partial(asked, "anthropic"), partial(answered, "anthropic")


def says(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def sealed(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


NOT_ARGUMENTS: list[Any] = ["", "[]", '{"a": ', "null", {"a": 1}]
NOT_INPUTS: list[Any] = ["{}", [], 3]
THINK = {"type": "enabled", "budget_tokens": 2048}

TAKEN: list[tuple[str, str, dict[str, Any]]] = [
    *((api, "a tool round", body(api, user(), asked(api, "c1", "c2"), *answered(api, "c1", "c2"))) for api in APIS),
    *((api, "a stream", body(api, stream=True)) for api in APIS),
    *((api, "no tools", without(body(api), "tools")) for api in APIS),
    *((api, "two user messages in a row", body(api, user(), user("more"))) for api in APIS),
    ("openai", "a system message", o({"role": "system", "content": "You are."}, user())),
    ("openai", "answers in another order", o(user(), o_asks("a", "b"), *o_answers("b", "a"))),
    ("openai", "options", o(stream=True, stream_options={"include_usage": True}, prompt_cache_key="k", max_tokens=9)),
    ("openai", "reasoning", o(model="gpt-5", reasoning_effort="low", max_completion_tokens=100)),
    ("anthropic", "system blocks", a(system=[said("You are.", **MARK)])),
    ("anthropic", "text after results", a(user(), a_asks("c1"), *a_answers("c1"), user("go"))),
    ("anthropic", "results over two messages", a(user(), a_asks("a", "b"), *a_answers("a"), *a_answers("b"))),
    ("anthropic", "an empty result", a(user(), a_asks("a"), says(result("a", content="")))),
    ("anthropic", "thinking with its signature", a(user(), assistant(thought(), use()), says(result("c1")), thinking=THINK)),
    ("anthropic", "redacted thinking", a(user(), assistant(sealed(redacted_of("x")), said("a")), user(), thinking=THINK)),
    ("anthropic", "adaptive thinking", a(model=MODEL_47, thinking={"type": "adaptive"}, output_config={"effort": "high"})),
    (
        "anthropic",
        "four marks",
        a(says(said("a", **MARK), said("b", **MARK)), system=[said("s", **MARK)], tools=[{**tool("anthropic"), **MARK}]),
    ),
]

REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    # fields
    ("openai", "an unknown field", o(foo=1), "Unrecognized request argument supplied: foo"),
    ("anthropic", "an unknown field", a(foo=1), "foo: Extra inputs are not permitted"),
    ("openai", "a field of the other API", o(system="x"), "Unrecognized request argument supplied: system"),
    ("anthropic", "a field of the other API", a(stream_options={}), "stream_options: Extra inputs"),
    *((api, "an unknown field in a message", body(api, {**user(), "id": "m1"}), "messages") for api in APIS),
    ("openai", "an unknown field in a call", o(user(), openai_call(index=0), *o_answers("c1")), "index"),
    (
        "openai",
        "reasoning sent back",
        o(user(), {"role": "assistant", "content": "a", "reasoning_content": "b"}, user()),
        "reasoning_content",
    ),
    ("openai", "an unknown field in a tool", o(tools=[{**tool("openai"), "x": 1}]), "tools[0].x"),
    ("anthropic", "an unknown field in a tool", a(tools=[{**tool("anthropic"), "x": 1}]), "tools.0.x"),
    ("openai", "a result that names its tool", o(user(), o_asks("c"), {**o_answers("c")[0], "name": "x"}), "name"),
    ("anthropic", "a result that names its tool", a(user(), a_asks("c"), says(result("c", name="x"))), "name: Extra inputs"),
    *((api, "no model", without(body(api), "model"), "model") for api in APIS),
    *((api, "no messages", without(body(api), "messages"), "messages") for api in APIS),
    *((api, "an empty list of messages", {**body(api), "messages": []}, "messages") for api in APIS),
    ("anthropic", "no max_tokens", without(a(), "max_tokens"), "max_tokens: Field required"),
    *((api, "max_tokens of 0", body(api, max_tokens=0), "max_tokens") for api in APIS),
    ("openai", "both limits", o(max_tokens=1, max_completion_tokens=1), "at the same time"),
    ("openai", "max_tokens for a reasoning model", o(model="gpt-5-mini", max_tokens=9), "max_completion_tokens"),
    ("openai", "an effort for a plain model", o(model="gpt-4o", reasoning_effort="low"), "reasoning_effort"),
    ("openai", "an effort with tools", o(model="gpt-5.4", reasoning_effort="low"), "Function tools with reasoning_effort"),
    ("openai", "stream options without a stream", o(stream_options={"include_usage": True}), "stream_options"),
    ("openai", "a choice without tools", without(o(tool_choice="auto"), "tools"), "tool_choice"),
    ("openai", "an empty list of tools", o(tools=[]), "tools"),
    *((api, "stream as text", body(api, stream="yes"), "stream") for api in APIS),
    # roles and content
    *((api, "an unknown role", body(api, {"role": "model", "content": "x"}), "user'") for api in APIS),
    ("anthropic", "a system role", a({"role": "system", "content": "x"}, user()), 'Unexpected role "system"'),
    ("anthropic", "a tool role", a(user(), *o_answers("c")), "messages.1"),
    ("anthropic", "an assistant first", a(assistant(said("a")), user()), "first message must use"),
    ("openai", "null content", o({"role": "user", "content": None}), "content"),
    ("openai", "a reply of nothing", o(user(), {"role": "assistant", "content": None}, user()), "got null"),
    (
        "openai",
        "an empty list of calls",
        o(user(), {"role": "assistant", "content": "a", "tool_calls": []}, user()),
        "tool_calls",
    ),
    ("anthropic", "an empty text block", a(says(said(""))), "must be non-empty"),
    ("anthropic", "a marked empty text block", a(says(said("", **MARK))), "empty text blocks"),
    ("anthropic", "a blank text block", a(says(said(" \n"))), "non-whitespace"),
    ("anthropic", "a blank text", a(user(" \n")), "non-whitespace"),
    ("anthropic", "empty content", a(user(""), user()), "non-empty content"),
    ("anthropic", "empty content at the end", a(user("")), "non-empty content"),
    ("anthropic", "an empty reply inside", a(user(), assistant(), user()), "non-empty content"),
    ("anthropic", "an empty system block", a(system=[said("")]), "system: text content blocks"),
    ("anthropic", "a reply that ends in a space", a(user(), assistant(said("so "))), "trailing whitespace"),
    ("anthropic", "a prefill for a new model", a(user(), assistant(said("so")), model=MODEL_47), "prefill"),
    ("anthropic", "a call in a user message", a(says(use())), "tool_use"),
    # calls and their answers
    ("openai", "an unanswered call", o(user(), o_asks("c1"), user()), "did not have response messages: c1"),
    ("openai", "an unanswered call at the end", o(user(), o_asks("c1")), "did not have response messages: c1"),
    ("openai", "one of two answered", o(user(), o_asks("a", "b"), *o_answers("a"), user()), "messages: b"),
    ("openai", "a user between", o(user(), o_asks("c"), user(), *o_answers("c")), "did not have"),
    ("openai", "an answer to nothing", o(user(), *o_answers("c")), "preceeding message with 'tool_calls'"),
    ("openai", "an answer twice", o(user(), o_asks("c"), *o_answers("c", "c")), "preceeding message"),
    ("openai", "an answer to another call", o(user(), o_asks("c"), *o_answers("d")), "preceeding message"),
    ("openai", "one id twice", o(user(), o_asks("c", "c"), *o_answers("c", "c")), "Duplicate"),
    ("openai", "no id in an answer", o(user(), o_asks("c"), {"role": "tool", "content": "x"}), "tool_call_id"),
    ("openai", "a long id", o(user(), o_asks("c" * 41), *o_answers("c" * 41)), "maximum length 40"),
    ("anthropic", "an unanswered call", a(user(), a_asks("c1"), user()), "immediately after: c1"),
    ("anthropic", "an unanswered call at the end", a(user(), a_asks("c1")), "immediately after: c1"),
    ("anthropic", "one of two answered", a(user(), a_asks("a", "b"), *a_answers("a")), "after: b"),
    ("anthropic", "text before the result", a(user(), a_asks("c"), says(said("x"), result("c"))), "immediately after: c"),
    ("anthropic", "a message before the result", a(user(), a_asks("c"), user(), *a_answers("c")), "immediately after: c"),
    ("anthropic", "an answer to nothing", a(user(), assistant(said("a")), *a_answers("c")), "unexpected `tool_use_id`"),
    ("anthropic", "an answer first of all", a(*a_answers("c")), "unexpected `tool_use_id`"),
    ("anthropic", "an answer twice", a(user(), a_asks("c"), *a_answers("c", "c")), "single result"),
    ("anthropic", "one id twice", a(user(), a_asks("c"), *a_answers("c"), a_asks("c"), *a_answers("c")), "must be unique"),
    ("anthropic", "an id with a dot", a(user(), a_asks("c.1"), *a_answers("c.1")), "match pattern"),
    # tools and arguments
    ("openai", "a tool's name with a dot", o(tools=[tool("openai", "a.b")]), "does not match pattern"),
    ("anthropic", "a tool's name with a dot", a(tools=[tool("anthropic", "a.b")]), "match pattern"),
    *((api, "a tool's name of 65", body(api, tools=[tool(api, "a" * 65)]), "pattern") for api in APIS),
    *((api, "a tool twice", body(api, tools=[tool(api), tool(api)]), "unique") for api in APIS),
    *((api, "a schema that is no object", body(api, tools=[tool(api, schema={"type": "string"})]), "type") for api in APIS),
    *((api, "a schema without a type", body(api, tools=[tool(api, schema={"properties": {}})]), "type") for api in APIS),
    *(
        (
            api,
            "an array without items",
            body(api, tools=[tool(api, schema={"type": "object", "properties": {"a": {"type": "array"}}})]),
            "items",
        )
        for api in APIS
    ),
    *(
        (
            api,
            "an unknown type",
            body(api, tools=[tool(api, schema={"type": "object", "properties": {"a": {"type": "text"}}})]),
            "text",
        )
        for api in APIS
    ),
    *(
        (
            api,
            "a required stranger",
            body(api, tools=[tool(api, schema={"type": "object", "properties": {}, "required": ["a"]})]),
            "required",
        )
        for api in APIS
    ),
    (
        "openai",
        "a long description",
        o(model="gpt-4o", tools=[{"type": "function", "function": {"name": "a", "description": "x" * 1025}}]),
        "maximum length 1024",
    ),
    *(
        ("openai", f"arguments {given!r}", o(user(), o_asks("c", arguments=given), *o_answers("c")), "arguments")
        for given in NOT_ARGUMENTS
    ),
    *(
        ("anthropic", f"input {given!r}", a(user(), a_asks("c", arguments=given), *a_answers("c")), "dictionary")
        for given in NOT_INPUTS
    ),
    # thinking and marks
    (
        "anthropic",
        "a foreign signature",
        a(user(), assistant(thought(signature="x"), said("a")), user()),
        "Invalid `signature`",
    ),
    (
        "anthropic",
        "changed thinking",
        a(user(), assistant(thought("no", signature_of("yes")), said("a")), user()),
        "Invalid `signature`",
    ),
    (
        "anthropic",
        "no signature",
        a(user(), assistant(without(thought(), "signature"), said("a")), user()),
        "signature: Field required",
    ),
    ("anthropic", "foreign redacted data", a(user(), assistant(sealed("x"), said("a")), user()), "Invalid `data`"),
    ("anthropic", "thinking at the end", a(user(), assistant(said("a"), thought()), user()), "final block"),
    (
        "anthropic",
        "thinking left out",
        a(user(), assistant(use("toolu_th1")), says(result("toolu_th1")), thinking=THINK),
        "Expected `thinking`",
    ),
    ("anthropic", "a small budget", a(thinking={"type": "enabled", "budget_tokens": 1023}), "greater than or equal to 1024"),
    ("anthropic", "a budget over the limit", a(thinking={"type": "enabled", "budget_tokens": 4096}), "must be greater than"),
    ("anthropic", "a temperature", a(thinking=THINK, temperature=0), "temperature"),
    ("anthropic", "a budget for a new model", a(thinking=THINK, model=MODEL_47), "thinking.type.adaptive"),
    ("anthropic", "adaptive for an old model", a(thinking={"type": "adaptive"}, model="claude-sonnet-4-5"), "adaptive"),
    ("anthropic", "five marks", a(says(*[said("a", **MARK)] * 5)), "maximum of 4 blocks"),
    ("openai", "a mark", o(says(said("a", **MARK))), "cache_control"),
]


def message_of(api: str, data: bytes) -> str:
    answer = json.loads(data)
    if api == "anthropic":
        assert answer["type"] == "error" and answer["request_id"]
    assert answer["error"]["type"]
    return str(answer["error"]["message"])


@pytest.mark.parametrize(("api", "what", "request_body"), TAKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_takes_what_the_service_takes(server: ProviderServer, api: str, what: str, request_body: dict[str, Any]) -> None:
    status, data = post(server, api, request_body)
    assert status == 200, f"{what}: {data.decode()}"


@pytest.mark.parametrize(
    ("api", "what", "request_body", "words"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_refuses_what_the_service_refuses(
    server: ProviderServer, api: str, what: str, request_body: dict[str, Any], words: str
) -> None:
    status, data = post(server, api, request_body)
    assert status == 400, what
    assert words in message_of(api, data)
    assert server.requests[-1].refusal


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"model": ', "not valid JSON"),
        (b'{"model": "\xff"}', "invalid utf-8"),
        (b'{"model": "\\ud83d"}', "surrogate"),
        (b'{"model": NaN}', "NaN"),
        (b"[]", "JSON object"),
    ],
)
def test_refuses_a_body_that_is_no_json_object_in_utf8(server: ProviderServer, api: str, data: bytes, words: str) -> None:
    status, answer = post(server, api, data)
    assert status == 400
    assert words in message_of(api, answer)


@pytest.mark.parametrize("api", APIS)
def test_refuses_another_content_type(server: ProviderServer, api: str) -> None:
    status, data = post(server, api, body(api), {**client.HEADERS[api], "content-type": "text/plain"})
    assert status == 415
    assert "content type" in message_of(api, data)


@pytest.mark.parametrize(
    ("api", "headers"),
    [
        ("openai", {}),
        ("openai", {"x-api-key": "test-key"}),
        ("openai", {"authorization": "test-key"}),
        ("openai", {"authorization": "Bearer other"}),
        ("anthropic", {"anthropic-version": "2023-06-01"}),
        ("anthropic", {"authorization": "Bearer test-key", "anthropic-version": "2023-06-01"}),
        ("anthropic", {"x-api-key": "other", "anthropic-version": "2023-06-01"}),
    ],
)
def test_refuses_a_missing_or_wrong_key_with_401(server: ProviderServer, api: str, headers: dict[str, str]) -> None:
    status, data = post(server, api, body(api), {"content-type": "application/json", **headers})
    assert status == 401
    assert "key" in message_of(api, data)


@pytest.mark.parametrize("version", [None, "2024-01-01"])
def test_refuses_a_missing_or_unknown_version_of_the_api(server: ProviderServer, version: str | None) -> None:
    headers = without(client.HEADERS["anthropic"], "anthropic-version")
    status, data = post(
        server, "anthropic", body("anthropic"), headers if version is None else {**headers, "anthropic-version": version}
    )
    assert status == 400
    assert "anthropic-version" in message_of("anthropic", data)


def test_refuses_other_paths_and_methods(server: ProviderServer) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(client.PATHS, "openai", "/v1/complete")
        assert post(server, "openai", body("openai"))[0] == 404


@pytest.mark.parametrize("api", APIS)
def test_refuses_what_is_longer_than_the_context_window(api: str) -> None:
    with ProviderServer(Script(["ok"]), context_window=100) as small:
        status, data = post(small, api, body(api, user("x" * 1000)))
        assert status == 400
        assert ("maximum context length" if api == "openai" else "prompt is too long") in message_of(api, data)
        assert post(small, api, without(body(api), "tools"))[0] == 200
