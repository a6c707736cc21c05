"""A session that was closed is over for its process: nothing of it is kept, and nothing is written for it any more."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lcode import clock
from lcode.agent.session import Session
from tests.agent.harness import Harness, reply, run


def test_closed_sessions_are_not_kept_in_memory(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("done")] * 4)
        kept: list[weakref.ref[Session]] = []
        for _ in range(4):
            session = await harness.runtime.new_session()
            await harness.ask(session, "do it")
            await session.close()
            kept.append(weakref.ref(session))
        del session
        gc.collect()
        assert sum(one() is not None for one in kept) <= 1  # the newest, until the next is opened
        await harness.runtime.close()

    run(work())


def test_the_end_of_a_process_writes_nothing_for_sessions_that_were_closed_before(
    repo: Path, request: pytest.FixtureRequest
) -> None:
    """Another terminal may have taken them up meanwhile."""
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    clock.set_source(lambda: moment)
    request.addfinalizer(lambda: clock.set_source(None))

    async def work() -> None:
        nonlocal moment
        first, second = Harness.open(repo), Harness.open(repo)
        for harness in (first, second):
            harness.script([reply("done")])
        session = await first.runtime.new_session()
        await first.ask(session, "do it")
        await session.close()
        moment += timedelta(hours=1)
        taken_up = await second.runtime.resume_session(session.id)
        await second.ask(taken_up, "go on")
        await first.runtime.close()
        recall = taken_up.memory.recall
        assert await taken_up.memory.run(recall.session_value, session.id, "ended_at") == ""
        await second.runtime.close()

    run(work())
