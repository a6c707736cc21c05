"""What a repository tells of itself is kept once, gives way to a person's own words, and ends when it no longer holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lcode.git.repository import Place, find
from lcode.index.overview import Overview, Statement
from lcode.memory.learning import SUBJECT, keep
from lcode.memory.model import Actor, Source, Trust
from lcode.memory.session_memory import SessionMemory
from lcode.memory.store import Store
from tests.git.repositories import make

FIRST = Overview(
    "Modules: a, b",
    "Tests run with: `pytest`",
    (Statement("module a", "Module a/ (3 files)", ("a/x.py",)), Statement("recent work", "Recent work: a", commits=True)),
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return find(make(tmp_path / "repo"))


@pytest.fixture
def memory(tmp_path: Path, place: Place) -> Iterator[SessionMemory]:
    store = Store({"LCODE_HOME": str(tmp_path / "home")})
    agent = store.resolve(place, None).agent
    yield store.memory(store.open(agent), place)
    store.close()


def test_blocks_and_details_are_written_as_unverified(memory: SessionMemory, place: Place) -> None:
    learned = keep(memory, FIRST, place)
    assert [(block.label, block.outcome) for block in learned.blocks] == [
        ("architecture", "written"),
        ("conventions", "written"),
    ]
    assert (learned.details, learned.new, learned.ended) == (2, 2, 0)
    block = memory.blocks.get("architecture")
    assert (block.value, block.unverified, block.actor) == ("Modules: a, b", ("Modules: a, b",), Actor.PROGRAM)
    found = memory.archival.search("module")[0]
    assert (found.trust, found.source, found.citations, found.tags) == (
        Trust.UNVERIFIED,
        Source.FILE,
        ("a/x.py",),
        ("overview",),
    )


def test_the_same_again_changes_nothing(memory: SessionMemory, place: Place) -> None:
    keep(memory, FIRST, place)
    learned = keep(memory, FIRST, place)
    assert [block.outcome for block in learned.blocks] == ["unchanged", "unchanged"]
    assert (learned.details, learned.new, learned.ended) == (2, 0, 0)
    assert [len(memory.archival.states(passage.id)) for passage in memory.archival.about(SUBJECT)] == [1, 1]
    assert memory.blocks.get("architecture").version == 1


def test_what_changed_takes_the_place_of_what_was_there(memory: SessionMemory, place: Place) -> None:
    keep(memory, FIRST, place)
    now = Overview("Modules: a, c", FIRST.conventions, (Statement("module a", "Module a/ (4 files)", ("a/x.py",)),))
    learned = keep(memory, now, place)
    assert [block.outcome for block in learned.blocks] == ["written", "unchanged"]
    assert (learned.details, learned.new, learned.ended) == (1, 1, 1)
    assert [passage.text for passage in memory.archival.search("")] == ["Module a/ (4 files)"]


@pytest.mark.parametrize("actor", [Actor.USER, Actor.AGENT])
def test_a_block_that_somebody_wrote_to_is_left(memory: SessionMemory, place: Place, actor: Actor) -> None:
    keep(memory, FIRST, place)
    memory.blocks.append("architecture", "c talks to d", memory.provenance(actor, Source.SAID))
    learned = keep(memory, Overview("Modules: a, c", "", ()), place)
    assert [(block.label, block.outcome) for block in learned.blocks] == [("architecture", "kept")]
    assert "c talks to d" in memory.blocks.get("architecture").value


def test_a_block_takes_as_many_lines_as_it_holds(memory: SessionMemory, place: Place) -> None:
    limit = memory.blocks.get("architecture").limit
    keep(memory, Overview("\n".join(f"line {number}" for number in range(limit)), "", ()), place)
    block = memory.blocks.get("architecture")
    assert len(block.value) <= limit
    assert block.value.split("\n")[-1].startswith("line ")
