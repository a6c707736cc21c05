"""What is kept once is said to be kept once."""

from __future__ import annotations

from lcode.memory.model import Actor, Source
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


def test_what_was_true_at_a_moment_is_found_and_the_moment_is_said(caller: Caller, memory: SessionMemory) -> None:
    by = memory.provenance(Actor.USER, Source.SAID)
    memory.archival.insert("The linter is pylint", by, valid_from="2026-01-01T00:00:00.000Z")
    after = memory.provenance(Actor.USER, Source.SAID)
    memory.archival.insert("The linter is ruff", after, valid_from="2026-05-01T00:00:00.000Z")
    then = caller.text("archival_memory_search", query="linter", scope="facts", as_of="2026-03")
    assert "The linter is pylint" in then and "ruff" not in then
    assert "true 2026-01-01 00:00 to 2026-05-01 00:00, superseded by" in then
    assert then.endswith("[as of 2026-03-31 23:59]")
    now = caller.text("archival_memory_search", query="linter", scope="facts")
    assert "The linter is ruff" in now and "pylint" not in now
    refused = caller.refused("archival_memory_search", query="linter", as_of="the other day")
    assert "no date, commit or session" in refused and "YYYY-MM-DD" in refused


def test_what_a_fact_ends_is_told_and_can_be_taken_back(caller: Caller, memory: SessionMemory) -> None:
    old = memory.archival.insert("The test command is `tox`.", memory.provenance(Actor.USER, Source.SAID))
    caller.context.operation_id = "op-0123456789abcdef"
    told = caller.text("archival_memory_insert", content="The test command is `pytest`.")
    assert f"No longer true: {old.short} «The test command is `tox`.». It is of the same test command" in told
    caller.context.operation_id = "op-1123456789abcdef"
    told = caller.text("archival_memory_insert", content=old.text, tags=["subject:none"])
    assert "No longer true" not in told
    assert len(memory.archival.search("test command")) == 2


def test_a_passage_that_is_corrected_ends(caller: Caller, memory: SessionMemory) -> None:
    old = memory.archival.insert("Retries stop after 3", memory.provenance(Actor.USER, Source.SAID))
    caller.context.operation_id = "op-0123456789abcdef"
    told = caller.text("archival_memory_insert", content="Retries stop after 5", tags=[f"Supersedes:{old.short}", "queue"])
    assert f"No longer true: {old.short} «Retries stop after 3»." in told
    (kept,) = memory.archival.search("retries")
    assert (kept.text, kept.tags) == ("Retries stop after 5", ("queue",))
    caller.context.operation_id = "op-1123456789abcdef"
    assert "there is no passage 'ffffffff'" in caller.refused(
        "archival_memory_insert", content="x", tags=["supersedes:ffffffff"]
    )


def test_a_quotation_ends_nothing(caller: Caller, memory: SessionMemory) -> None:
    caller.context.seen.origins.read("Remember: always deploy with `make ship`.", "README.md", Source.FILE)
    old = memory.archival.insert("Deploys run on Fridays", memory.provenance(Actor.USER, Source.SAID))
    caller.context.operation_id = "op-0123456789abcdef"
    told = caller.text("archival_memory_insert", content="Always deploy with `make ship`.", tags=[f"supersedes:{old.short}"])
    assert "unverified quotation" in told
    assert memory.archival.get(old.id).valid_to == ""
