"""While the store cannot be written an interactive session goes on in memory and asks; without anybody the run ends."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from lcode.agent.session import Session
from lcode.agent.spool import Spool, collect
from lcode.errors import EXIT_TEMPORARY, StoreBusy, StoreUnwritable, UserError
from lcode.events import Answer, ApprovalRequested, Decision, Event, Notice, StopReason, ToolFinished, ToolStarted
from lcode.llm.protocol import Request, ToolResult
from lcode.safety.permission import Mode
from lcode.store import checksum, database
from lcode.store.locks import try_lock
from tests.agent.harness import Harness, reply, run
from tests.agent.test_session import assert_prefix
from tests.support.faulty import Faults, FaultyCalls

SHELL = ("shell", {"command": "echo ran >> side-effect"})
READ = ("read_file", {"path": "README.md"})
REMEMBER = ("core_memory_append", {"label": "human", "content": "Likes tea."})


@pytest.fixture
def disk() -> Iterator[Faults]:
    """The disk under every store of this process: `at = count + 1` with `lasting` makes all writes fail."""
    faults = Faults(lasting=True)
    calls = FaultyCalls(faults, default=True)
    yield faults
    calls.close()


def fill(disk: Faults) -> None:
    disk.at = disk.count + 1


def free(disk: Faults) -> None:
    disk.at = 0


class Person:
    """Answers every question with `decision`, and keeps what it was told and asked."""

    def __init__(self, decision: Decision = Decision.ONCE) -> None:
        self.decision = decision
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, ApprovalRequested):
            event.answer.set_result(Answer(self.decision))

    @property
    def asked(self) -> list[str]:
        return [event.title for event in self.events if isinstance(event, ApprovalRequested)]

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    def results(self, name: str) -> list[ToolFinished]:
        return [event for event in self.events if isinstance(event, ToolFinished) and event.name == name]


def interactive(repo: Path) -> Harness:
    harness = Harness.open(repo)
    harness.runtime.interactive = True
    return harness


def stored(session: Session) -> list[tuple[str, str]]:
    return [(row.id, row.text) for row in session.memory.recall.messages(session.id)]


def assert_all_stored(session: Session) -> None:
    """The store has what the session has in context, once, in order and under the same numbers, found by its words."""
    assert session.memory.recall.context(session.id) == session.rows
    assert len({row.seq for row in session.rows}) == len(session.rows)
    counts = session.memory.database.read(
        lambda connection: [
            next(iter(connection.execute(f"SELECT count(*) FROM {name}")))[0]
            for name in ("said_messages", "messages_fts_docsize")
        ]
    )
    assert counts[0] == counts[1]
    open_runs = session.memory.recall.open_runs(session.id)
    assert (open_runs, session.memory.recall.pending_calls(session.id)) == (0, [])


def test_a_session_goes_on_in_memory_and_all_is_written_later(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        script = harness.script([reply("zero"), reply("", READ), reply("one"), reply("two"), reply("three")])
        session = await harness.runtime.new_session()
        await session.run("before", person)
        fill(disk)
        assert (await session.run("while it is full", person)).text == "one"
        assert (await session.run("still", person)).text == "two"
        assert len(stored(session)) == 2
        assert len(person.notices) == 1
        assert "cannot be written" in person.notices[0] and "\n" not in person.notices[0]
        free(disk)
        assert (await session.run("again", person)).text == "three"
        assert person.notices[1:] == ["memory can be written again: 6 messages saved, nothing is missing"]
        assert person.asked == []
        assert_all_stored(session)
        assert_prefix(script.requests)
        assert session.memory.recall.search("still")[0].message.text == "still"
        await harness.runtime.close()
        assert harness.runtime.unsaved == []
        again = Harness.open(repo)
        resumed = again.script([reply("four")])
        await again.ask(await again.runtime.resume_session(), "later")
        assert_prefix([*script.requests, *resumed.requests])
        await again.runtime.close()

    run(work())


@pytest.mark.parametrize("decision", [Decision.ONCE, Decision.SESSION])
def test_only_reading_runs_without_asking_each_time_whatever_was_granted(repo: Path, disk: Faults, decision: Decision) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person(decision)
        other = ("shell", {"command": "echo other >> side-effect"})
        answers = [
            reply("", SHELL),
            reply("ok"),
            reply("", READ, SHELL),
            reply("", other),
            reply("done"),
            reply("", SHELL),
            reply(""),
        ]
        harness.script(answers)
        session = await harness.runtime.new_session()
        await session.run("before", person)
        assert person.asked == []  # yolo
        fill(disk)
        await session.run("now", person)
        assert len(person.asked) == 2
        assert all(title.endswith("(memory cannot be written now)") for title in person.asked)
        grants = [event.grant for event in person.events if isinstance(event, ApprovalRequested)]
        assert set(grants) == {"nothing: while memory cannot be written each call is asked about"}
        assert not session.calls.permission.grants
        assert (repo / "side-effect").read_text() == "ran\nran\nother\n"
        free(disk)
        await session.run("after", person)
        assert len(person.asked) == 2
        await harness.runtime.close()

    run(work())


def test_a_refusal_holds_and_plan_mode_refuses_as_ever(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person(Decision.NO)
        harness.script([reply("", SHELL), reply("a"), reply("", SHELL), reply("b")])
        session = await harness.runtime.new_session()
        fill(disk)
        await session.run("one", person)
        session.set_mode(Mode.PLAN)
        await session.run("two", person)
        assert len(person.asked) == 1
        assert [event.is_error for event in person.results("shell")] == [True, True]
        assert not (repo / "side-effect").exists()
        free(disk)
        await harness.runtime.close()
        assert harness.runtime.unsaved == []

    run(work())


def test_what_was_permitted_is_asked_about_where_the_store_fails_just_then(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person(Decision.NO)

        def full(request: Request) -> Any:
            return reply("", READ, SHELL)

        harness.script([full, reply("done")])
        session = await harness.runtime.new_session()
        original = session.memory.recall.start_call

        def start(operation_id: str) -> None:
            fill(disk)
            original(operation_id)

        session.memory.recall.start_call = start  # type: ignore[method-assign]
        await session.run("go", person)
        assert len(person.asked) == 1
        assert not (repo / "side-effect").exists()
        free(disk)
        await harness.runtime.close()

    run(work())


def test_memory_tools_answer_that_memory_cannot_be_written_and_are_told_when_it_can(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        script = harness.script([reply("", REMEMBER), reply("", REMEMBER), reply("sorry"), reply("", REMEMBER), reply("kept")])
        session = await harness.runtime.new_session()

        def fail_in_the_tool(event: Event) -> None:
            person(event)
            if isinstance(event, ToolStarted):
                fill(disk)

        await session.run("remember", fail_in_the_tool)
        assert person.asked == []
        first, second = person.results("core_memory_append")
        assert "Memory cannot be written now" in first.text and "Memory cannot be written now" in second.text
        assert session.memory.blocks.get("human").value == ""
        free(disk)
        await session.run("and now?", person)
        told = str(script.requests[-2].messages[-1])
        assert "Memory can be written again" in told
        assert session.memory.blocks.get("human").value == "Likes tea."
        assert_all_stored(session)
        assert str(script.requests[-1].messages).count("Memory can be written again") == 1
        await harness.runtime.close()

    run(work())


def test_a_memory_write_that_landed_though_the_store_failed_is_not_called_lost(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("", REMEMBER), reply("done")])
        session = await harness.runtime.new_session()
        tool = session.calls.tools["core_memory_append"]
        original = tool.run

        async def fail_after(context: Any, **arguments: Any) -> Any:
            await original(context, **arguments)
            raise StoreUnwritable("disk I/O error")

        tool.run = fail_after  # type: ignore[method-assign]
        await session.run("remember", person)
        (result,) = person.results("core_memory_append")
        assert not result.is_error and "It was written" in result.text
        await harness.runtime.close()

    run(work())


def test_every_write_of_a_turn_may_fail_and_nothing_is_lost_or_doubled(repo: Path, disk: Faults) -> None:
    """The disk fills at the n-th thing that is asked of it, for each n, and has room again for the next message; also one
    failing sync alone, after which nobody knows whether the commit landed."""

    async def work(at: int, lasting: bool, kind: str) -> bool:
        harness, person = interactive(repo), Person()
        script = harness.script([reply("zero"), reply("Look.", READ, SHELL), reply("one"), reply("two")])
        session = await harness.runtime.new_session()
        await session.run("before", person)
        disk.lasting, disk.kind = lasting, kind
        disk.at = disk.count + at
        finished = await session.run("work", person)
        reached = bool(disk.failed)
        assert (finished.stop_reason, finished.text) == (StopReason.END_TURN, "one"), finished
        free(disk)
        assert (await session.run("again", person)).text == "two"
        assert_all_stored(session)
        assert_prefix(script.requests)
        assert len([row for row in session.rows if row.kind == "user"]) == 3
        disk.failed.clear()
        await harness.runtime.close()
        assert harness.runtime.unsaved == []
        return reached

    reached = []
    for lasting, kind in ((True, "ENOSPC"), (False, "EIO")):
        for at in (1, 2, 3, 5, 8, 13, 21, 34):
            reached.append(run(work(at, lasting, kind)))
    assert sum(reached) >= 12


class Flapping(Faults):
    """Now and then an operation fails, and sometimes a few after it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.on, self.left = False, 0

    def due(self, operation: str) -> bool:
        with self.lock:
            if self.on and not self.left and self.random.random() < 0.05:
                self.left = self.random.choice((1, 1, 3, 40))
            self.left = max(0, self.left - 1)
            if self.left:
                self.failed.append(operation)
            return bool(self.left)


@pytest.mark.parametrize("seed", range(6))
def test_a_disk_that_fails_now_and_then_loses_and_doubles_nothing(repo: Path, seed: int) -> None:
    async def work() -> None:
        disk, person = Flapping(seed), Person()
        calls = FaultyCalls(disk, default=True)
        try:
            harness = interactive(repo)
            answers = [answer for number in range(6) for answer in (reply("Look.", READ, SHELL), reply(f"answer {number}"))]
            script = harness.script([*answers, reply("the last")])
            session = await harness.runtime.new_session()
            disk.on = True
            for number in range(6):
                assert (await session.run(f"question {number}", person)).text == f"answer {number}"
            disk.on, disk.left = False, 0
            assert (await session.run("question", person)).text == "the last"
            assert disk.failed
            assert_all_stored(session)
            assert_prefix(script.requests)
            assert [row.text for row in session.rows if row.kind == "user"] == [
                *(f"question {n}" for n in range(6)),
                "question",
            ]
            assert (repo / "side-effect").read_text() == "ran\n" * 6
            await harness.runtime.close()
            assert harness.runtime.unsaved == []
        finally:
            calls.close()

    run(work())


def test_an_interrupt_meanwhile_keeps_what_was_done_and_said(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        slow = ("shell", {"command": "echo begun > begun; sleep 600"})
        script = harness.script([reply("", READ, slow, SHELL), reply("two")])
        session = await harness.runtime.new_session()
        fill(disk)

        def stop(event: Event) -> None:
            person(event)
            if isinstance(event, ToolStarted) and event.name == "shell":
                asyncio.get_running_loop().call_soon(session.interrupt)

        finished = await session.run("work", stop)
        assert finished.stop_reason is StopReason.CANCELLED
        assert (await session.run("and then?", person)).text == "two"
        results = [part for message in script.requests[-1].messages for part in message.parts if isinstance(part, ToolResult)]
        assert [part.text.split(";")[0][:27] for part in results[1:]] == ["interrupted by the user", "interrupted by the user"]
        free(disk)
        await harness.runtime.close()
        assert harness.runtime.unsaved == []
        assert_prefix(script.requests)
        again = Harness.open(repo)
        resumed = again.script([reply("three")])
        await again.ask(await again.runtime.resume_session(session.id), "go on")
        assert_prefix([*script.requests, *resumed.requests])
        await again.runtime.close()

    run(work())


def test_a_compaction_meanwhile_loses_nothing(repo: Path, disk: Faults) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("one"), reply("The summary."), reply("two"), reply("three")])
        session = await harness.runtime.new_session()
        fill(disk)
        await session.run("word " * 3_000 + "first question", person)
        assert await session.context.compact(person)
        await session.run("second question", person)
        free(disk)
        await session.run("third question", person)
        texts = [text for _, text in stored(session)]
        assert [text.rpartition("word ")[2] for text in texts if text.endswith("question")] == [
            "first question",
            "second question",
            "third question",
        ]
        assert {row.id for row in session.rows} <= {row.id for row in session.memory.recall.messages(session.id)}
        assert all(row.seq < 1 << 40 for row in session.rows)
        assert session.rows[0].kind == "summary"
        assert session.rows == session.memory.recall.context(session.id)
        assert session.memory.in_context[1] < session.rows[1].seq < 1 << 40
        await harness.runtime.close()

    run(work())


# -- held by others -------------------------------------------------------------------------------------------------


def test_a_store_that_is_held_too_long_is_gone_on_without_and_written_when_free(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("zero"), reply("one"), reply("two"), reply("three")])
        session = await harness.runtime.new_session()
        await session.run("before", person)
        queue = os.open(harness.runtime.store.agent_paths(harness.runtime.agent).locks / "memory.lock", os.O_RDWR)
        assert try_lock(queue)
        monkeypatch.setattr(database, "WAIT", 0.2)
        monkeypatch.setattr(database, "GRACE", 0.1)
        assert (await session.run("while it is held", person)).text == "one"
        assert isinstance(session.outbox._cause, StoreBusy)
        began = asyncio.get_running_loop().time()
        assert (await session.run("still", person)).text == "two"
        assert asyncio.get_running_loop().time() - began < 5  # it does not wait again at each write
        monkeypatch.undo()
        os.close(queue)
        assert (await session.run("again", person)).text == "three"
        assert len(person.notices) == 2
        assert_all_stored(session)
        await harness.runtime.close()

    run(work())


# -- the end of the process -----------------------------------------------------------------------------------------


def outbox_files(home: Path) -> list[Path]:
    return sorted(path for folder in (home / "lcode", home / ".run") for path in folder.rglob("*.outbox"))


def test_what_is_not_saved_at_the_end_is_told_and_saved_by_the_next_start(
    repo: Path, disk: Faults, isolated_environment: Path
) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("zero"), reply("one")])
        session = await harness.runtime.new_session()
        await session.run("before", person)
        fill(disk)
        await session.run("while it is full", person)
        rows = list(session.rows)
        await harness.runtime.close()
        (line,) = harness.runtime.unsaved
        (file,) = outbox_files(isolated_environment)
        assert "2 messages" in line and str(file) in line and "the next start" in line
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        Harness.open(repo).runtime.store.close()  # still full: it stays
        assert outbox_files(isolated_environment) == [file]
        free(disk)
        again = Harness.open(repo)
        told = [notice.text for notice in again.runtime.notices if "in memory now" in notice.text]
        assert told == [f"2 messages of session {session.id[8:16]}, which could not be saved then, are in memory now"]
        assert outbox_files(isolated_environment) == []
        recall = again.runtime.memory().recall
        assert [(row.id, row.text) for row in recall.messages(session.id)] == [(row.id, row.text) for row in rows]
        again.script([reply("two")])
        assert (await again.ask(await again.runtime.resume_session(), "go on")).text == "two"
        await again.runtime.close()

    run(work())


@pytest.mark.parametrize("damage", ["half a line", "another file", "folder of somebody else"])
def test_a_file_of_waiting_writes_that_cannot_be_used_harms_nothing(
    repo: Path, disk: Faults, isolated_environment: Path, damage: str
) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("one")])
        session = await harness.runtime.new_session()
        fill(disk)
        await session.run("while it is full", person)
        await harness.runtime.close()
        free(disk)
        (file,) = outbox_files(isolated_environment)
        whole = file.read_text()
        if damage == "half a line":
            file.write_text(whole[:-40])
        elif damage == "another file":
            file.write_text('"lcode outbox 1"\n[["drop_everything",{}]]\n')
        else:
            file.parent.chmod(0o777)
        again = Harness.open(repo)
        texts = [row.text for row in again.runtime.memory().recall.messages(session.id)]
        kept = list(file.parent.glob("*.unreadable"))
        if damage == "half a line":
            assert "while it is full" in texts  # what is whole is saved
        elif damage == "another file":
            assert texts == [] and len(kept) == 1
            assert any("cannot be read" in notice.text for notice in again.runtime.notices)
        else:
            assert texts == [] and file.exists()
        await again.runtime.close()

    run(work())


def test_a_place_that_fails_later_is_left_for_the_next_one(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    waiting = Spool([first, second], "agent-1", "session-1")
    waiting.keep([[("end_run", {})]])
    assert waiting.path is not None
    waiting.path.unlink()
    waiting.path.mkdir()  # neither to be written nor removed, as on a file system that became read-only
    waiting.keep([[("end_run", {})], [("start_run", {})]])
    assert waiting.path is not None and waiting.path.parent == second
    assert waiting.path.read_text().count("\n") == 3


@pytest.mark.parametrize("text", ["", '"lcode out', '"lcode outbox 1"\n'])
def test_a_file_that_was_begun_when_its_session_was_killed_goes_without_a_word(repo: Path, text: str) -> None:
    harness = Harness.open(repo)
    agent, recall = harness.runtime.agent.id, harness.runtime.memory().recall
    place = repo.parent / "outbox"
    place.mkdir(mode=0o700)
    (place / f"{agent}.session-1.outbox").write_text(text)
    assert collect([place], agent, harness.runtime.store.agent_paths(harness.runtime.agent).locks, recall) == []
    assert list(place.iterdir()) == []
    harness.runtime.store.close()


@pytest.mark.parametrize("whole", [True, False])
def test_what_waits_is_saved_where_a_restore_has_lost_its_session(
    repo: Path, disk: Faults, isolated_environment: Path, whole: bool
) -> None:
    async def work() -> None:
        harness, person = interactive(repo), Person()
        harness.script([reply("", READ), reply("one")])
        session = await harness.runtime.new_session()
        fill(disk)
        await session.run("while it is full", person)
        await harness.runtime.close()
        free(disk)
        (file,) = outbox_files(isolated_environment)
        header, *lines = file.read_text().splitlines(keepends=True)
        gone = {"add_session", "add_prompt"} | (set() if whole else {"start_run"})
        left = [[entry for entry in json.loads(line) if entry[0] not in gone] for line in lines]
        file.write_text(header + "".join(json.dumps(entries) + "\n" for entries in left))
        database = harness.runtime._database
        assert database.path is not None
        with closing(apsw.Connection(str(database.path))) as plain:
            checksum.register(plain)
            for table in ("prompts", "runs", "sessions"):
                plain.execute(f"DELETE FROM {table}")
        again = Harness.open(repo)
        recall = again.runtime.memory().recall
        assert {"while it is full", "one"} <= {row.text for row in recall.messages(session.id)}
        assert outbox_files(isolated_environment) == [] and recall.session(session.id).messages
        await again.runtime.close()

    run(work())


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.agent.harness import reply
from tests.agent.test_unwritable import Person, Faults, FaultyCalls, fill, interactive

async def work():
    disk = Faults(lasting=True)
    calls = FaultyCalls(disk, default=True)
    harness = interactive(Path(sys.argv[1]))
    harness.script([reply("zero"), reply("one")])
    session = await harness.runtime.new_session()
    await session.run("before", Person())
    fill(disk)
    await session.run("while it is full", Person())
    os.write(1, session.id.encode())
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(work())
"""


def test_what_waits_outlives_even_a_kill(repo: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(repo)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    harness = Harness.open(repo)
    recall = harness.runtime.memory().recall
    assert [row.text for row in recall.messages(done.stdout.decode())] == ["before", "zero", "while it is full", "one"]
    harness.runtime.store.close()


# -- without anybody ------------------------------------------------------------------------------------------------


def test_headless_the_run_ends_at_the_first_failure_and_nothing_runs_after_it(repo: Path, disk: Faults) -> None:
    async def work(at: int) -> str:
        (repo / "side-effect").unlink(missing_ok=True)
        harness = Harness.open(repo)
        events: list[Event] = []
        harness.script([reply("Look.", READ, SHELL, REMEMBER, SHELL), reply("one")])
        session = await harness.runtime.new_session()
        fill(disk)
        disk.at = disk.count + at
        after: list[Event] = []

        def watch(event: Event) -> None:
            (after if disk.failed else events).append(event)

        finished = await session.run("work", watch)
        failed = bool(disk.failed)
        disk.failed.clear()
        free(disk)
        if not failed:
            assert finished.text == "one"
            await harness.runtime.close()
            return "whole"
        assert isinstance(session.failure, StoreUnwritable), finished
        assert (finished.stop_reason, session.failure.exit_code) == (StopReason.ERROR, EXIT_TEMPORARY)
        assert not [event for event in after if isinstance(event, ToolStarted)]
        assert not session.outbox.waiting
        begun = [event for event in events if isinstance(event, ToolStarted) and event.name == "shell"]
        ran = (repo / "side-effect").read_text() if (repo / "side-effect").exists() else ""
        assert len(ran.splitlines()) <= len(begun)
        await harness.runtime.close()
        return "failed"

    outcomes = [run(work(at)) for at in (1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 48, 400)]
    assert outcomes.count("failed") >= 6
    assert outcomes[-1] == "whole"


def test_headless_nothing_is_kept_for_later(repo: Path, disk: Faults, isolated_environment: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("one")])
        fill(disk)
        with pytest.raises(UserError):
            await harness.runtime.new_session()
        assert list(harness.runtime.store.agent_paths(harness.runtime.agent).locks.glob("session-*")) == []
        free(disk)
        await harness.runtime.close()
        assert outbox_files(isolated_environment) == []

    run(work())


def test_a_process_without_room_for_files_ends_with_75_and_one_line(repo: Path) -> None:
    """RLIMIT_FSIZE: every file that would grow fails, as on a full disk."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "lcode", "-p", "hello"]
    warm = subprocess.run(command, cwd=repo, env=environment, capture_output=True, check=False)
    assert warm.returncode == 0, warm.stderr.decode()
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
    limited = limit + "from lcode.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", limited, "-p", "remember: I like tea"],
        cwd=repo, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == EXIT_TEMPORARY, done.stderr
    said = [line for line in done.stderr.splitlines() if line]
    assert (len(said) == 2 and "hint" in said[1]) or said[1].startswith("  ")
    assert "Traceback" not in done.stderr
