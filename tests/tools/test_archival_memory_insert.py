"""What is kept once is said to be kept once."""

from __future__ import annotations

from lcode.memory.session_memory import SessionMemory
from tests.tools.conftest import Caller
from tests.tools.test_memory_rethink import caller, memory

__all__ = ["caller", "memory"]


def test_a_text_that_was_kept_already_is_said_so_and_gets_the_new_tags(caller: Caller, memory: SessionMemory) -> None:
    caller.context.operation_id = "op-0123456789abcdef"
    first = caller.text("archival_memory_insert", content="ports are odd", tags=["net"])
    assert first.startswith("kept as passage 01234567 ")
    caller.context.operation_id = "op-fedcba9876543210"
    again = caller.text("archival_memory_insert", content="ports are odd", tags=["odd"], citations=["nope.py"])
    assert again.startswith("this text was kept already, as passage 01234567 (passage-0123456789abcdef) on 20")
    assert "tags net, odd and the citations nope.py." in again
    assert again.endswith("No such file: nope.py.")
    assert memory.archival.count() == 1
