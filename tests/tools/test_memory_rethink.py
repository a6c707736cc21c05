"""A rewrite is based on the version that the model was shown, never on one that landed since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.recall import Recall
from lcode.memory.session_memory import SessionMemory
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.tools.base import ToolContext
from lcode.tools.registry import all_tools
from lcode.tools.seen import Seen
from tests.tools.conftest import Caller

OTHER = Provenance(Actor.AGENT, Source.INFERRED, "session-other")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[SessionMemory]:
    databases = Database(tmp_path / "memory.db", migrations.MEMORY), Database(tmp_path / "user.db", migrations.USER)
    redactor = Redactor({})
    recall, archival = Recall(databases[0], databases[0], redactor), Archival(databases[0], redactor)
    yield SessionMemory(*databases, Blocks(*databases, redactor), recall, archival, "session-own")
    for database in databases:
        database.close()


@pytest.fixture
def caller(memory: SessionMemory, tmp_path: Path) -> Caller:
    context = ToolContext(tmp_path, tmp_path, Seen(), memory, tmp_path, {}, "", "", str, 60.0)
    return Caller(context, {tool.name: tool for tool in all_tools()})


def test_a_rewrite_after_a_refusal_does_not_pass_over_what_came_after_it(caller: Caller, memory: SessionMemory) -> None:
    memory.blocks.append("conventions", "theirs 1", Provenance(Actor.AGENT, Source.INFERRED))
    caller.context.operation_id = "op-1"
    told = caller.refused("memory_rethink", label="conventions", new_memory="mine")
    assert "theirs 1" in told
    memory.blocks.append("conventions", "theirs 2", OTHER)  # after the refusal was written, before it is read
    caller.context.operation_id = "op-2"
    told = caller.refused("memory_rethink", label="conventions", new_memory="mine and theirs 1")
    assert "theirs 2" in told and "session-other" in told
    caller.context.operation_id = "op-3"
    assert "mine and both" in caller.text("memory_rethink", label="conventions", new_memory="mine and both")


def test_a_block_that_the_model_never_saw_is_not_rewritten(caller: Caller, memory: SessionMemory) -> None:
    memory.blocks.create("api", "", "made by another", None, OTHER)
    caller.context.operation_id = "op-1"
    assert "made by another" in caller.refused("memory_rethink", label="api", new_memory="mine")
    assert memory.blocks.get("api").value == "made by another"


def test_any_refusal_that_shows_the_value_counts_as_having_seen_it(caller: Caller, memory: SessionMemory) -> None:
    memory.blocks.append("conventions", "theirs", OTHER)
    caller.context.operation_id = "op-1"
    told = caller.refused("core_memory_replace", label="conventions", old_content="absent", new_content="x")
    assert "theirs" in told
    caller.context.operation_id = "op-2"
    assert "both" in caller.text("memory_rethink", label="conventions", new_memory="both")
