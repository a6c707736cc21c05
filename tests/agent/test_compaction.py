"""When the window fills: old messages go, the user's words and the store's truth stay."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.errors import ProviderError
from lcode.events import Compacted, CompactionStarted, Event, RunFinished, StopReason
from lcode.llm.protocol import Message, Request, Text
from lcode.memory.model import Actor, Source
from tests.agent.harness import Harness, Usage, reply, run

LONG = "A long answer about the queue. " * 120


def words(request: Request) -> str:
    return "\n".join(part.text for message in request.messages for part in message.parts if isinstance(part, Text))


def is_summary(request: Request) -> bool:
    last: Message = request.messages[-1]
    return "replaced by your summary" in str(last.parts)


def chatty(request: Request) -> object:
    if is_summary(request):
        return reply("Goal: the queue. Next: retry.")
    return reply(LONG, usage=Usage(input=len(str(request)) // 4, output=900))


def test_a_full_window_is_compacted_and_the_users_words_stay(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=16_000)
        script = harness.script([chatty] * 40)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        await harness.ask(session, "Never touch the file queue.py without asking me.")
        for number in range(14):
            await harness.ask(session, f"question {number}")
        compacted = harness.of(Compacted)
        assert compacted
        assert all(event.tokens_after <= 0.7 * event.tokens_before for event in compacted)
        last = script.requests[-1]
        assert "Goal: the queue. Next: retry." in words(last)
        assert "Never touch the file queue.py" in words(last)
        assert len(last.messages) < 29
        hits = session.memory.recall.search("question 1", in_context=session.memory.in_context)
        assert any("question 1" in hit.message.text for hit in hits)
        await harness.runtime.close()
        again = Harness.open(repo, context_window=16_000)
        later = again.script([reply("ok")])
        await again.ask(await again.runtime.resume_session(), "and now?")
        assert later.requests[0].messages[:-1] == (*last.messages, Message("assistant", (Text(LONG),)))
        await again.runtime.close()

    run(work())


def test_a_compaction_renders_core_memory_anew(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=16_000)
        script = harness.script([chatty] * 40)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        await harness.ask(session, "hello")
        memory = session.memory
        memory.blocks.append("human", "Likes oranges.", memory.provenance(Actor.USER, Source.SAID))
        while not harness.of(Compacted):
            await harness.ask(session, "more")
        assert "Likes oranges." in script.requests[-1].system
        await harness.runtime.close()

    run(work())


def test_an_overflow_that_the_provider_reports_is_answered_by_compaction(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        overflow = ProviderError("too long", status=400, overflow=True)
        script = harness.script([reply(LONG), reply(LONG), overflow, reply("Summary."), reply("It fits.")])
        session = await harness.runtime.new_session()
        for number in range(2):
            await harness.ask(session, f"question {number}")
        finished = await harness.ask(session, "last")
        assert (finished.stop_reason, finished.text) == (StopReason.END_TURN, "It fits.")
        assert "Summary." in words(script.requests[-1])
        await harness.runtime.close()

    run(work())


def test_a_summary_that_fails_is_replaced_by_an_extract(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        overflow = ProviderError("too long", status=400, overflow=True)
        script = harness.script([reply(LONG), overflow, ProviderError("down", status=500), reply("Fine.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "Keep the API stable.")
        assert (await harness.ask(session, "go on")).text == "Fine."
        assert "Keep the API stable." in words(script.requests[-1])
        assert "A long answer about the queue" in words(script.requests[-1])
        await harness.runtime.close()

    run(work())


def test_a_system_prompt_that_alone_overflows_ends_the_run(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([ProviderError("too long", "shorten the blocks", status=400, overflow=True)] * 9)
        session = await harness.runtime.new_session()
        finished = await harness.ask(session, "x")
        assert finished.stop_reason is StopReason.CONTEXT_OVERFLOW
        await harness.runtime.close()

    run(work())


def test_results_that_the_model_has_not_seen_are_never_evicted(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=9_000)
        big = [f"big{at}.txt" for at in range(4)]
        for name in big:
            (repo / name).write_text("\n".join(f"line {number} of a long file" for number in range(900)))

        def answer(request: Request) -> object:
            if is_summary(request):
                return reply("Summary.")
            if len(request.messages) == 1 and "Chat." in words(request):
                return reply(LONG)
            if "line 0 of a long file" in str(request.messages):
                assert str(request.messages).count("line 899 of a long file") == len(big)
                return reply("Seen.")
            return reply("", *(("read_file", {"path": name}) for name in big))

        harness.script([answer] * 9)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        await harness.ask(session, "Chat. " + "Nice weather. " * 300)
        task = "Read it. " + "Some background. " * 20 + "IMPORTANT: never touch queue.py."
        finished = await harness.ask(session, task)
        assert finished.text == "Seen.", finished
        assert harness.of(Compacted)
        assert "IMPORTANT: never touch queue.py." in str(session.rows[0].content)
        await harness.runtime.close()

    run(work())


def test_a_resume_after_a_compaction_does_not_compact_again(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=16_000)
        harness.script([chatty] * 40)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        while not harness.of(Compacted):
            await harness.ask(session, "more")
        await session.context.compact(harness.events.append)
        before = len(harness.of(Compacted))
        await harness.runtime.close()
        again = Harness.open(repo, context_window=16_000)
        again.script([chatty] * 9)  # type: ignore[list-item]
        resumed = await again.runtime.resume_session()
        assert before
        assert resumed.context_tokens < 16_000 * 0.5
        await again.ask(resumed, "one more")
        assert not again.of(Compacted)
        await again.runtime.close()

    run(work())


def test_an_interrupt_while_a_run_makes_room_ends_the_run_and_nothing_else(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=16_000)
        harness.script([chatty] * 40)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        stopped: list[RunFinished] = []

        def stop(event: Event) -> None:
            harness.events.append(event)
            if isinstance(event, CompactionStarted) and not stopped:
                asyncio.get_running_loop().call_soon(session.interrupt)

        while not stopped:
            finished = await session.run("more", stop)
            stopped += [finished] if finished.stop_reason is StopReason.CANCELLED else []
        assert harness.of(Compacted) == []
        assert session.rows == session.memory.recall.context(session.id)
        assert (await harness.ask(session, "and now?")).text == LONG
        assert len(harness.of(Compacted)) == 1
        await harness.runtime.close()

    run(work())


def test_a_session_that_writes_nothing_is_compacted_and_taken_back_too(repo: Path) -> None:
    async def work() -> None:
        harness = Harness(Runtime.open(load(None, os.environ, {}), repo, ephemeral=True))
        harness.script([chatty] * 40)  # type: ignore[list-item]
        session = await harness.runtime.new_session()
        for number in range(6):
            await harness.ask(session, f"question {number}")
        rows = list(session.rows)
        assert await session.compact("", harness.events.append)
        assert session.rows[0].kind == "summary"
        await session.uncompact(harness.events.append)
        assert session.rows == rows
        await harness.runtime.close()

    run(work())
