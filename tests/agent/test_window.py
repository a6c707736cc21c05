from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lcode.agent.stored_window import accounting
from lcode.agent.window import MESSAGES, RESULTS, Part, divided, scaled
from lcode.memory.model_calls import estimates
from lcode.tokens import content_tokens
from lcode.ui.accounts import bar
from tests.agent.harness import Harness, Usage, reply


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=14), st.integers(0, 400_000))
def test_parts_sum_to_the_whole_exactly(sizes: list[int], total: int) -> None:
    parts = [Part("messages", str(at), size) for at, size in enumerate(sizes)]
    made = scaled(parts, total)
    if sum(sizes):
        assert sum(part.tokens for part in made) == total
    assert [part.name for part in made] == [part.name for part in parts]


SYSTEM = (
    'Instructions.\n\n<project_instructions>\nrules\n<file path="AGENTS.md">\nUse tabs.\n</file>\n</project_instructions>\n\n'
    '<core_memory>\n<block label="human" chars="3/9">\n<description>d</description>\nWho\n</block>\n'
    '<block label="architecture" chars="3/9">\n<description>d</description>\n(empty)\n</block>\n</core_memory>\n\nEphemeral.'
)


def test_a_system_text_is_divided_without_a_rest() -> None:
    instructions, project, blocks = divided(SYSTEM)
    assert instructions.startswith("Instructions.") and instructions.endswith("Ephemeral.")
    assert "Use tabs." in project
    assert [label for label, _ in blocks] == ["human", "architecture"]
    assert "Who" in blocks[0][1] and "(empty)" in blocks[1][1]
    frame = len("<project_instructions>\n</project_instructions><core_memory>\n\n</core_memory>")
    assert len(instructions) + len(project) + sum(len(text) for _, text in blocks) + frame == len(SYSTEM)


@given(st.text(max_size=300))
def test_any_system_text_can_be_divided(text: str) -> None:
    instructions, project, blocks = divided(text)
    assert len(instructions) + len(project) + sum(len(one) for _, one in blocks) <= len(text)


def test_the_accounting_is_what_was_reported_and_carried_on(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo, context_window=100_000)
        harness.script([
            reply("", ("read_file", {"path": "README.md"}), usage=Usage(9_000, output=100)),
            reply("Read.", usage=Usage(9_400, 9_000, output=50, reasoning=20)),
        ])  # fmt: skip
        session = await harness.runtime.new_session()
        before = await session.accounting()  # what will be sent first
        assert {part.kind for part in before.parts} >= {"instructions", "tools", "block"} and not before.reported
        await harness.ask(session, "Read it.")
        found = await session.accounting()
        assert found.reported and found.used == 9_400 + 50 - 20  # what was thought is not sent again
        assert sum(part.tokens for part in found.parts) == found.used
        assert {part.kind for part in found.parts} >= {"instructions", "tools", "block", MESSAGES, RESULTS}
        assert found.used + found.free + found.reserve == found.window
        assert len(bar(found)) == 62
        row = session.memory.recall.session(session.id)
        assert accounting(session.memory.recall, row, harness.runtime.settings) == found
        assert [one[1] for one in estimates(session.memory.recall, session.model, 9)] == [9_400, 9_000]
        await harness.runtime.close()

    asyncio.run(work())


def test_what_a_provider_counts_is_learnt_and_outlives_the_process(repo: Path) -> None:
    """Its tokens are 1.4 times ours: later sessions know before their first request."""

    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([
            lambda request: reply("ok", usage=Usage(round(1.4 * session.meter.estimate()), output=9)) for _ in range(6)
        ])  # fmt: skip
        session = await harness.runtime.new_session()
        for _ in range(3):
            await harness.ask(session, "go on")
        assert abs(session.meter.calibrated(1_000) - 1_400) <= 5
        assert len(script.requests) == 3
        await harness.runtime.close()
        again = Harness.open(repo)
        again.script([])
        fresh = await again.runtime.new_session()
        await fresh.meter.prepare()
        assert abs(fresh.meter.calibrated(1_000) - 1_400) <= 5
        await again.runtime.close()

    asyncio.run(work())


def test_what_left_the_prompt_is_no_longer_counted(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("word " * 2_000, usage=Usage(9_000, output=2_000)), reply("b", usage=Usage(11_010, output=1))])
        session = await harness.runtime.new_session()
        await harness.ask(session, "a")
        await harness.ask(session, "b")
        before = session.meter.used()
        gone = session.rows.pop(1)
        freed = before - session.meter.used()
        assert abs(freed - session.meter.calibrated(content_tokens(gone.content))) < 20
        await harness.runtime.close()

    asyncio.run(work())
