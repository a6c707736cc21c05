"""Whatever breaks on the wire, a request ends with exactly the reply that the model gave, or with an error that explains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lcode.errors import ProviderError
from lcode.events import Usage
from lcode.llm.protocol import Message, Part, Reply, Text, Thinking, ToolCall, ToolResult
from tests.protocol.conftest import Asker, Askers, asks
from tests.support import client, faults
from tests.support.anthropic_check import signature_of
from tests.support.provider_server import Call, Fault, ProviderServer, Script, Turn, assert_prefix, turn
from tests.support.provider_server import Thinking as ScriptThinking

APIS = ("openai", "anthropic")
ARGUMENTS = {"path": "é 🌍.py", "edits": [{"old": 'say("é")\n', "new": "\\ \t\u0001"}]}
COUNTS = {"input": 100, "cached": 40, "written": 0, "output": 20}
USAGE = Usage(input=100, cached=40, output=20)
TURN = turn(
    "Dies ist Ünïcode 🌍.", Call("edit_file", ARGUMENTS, "call_1"), Call("read_file", {"path": "b"}, "call_2"), usage=COUNTS
)
PARTS: tuple[Part, ...] = (
    Text("Dies ist Ünïcode 🌍."),
    ToolCall("call_1", "edit_file", ARGUMENTS),
    ToolCall("call_2", "read_file", {"path": "b"}),
)
REPLY = Reply(PARTS, "tool_calls", USAGE, "test-model")
SHORT = turn(Call("read_file", {"path": "é.py"}, "call_1"), usage=COUNTS)
SHORT_REPLY = Reply((ToolCall("call_1", "read_file", {"path": "é.py"}),), "tool_calls", USAGE, "test-model")
BATCH = 40  # broken attempts before one that is whole

FAULTS: dict[str, Callable[[], Fault]] = {
    "429": lambda: faults.status(429),
    "429 with Retry-After": lambda: faults.status(429, retry_after=7),
    "408": lambda: faults.status(408),
    "409": lambda: faults.status(409),
    "500": lambda: faults.status(500),
    "502": lambda: faults.status(502),
    "503": lambda: faults.status(503),
    "529": lambda: faults.status(529),
    "reset before headers": faults.reset,
    "reset": lambda: faults.reset(at=600),
    "truncation": lambda: faults.truncate(600),
    "close": lambda: faults.cut(600),
    "close inside a chunk": lambda: faults.cut_chunk(600),
    "HTML with 200": lambda: faults.html(200),
    "HTML with 502": lambda: faults.html(502),
    "hang before headers": faults.hang,
    "hang": lambda: faults.hang(at=600),
    "garbage": lambda: faults.garbage(600),
    "error event": lambda: faults.error_event(600),
}


def recorded(api: str, script: Turn, terse: bool) -> bytes:
    """The stream that `script` becomes."""
    more = {"stream_options": {"include_usage": True}} if api == "openai" else {}
    with ProviderServer(Script([script]), terse=terse) as server:
        return client.post(server, api, client.body(api, stream=True, **more))[1]


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_recovered_with_the_one_reply_of_the_script(asker: Askers, api: str, name: str) -> None:
    with ProviderServer(Script([TURN, "Done."])) as server:
        server.faults[0] = FAULTS[name]()
        asking = asker(api, server, idle_timeout=0.3)
        reply, restarts = asking.ask(asks())
        assert reply == REPLY
        assert len(restarts) == len(asking.waits) == 1
        assert restarts[0].attempt == 1 and restarts[0].reason and restarts[0].wait == asking.waits[0]
        assert (asking.waits[0] >= 7) == ("Retry-After" in name)
        assert server.requests[0].raw == server.requests[1].raw
        assert asking.ask(asks())[0].text == "Done."
        server.assert_accepted()


@pytest.mark.parametrize("api", APIS)
def test_a_drip_is_no_fault(asker: Askers, api: str) -> None:
    with ProviderServer(Script([TURN])) as server:
        server.faults[0] = faults.drip(pause=0.0002, size=37)
        assert asker(api, server).ask(asks()) == (REPLY, [])


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_a_break_at_every_byte_of_a_tool_call_gives_the_same_reply(asker: Askers, api: str, kind: str) -> None:
    stream = recorded(api, SHORT, terse=True)
    assert len(stream) >= 500
    assert_recovered_at(asker, api, kind, SHORT, SHORT_REPLY, stream, range(len(stream)), terse=True)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", ["reset", "truncate", "cut", "cut_chunk"])
def test_a_break_in_a_long_stream_gives_the_same_reply(asker: Askers, api: str, kind: str) -> None:
    stream = recorded(api, TURN, terse=False)
    assert_recovered_at(asker, api, kind, TURN, REPLY, stream, range(0, len(stream), 97), terse=False)


def assert_recovered_at(
    asker: Askers, api: str, kind: str, script: Turn, wanted: Reply, stream: bytes, positions: range, *, terse: bool
) -> None:
    """Break the stream at each position; many broken attempts, then a whole one. Every broken attempt is void."""
    make: Callable[[int], Fault] = getattr(faults, kind)
    whole_at = len(stream) if api == "anthropic" else stream.index(b"\n\n", stream.index(b'"finish_reason":"tool_calls"')) + 2
    early, late = [at for at in positions if at < whole_at], [at for at in positions if at >= whole_at]
    with ProviderServer(Script(lambda _: script), terse=terse) as server:
        asking = asker(api, server, attempts=BATCH + 1)
        for batch in _batched(early):
            start = len(server.requests)
            server.faults.update({start + number: make(at) for number, at in enumerate(batch)})
            reply, restarts = asking.ask(asks())
            assert reply == wanted, f"one of {batch}"
            assert len(restarts) == len(batch)
            assert len(server.requests) == start + len(batch) + 1
        for at in late:  # the reply is whole, its end is not: it may be taken, its counts may be missing
            assert_taken_or_asked_again(asking, server, make(at), wanted)
        assert not server.refusals


def _batched(positions: list[int]) -> list[tuple[int, ...]]:
    return [tuple(positions[at : at + BATCH]) for at in range(0, len(positions), BATCH)]


def assert_taken_or_asked_again(asking: Asker, server: ProviderServer, fault: Fault, wanted: Reply) -> None:
    server.faults[len(server.requests)] = fault
    reply, restarts = asking.ask(asks())
    assert (reply.parts, reply.finish) == (wanted.parts, wanted.finish)
    assert reply.usage in (wanted.usage, Usage())
    assert len(restarts) <= 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("raw", ["", "{", '{"path": "a', '{"path": "a"', '{"path": "\\u00'])
def test_arguments_cut_by_the_length_are_a_problem_and_no_exception(asker: Askers, api: str, raw: str) -> None:
    cut = turn("Now", Call("edit_file", raw, "call_1"), finish="length", usage=COUNTS)
    with ProviderServer(Script([cut])) as server:
        reply, restarts = asker(api, server).ask(asks())
    assert reply.finish == "length" and not restarts
    (call,) = reply.calls
    assert (call.id, call.name, call.arguments) == ("call_1", "edit_file", None)
    assert call.problem and call.raw == raw


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("raw", ['{"path": ', "[1]", '"a"', "{'path': 1}", '{"path": NaN}', "not json"])
def test_malformed_arguments_are_a_problem_and_no_exception(asker: Askers, api: str, raw: str) -> None:
    with ProviderServer(Script([turn(Call("edit_file", raw, "call_1"), usage=COUNTS), "Done."])) as server:
        asking = asker(api, server)
        reply, restarts = asking.ask(asks())
        assert reply.finish == "tool_calls" and not restarts
        assert reply.calls[0].arguments is None and reply.calls[0].problem and reply.calls[0].raw == raw
        answer = Message("tool", (ToolResult("call_1", "edit_file", reply.calls[0].problem, is_error=True),))
        following = asks(*asks().messages, Message("assistant", reply.parts), answer)
        assert asking.ask(following)[0].text == "Done."
        server.assert_accepted()


@pytest.mark.parametrize("api", APIS)
def test_a_conversation_is_accepted_and_keeps_its_prefix_across_faults(asker: Askers, api: str) -> None:
    steps = [
        turn(f"Step {at}", Call("read_file", {"path": f"{at}.py"}, f"call_{at}"), Call("read_file", {"path": "b"}))
        for at in range(4)
    ]
    with ProviderServer(Script([*steps, "Done."])) as server:
        server.faults.update({1: faults.reset(at=700), 3: faults.status(529), 5: faults.truncate(900)})
        asking = asker(api, server)
        messages = list(asks().messages)
        for _ in steps:
            reply, _ = asking.ask(asks(*messages))
            messages.append(Message("assistant", reply.parts))
            messages.append(
                Message("tool", tuple(ToolResult(call.id, call.name, f"text of {call.id} " * 60) for call in reply.calls))
            )
        reply, _ = asking.ask(asks(*messages))
        assert reply.text == "Done."
        assert reply.usage.cached > 0
        server.assert_accepted()
        assert len(server.requests) == 8
        assert_prefix(server.requests)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-7", "claude-opus-4-1"])
def test_thinking_goes_back_with_its_signature(asker: Askers, model: str) -> None:
    steps = [
        turn(ScriptThinking("Let me see…"), "I look.", Call("read_file", {"path": "a"})),
        turn(ScriptThinking("secret", redacted=True), Call("read_file", {"path": "b"})),
    ]
    with ProviderServer(Script([*steps, "Done."])) as server:
        asking = asker("anthropic", server)
        messages = list(asks().messages)
        for _ in steps:
            reply, _ = asking.ask(asks(*messages, model=model, thinking="high"))
            assert isinstance(reply.parts[0], Thinking)
            messages.append(Message("assistant", reply.parts))
            messages.append(Message("tool", tuple(ToolResult(call.id, call.name, "x") for call in reply.calls)))
        asking.ask(asks(*messages, model=model, thinking="high"))
        asking.server.assert_accepted()
        assert_prefix(server.requests)
        sent = server.requests[-1].body["messages"]
        assert sent[1]["content"][0]["signature"] == signature_of("Let me see…")
        assert sent[3]["content"][0]["type"] == "redacted_thinking"


def test_reasoning_of_a_compatible_server_is_heard_and_not_sent_to_openai(asker: Askers) -> None:
    with ProviderServer(Script([turn(ScriptThinking("Hmm."), "Yes."), "Done."])) as server:
        asking = asker("openai", server)
        reply, _ = asking.ask(asks())
        assert isinstance(reply.parts[0], Thinking) and reply.parts[0].text == "Hmm."
        following = asks(*asks().messages, Message("assistant", reply.parts), Message("user", (Text("go on"),)))
        assert asking.ask(following)[0].text == "Done."
        server.assert_accepted()


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("at", [None, 600])
def test_giving_up_closes_the_connection_at_once(asker: Askers, api: str, at: int | None) -> None:
    async def give_up(asking: Asker, fault: Fault) -> None:
        task = asyncio.ensure_future(_drain(asking))
        assert await asyncio.to_thread(fault.reached.wait, 10)
        task.cancel()
        assert await asyncio.to_thread(fault.closed.wait, 10)
        assert task.cancelled() or isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)

    with ProviderServer(Script([TURN, "Done."])) as server:
        fault = server.faults[0] = faults.hang(at)
        asking = asker(api, server)
        asking.runner.run(give_up(asking, fault))
        assert not asking.waits
        assert asking.ask(asks())[0] == REPLY


async def _drain(asking: Asker) -> None:
    async for _ in asking.provider.stream(asks()):
        pass


# what is not sent again


@pytest.mark.parametrize("api", APIS)
def test_a_wrong_key_is_said_without_the_key_and_not_tried_again(asker: Askers, api: str) -> None:
    with ProviderServer(Script(["never"]), api_key="the-right-key") as server:
        asking = asker(api, server)
        server.api_key = "another-key"
        with pytest.raises(ProviderError) as caught:
            asking.ask(asks())
        assert caught.value.status == 401 and not caught.value.retryable
        assert caught.value.hint and "the-right-key" not in str(caught.value) + caught.value.hint
        assert len(server.requests) == 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("code", [400, 403, 404])
def test_what_cannot_be_mended_is_not_sent_again(asker: Askers, api: str, code: int) -> None:
    with ProviderServer(Script(["never"])) as server:
        server.faults[0] = faults.status(code)
        with pytest.raises(ProviderError) as caught:
            asker(api, server).ask(asks())
        assert caught.value.status == code and not caught.value.retryable
        assert len(server.requests) == 1


def test_an_exhausted_quota_is_not_sent_again(asker: Askers) -> None:
    with ProviderServer(Script(["never"])) as server:
        server.faults[0] = faults.status(429, word="insufficient_quota")
        with pytest.raises(ProviderError, match="credit"):
            asker("openai", server).ask(asks())
        assert len(server.requests) == 1


@pytest.mark.parametrize("api", APIS)
def test_a_request_that_is_too_long_is_an_overflow(asker: Askers, api: str) -> None:
    with ProviderServer(Script(["never"]), context_window=50) as server:
        with pytest.raises(ProviderError) as caught:
            asker(api, server).ask(asks())
        assert caught.value.overflow and not caught.value.retryable


@pytest.mark.parametrize("api", APIS)
def test_a_service_that_stays_down_is_given_up_with_the_reason(asker: Askers, api: str) -> None:
    with ProviderServer(Script(["never"])) as server:
        server.faults.update({at: faults.status(500) for at in range(20)})
        with pytest.raises(ProviderError, match="gave up") as caught:
            asker(api, server, attempts=3).ask(asks())
        assert caught.value.status == 500
        assert len(server.requests) == 3
