"""What was taken out of the prompt is left out in a way that the services accept, reasoning too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lcode.events import Compacted, Evicted
from tests.e2e.agent import Agent
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Script, Thinking, Turn, assert_prefix, call, turn

THOUGHT = "First the parser has to be understood, then what calls it, and why the queue waits for both of them. " * 8


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = fixture_repos.make("python", tmp_path / "repo")
    for number in range(24):
        lines = (f"    value_{number}_{line} = compute(number={line})" for line in range(70))
        (folder / f"file{number}.py").write_text("\n".join([f"def function_{number}():", *lines, ""]))
    return folder


def turns() -> list[Turn]:
    """Seven answers, each after three files were read."""
    made = []
    for answer in range(7):
        made += [turn(Thinking(THOUGHT), "I read.", call("read_file", path=f"file{answer * 3 + at}.py")) for at in range(3)]
        made.append(turn(Thinking(THOUGHT), f"Answer {answer}."))
    return made


def test_old_results_and_the_reasoning_of_earlier_answers_go_and_every_request_is_accepted(project: Path) -> None:
    async def work(server: ProviderServer) -> None:
        agent = Agent.of(project, thinking="low", context_window=34_000)
        talk = await agent.talk(server, "anthropic")
        for number in range(7):
            finished = await talk.say(f"What does part {number} do?")
            assert not finished.error
        assert len(talk.of(Evicted)) == 1 and not talk.of(Compacted)
        await agent.runtime.close()

    with ProviderServer(Script(turns())) as server:
        asyncio.run(work(server))
        server.assert_accepted()
        requests = [one.body["messages"] for one in server.requests]
        shortened = ["read_result result-" in str(messages) for messages in requests]
        at = shortened.index(True)
        assert_prefix(server.requests[:at])
        assert_prefix(server.requests[at:])
        assert str(requests[at]).count("'type': 'thinking'") < str(requests[at - 1]).count("'type': 'thinking'")
        calls = [message["content"] for message in requests[at] if message["role"] == "assistant"]
        assert "thinking" in str(calls[-1]), "that of the answer at hand stays"
        first, after = server.requests[at - 1].count, server.requests[at].count
        assert first is not None and after is not None and after.input < 0.7 * first.input
        assert after.cached > 0
