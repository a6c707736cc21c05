"""Taking a compaction back: what it took out is in the prompt again, to the byte, if it fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.agent.stored_window import accounting
from lcode.errors import UserError
from lcode.events import Compacted, Notice
from lcode.memory.compactions import compactions
from tests.agent.compacting import LONG, WINDOW, filled, talker, words
from tests.agent.harness import Harness, run


def test_what_was_taken_out_is_there_again_in_the_order_it_went(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([talker()] * 60)
        session = await filled(harness)
        first = list(session.rows)
        await session.compact("", harness.events.append)
        await harness.ask(session, "between")
        second = list(session.rows)
        await session.compact("", harness.events.append)
        await session.uncompact(harness.events.append)
        assert session.rows == second
        await session.uncompact(harness.events.append)
        assert session.rows == [*first, *second[-2:]]
        with pytest.raises(UserError, match="no compaction to take back"):
            await session.uncompact(harness.events.append)
        await harness.ask(session, "and now?")
        assert "question 0" in words(script.requests[-1])
        assert "<summary>" not in words(script.requests[-1])
        assert harness.of(Notice)[-1].text.endswith("tokens")
        await harness.runtime.close()

    run(work())


def test_it_may_be_compacted_and_taken_back_again_and_after_a_resume(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([talker()] * 60)
        session = await filled(harness)
        rows = list(session.rows)
        for _ in range(2):
            await session.compact("", harness.events.append)
            await session.uncompact(harness.events.append)
        await session.compact("", harness.events.append)
        await harness.runtime.close()
        again = Harness.open(repo)
        again.script([talker()] * 9)
        resumed = await again.runtime.resume_session(session.id)
        assert resumed.rows[0].kind == "summary"
        await resumed.uncompact(again.events.append)
        assert resumed.rows == rows
        assert resumed.memory.in_context == (session.id, 0)
        assert len(resumed.memory.recall.ask(compactions, session.id)) == 3
        await again.runtime.close()
        last = Harness.open(repo)
        last.script([talker()] * 9)
        assert (await last.runtime.resume_session(session.id)).rows == rows
        await last.runtime.close()

    run(work())


def test_what_does_not_fit_stays_out_and_is_found(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([talker()] * 60)
        session = await filled(harness, turns=8)
        await session.compact("", harness.events.append)
        await harness.runtime.close()
        again = Harness.open(repo, context_window=WINDOW - 6_000)
        again.script([talker()] * 9)
        resumed = await again.runtime.resume_session(session.id)
        before = list(resumed.rows)
        with pytest.raises(UserError, match="does not fit"):
            await resumed.uncompact(again.events.append)
        assert resumed.rows == before
        hits = resumed.memory.recall.search("question 2", in_context=resumed.memory.in_context)
        assert any(hit.message.text == "question 2" for hit in hits)
        await again.runtime.close()

    run(work())


def test_taken_up_after_it_the_window_is_as_full_as_it_was_and_can_be_compacted(repo: Path) -> None:
    """What was reported of the shorter prompt says nothing of it, and the system text is not stored anew yet."""

    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([talker()] * 60)
        session = await filled(harness)
        full = session.context.used()
        await session.compact("", harness.events.append)
        await harness.ask(session, "between")
        short = session.context.used()
        await session.uncompact(harness.events.append)
        await harness.runtime.close()
        again = Harness.open(repo)
        again.script([talker()] * 60)
        resumed = await again.runtime.resume_session(session.id)
        row = resumed.memory.recall.session(session.id)
        stored = accounting(resumed.memory.recall, row, again.runtime.settings)
        assert stored.used > full > short
        assert await resumed.compact("", again.events.append)
        made = resumed.context.made
        assert made is not None and made.tokens_before == stored.used
        assert abs(made.tokens_after - resumed.context.used()) < 0.05 * full
        await again.runtime.close()

    run(work())


def test_what_was_compacted_for_want_of_room_can_be_taken_back_at_once(repo: Path) -> None:
    """It was made at nine tenths of the budget: there is hardly more room after it than before."""

    async def work() -> None:
        harness = Harness.open(repo, context_window=WINDOW)
        harness.script([talker()] * 99)
        session = await filled(harness, turns=1)
        while not harness.of(Compacted):
            await harness.ask(session, "go on")
        await session.uncompact(harness.events.append)
        assert session.rows[0].kind == "user"
        assert "the next message compacts again" in harness.of(Notice)[-1].text
        await harness.ask(session, "and now?")
        assert len(harness.of(Compacted)) == 2
        await harness.runtime.close()

    run(work())


def test_a_resume_after_it_sends_the_same_bytes(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([talker()] * 60)
        session = await filled(harness)
        await session.compact("", harness.events.append)
        await session.uncompact(harness.events.append)
        await harness.ask(session, "one")
        last = script.requests[-1]
        await harness.runtime.close()
        again = Harness.open(repo)
        later = again.script([talker()] * 9)
        await again.ask(await again.runtime.resume_session(session.id), "two")
        assert later.requests[0].system == last.system
        assert later.requests[0].messages[: len(last.messages)] == last.messages
        assert LONG in words(later.requests[0])
        await again.runtime.close()

    run(work())
