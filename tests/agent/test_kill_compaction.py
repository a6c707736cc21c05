"""`kill -9` before and after each write of a compaction and of its undoing: nothing is missing, and the session goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lcode.events import StopReason
from lcode.memory.compactions import compactions
from lcode.memory.model import Actor, Source
from tests.agent.harness import Harness, run
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Script, user_text

APIS = {"openai": "openai/gpt-4.1", "anthropic": "anthropic/claude-sonnet-4-5"}
LONG = "A long answer about the queue. " * 100
RULE = "Never touch the file queue.py."


def answers(body: dict[str, Any]) -> Any:
    return "Goals: the queue. State: half done." if "replaced by your summary" in user_text(body) else LONG


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fixture_repos.make("python", tmp_path_factory.mktemp("kill") / "repo")


def prepare(repo: Path, model: str) -> list[str]:
    """A session worth compacting; the ids of its messages."""

    async def work() -> list[str]:
        harness = Harness.open(repo, model=model)
        session = await harness.runtime.new_session()
        await harness.ask(session, RULE)
        for number in range(4):
            await harness.ask(session, f"question {number}")
        memory = session.memory
        memory.blocks.append("human", "Likes oranges.", memory.provenance(Actor.USER, Source.SAID))
        ids = [row.id for row in memory.recall.messages(session.id)]
        await harness.runtime.close()
        return ids

    found: list[str] = run(work())
    return found


def die(repo: Path, server: ProviderServer, model: str, target: int, moment: str) -> list[dict[str, Any]]:
    environment = {**os.environ, **server.environ(), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "tests.agent.killed_compaction", str(repo), model, str(target), moment]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == (-signal.SIGKILL if target else 0), done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def carry_on(repo: Path, model: str, before: list[str], facts: list[dict[str, Any]]) -> str:
    """Take the session up, check it, ask something; the state it was found in."""

    async def work() -> str:
        harness = Harness.open(repo, model=model)
        session = await harness.runtime.resume_session()
        stored = session.memory.recall.messages(session.id)
        assert [row.id for row in stored][: len(before)] == before
        assert session.rows == session.memory.recall.context(session.id)
        made = session.memory.recall.ask(compactions, session.id)
        state = "none" if not made else "undone" if made[0].undone_at else "compacted"
        assert (session.rows[0].kind == "summary") == (state == "compacted")
        assert len(made) <= 1
        assert sum(row.kind == "summary" for row in stored) == len(made)
        assert not any("compacted" in fact for fact in facts) or made
        assert not any("undone" in fact for fact in facts) or state == "undone"
        finished = await harness.ask(session, "carry on")
        assert (finished.stop_reason, finished.text) == (StopReason.END_TURN, LONG), finished
        assert RULE in str([part for row in session.rows for part in row.content])
        if state != "none":  # core memory was rendered anew
            assert "Likes oranges." in session.prompt.system
        await harness.runtime.close()
        return state

    found: str = run(work())
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("moment", "api"), [("before", "openai"), ("after", "anthropic")])
def test_a_compaction_that_is_killed_at_any_write_is_there_or_not(
    repo: Path, api: str, moment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "lcode"
    monkeypatch.setenv("LCODE_HOME", str(home))
    with ProviderServer(Script(answers)) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        before = prepare(repo, APIS[api])
        shutil.copytree(home, tmp_path / "fresh")
        writes = die(repo, server, APIS[api], 0, moment)[-1]["writes"]
        states = [carry_on(repo, APIS[api], before, [])]
        for target in range(1, writes + 1):
            shutil.rmtree(home)
            shutil.copytree(tmp_path / "fresh", home)
            facts = die(repo, server, APIS[api], target, moment)
            states.append(carry_on(repo, APIS[api], before, facts))
        server.assert_accepted()
    assert {"compacted", "undone"} <= set(states)
    assert writes >= 5
