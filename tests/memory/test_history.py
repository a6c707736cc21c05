"""Core memory at any moment against a plain model, and what goes back to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory.fact_history import events
from lcode.memory.history import NOW, History, When
from lcode.memory.model import Actor, Block, Source, Trust
from lcode.memory.session_memory import SessionMemory
from tests.memory.conftest import Tiers, by

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minute: int) -> str:
    return clock.stamp(START + timedelta(minutes=minute))


def history_of(tiers: Tiers) -> History:
    return History(SessionMemory(tiers.memory, tiers.user, tiers.blocks, tiers.recall, tiers.archival))


def values(blocks: list[Block]) -> dict[str, str]:
    return {block.label: block.value for block in blocks}


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    clock.set_source(lambda: START)
    yield
    clock.set_source(None)


# An edit: minutes since the one before (a clock may go back), which block, and what is done to it.
EDITS = st.lists(
    st.tuples(
        st.integers(-2, 3),
        st.sampled_from(("conventions", "human", "current_work", "extra")),
        st.sampled_from(("append", "rethink", "delete", "restore", "create")),
        st.text("ab\n", min_size=1, max_size=4),
        st.sampled_from(("main", "main", "other")),
    ),
    max_size=14,
)


def edit(tiers: Tiers, branch: str, label: str, what: str, text: str) -> bool:
    blocks = tiers.blocks_of(branch=branch)
    user = by(Actor.USER, Source.SAID)
    acts = {
        "append": lambda: blocks.append(label, text, user),
        "rethink": lambda: blocks.rethink(label, text, user),
        "delete": lambda: blocks.delete(label, user),
        "restore": lambda: blocks.restore(label, user),
        "create": lambda: blocks.create(label, "what for", text, None, user),
    }
    try:
        acts[what]()
    except MemoryEditError:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=EDITS, back=st.integers(0, 14))
def test_core_memory_at_any_moment_is_what_it_was_then_and_can_be_had_again(
    edits: list[tuple[int, str, str, str, str]], back: int
) -> None:
    folder = Path(tempfile.mkdtemp())
    tiers = Tiers(folder)
    try:
        minute = latest = 0
        # what was seen at the end of each minute; where the clock went back, a moment that was over stays as it was seen last
        seen = {-1: values(tiers.blocks.list())}
        for ahead, label, what, text, branch in edits:
            minute += ahead
            moment = START + timedelta(minutes=minute)
            clock.set_source(lambda moment=moment: moment)
            if edit(tiers, branch, label, what, text):
                latest = max(latest, minute)
                seen[latest] = values(tiers.blocks.list())
        history = history_of(tiers)
        if all(ahead >= 0 for ahead, *_ in edits):
            for probe in range(-1, latest + 2):
                last = max(minute for minute in seen if minute <= probe)
                assert values(history.core(When(at(probe)))) == seen[last]
        assert values(history.core(NOW)) == values(tiers.blocks.list())
        wanted = values(history.core(When(at(back))))
        history.go_back(history.steps(When(at(back))), by(Actor.USER, Source.SAID))
        assert values(tiers.blocks.list()) == wanted
        assert history.steps(When(at(back))) == [] or minute <= back
    finally:
        tiers.close()
        shutil.rmtree(folder)


def test_a_clock_that_went_back_changes_the_order_of_no_versions(tiers: Tiers) -> None:
    for minute, text in ((5, "one"), (3, "two"), (6, "three")):
        clock.set_source(lambda minute=minute: START + timedelta(minutes=minute))
        tiers.blocks.rethink("human", text, by())
    history = history_of(tiers)
    assert [values(history.core(When(at(minute))))["human"] for minute in (4, 5, 6)] == ["", "two", "three"]


def test_a_block_is_named_by_its_version_too(tiers: Tiers) -> None:
    for text in ("one", "two", "three"):
        tiers.blocks.rethink("human", text, by())
    history = history_of(tiers)
    found = [history.block("human", history.when(name, "human")) for name in ("1", "v2", "3")]
    assert [block.value for block in found if block] == ["one", "two", "three"]
    with pytest.raises(MemoryEditError, match="no version 4"):
        history.when("4", "human")


def test_what_was_unverified_then_is_said_to_be(tiers: Tiers) -> None:
    tiers.blocks.rethink("conventions", "from a file\nmine", by(source=Source.FILE, trust=Trust.UNVERIFIED))
    tiers.blocks.rethink("conventions", "mine", by(Actor.USER, Source.SAID))
    then = history_of(tiers).block("conventions", When(version=1))
    assert then is not None
    assert then.unverified == ("from a file", "mine")


def test_blame_names_the_version_that_brought_each_line(tiers: Tiers) -> None:
    blocks = tiers.blocks
    blocks.rethink("conventions", "make test\nruff", by(source=Source.FILE, trust=Trust.UNVERIFIED))
    blocks.append("conventions", "tabs", by(Actor.USER, Source.SAID))
    blocks.replace("conventions", "ruff", "ruff and mypy", by(session="session-1"))
    lines = history_of(tiers).blame("conventions")
    assert [(line.text, line.version.version if line.version else 0, line.verified) for line in lines] == [
        ("make test", 1, False), ("ruff and mypy", 3, True), ("tabs", 2, True),
    ]  # fmt: skip
    assert lines[1].version is not None
    assert lines[1].version.session_id == "session-1"


def test_a_line_that_moved_or_came_back_keeps_its_origin(tiers: Tiers) -> None:
    blocks = tiers.blocks
    blocks.rethink("conventions", "a\nb\nc", by())
    blocks.rethink("conventions", "c\na\nb\nd", by())
    blocks.rethink("conventions", "d", by())
    blocks.restore("conventions", by(Actor.USER, Source.SAID), 2)
    lines = history_of(tiers).blame("conventions")
    assert [(line.text, line.version.version if line.version else 0) for line in lines] == [
        ("c", 1),
        ("a", 1),
        ("b", 1),
        ("d", 2),
    ]


def test_lines_of_a_default_block_are_older_than_its_first_edit(tiers: Tiers) -> None:
    tiers.blocks.append("persona", "I am brief.", by())
    lines = history_of(tiers).blame("persona")
    assert [line.version.version if line.version else 0 for line in lines] == [0, 1]


def test_going_back_is_refused_where_a_block_was_edited_meanwhile(tiers: Tiers) -> None:
    tiers.blocks.rethink("human", "one", by())
    tiers.blocks.rethink("conventions", "x", by())
    tiers.blocks.rethink("conventions", "y", by())
    tiers.blocks.rethink("human", "two", by())
    history = history_of(tiers)
    steps = [*history.steps(When(version=1), "conventions"), *history.steps(When(version=1), "human")]
    tiers.blocks_of().append("conventions", "somebody else's", by())
    with pytest.raises(MemoryEditError, match="edited at this moment"):
        history.go_back(steps, by(Actor.USER, Source.SAID))
    assert tiers.blocks.get("human").value == "two"
    assert tiers.blocks.get("conventions").value == "y\nsomebody else's"


def test_a_restore_or_removal_of_a_version_that_moved_on_is_refused(tiers: Tiers) -> None:
    for text in ("one", "two", "three"):
        tiers.blocks.rethink("human", text, by())
    with pytest.raises(MemoryEditError, match="was changed by"):
        tiers.blocks.restore("human", by(), 1, base_version=2)
    with pytest.raises(MemoryEditError, match="was changed by"):
        tiers.blocks.delete("human", by(), base_version=2)
    assert tiers.blocks.restore("human", by(), 1, base_version=3).value == "one"


def test_blocks_of_another_worktree_are_not_gone_back_with(tiers: Tiers) -> None:
    other = tiers.blocks_of(worktree="/elsewhere")
    other.rethink("current_work", "theirs", by())
    tiers.blocks.rethink("current_work", "ours", by())
    history = history_of(tiers)
    assert values(history.core(NOW))["current_work"] == "ours"
    past = replace(NOW, time=at(-1))
    history.go_back(history.steps(past), by(Actor.USER, Source.SAID))
    assert (tiers.blocks.get("current_work").value, other.get("current_work").value) == ("", "theirs")


def test_a_fact_that_is_said_again_is_no_event(tiers: Tiers) -> None:
    first = tiers.archival.insert("The linter is ruff", by())
    tiers.archival.insert("The linter is ruff", by())
    tiers.archival.close(first.id, by())
    assert [event.what for event in events(tiers.memory)] == ["recorded", "closed"]
