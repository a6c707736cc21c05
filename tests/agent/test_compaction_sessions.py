"""Random sessions in a small window, against the strict server: what is sent stays valid, and compactions do their work."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode.agent.compaction import MUST_FREE
from lcode.events import Compacted, StepFinished, StopReason
from lcode.memory.compactions import compactions
from tests.agent.harness import Harness, run
from tests.agent.transcripts import TURNS, Turn
from tests.e2e.program import MODELS
from tests.support.provider_server import ProviderServer, Script, Thinking, call, turn

WINDOW = 14_000
SUMMARIES: list[Any] = ["Goals: go on. " * 12, "", turn(call("list_dir")), "%&$ " * 400]


def replies(turns: list[Turn], api: str) -> list[Any]:
    """What the model says to the messages of these turns, each ending with an answer."""
    said: list[Any] = []
    for one in turns:
        for step in one.steps:
            thought = [Thinking("hm, " * 40)] if step.thought and api == "anthropic" else []
            calls = [call("shell", command=f"printf 'line %s\\n' $(seq {size // 2})") for size in step.results]
            if calls:
                said.append(turn(*thought, "say " * step.words, *calls))
        said.append("answer " * 300)
    return said


@pytest.mark.timeout(300)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TURNS, st.sampled_from(["openai", "anthropic"]), st.sampled_from(SUMMARIES))
def test_any_session_goes_on_in_a_small_window(repo: Path, turns: list[Turn], api: str, summary: Any) -> None:
    waiting = replies(turns, api)

    def answer(body: dict[str, Any]) -> Any:
        if "replaced by your summary" in str(body["messages"][-1]["content"]):
            return summary
        return waiting.pop(0) if waiting else "Done."

    async def work() -> None:
        harness = Harness.open(repo, model=MODELS[api], context_window=WINDOW)
        session = await harness.runtime.new_session()
        for one in turns:
            finished = await harness.ask(session, "Never touch queue.py. " + "ask " * one.asked)
            assert finished.stop_reason is StopReason.END_TURN, finished
        made = session.memory.recall.ask(compactions, session.id)
        assert len(made) == len(harness.of(Compacted))
        assert all(one.freed >= MUST_FREE - 0.02 or one.cut_after == last_of(session, one) for one in made)
        kinds = [type(event) for event in harness.events if isinstance(event, Compacted | StepFinished)]
        assert not any(one is two is Compacted for one, two in itertools.pairwise(kinds))
        assert session.rows == session.memory.recall.context(session.id)
        await harness.runtime.close()

    with ProviderServer(Script(answer)) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in {**server.environ(), "LCODE_HOME": f"{os.environ['LCODE_HOME']}-{id(waiting)}"}.items():
            patch.setenv(name, value)
        run(work())
        server.assert_accepted()


def last_of(session: Any, made: Any) -> str:
    """The last message that could go: what stands before the last step at the time of the compaction."""
    rows = session.memory.recall.messages(session.id)
    at = next(at for at, row in enumerate(rows) if row.id == made.summary_id)
    before = [row for row in rows[:at] if row.kind != "summary"]
    while before and (before[-1].role == "tool" or before[-1].kind == "notice"):
        before.pop()
    return str(before[-2].id) if len(before) > 1 else ""
