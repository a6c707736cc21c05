"""Each request of a session begins with the bytes of the one before, whatever happens in between: caches hold."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lcode.agent.session import Session
from lcode.events import Event, RunFinished, StopReason, TextDelta, ToolStarted
from tests.e2e.agent import Agent, Talk
from tests.e2e.program import MODELS, Program, system_text, tool_results
from tests.support import faults
from tests.support.provider_server import (
    ProviderServer,
    Recorded,
    Script,
    Thinking,
    Turn,
    assert_prefix,
    call,
    marks,
    turn,
    user_text,
)

FORMS = ["openai", "anthropic", "anthropic, thinking", "anthropic, encrypted thinking", "anthropic, thinking of a secret"]
TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
FIRST, STOPPED, SLOW = "Read it, and remember my taste.", "Say something long.", "Run something slow."
LONG = "A long answer, of which only the beginning is heard. " * 12


def turns(form: str) -> list[Turn]:
    """What the model says, with thinking in front of every reply where the form has it."""
    words = f"Let me see… {TOKEN}" if "secret" in form else "Let me see…"
    thought = [Thinking(words, redacted="encrypted" in form)] if "thinking" in form else []
    said: list[list[object]] = [
        [
            "I read both.",
            call("read_file", path="tasklane/backoff.py"),
            call("read_file", path="README.md"),
            call("grep", pattern="def delay"),
        ],
        [call("core_memory_append", label="human", content="Likes tea."), call("list_dir", path="docs")],
        [call("shell", command="echo one"), call("shell", command="exit 3"), call("no_such_tool")],
        ["Read, and remembered."],
        [LONG],  # broken off at its first request, served again to the next message
        [call("list_dir"), call("shell", command="touch running; sleep 600")],
        ["The slow one was stopped."],
        [call("core_memory_append", label="conventions", content="Tea at four."), call("glob", pattern="**/*.md")],
        ["Here again."],
    ]
    return [turn(*thought, *items) for items in said]  # type: ignore[arg-type]


def stop_at(kind: type, name: str = "") -> object:
    """Interrupts the session at the first event of a kind."""

    def watch(session: Session, event: Event) -> None:
        if isinstance(event, kind) and getattr(event, "name", "") == name:
            asyncio.get_running_loop().call_soon(session.interrupt)

    return watch


async def first_process(talk: Talk, program: Program, server: ProviderServer) -> None:
    """A run with parallel calls and a retry, others' edits, and interrupts in the words and in a tool."""
    server.faults[2] = faults.reset(at=500)
    assert (await talk.say(FIRST)).text == "Read, and remembered."
    edited = await asyncio.to_thread(program, "memory", "append", "human", "Hates sugar.")
    assert edited.code == 0, edited.err

    server.faults[len(server.requests)] = faults.hang(at=3000)
    talk.watch = stop_at(TextDelta)  # type: ignore[assignment]
    stopped = await talk.say(STOPPED)
    assert stopped.stop_reason is StopReason.CANCELLED
    assert stopped.text and LONG.startswith(stopped.text)
    talk.watch = None
    assert (await talk.say("Once more.")).text == LONG

    talk.watch = stop_at(ToolStarted, "shell")  # type: ignore[assignment]
    assert (await talk.say(SLOW)).stop_reason is StopReason.CANCELLED
    talk.watch = None
    finished: RunFinished = await talk.say("What happened?")
    assert finished.text == "The slow one was stopped."


@pytest.mark.parametrize("form", FORMS)
def test_a_session_sends_one_growing_prompt_over_everything_that_happens_to_it(repo: Path, lcode: Program, form: str) -> None:
    api = form.partition(",")[0]
    thinking = "medium" if "thinking" in form else "off"

    async def work(server: ProviderServer) -> None:
        agent = Agent.of(repo, thinking=thinking)
        await first_process(await agent.talk(server, api), lcode, server)
        await agent.runtime.close()

    with ProviderServer(Script(turns(form))) as server:
        asyncio.run(work(server))
        lcode.environ = {**server.environ(api), "LCODE_THINKING": thinking}
        edited = lcode("memory", "append", "conventions", "No tea before four.")
        assert edited.code == 0, edited.err
        again = lcode("-p", "-c", "Are you there?", "--permission-mode", "yolo")
        assert (again.code, again.out) == (0, "Here again.\n"), again.err
        server.assert_accepted()
        assert_prefix(server.requests)
        assert_told(server.requests, "off" if "secret" in form else thinking)  # a block that was redacted is not taken back
        assert TOKEN not in json.dumps([request.body for request in server.requests])
        assert_cached(server.requests, api)


def assert_told(requests: list[Recorded], thinking: str) -> None:
    """What happened is in the messages, once each, and not in the system text."""
    assert {request.body.get("model") for request in requests} <= {name.partition("/")[2] for name in MODELS.values()}
    assert not [words for words in ("tea.", "Tea at", "sugar") if words in system_text(requests[-1].body)]
    told = user_text(requests[-1].body)
    assert told.count("+Hates sugar.") == 1
    assert told.count("+No tea before four.") == 1
    assert "+Likes tea." not in told and "+Tea at four." not in told  # its own edits it knows
    results = tool_results(requests[-1].body)
    assert len([text for text in results if text.startswith("interrupted")]) == 1
    kinds = {
        block["type"]
        for message in requests[-1].body["messages"]
        if message["role"] == "assistant" and isinstance(message["content"], list)
        for block in message["content"]
    }
    assert bool(kinds & {"thinking", "redacted_thinking"}) is (thinking != "off")


def assert_cached(requests: list[Recorded], api: str) -> None:
    """Anthropic is shown where the parts that stay the same end."""
    if api == "anthropic":
        assert all(2 <= len(marks(request.body)) <= 4 for request in requests)
