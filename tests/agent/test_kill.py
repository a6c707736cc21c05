"""`kill -9` before and after each write of a turn: nothing acknowledged is missing, and the session goes on."""

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

from lcode.errors import UserError
from lcode.events import StopReason
from tests.agent.harness import Harness, run
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Script, call, turn, user_text

APIS = {"openai": "openai/gpt-4.1", "anthropic": "anthropic/claude-sonnet-4-5"}


def answers(body: dict[str, Any]) -> Any:
    """The model: works until it has results, then answers; says so when it is taken up again."""
    text = json.dumps(body["messages"])
    if "carry on" in user_text(body).rsplit("do the work", 1)[-1]:
        return "Resumed."
    if "first answer" not in text and "call_" not in text and "toolu_" not in text:
        return turn(
            "Working.",
            call("read_file", path="README.md"),
            call("core_memory_append", label="human", content="Likes short answers."),
            call("archival_memory_insert", content="The queue retries three times."),
            call("shell", command="echo ran >> side-effect"),
        )
    return "This is the first answer."


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fixture_repos.make("python", tmp_path_factory.mktemp("kill") / "repo")


def work_and_die(repo: Path, server: ProviderServer, model: str, target: int, moment: str) -> tuple[int, list[dict[str, Any]]]:
    environment = {**os.environ, **server.environ(), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "tests.agent.killed_turn", str(repo), model, str(target), moment]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def check_acknowledged(harness: Harness, facts: list[dict[str, Any]], repo: Path) -> None:
    memory = harness.runtime.memory()
    session = next((fact["session"] for fact in facts if "session" in fact), "")
    texts = [row.text for row in memory.recall.messages(session)] if session else []
    for fact in facts:
        if "said" in fact:
            assert fact["said"] in texts
        elif "reply" in fact:
            assert any(fact["reply"] in text for text in texts)
        elif "tool" in fact:
            assert any(fact["text"][:200] in text for text in texts)
        elif "block" in fact:
            assert fact["diff"].removeprefix("+") in memory.blocks.get(fact["block"]).value
    assert memory.blocks.get("human").value.count("Likes short answers.") <= 1
    assert memory.archival.count() <= 1
    rows = memory.database.read(
        lambda connection: [
            next(iter(connection.execute(f"SELECT count(*) FROM {name}")))[0]
            for name in ("said_messages", "messages_fts_docsize", "passages", "passages_fts_docsize")
        ]
    )
    assert rows[0] == rows[1]
    assert rows[2] == rows[3]
    assert memory.database.read(lambda connection: next(iter(connection.execute("PRAGMA integrity_check")))[0]) == "ok"
    ran = repo / "side-effect"
    assert not ran.exists() or ran.read_text() == "ran\n"


def carry_on(
    repo: Path, server: ProviderServer, model: str, facts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)

    async def work() -> None:
        harness = Harness.open(repo, model=model)
        check_acknowledged(harness, facts, repo)
        try:
            session = await harness.runtime.resume_session()
        except UserError:
            assert not any("session" in fact for fact in facts)
        else:
            finished = await harness.ask(session, "carry on")
            assert (finished.stop_reason, finished.text) == (StopReason.END_TURN, "Resumed."), finished
        check_acknowledged(harness, facts, repo)
        await harness.runtime.close()

    run(work())
    server.assert_accepted()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("moment", "api"), [("before", "openai"), ("after", "anthropic")])
def test_a_turn_that_is_killed_at_any_write_goes_on(
    repo: Path, api: str, moment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "lcode"
    monkeypatch.setenv("LCODE_HOME", str(home))
    Harness.open(repo).runtime.store.close()  # the first look is not the turn
    shutil.copytree(home, tmp_path / "fresh")

    def reset() -> None:
        shutil.rmtree(home)
        shutil.copytree(tmp_path / "fresh", home)
        (repo / "side-effect").unlink(missing_ok=True)

    reset()
    with ProviderServer(Script(answers)) as server:
        _, facts = work_and_die(repo, server, APIS[api], 0, moment)
    writes = facts[-1]["writes"]
    assert writes >= 10
    for target in range(1, writes + 1):
        reset()
        with ProviderServer(Script(answers)) as server:
            code, facts = work_and_die(repo, server, APIS[api], target, moment)
            assert code == -signal.SIGKILL
            carry_on(repo, server, APIS[api], facts, monkeypatch)
