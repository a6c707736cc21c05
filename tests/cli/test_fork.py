"""`--fork`, the offer of it, and `lcode sessions` of live ones: who holds each and what it is doing."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pexpect
import pytest

from lcode.events import Answer, ApprovalRequested, Decision, Event, ToolStarted
from lcode.store.locks import NamedLock
from tests.agent.harness import Harness, reply, run
from tests.cli.conftest import Lcode, process
from tests.cli.test_sessions import ask, listed
from tests.cli.test_terminal import terminal


@pytest.fixture
def session(lcode: Lcode, repository: Path) -> str:
    return ask(lcode, "where is the port parsed?")


@pytest.fixture
def held(lcode: Lcode, session: str) -> Any:
    """The session, held by this process."""
    lock = NamedLock(Path(lcode("agents", "--json").json()[0]["folder"]) / "locks" / f"{session}.lock")
    assert lock.acquire("session", "feature")
    yield session
    lock.release()


def test_headless_a_live_session_is_refused_with_75_and_the_hint_to_fork(lcode: Lcode, held: str) -> None:
    done = lcode("-r", held, "-p", "x")
    assert (done.code, done.out) == (75, "")
    said, hint = done.err.splitlines()
    assert f"session {held[8:16]} is open in another terminal: process {os.getpid()}" in said
    assert said.endswith(", on branch feature")
    assert "add --fork" in hint
    assert "add --fork" in lcode("-c", "-p", "x").err


@pytest.mark.parametrize("how", ["resume", "continue"])
def test_a_fork_of_a_live_session_answers_in_a_session_of_its_own(lcode: Lcode, held: str, how: str) -> None:
    given = ("-r", held) if how == "resume" else ("-c",)
    done = lcode(*given, "--fork", "-p", "what is in app.py?", "--output-format", "json").json()
    assert done["session_id"] != held
    newest, original = listed(lcode)
    assert newest["id"] == done["session_id"]
    assert newest["title"] == "where is the port parsed? (fork)"
    assert (newest["forked_from"], original["forked_from"]) == (held, "")
    assert newest["messages"] > original["messages"]
    assert original["live"] and not newest["live"]
    shown = lcode("sessions", "show", newest["id"]).out
    assert shown.count("where is the port parsed?") == 2  # its title, and the question
    found = lcode("recall", "where is the port parsed").out
    assert f"session {held[8:16]}" in found and done["session_id"][8:16] not in found


def test_fork_alone_is_a_usage_error(lcode: Lcode, repository: Path) -> None:
    done = lcode("--fork", "-p", "x")
    assert done.code == 2
    assert "add -c" in done.err
    assert lcode("--fork", "sessions").code == 2


def test_a_live_session_in_a_terminal_is_offered_as_a_fork(lcode: Lcode, repository: Path, held: str) -> None:
    child = terminal(repository, "-r", held[8:14])
    child.expect(f"session {held[8:16]} is open in another terminal: process {os.getpid()}")
    child.expect("1  go on with a copy of it")
    child.expect(r"number \[0\]: ")
    child.sendline("1")
    child.expect(r"where is the port parsed\? \(fork\)")
    child.sendline("/exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert [row["forked_from"] for row in listed(lcode)] == [held, ""]


def test_the_offer_can_be_left_or_another_session_chosen(lcode: Lcode, repository: Path, held: str) -> None:
    other = ask(lcode, "second words")
    child = terminal(repository, "-r", held)
    child.expect(r"number \[0\]: ")
    child.sendline("0")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    child = terminal(repository, "-r", held)
    child.expect(r"number \[0\]: ")
    child.sendline("2")
    child.expect(r"\(open elsewhere\)")
    child.expect(r"number \[1\]: ")
    child.sendline("1")
    child.expect(other[8:16])
    child.sendline("/exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_live_sessions_are_shown_with_their_holder_and_what_they_do(lcode: Lcode, repository: Path) -> None:
    seen: dict[str, dict[str, Any]] = {}
    shown: dict[str, str] = {}

    def look(name: str) -> None:
        (seen[name],) = json.loads(process("sessions", "--json").stdout)
        if name == "running":
            shown[name] = process("sessions").stdout.splitlines()[1]

    def watch(event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            look("waiting")
            event.answer.set_result(Answer(Decision.ONCE))
        elif isinstance(event, ToolStarted):
            look("running")

    def answering(request: Any) -> Any:
        look("answering")
        return reply("", ("shell", {"command": "true  &&\ntrue"}))

    async def work() -> str:
        harness = Harness.open(repository, permission_mode="ask")
        harness.runtime.interactive = True
        harness.script([answering, reply("done")])
        session = await harness.runtime.new_session()
        look("silent")
        await session.run("please run it\nnow", watch)
        look("idle")
        await harness.runtime.close()
        return session.id

    session_id = run(work())
    assert {row["id"] for row in seen.values()} == {session_id}
    assert {row["pid"] for row in seen.values()} == {os.getpid()}
    assert all(row["live"] and row["branch"] == "main" and row["since"] for row in seen.values())
    said = {name: row["activity"].partition(" since ")[0] for name, row in seen.items()}
    assert said == {
        "silent": "idle",
        "answering": "answering «please run it now»",
        "waiting": "waiting for an answer: shell: true && true",
        "running": "running shell: true && true",
        "idle": "idle",
    }
    for name, line in shown.items():
        assert f"open: process {os.getpid()}" in line and said[name] in line
    (after,) = listed(lcode)
    assert (after["live"], after["activity"], after["pid"]) == (False, "", 0)


def test_a_silent_session_that_is_closed_is_not_listed(lcode: Lcode, repository: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repository)
        harness.script([])
        await harness.runtime.new_session()
        assert len(await harness.runtime.sessions(silent=True)) == 1
        assert await harness.runtime.sessions() == []
        await harness.runtime.close()

    asyncio.run(work())
    assert listed(lcode) == []
