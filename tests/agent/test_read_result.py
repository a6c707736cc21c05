"""The result of a call is found again by its handle: in its session, in a later one, in a fork."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lcode.agent.session import Session
from lcode.llm.protocol import Request, ToolResult
from lcode.memory.results import handle_of
from tests.agent.harness import Harness, reply, run


def handle_in(text: str) -> str:
    return re.findall(r"read_result (output-[0-9a-f]{8})", text)[-1]


def results(request: Request) -> list[str]:
    return [part.text for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


async def asked(harness: Harness, session: Session, **arguments: Any) -> str:
    """What a call of read_result in `session` returned."""
    script = harness.script([reply("I look.", ("read_result", arguments)), reply("Seen.")])
    session.provider = script
    await harness.ask(session, "What was it?")
    return results(script.requests[-1])[-1]


def test_a_result_is_found_in_its_session_a_later_one_and_a_fork(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("I look.", ("read_file", {"path": "README.md"})), reply("Seen.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "What is in README.md?")
        row = next(row for row in session.rows if row.role == "tool")
        whole, handle = str(row.content[0]["text"]), handle_of(row.id)
        first = whole.splitlines()[0]
        assert first in await asked(harness, session, handle=handle)
        later = await harness.runtime.new_session()
        told = await asked(harness, later, handle=handle)
        assert first in told and "what read_file README.md returned" in told
        fork = await harness.runtime.fork_session(session.id)
        copy = next(row for row in fork.rows if row.role == "tool")
        assert copy.id != row.id
        assert first in await asked(harness, fork, handle=handle_of(copy.id))
        await harness.runtime.close()
        again = Harness.open(repo)
        again.script([])
        resumed = await again.runtime.resume_session(session.id)
        assert first in await asked(again, resumed, handle=handle)
        assert "There is no result" in await asked(again, resumed, handle="result-00000000")
        await again.runtime.close()

    run(work())


def test_an_ephemeral_session_finds_its_own_results(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        await harness.runtime.close()
        harness = Harness.open(repo, ephemeral=True)
        harness.script([reply("I look.", ("read_file", {"path": "README.md"})), reply("Seen.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "What is in README.md?")
        row = next(row for row in session.rows if row.role == "tool")
        assert "what read_file README.md returned" in await asked(harness, session, handle=handle_of(row.id))
        await harness.runtime.close()

    run(work())


def test_what_a_small_window_has_no_room_for_is_cut_and_kept(repo: Path) -> None:
    (repo / "long.py").write_text("".join(f"value_{number} = {number}\n" for number in range(2_000)))

    async def work() -> None:
        harness = Harness.open(repo, context_window=16_000)
        script = harness.script([reply("I look.", ("read_file", {"path": "long.py"})), reply("Seen.")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "What is in long.py?")
        (text,) = results(script.requests[-1])
        assert len(text) < 8_200 and text.startswith("1→value_0") and "value_1999" in text
        assert "value_1000 = 1000" in await asked(harness, session, handle=handle_in(text), pattern="value_1000 ")
        await harness.runtime.close()

    run(work())
