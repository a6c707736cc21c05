"""An interrupt at any write of a turn: what was done is known, once, and the session goes on here and in the next process."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcode.events import RunFinished, StopReason
from lcode.store import owner_thread
from lcode.store.database import Database
from tests.e2e.agent import Agent, Talk
from tests.e2e.program import tool_results
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Script, assert_prefix, call, turn, user_text

APIS = ("openai", "anthropic")


def answers(body: dict[str, Any]) -> Any:
    """Works until it has results; says so when it is asked to go on."""
    said = user_text(body).rsplit("do the work", 1)[-1]
    if "once more" in said or "carry on" in said:
        return "Here."
    if "call_" not in json.dumps(body["messages"]) and "toolu_" not in json.dumps(body["messages"]):
        return turn(
            "Working.",
            call("read_file", path="README.md"),
            call("list_dir"),
            call("core_memory_append", label="conventions", content="Answers are short."),
            call("shell", command="echo ran >> side-effect"),
        )
    return "Done."


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fixture_repos.make("python", tmp_path_factory.mktemp("interrupt") / "repo")


class Moments:
    """Counts the writes of a process; at the `target`-th it has the loop do something while the write is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.count = 0
        self.target = 0
        self.times = times
        self.act: Callable[[], None] = lambda: None
        self.loop: asyncio.AbstractEventLoop | None = None
        attempt = Database._attempt

        def counted(database: Database, connection: Any, work: Any, **how: Any) -> Any:
            self.count += 1
            if self.count == self.target and self.loop is not None:
                handled = threading.Event()
                self.loop.call_soon_threadsafe(self._handle, 5, handled)
                handled.wait(10)
            return attempt(database, connection, work, **how)

        monkeypatch.setattr(Database, "_attempt", counted)

    def _handle(self, turns: int, handled: threading.Event) -> None:
        """Act (as often as an impatient user does) while the loop goes round a few times, so that everybody hears of it."""
        if turns > 5 - self.times:
            self.act()
        if turns:
            asyncio.get_running_loop().call_soon(self._handle, turns - 1, handled)
        else:
            handled.set()


class Landings:
    """Counts what a process waits for on the store's threads; when the `target`-th has just ended, before anybody has heard
    of it, the run is interrupted. Where `asyncio.wait_for` stands in between it swallows that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.target = 0
        self.act: Callable[[], None] = lambda: None
        self.loop: asyncio.AbstractEventLoop | None = None
        end = owner_thread._end

        def counted(future: asyncio.Future[None]) -> None:
            self.count += 1
            if self.count == self.target:
                future.add_done_callback(lambda _: self.act())
            end(future)

        monkeypatch.setattr(owner_thread, "_end", counted)


async def interrupted(talk: Talk, moments: Moments | Landings, target: int) -> tuple[RunFinished, bool]:
    """A run that is interrupted at its `target`-th moment, and whether that was in time: before the answer was stored."""
    late: list[bool] = []

    def act() -> None:
        late.append(any(row.text == "Done." for row in talk.session.rows))
        talk.session.interrupt()

    moments.loop, moments.act = asyncio.get_running_loop(), act
    moments.count, moments.target = 0, target
    finished = await talk.say("do the work")
    moments.target = 0
    return finished, bool(late) and not late[0]


def assert_one_result_each(talk: Talk) -> None:
    """What is in context is what is stored, and no call has two results."""
    stored = talk.session.memory.recall.messages(talk.session.id)
    assert [row.id for row in talk.session.rows] == [row.id for row in stored]
    answered = [part["call_id"] for row in stored for part in row.content if part["type"] == "tool_result"]
    assert len(set(answered)) == len(answered)


def assert_done_at_most_once(agent: Agent, folder: Path, server: ProviderServer) -> None:
    ran = folder / "side-effect"
    assert not ran.exists() or ran.read_text() == "ran\n"
    written = agent.runtime.memory().blocks.get("conventions").value.count("Answers are short.")
    results = tool_results(server.requests[-1].body)
    told = bool(results) and not results[2].startswith(("interrupted", "not run"))
    assert written == int(told), results  # what the model is told is true
    assert not results or "may have had an effect" in results[3] or ran.exists() != results[3].startswith("not run")


MOMENTS: dict[str, Callable[[pytest.MonkeyPatch], Moments | Landings]] = {
    "under way": lambda patch: Moments(patch, 1),
    "under way, insisting": lambda patch: Moments(patch, 4),
    "landing": Landings,
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_turn_that_is_interrupted_at_any_write_goes_on(
    shared: Path, api: str, moment: str, monkeypatch: pytest.MonkeyPatch, isolated_environment: Path
) -> None:
    home, fresh = isolated_environment / "lcode", isolated_environment / "fresh"
    Agent.of(shared).runtime.store.close()  # the first look is not the turn
    shutil.copytree(home, fresh)
    moments = MOMENTS[moment](monkeypatch)

    async def work(target: int) -> int:
        with ProviderServer(Script(answers)) as server:
            agent = Agent.of(shared)
            talk = await agent.talk(server, api)
            finished, in_time = await interrupted(talk, moments, target)
            count = moments.count
            if in_time:
                assert finished.stop_reason is StopReason.CANCELLED, (target, finished)
            assert talk.events[-1] is finished
            assert (await talk.say("once more")).text == "Here."
            assert_one_result_each(talk)
            assert_done_at_most_once(agent, shared, server)
            await agent.runtime.close()
            again = Agent.of(shared)
            resumed = await again.take_up(server, api)
            assert (await resumed.say("carry on")).text == "Here."
            assert_one_result_each(resumed)
            await again.runtime.close()
            assert_prefix(server.requests)
            server.assert_accepted()
            return count if in_time or not target else 0

    def reset() -> None:
        shutil.rmtree(home)
        shutil.copytree(fresh, home)
        (shared / "side-effect").unlink(missing_ok=True)

    reset()
    count = asyncio.run(work(0))
    assert count >= 10
    in_time = 0
    for target in range(1, count + 1):
        reset()
        in_time += bool(asyncio.run(work(target)))
    assert in_time >= count - 5  # the last ones end the run, or note after it what it came to
