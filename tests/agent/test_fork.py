"""A session is open once; a fork is a session of its own that begins as a copy, to the byte, and is found once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lcode import clock
from lcode.errors import SessionBusy, UserError
from lcode.events import Usage
from lcode.llm.protocol import Request, ToolResult
from lcode.memory.fork import copy_session
from lcode.memory.model import MessageRow
from tests.agent.harness import Harness, reply, run
from tests.agent.test_told import told

ROUNDS = 50
KEPT = ("role", "kind", "content", "text", "created_at", "run_id", "step_id")


def content(rows: list[MessageRow]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, name) for name in KEPT) for row in rows]


def assert_begins_alike(fork: Request, original: Request, messages: int) -> None:
    assert (fork.system, fork.tools) == (original.system, original.tools)
    assert fork.messages[:messages] == original.messages[:messages]
    assert len(fork.messages) > messages and len(original.messages) > messages


def test_a_fork_of_a_live_session_begins_with_the_bytes_of_its_next_request(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        edit = ("core_memory_append", {"label": "human", "content": "Likes tea."})
        script = mine.script([reply("Look.", ("list_dir", {}), edit), reply("one"), reply("two")])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first question")
        other = theirs.script([reply("forked"), reply("again")])
        fork = await theirs.runtime.fork_session(session.id)
        assert content(fork.rows) == content(session.rows)
        assert not {row.id for row in fork.rows} & {row.id for row in session.rows}
        assert (fork.title, fork.forked_from) == ("first question (fork)", session.id)
        shared = len(script.requests[-1].messages) + 1
        await mine.ask(session, "second question")
        await theirs.ask(fork, "another question")
        assert_begins_alike(other.requests[0], script.requests[-1], shared)
        assert told(other.requests[0]) == []  # the original's own edit stands in both
        await theirs.runtime.close()
        again = await mine.runtime.resume_session(fork.id)
        assert content(again.rows) == content(fork.rows)
        assert await mine.runtime.fork_session(session.id)
        assert [row.title for row in await mine.runtime.sessions()] == [
            "first question (fork 2)",
            "first question (fork)",
            "first question",
        ]
        await mine.runtime.close()

    run(work())


def test_a_fork_after_a_compaction_begins_with_its_summary(repo: Path) -> None:
    async def work() -> None:
        mine = Harness.open(repo)
        used = Usage(input=5_000, output=10)
        script = mine.script([reply("one", usage=used), reply("The summary."), reply("two"), reply("three"), reply("f")])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first question " + "word " * 3_000)
        assert await session.context.compact(mine.events.append)
        await mine.ask(session, "second question")
        fork = await mine.runtime.fork_session(session.id)
        assert content(fork.rows) == content(session.rows)
        assert fork.rows[0].kind == "summary"
        shared = len(script.requests[-1].messages) + 1
        await mine.ask(session, "third question")
        original = script.requests[-1]
        await mine.ask(fork, "another question")
        assert_begins_alike(script.requests[-1], original, shared)
        await mine.runtime.close()

    run(work())


def test_a_fork_of_a_session_that_is_not_live_obeys_the_same_rule_as_its_resume(repo: Path) -> None:
    async def work() -> None:
        first = Harness.open(repo)
        before = first.script([reply("one")])
        session = await first.runtime.new_session()
        await first.ask(session, "first")
        await first.runtime.close()
        from datetime import timedelta

        later = clock.now() + timedelta(hours=2)
        second = Harness.open(repo)
        memory = second.runtime.memory()
        from lcode.memory.model import Actor, Source

        memory.blocks.append("human", "Likes dogs.", memory.provenance(Actor.USER, Source.SAID))
        clock.set_source(lambda: later)
        after = second.script([reply("two")])
        await second.ask(await second.runtime.fork_session(None), "second")  # the newest
        assert "Likes dogs." in after.requests[0].system
        assert after.requests[0].messages[:1] == before.requests[0].messages[:1]
        await second.runtime.close()

    try:
        run(work())
    finally:
        clock.set_source(None)


def test_every_message_is_found_once_and_none_that_the_fork_shows(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("The flux capacitor is in engine.py."), reply("yes"), reply("The capacitor hums.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "where is the capacitor?")
        fork = await harness.runtime.fork_session(session.id)
        deeper = await harness.runtime.fork_session(fork.id)
        await harness.ask(deeper, "thanks")
        recall = harness.runtime.memory().recall
        found = recall.search("capacitor", limit=50)
        assert {hit.message.session_id for hit in found} == {session.id}
        texts = [hit.message.text for hit in recall.by_date("2020-01-01", "2099-01-01", limit=50)]
        assert len(texts) == len(set(texts)) == 4
        assert recall.count() == 4
        assert recall.search("capacitor", in_context=(deeper.id, 0)) == []
        assert recall.search("capacitor", in_context=(fork.id, 0)) == []
        assert {hit.message.session_id for hit in recall.search("capacitor", session_id=fork.id)} == {fork.id}
        await harness.ask(fork, "and the sound?")
        assert [hit.message.text for hit in recall.search("hums", in_context=(deeper.id, 0))] == ["The capacitor hums."]
        harness.runtime.memory().database.write(
            lambda connection: connection.execute(
                "INSERT INTO messages_fts (messages_fts, rowid, text, terms) SELECT 'delete', seq, text, terms FROM messages"
                " WHERE session_id = ?; DELETE FROM messages WHERE session_id = ?",
                (session.id, session.id),
            )
        )
        found = recall.search("flux", limit=50)
        assert {hit.message.session_id for hit in found} == {fork.id}
        await harness.runtime.close()

    run(work())


def test_a_fork_in_the_middle_of_a_call_says_so_and_is_valid(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        other = theirs.script([reply("ok")])
        forks = []

        async def fork(name: str) -> None:
            forks.append(await theirs.runtime.fork_session(name))

        calls = [("shell", {"command": "true"}), ("shell", {"command": "echo never"})]
        mine.script([reply("Working.", *calls), reply("done")])
        session = await mine.runtime.new_session()
        start = session.calls.tools["shell"].run

        async def while_it_runs(context: Any, **arguments: Any) -> Any:
            if not forks:
                await fork(session.id)
            return await start(context, **arguments)

        session.calls.tools["shell"].run = while_it_runs  # type: ignore[method-assign]
        await mine.ask(session, "work")
        await theirs.ask(forks[0], "what is it doing?")
        (results,) = [message.parts for message in other.requests[0].messages if message.role == "tool"]
        first, second = (part for part in results if isinstance(part, ToolResult))
        assert "this session was forked from another one while it ran; it may have had an effect" in first.text
        assert second.text.startswith("not run here:")
        assert first.is_error and second.is_error
        await theirs.runtime.close()
        await mine.runtime.close()

    run(work())


def test_an_unknown_outcome_of_a_fork_may_be_tried_again(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("one")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "first")
        memory = harness.runtime.memory()
        row = memory.recall.session(session.id)
        for _ in range(2):
            memory.database.write(lambda connection: copy_session(connection, row, "session-copy", head=""))
        assert len(memory.recall.messages("session-copy")) == len(session.rows)
        await harness.runtime.close()

    run(work())


def test_the_note_of_a_fork_is_about_what_it_did_itself(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("It is in app.py."), reply("It is in web.py.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "where is the parser?")
        fork, unused = [await harness.runtime.fork_session(session.id) for _ in range(2)]
        await harness.ask(fork, "where is the server?")
        for one in (session, fork, unused):
            await one.close()
        notes = {row.id: row.note for row in await harness.runtime.sessions()}
        assert "asked: where is the parser?" in notes[session.id]
        assert notes[fork.id].startswith("asked: where is the server?") and "parser" not in notes[fork.id]
        assert notes[unused.id] == ""
        await harness.runtime.close()

    run(work())


def test_there_must_be_something_to_fork(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([])
        with pytest.raises(UserError, match="no session to continue"):
            await harness.runtime.fork_session()
        empty = await harness.runtime.new_session()
        with pytest.raises(UserError, match="nothing to fork"):
            await harness.runtime.fork_session(empty.id)
        await harness.runtime.close()

    run(work())


def test_a_refusal_says_who_holds_the_session(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        mine.script([reply("one")])
        theirs.script([])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first")
        with pytest.raises(SessionBusy) as caught:
            await theirs.runtime.resume_session(session.id[8:14])
        assert f"is open in another terminal: process {os.getpid()}" in caught.value.message
        assert caught.value.message.endswith(", on branch main")
        assert (caught.value.session_id, caught.value.exit_code) == (session.id, 75)
        with pytest.raises(UserError, match="every session here is open") as all_open:
            await theirs.runtime.resume_session()
        assert "--fork" in all_open.value.hint
        await theirs.runtime.close()
        await mine.runtime.close()

    run(work())


# -- processes ------------------------------------------------------------------------------------------------------


def start(repo: Path, session_id: str, task: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.agent.open_race", str(repo), session_id, str(ROUNDS), task]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def stored_session(repo: Path) -> str:
    async def work() -> str:
        harness = Harness.open(repo)
        harness.script([reply("one")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "first")
        await harness.runtime.close()
        return session.id

    return str(run(work()))


def test_of_two_that_open_a_session_at_the_same_instant_one_does(repo: Path) -> None:
    session_id = stored_session(repo)
    pair = [start(repo, session_id, "open") for _ in range(2)]
    looker = start(repo, session_id, "look")  # to ask who holds a session must not stand in anybody's way
    try:
        outcomes = []
        for _ in range(ROUNDS):
            assert [heard(process) for process in pair] == ["ready", "ready"]
            tell(*pair)
            words = [heard(process) for process in pair]
            outcomes.append(sorted(word.split(" ")[0] for word in words))
            winner = next((process for process, word in zip(pair, words, strict=True) if word == "won"), None)
            if winner is not None:  # the other one can name it
                assert all(word == "won" or f"process {winner.pid}" in word or "another process" in word for word in words)
            tell(*pair)
        assert outcomes == [["lost", "won"]] * ROUNDS
        assert [process.wait(20) for process in pair] == [0, 0]
    finally:
        for process in (*pair, looker):
            process.kill()
            process.communicate()


def test_a_killed_owner_leaves_the_session_free_at_once_and_shown_so(repo: Path) -> None:
    session_id = stored_session(repo)
    holder = start(repo, session_id, "open")
    try:
        assert heard(holder) == "ready"
        tell(holder)
        assert heard(holder) == "won"

        async def work() -> None:
            harness = Harness.open(repo)
            harness.script([])
            (row,) = await harness.runtime.sessions()
            assert (row.live, row.pid, row.branch, row.activity) == (True, holder.pid, "main", "idle")
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
            (row,) = await harness.runtime.sessions()
            assert (row.live, row.owner, row.activity) == (False, "", "")
            assert (await harness.runtime.resume_session(session_id)).id == session_id
            await harness.runtime.close()

        run(work())
    finally:
        holder.kill()
        holder.communicate()
