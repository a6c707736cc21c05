"""The first message of a session tells of core memory that no longer fits the code."""

from __future__ import annotations

from pathlib import Path

from lcode.agent.stale_lines import stale_lines
from lcode.memory.model import Actor, Source
from tests.agent.harness import Harness, reply, run


def test_the_first_message_names_stale_lines_and_the_system_text_does_not(repo: Path) -> None:
    (repo / "loader.py").write_text("def load(path):\n    return 1\n")
    harness = Harness.open(repo)
    memory = harness.runtime.memory()
    by = memory.provenance(Actor.AGENT, Source.INFERRED)
    memory.blocks.append("architecture", "loading is eager (loader.py#load)", by)
    assert stale_lines(memory) == []
    (repo / "loader.py").write_text("def load(path):\n    return 2\n")
    provider = harness.script([reply("yes"), reply("yes")])

    async def talk() -> None:
        session = await harness.runtime.new_session()
        await harness.ask(session, "hello")
        await harness.ask(session, "again")
        await harness.runtime.close()

    run(talk())
    first, second = (request.messages for request in provider.requests)
    told = "- architecture: loading is eager (loader.py#load) [STALE: load() changed (loader.py:1-2 now)]"
    assert told in str(first[0])
    assert str(second).count(told) == 1
    assert "STALE" not in provider.requests[0].system
