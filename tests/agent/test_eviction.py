"""When the window fills: old results leave the prompt before anything is summarised, and can be had again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcode.agent.session import Session
from lcode.events import Compacted, Evicted
from lcode.llm.protocol import Request, ToolResult
from lcode.memory.elisions import elisions
from lcode.memory.results import find_result
from lcode.tokens import approximate_tokens
from tests.agent.harness import Harness, Usage, reply, run

WINDOW = 32_000
FILES = 24


@pytest.fixture
def project(repo: Path) -> Path:
    for number in range(FILES):
        lines = (f"    value_{number}_{line} = compute(number={line})" for line in range(80))
        (repo / f"file{number}.py").write_text("\n".join([f"def function_{number}():", *lines, ""]))
    return repo


def reader(files: int) -> Callable[[Request], object]:
    """Reads a file a step, then answers."""
    state = {"next": 0}

    def answer(request: Request) -> object:
        number = state["next"]
        if number >= files:
            return reply("I have read them all.", usage=usage(request))
        state["next"] += 1
        return reply("", ("read_file", {"path": f"file{number}.py"}), usage=usage(request))

    return answer


def usage(request: Request) -> Usage:
    sent = "".join([request.system, str(request.tools), *(str(message) for message in request.messages)])
    return Usage(input=approximate_tokens(sent), output=50)


def results(request: Request) -> list[str]:
    return [part.text for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


def lines(request: Request) -> list[str]:
    return [text for text in results(request) if re.fullmatch(r"\[.* read_result result-[0-9a-f]{8}\]", text)]


async def filled(harness: Harness, files: int = 18) -> tuple[Session, Any]:
    """A session whose window was filled by reading `files`."""
    script = harness.script([reader(files)] * 80)  # type: ignore[list-item]
    session = await harness.runtime.new_session()
    await harness.ask(session, "Read every file. Never touch queue.py.")
    return session, script


def test_old_results_go_at_once_before_anything_is_summarised(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        _, script = await filled(harness)
        (evicted,) = harness.of(Evicted)
        assert not harness.of(Compacted)
        assert evicted.tokens_after < 0.7 * evicted.tokens_before
        last = script.requests[-1]
        assert len(results(last)) == 18 and evicted.parts == len(lines(last)) >= 10
        assert lines(last)[0].startswith("[read_file file0.py: 81 lines, ")
        assert "value_17_79" in results(last)[-1] and "value_0_1" not in str(results(last))
        changed = [at for at, (one, two) in enumerate(zip(script.requests, script.requests[1:], strict=False))
                   if two.messages[: len(one.messages)] != one.messages]  # fmt: skip
        (at,) = changed
        assert [number for number, one in enumerate(script.requests) if one.marks] == [at + 1]
        before, behind = script.requests[at + 1].marks
        kept = script.requests[at + 1].messages[:before]
        assert kept in [one.messages for one in script.requests[:at]]  # so the provider can have kept it
        assert "value_" not in str(script.requests[at + 1].messages[:behind])
        await harness.runtime.close()

    run(work())


def test_what_went_is_had_again_by_its_handle(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        session, script = await filled(harness)
        handle = lines(script.requests[-1])[3].rpartition(" ")[2].rstrip("]")
        again = harness.script([reply("", ("read_result", {"handle": handle, "pattern": "value_3_7 "})), reply("There.")])
        session.provider = again
        await harness.ask(session, "What was value 7 of the fourth file?")
        assert "value_3_7 = compute" in results(again.requests[-1])[-1]
        await harness.runtime.close()

    run(work())


def test_a_session_that_is_taken_up_or_forked_sends_the_same_bytes(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        session, script = await filled(harness)
        await harness.runtime.close()
        again = Harness.open(project, context_window=WINDOW)
        later = again.script([reply("ok")] * 2)
        resumed = await again.runtime.resume_session(session.id)
        await again.ask(resumed, "and now?")
        sent = script.requests[-1].messages
        assert later.requests[0].messages[: len(sent)] == sent
        fork = await again.runtime.fork_session(session.id)
        await again.ask(fork, "and here?")
        assert later.requests[1].messages[: len(sent)] == sent
        mine, its = (fork.memory.recall.ask(elisions, one) for one in (session.id, fork.id))
        assert {one.handle for one in its} == {one.handle for one in mine} != set()
        await again.runtime.close()

    run(work())


def test_the_log_weighs_what_is_freed_against_what_is_written_again(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        said: list[str] = []
        script = harness.script([reader(18)] * 80)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        session.environment.debug = said.append
        await harness.ask(session, "Read every file.")
        (line,) = [text for text in said if re.match(r"eviction: \d+ parts", text)]
        assert re.search(
            r"[\d,]+ tokens freed against [\d,]+ to be cached anew; at [\d,]+ tokens a step it lasts \d+ steps", line
        )
        assert len(script.requests) == 19
        await harness.runtime.close()

    run(work())


def test_nothing_goes_where_it_would_not_pay(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcode.agent.eviction_plan.PRICES", {})
    monkeypatch.setattr("lcode.agent.eviction_plan._USUAL", type("Dear", (), {"cached": 0.01, "written": 2.0}))

    async def work() -> None:
        harness = Harness.open(project, context_window=35_000)
        said: list[str] = []
        harness.script([reader(FILES)] * 80)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        session.environment.debug = said.append
        await harness.ask(session, "Read every file.")
        assert not harness.of(Evicted)
        assert any(text.startswith("eviction: it would not pay:") for text in said), said
        await harness.runtime.close()

    run(work())


def test_a_cold_cache_costs_nothing_so_a_fuller_window_is_emptied_on_return(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        session, script = await filled(harness, files=12)
        assert not harness.of(Evicted)
        monkeypatch.setattr("lcode.agent.context._FORGOTTEN", 0.0)
        assert session.context.used() > 0.5 * session.context.budget
        await harness.ask(session, "Where were we?")
        assert len(harness.of(Evicted)) == 1 and len(lines(script.requests[-1])) >= 8
        await harness.runtime.close()

    run(work())


def test_what_went_may_be_looked_at_again(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        again = [reply("", ("read_file", {"path": "file23.py"}))] * 2
        read = [reader(22)] * 22
        script = harness.script([*again, *read, *again, reply("Seen.")])  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        await harness.ask(session, "Read every file, and the first one again.")
        assert harness.of(Evicted)
        assert "identical call" not in str(results(script.requests[-1])) and "value_23_7 " in results(script.requests[-1])[-1]
        await harness.runtime.close()

    run(work())


def test_an_ephemeral_session_makes_room_too(project: Path) -> None:
    async def work() -> None:
        await Harness.open(project).runtime.close()
        harness = Harness.open(project, ephemeral=True, context_window=WINDOW)
        session, script = await filled(harness)
        assert len(harness.of(Evicted)) == 1
        handle = lines(script.requests[-1])[0].rpartition(" ")[2].rstrip("]")
        found = find_result(session.memory.recall, handle.removeprefix("result-"), session.id)
        assert found is not None and "value_0_79" in found.text
        await harness.runtime.close()

    run(work())


def test_a_compaction_takes_old_results_out_of_what_it_keeps_and_undone_gives_them_back(project: Path) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=80_000)
        words = [reply("The queue keeps what was said of it. " * 500)] * 7
        again = harness.script([*words, *[reader(14)] * 15])  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        for number in range(7):
            await harness.ask(session, f"What of queue {number}?")
        await harness.ask(session, "Read every file.")
        before = again.requests[-1].messages
        session.provider = again = harness.script([reply("Summary: the files were read."), reply("ok"), reply("ok")])
        await session.context.compact(harness.events.append, trigger="user")
        await harness.ask(session, "Go on.")
        assert lines(again.requests[-1]) and "value_13_79" in str(results(again.requests[-1]))
        assert {one.reason for one in session.memory.recall.ask(elisions, session.id)} == {"compaction"}
        await session.context.uncompact(harness.events.append)
        assert not session.memory.recall.ask(elisions, session.id)
        await harness.ask(session, "And now?")
        assert again.requests[-1].messages[: len(before)] == before
        await harness.runtime.close()

    run(work())


def test_nothing_goes_while_the_store_cannot_be_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        harness = Harness.open(project, context_window=WINDOW)
        session, _ = await filled(harness, files=12)
        rows = list(session.rows)

        async def cannot() -> bool:
            return False

        monkeypatch.setattr(session.outbox, "flush", cannot)
        from lcode.agent import eviction

        used = session.context.used()
        assert await eviction.make_room(session, used, session.context.budget, harness.events.append, cold=True) == 0
        assert session.rows == rows
        monkeypatch.undo()
        assert await eviction.make_room(session, used, session.context.budget, harness.events.append, cold=True) > 0
        await harness.runtime.close()

    run(work())
