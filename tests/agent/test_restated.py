"""What the store renders anew after a compaction, whatever the summary says: nothing of it depends on a model."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lcode.errors import ProviderError
from lcode.events import Compacted, Notice
from lcode.llm.protocol import Request
from lcode.memory import forget_rows
from lcode.memory.compactions import compactions
from lcode.memory.scrub import Scrub
from tests.agent.compacting import LONG, filled, is_summary, talker, words
from tests.agent.harness import Harness, reply, run

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
EDIT = {"path": "one.py", "edits": [{"old": "x = 1", "new": "x = 2"}]}
PLAN = "The plan:\n1. write retry.py\n2. test retry.py\n3. document the flag\n\nNext: run bench_queue with seed 41."


def restated(session: Any) -> str:
    return str(session.rows[0].content[1]["text"])


def scripted(*answers: Any) -> list[Any]:
    """These answers first, then a talker whose summaries are useless."""
    useless = talker(lambda _: ProviderError("down", status=500))
    return [*answers, *[useless] * 60]


def test_files_are_shown_with_what_was_done_and_how_they_are_now(repo: Path) -> None:
    for name in ("one.py", "two.py", "three.py", "four.py"):
        (repo / name).write_text("x = 1\n")
    subprocess.run([*GIT, "add", "-A"], cwd=repo, check=True)
    subprocess.run([*GIT, "commit", "-qm", "files"], cwd=repo, check=True)

    async def work() -> None:
        harness = Harness.open(repo)
        reads = [("read_file", {"path": name}) for name in ("one.py", "two.py", "three.py", "four.py")]
        edits = [("edit_file", {**EDIT, "path": name}) for name in ("one.py", "two.py", "three.py")]
        harness.script(
            scripted(
                reply("", *reads), reply("", *edits, ("write_file", {"path": "new.py", "content": "y = 1\n"})), reply("Done.")
            )
        )
        session = await filled(harness)
        subprocess.run([*GIT, "commit", "-qm", "two", "two.py"], cwd=repo, check=True)
        (repo / "one.py").write_text("x = 3\n")
        (repo / "three.py").unlink()
        await session.compact("", harness.events.append)
        text = restated(session)
        assert "- one.py: edited, uncommitted (edited), changed on disk since you saw it" in text
        assert "- two.py: edited, committed (git sees no change)\n" in text
        assert "- three.py: edited, not there any more" in text
        assert "- new.py: created, uncommitted (created)" in text
        assert "Read only: four.py" in text
        await harness.runtime.close()

    run(work())


def test_plan_next_action_background_commands_and_names_are_there(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(
            scripted(
                reply("Starting.", ("shell", {"command": "sleep 0 > log.txt 2>&1 &"})),
                reply(PLAN),
                reply("Step 1 is done; see SHOP-4711 and retry_budget."),
            )
        )
        session = await filled(harness, "Our staging host is db-eu-4417. Make it retry.")
        await session.compact("", harness.events.append)
        text = restated(session)
        assert "- [ ] test retry.py\n- [ ] document the flag" in text
        assert "- [ ] write retry.py" not in text
        assert "The next action, as you said it: Next: run bench_queue with seed 41." in text
        assert "sleep 0 > log.txt 2>&1 &" in text
        assert "Our staging host is db-eu-4417." in text
        assert "SHOP-4711" in text
        await harness.runtime.close()

    run(work())


@pytest.mark.parametrize(
    "said",
    [
        ["Bitte fass queue.py niemals an.", "Schreib die Tests mit pytest, keine Mocks.", "Mach weiter damit."],
        ["queue.pyには触らないでください。", "テストはpytestで書いて、モックは使わないで。", "続けてください。"],
    ],
)
def test_what_is_said_in_any_language_stays(repo: Path, said: list[str]) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted())
        session = await filled(harness, said[0])
        for text in said[1:]:
            await harness.ask(session, text)
        for number in range(4):
            await harness.ask(session, f"question {number}")
        await session.compact("", harness.events.append)
        for text in said:
            assert text in restated(session)
        await harness.runtime.close()

    run(work())


def test_what_is_taken_back_later_does_not_bind_again(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted())
        session = await filled(harness, "Hello there.")
        await harness.ask(session, "Never touch the file queue.py.")
        await session.compact("", harness.events.append)
        assert "- Never touch the file queue.py." in restated(session) or "queue.py" in str(session.rows[1:])
        await harness.ask(session, "You may edit queue.py now.")
        for number in range(6):
            await harness.ask(session, f"question {number}")
        await session.compact("", harness.events.append)
        binding = restated(session).partition("still bind")[2].partition("What else")[0]
        assert "You may edit queue.py now." in binding
        assert "Never touch the file queue.py." not in binding
        await harness.runtime.close()

    run(work())


def test_what_is_taken_back_of_the_first_message_is_said_to_be(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted())
        session = await filled(harness, "Never touch the file queue.py.")
        await harness.ask(session, "You may edit queue.py now.")
        for number in range(6):
            await harness.ask(session, f"question {number}")
        await session.compact("", harness.events.append)
        assert "(taken back or said anew since: «Never touch the file queue.py.»)" in restated(session)
        await harness.runtime.close()

    run(work())


def test_words_that_look_like_a_frame_close_none(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted())
        session = await filled(harness, "Never write </restated> or <system> anywhere.")
        await session.compact("", harness.events.append)
        assert restated(session).count("</restated>") == 1
        assert "Never write ‹/restated> or ‹system> anywhere." in restated(session)
        await harness.runtime.close()

    run(work())


def test_a_fork_knows_what_was_said_before_its_originals_compaction(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted(reply(PLAN)))
        session = await filled(harness)
        await session.compact("", harness.events.append)
        fork = await harness.runtime.fork_session(session.id)
        for number in range(6):
            await harness.ask(fork, f"another question {number}")
        await fork.compact("", harness.events.append)
        assert "Never touch the file queue.py." in restated(fork)
        assert "- [ ] test retry.py" in restated(fork)
        assert fork.memory.recall.ask(compactions, fork.id)[0].cut_before == ""
        await fork.uncompact(harness.events.append)
        assert fork.rows[0].kind == "summary"
        assert "Never touch the file queue.py." in str(fork.rows[0].content)
        await harness.runtime.close()

    run(work())


def test_a_request_that_is_too_long_again_takes_the_compaction_further(repo: Path) -> None:
    overflow = ProviderError("too long", status=400, overflow=True)

    def tight(request: Request) -> object:
        if is_summary(request):
            return reply("Goals: the queue.")
        if "final question" in words(request) and len(request.messages) > 2:
            raise overflow
        return reply(LONG)

    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([tight] * 60)  # type: ignore[list-item]
        session = await filled(harness, turns=24)
        finished = await harness.ask(session, "the final question")
        assert finished.text == LONG, finished
        assert len(harness.of(Compacted)) == 1
        assert any("made shorter" in event.text for event in harness.of(Notice))
        made = session.memory.recall.ask(compactions, session.id)
        assert len(made) == 1
        assert made[0].trigger == "overflow"
        assert "Never touch the file queue.py." in restated(session)
        assert session.rows == session.memory.recall.context(session.id)
        await session.uncompact(harness.events.append)
        assert "question 0" in str(session.rows)
        await harness.runtime.close()

    run(work())


def test_a_forgotten_message_is_in_no_summary_any_more(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script(scripted())
        session = await filled(harness, "Never mention the Albatross project.")
        await session.compact("", harness.events.append)
        first = session.memory.recall.messages(session.id)[0]
        wish = forget_rows.Wish(Scrub(), messages=frozenset([first.id]))
        session.memory.database.write(lambda connection: forget_rows.apply(connection, wish, edit=True))
        stored = session.memory.recall.messages(session.id)
        assert "Albatross" not in str(stored)
        assert [row.kind for row in session.memory.recall.context(session.id)].count("summary") == 0
        assert len(session.memory.recall.context(session.id)) == len(stored) - 1
        await harness.runtime.close()

    run(work())
