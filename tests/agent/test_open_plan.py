"""The open plan from what was written: what is on it, and what leaves it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.agent.open_plan import LONGEST, open_items

PLAN = "Here is the plan:\n1. write retry.py\n2. test retry.py\n3. document the flag in docs/usage.md"


def test_a_checklist_is_open_until_it_is_ticked() -> None:
    assert open_items(["- [ ] one thing\n- [x] another thing\n* [ ] a third"]) == ["one thing", "a third"]
    assert open_items(["- [ ] one thing\n- [ ] another thing", "- [x] one thing\n- [ ] another thing"]) == ["another thing"]


def test_a_list_under_a_heading_that_calls_it_a_plan_counts_and_no_other() -> None:
    assert open_items([PLAN]) == ["write retry.py", "test retry.py", "document the flag in docs/usage.md"]
    assert open_items(["**Next steps**\n- ship it"]) == ["ship it"]
    assert open_items(["What I found:\n- the loader is slow\n- the queue retries"]) == []


@pytest.mark.parametrize(
    "word", ["Step 2 is done.", "Done: test retry.py", "I finished step 2 and went on.", "- [x] test retry.py"]
)
def test_a_word_in_passing_ticks_an_item(word: str) -> None:
    assert open_items([PLAN, word]) == ["write retry.py", "document the flag in docs/usage.md"]


def test_the_same_list_again_without_an_item_drops_it() -> None:
    later = "Remaining:\n1. test retry.py\n2. document the flag in docs/usage.md"
    assert open_items([PLAN, later]) == ["test retry.py", "document the flag in docs/usage.md"]


def test_another_list_is_added() -> None:
    assert open_items(["- [ ] migrate the table", "- [ ] paint the shed"]) == ["migrate the table", "paint the shed"]


@given(st.lists(st.text(max_size=300), max_size=8))
def test_whatever_is_written_items_are_lines_of_it(texts: list[str]) -> None:
    whole = " ".join(" ".join(texts).split())
    for item in open_items(texts):
        assert item in whole
        assert len(item) <= LONGEST
