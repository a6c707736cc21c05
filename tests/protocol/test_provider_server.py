"""The tests' server says what its script says, breaks as its faults say, and records what came."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import faults
from tests.support.anthropic_check import signature_of
from tests.support.client import HEADERS, PATHS, answered, asked, body, dechunked, events, post, raw_post, user
from tests.support.provider_server import Call, Fault, ProviderServer, Script, Thinking, Turn, assert_prefix, call, turn

APIS = ("openai", "anthropic")
TURN = turn("Ünïcode 🌍 text", call("edit_file", path="a.py", new='say("é")\n\t\\'), Call("glob", {"pattern": "*"}))


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(Script([TURN, "Done."])) as one:
        yield one


def streamed(api: str, *messages: dict[str, Any]) -> dict[str, Any]:
    more = {"stream_options": {"include_usage": True}} if api == "openai" else {}
    return body(api, *messages, stream=True, **more)


def heard(api: str, data: bytes) -> tuple[str, list[tuple[str, str]], str]:
    """Text, calls (name and arguments) and finish reason of a stream."""
    text, finish = "", ""
    calls: dict[int, list[str]] = {}
    for event in events(data):
        if api == "openai":
            for choice in event["choices"]:
                delta = choice["delta"]
                text += delta.get("content") or ""
                for part in delta.get("tool_calls", []):
                    held = calls.setdefault(part["index"], ["", ""])
                    held[0] += part["function"].get("name", "")
                    held[1] += part["function"]["arguments"]
                finish = choice["finish_reason"] or finish
        elif event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            calls[event["index"]] = [event["content_block"]["name"], ""]
        elif event["type"] == "content_block_delta":
            text += event["delta"].get("text", "")
            if "partial_json" in event["delta"]:
                calls[event["index"]][1] += event["delta"]["partial_json"]
        elif event["type"] == "message_delta":
            finish = event["delta"]["stop_reason"]
    return text, [(name, arguments) for name, arguments in calls.values()], finish


def assert_whole(api: str, data: bytes) -> None:
    text, calls, finish = heard(api, data)
    assert text == "Ünïcode 🌍 text"
    assert [(name, json.loads(arguments)) for name, arguments in calls] == [
        ("edit_file", {"path": "a.py", "new": 'say("é")\n\t\\'}),
        ("glob", {"pattern": "*"}),
    ]
    assert finish == {"openai": "tool_calls", "anthropic": "tool_use"}[api]


def whole_stream(api: str) -> bytes:
    with ProviderServer(Script([TURN])) as one:
        return post(one, api, streamed(api))[1]


# what the script says


@pytest.mark.parametrize("api", APIS)
def test_streams_a_turn_in_small_pieces(server: ProviderServer, api: str) -> None:
    received, reset = raw_post(server, api, streamed(api))
    data, ended = dechunked(received)
    assert ended and not reset
    assert_whole(api, data)
    assert len(events(data)) >= 30
    assert b"data: [DONE]" in data if api == "openai" else b"event: message_stop" in data


@pytest.mark.parametrize("api", APIS)
def test_some_chunk_border_falls_inside_a_character(api: str) -> None:
    with ProviderServer(Script(["🌍" * 200])) as one:
        rest = raw_post(one, api, streamed(api))[0].partition(b"\r\n\r\n")[2]
    split = 0
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        chunk, rest = rest[: int(line, 16)], rest[int(line, 16) + 2 :]
        split += "\ufffd" in chunk.decode(errors="replace")
    assert split > 5


@pytest.mark.parametrize("api", APIS)
def test_answers_without_a_stream(server: ProviderServer, api: str) -> None:
    answer = json.loads(post(server, api, body(api))[1])
    if api == "openai":
        message = answer["choices"][0]["message"]
        assert message["content"] == "Ünïcode 🌍 text"
        assert json.loads(message["tool_calls"][0]["function"]["arguments"])["path"] == "a.py"
    else:
        assert [block["type"] for block in answer["content"]] == ["text", "tool_use", "tool_use"]
        assert answer["content"][1]["input"]["new"] == 'say("é")\n\t\\'
        assert answer["stop_reason"] == "tool_use"


def test_thinking_streams_with_its_signature() -> None:
    with ProviderServer(Script([turn(Thinking("Hmm."), "a"), turn(Thinking("x", redacted=True), "b")])) as one:
        found = events(post(one, "anthropic", streamed("anthropic"))[1])
        deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
        assert "".join(delta.get("thinking", "") for delta in deltas) == "Hmm."
        assert {"type": "signature_delta", "signature": signature_of("Hmm.")} in deltas
        again = events(post(one, "anthropic", streamed("anthropic"))[1])
        assert any(event.get("content_block", {}).get("type") == "redacted_thinking" for event in again)


@pytest.mark.parametrize("api", APIS)
def test_raw_arguments_and_finish_are_sent_as_they_are(api: str) -> None:
    with ProviderServer(Script([Turn((Call("write_file", '{"path": "a.p'),), finish="length", usage={"output": 7})])) as one:
        data = post(one, api, streamed(api))[1]
    _, calls, finish = heard(api, data)
    assert calls == [("write_file", '{"path": "a.p')]
    assert finish == {"openai": "length", "anthropic": "max_tokens"}[api]
    usages = [event["usage"] for event in events(data) if event.get("usage")]
    assert 7 in usages[-1].values()


def test_a_function_answers_by_what_it_sees() -> None:
    def answer(request: dict[str, Any]) -> str:
        return f"I hold {len(request['messages'])} messages"

    with ProviderServer(Script([answer], then=lambda _: "later")) as one:
        assert heard("openai", post(one, "openai", streamed("openai", user(), user()))[1])[0] == "I hold 2 messages"
        assert heard("openai", post(one, "openai", streamed("openai"))[1])[0] == "later"


def test_a_script_that_has_ended_says_so(server: ProviderServer) -> None:
    for _ in range(2):
        assert post(server, "openai", body("openai"))[0] == 200
    status, data = post(server, "openai", body("openai"))
    assert status == 400 and b"no turn 2" in data
    with pytest.raises(AssertionError, match="no turn 2"):
        server.assert_accepted()


def test_asserts_that_every_turn_was_asked_for(server: ProviderServer) -> None:
    post(server, "openai", body("openai"))
    with pytest.raises(AssertionError, match="1 of 2 turns"):
        server.assert_accepted()


def test_records_what_came(server: ProviderServer) -> None:
    post(server, "openai", body("openai", user("où?")))
    record = server.requests[0]
    assert (record.index, record.api, record.path, record.status, record.turn) == (0, "openai", "/v1/chat/completions", 200, 0)
    assert record.headers["authorization"] == "Bearer test-key"
    assert record.body["messages"] == [user("où?")]
    assert json.loads(record.raw) == record.body
    assert record.at > 0


def test_conversations_are_served_in_parallel_each_from_its_script() -> None:
    names = [f"talk-{number}" for number in range(6)]
    heard_by: dict[str, list[str]] = {}
    with ProviderServer({name: Script([f"{name} says {at}" for at in range(5)]) for name in names}) as one:

        def converse(name: str) -> None:
            messages = [user(f"Hello from {name}")]
            for _ in range(5):
                text = heard("openai", post(one, "openai", streamed("openai", *messages))[1])[0]
                heard_by.setdefault(name, []).append(text)
                messages += [{"role": "assistant", "content": text}, user("go on")]

        threads = [threading.Thread(target=converse, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert heard_by == {name: [f"{name} says {at}" for at in range(5)] for name in names}
        one.assert_accepted()
        assert_prefix(one.requests)
        assert len(one.answered("talk-3")) == 5
        assert post(one, "openai", body("openai", user("who?")))[0] == 400


@pytest.mark.parametrize("api", APIS)
def test_usage_is_told_by_each_services_convention(api: str) -> None:
    said = user("The tests of the parser fail since the quotes were changed. " * 200)
    with ProviderServer(Script(lambda _: "four")) as one:
        usages = [json.loads(post(one, api, marked(api, said))[1])["usage"] for _ in range(2)]
        counts = [record.count for record in one.requests]
        assert one.usage.input == 2 * counts[0].input and one.cache_share == one.usage.cached / one.usage.input
    if api == "openai":
        assert [usage["prompt_tokens"] for usage in usages] == [count.input for count in counts]
        assert usages[0]["prompt_tokens_details"]["cached_tokens"] == 0
        assert usages[1]["prompt_tokens_details"]["cached_tokens"] == counts[1].cached > 0
        assert usages[0]["completion_tokens"] == 1
    else:
        assert [usage["input_tokens"] for usage in usages] == [0, 0]  # all of it is before the mark
        assert [usage["cache_creation_input_tokens"] for usage in usages] == [counts[0].input, 0]
        assert [usage["cache_read_input_tokens"] for usage in usages] == [0, counts[0].input]
        assert usages[0]["output_tokens"] == 1


def marked(api: str, message: dict[str, Any]) -> dict[str, Any]:
    return body(api, message, **({"cache_control": {"type": "ephemeral"}} if api == "anthropic" else {}))


# how it breaks


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 529])
def test_a_status_happens_once_then_the_same_turn_is_served(server: ProviderServer, api: str, code: int) -> None:
    server.faults[0] = faults.status(code, retry_after=3)
    received, _ = raw_post(server, api, streamed(api))
    head, _, data = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % code) and b"retry-after: 3" in head
    assert json.loads(data)["error"]["message"]
    assert_whole(api, post(server, api, streamed(api))[1])


def test_an_exhausted_quota_has_its_own_code(server: ProviderServer) -> None:
    server.faults[0] = faults.status(429, word="insufficient_quota")
    error = json.loads(post(server, "openai", body("openai"))[1])["error"]
    assert error["code"] == error["type"] == "insufficient_quota"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", [200, 502])
def test_a_page_comes_instead_of_json(server: ProviderServer, api: str, code: int) -> None:
    server.faults[0] = faults.html(code)
    status, data = post(server, api, streamed(api))
    assert status == code and data.startswith(b"<!DOCTYPE html>")
    assert_whole(api, post(server, api, streamed(api))[1])


@pytest.mark.parametrize("api", APIS)
def test_a_reset_before_headers_sends_nothing(server: ProviderServer, api: str) -> None:
    server.faults[0] = faults.reset()
    assert raw_post(server, api, streamed(api)) == (b"", True)
    assert server.requests[0].status == 0
    assert_whole(api, post(server, api, streamed(api))[1])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("fault", "reset", "ends"),
    [(faults.reset(at=333), True, False), (faults.cut(333), False, False), (faults.truncate(333), False, True)],
    ids=["reset", "cut", "truncate"],
)
def test_a_stream_breaks_after_the_byte(server: ProviderServer, api: str, fault: Fault, reset: bool, ends: bool) -> None:
    server.faults[0] = fault
    received, was_reset = raw_post(server, api, streamed(api))
    data, ended = dechunked(received)
    assert (was_reset, ended, len(data)) == (reset, ends, 333)
    again = post(server, api, streamed(api))[1]
    assert_whole(api, again)
    assert again.startswith(data)


@pytest.mark.parametrize("api", APIS)
def test_a_chunk_promises_more_than_comes(server: ProviderServer, api: str) -> None:
    server.faults[0] = faults.cut_chunk(333)
    received, reset = raw_post(server, api, streamed(api))
    data, ended = dechunked(received)
    size, _, last = received.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2], b"", received.rpartition(b"\r\n")[2]
    assert not ended and not reset
    assert len(data) == 333
    assert int(size, 16) > len(last) == 5


@pytest.mark.parametrize("api", APIS)
def test_garbage_stands_in_the_stream(server: ProviderServer, api: str) -> None:
    server.faults[0] = faults.garbage(333)
    data = post(server, api, streamed(api))[1]
    assert data[333:335] == b"\xff\xfe"
    with pytest.raises(UnicodeDecodeError):
        data.decode()


@pytest.mark.parametrize("api", APIS)
def test_an_error_event_ends_the_stream(server: ProviderServer, api: str) -> None:
    server.faults[0] = faults.error_event(333)
    last = events(post(server, api, streamed(api))[1])[-1]
    assert last["error"]["message"]
    assert_whole(api, post(server, api, streamed(api))[1])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("at", [None, 333])
def test_a_hang_ends_when_the_client_closes(server: ProviderServer, api: str, at: int | None) -> None:
    fault = server.faults[0] = faults.hang(at)
    data = json.dumps(streamed(api)).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        lines = [f"POST {PATHS[api]} HTTP/1.1", "host: test", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in HEADERS[api].items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        assert fault.reached.wait(10)
        assert not fault.closed.is_set()
    assert fault.closed.wait(10)
    assert_whole(api, post(server, api, streamed(api))[1])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("at", [None, 333])
def test_a_hang_that_is_released_goes_on(server: ProviderServer, api: str, at: int | None) -> None:
    fault = server.faults[0] = faults.hang(at)

    def release() -> None:
        fault.reached.wait(10)
        fault.release.set()

    threading.Thread(target=release).start()
    assert_whole(api, post(server, api, streamed(api))[1])
    assert heard(api, post(server, api, streamed(api))[1])[0] == "Done."


@pytest.mark.parametrize("api", APIS)
def test_a_drip_arrives_whole(server: ProviderServer, api: str) -> None:
    server.faults[0] = faults.drip(pause=0.0001, size=100)
    assert_whole(api, post(server, api, streamed(api))[1])
    assert heard(api, post(server, api, streamed(api))[1])[0] == "Done."


@pytest.mark.parametrize("api", APIS)
def test_a_late_cut_serves_the_turn_again_only_to_who_asks_again(api: str) -> None:
    late = len(whole_stream(api)) - 1
    for follower, expected in ((user(), "Ünïcode 🌍 text"), (user("next"), "Done.")):
        with ProviderServer(Script([TURN, "Done."])) as one:
            one.faults[0] = faults.truncate(late)
            post(one, api, streamed(api))
            assert heard(api, post(one, api, streamed(api, follower))[1])[0] == expected


def test_a_wrong_request_is_refused_though_a_fault_waits(server: ProviderServer) -> None:
    server.faults[0] = faults.status(500)
    assert post(server, "openai", body("openai", foo=1))[0] == 400


# prefixes


@pytest.mark.parametrize("api", APIS)
def test_a_conversation_that_only_grows_has_the_prefix(api: str) -> None:
    first = body(api, user())
    later = body(api, user(), asked(api, "c"), *answered(api, "c"))
    assert_prefix([first, first, later])


def test_cache_marks_do_not_count() -> None:
    marked = {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]}
    reply = {"role": "assistant", "content": "hi"}
    assert_prefix([body("anthropic", marked), body("anthropic", user("hello"), reply, marked)])


@pytest.mark.parametrize(
    ("earlier", "later", "words"),
    [
        (body("openai", user("hello there")), body("openai", user("hello where"), user()), r"messages\[0\] differ at byte"),
        (body("openai", user(), user()), body("openai", user()), "2 messages became 1"),
        (body("anthropic", system="a b"), body("anthropic", system="a c"), "system differ at byte"),
        (body("openai"), body("openai", tools=[]), "tools differ at byte"),
        (body("openai", {"role": "user", "content": "x"}), body("openai", {"content": "x", "role": "user"}), r"messages\[0\]"),
    ],
)
def test_a_changed_prefix_is_shown_with_its_byte(earlier: dict[str, Any], later: dict[str, Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        assert_prefix([earlier, later])
