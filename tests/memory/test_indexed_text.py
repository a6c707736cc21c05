"""What search sees of long texts: bounded, and still found by a line in the middle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.indexed_text import INDEXED, indexed, lines_between, searched
from lcode.memory.model import Actor, Source
from tests.memory.conftest import Tiers, by

LOG = [f"{number}: building the module number {number % 7}" for number in range(4_000)]


def test_a_line_in_the_middle_of_a_giant_output_is_found_with_what_it_was_cut_out_of(tiers: Tiers) -> None:
    session = tiers.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    lines = [*LOG[:300], "link error: undefined symbol zanzibar_lookup", *LOG[300:600]]
    whole = "\n".join(lines)
    for text, more in ((whole, ""), (f"{lines[0]}\n[cut]\n{lines[-1]}", whole)):
        row = tiers.recall.add_message(
            "tool", "tool", [{"type": "text", "text": text}], text, by(Actor.PROGRAM, Source.TOOL, session), whole=more
        )
        assert "zanzibar" not in row.text
        (hit, *_) = tiers.recall.search("undefined zanzibar lookup", context=0)
        assert hit.message.id == row.id


def test_one_line_among_a_hundred_thousand_alike_is_seen() -> None:
    whole = "\n".join([*LOG * 15, "FATAL zanzibar overflow", *LOG * 10])
    assert lines_between(whole, indexed(whole)).split("\n")[0] == "FATAL zanzibar overflow"


def test_a_short_text_is_seen_as_it_is() -> None:
    assert searched("run it", "")[0] == "run it"
    assert searched("parseRetryAfter", "", "shell", "src/a.py\nb.py")[1] == "parse retry after src py shell src/a.py b.py"


def test_lines_that_differ_in_numbers_alone_stand_once_and_what_went_wrong_comes_first() -> None:
    whole = "\n".join(("start", *LOG[:300], "assertion failed", *LOG[300:600], "end"))
    between = lines_between(whole, "start\nend").split("\n")
    assert between[0] == "assertion failed"
    assert len(between) <= 1 + 4  # as many lengths as their numbers have


@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 50))
def test_what_is_searched_is_bounded(text: str, times: int, more: int) -> None:
    whole = "\n".join(f"{text} {number}" for number in range(times * more))
    shown, terms = searched(whole, "")
    assert len(shown) <= INDEXED + 3
    assert shown == indexed(whole)
    assert len(lines_between(whole, shown)) <= 2_500
    assert shown in (whole, indexed(whole))
    assert isinstance(terms, str)
