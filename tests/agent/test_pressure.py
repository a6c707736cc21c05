"""Memory pressure: the agent is told once each time the window fills, and has a step to save what matters."""

from __future__ import annotations

from pathlib import Path

from lcode.agent.context import COMPACT, PRESSURE
from lcode.events import Compacted, Notice
from lcode.llm.protocol import Request, ToolResult
from tests.agent.compacting import LONG, WINDOW, filled, is_summary, talker, words
from tests.agent.harness import Harness, reply, run

OPEN = "<memory_pressure>"


def notices(harness: Harness, session: object) -> list[str]:
    rows = session.memory.recall.messages(session.id)  # type: ignore[attr-defined]
    return [row.text for row in rows if row.text.startswith(OPEN)]


def test_the_agent_is_told_once_before_each_compaction_and_can_save_in_that_step(repo: Path) -> None:
    saved: list[int] = []

    def answer(request: Request) -> object:
        if is_summary(request):
            return reply("Goals: the queue.")
        last = request.messages[-1]
        if OPEN in str(last.parts) and not any(isinstance(part, ToolResult) for part in last.parts):
            saved.append(len(request.messages))
            return reply("", ("core_memory_append", {"label": "current_work", "content": f"Next: step {len(saved)}."}))
        return reply(LONG)

    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        script = harness.script([answer] * 80)  # type: ignore[list-item]
        session = await filled(harness, turns=1)
        number = 0
        while len(harness.of(Compacted)) < 2:
            number += 1
            await harness.ask(session, f"question {number}")
        told = notices(harness, session)
        assert len(told) == len(saved) == 2
        assert "«Never touch the file queue.py.»" in told[0]
        assert "% full" in told[0]
        for step in (1, 2):
            assert f"Next: step {step}." in script.requests[-1].system + words(script.requests[-1])
        await harness.runtime.close()

    run(work())


def test_the_notice_comes_at_its_share_of_the_budget_and_the_compaction_after_it(repo: Path) -> None:
    shares: list[tuple[str, float]] = []

    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        harness.script([talker()] * 40)
        session = await filled(harness, turns=1)
        add, compact = session.add_notice, session.context.compact

        async def told(text: str) -> None:
            shares.append(("told", session.context.used() / session.context.budget))
            await add(text)

        async def compacted(emit: object, **how: object) -> object:
            shares.append(("compacted", session.context.used() / session.context.budget))
            return await compact(emit, **how)

        session.add_notice, session.context.compact = told, compacted
        while not harness.of(Compacted):
            await harness.ask(session, "more")
        (first, at), (second, then) = shares
        assert (first, second) == ("told", "compacted")
        assert PRESSURE <= at < 1
        assert then >= COMPACT
        await harness.runtime.close()

    run(work())


def test_a_resumed_session_is_not_told_again(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        harness.script([talker()] * 40)
        session = await filled(harness, turns=1)
        while not notices(harness, session):
            await harness.ask(session, "more")
        await harness.runtime.close()
        again = Harness.open(repo, context_window=WINDOW)
        again.script([talker()] * 9)
        resumed = await again.runtime.resume_session()
        await again.ask(resumed, "and now?")
        assert len(notices(again, resumed)) == 1
        await again.runtime.close()

    run(work())


def test_the_notice_stands_behind_the_results_of_a_step(repo: Path) -> None:
    (repo / "big.txt").write_text("\n".join(f"line {number} of a long file" for number in range(500)))

    def answer(request: Request) -> object:
        if is_summary(request):
            return reply("Goals: reading.")
        return reply("Seen.") if OPEN in str(request.messages) else reply("", ("read_file", {"path": "big.txt"}))

    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        script = harness.script([answer] * 30)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        await harness.ask(session, "read it again and again")
        assert notices(harness, session)
        assert script.requests[-1].messages[-2].role == "tool"
        assert script.requests[-1].messages[-1].role == "user"
        await harness.runtime.close()

    run(work())


def test_without_a_model_an_extract_is_kept_as_data_once_each_time(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=9_000, model="offline")
        session = await harness.runtime.new_session()
        await harness.ask(session, "Our staging host is db-eu-4417.")
        while not harness.of(Compacted):
            await harness.ask(session, "What is in README.md? " + "And why is that so, do you think? " * 30)
        assert notices(harness, session) == []
        passages = session.memory.archival.search("staging host", tags=["session"])
        assert len(passages) == 1
        assert "db-eu-4417" in passages[0].text
        assert passages[0].trust.value == "unverified"
        assert "db-eu-4417" in session.rows[0].text
        assert harness.of(Compacted)[0].method == "extract"
        await harness.runtime.close()

    run(work())


def test_where_nothing_can_be_saved_nobody_is_told_and_nothing_is_written(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        kept = harness.runtime.memory()
        before = (kept.recall.count(), kept.archival.count())
        await harness.runtime.close()
        from lcode.agent.runtime import Runtime
        from lcode.config import load

        ephemeral = Harness(Runtime.open(load(None, {}, {"context_window": WINDOW}), repo, ephemeral=True))
        script = ephemeral.script([talker()] * 40)
        session = await filled(ephemeral, turns=1)
        while not ephemeral.of(Compacted):
            await ephemeral.ask(session, "more")
        assert OPEN not in str(script.requests)
        assert "Never touch the file queue.py." in words(script.requests[-1])
        await ephemeral.runtime.close()
        after = Harness.open(repo).runtime
        assert (after.memory().recall.count(), after.memory().archival.count()) == before
        await after.close()

    run(work())


def test_a_window_that_only_the_last_step_fills_is_said_once_and_not_compacted(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        harness.script([reply("short")] * 9)
        session = await harness.runtime.new_session()
        await harness.ask(session, "word " * 12_000)
        assert harness.of(Compacted) == []
        said = [event.text for event in harness.of(Notice) if "nothing more can be taken out" in event.text]
        assert len(said) == 1
        await harness.runtime.close()

    run(work())


def test_where_nothing_would_be_freed_no_model_is_asked_for_a_summary(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([reply("A short answer.")] * 9)
        session = await harness.runtime.new_session()
        for text in ("Never touch queue.py.", "Never push.", "Never commit."):
            await harness.ask(session, text)
        for _ in range(2):
            assert not await session.compact("", harness.events.append)
            assert harness.of(Notice)[-1].text.startswith("nothing was taken out")
        assert len(script.requests) == 3
        await harness.runtime.close()

    run(work())
