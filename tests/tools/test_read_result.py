"""An output that was cut is read again by its handle, in parts or by a pattern."""

from __future__ import annotations

import re

import pytest

from tests.tools.conftest import Caller


def handle_in(text: str) -> str:
    return re.findall(r"read_result ((?:output|result)-[0-9a-f]{8})", text)[-1]


@pytest.fixture
def handle(tools: Caller) -> str:
    return handle_in(tools.text("shell", command="for n in $(seq 1 9000); do echo line $n; done"))


def test_lines_are_read_from_a_place_on(tools: Caller, handle: str) -> None:
    text = tools.text("read_result", handle=handle, line=4321, lines=2)
    note = "[the output before it was cut; lines 4321-4322 of 9,000; go on with line=4323]"
    assert text.splitlines() == ["line 4321", "line 4322", note]
    assert tools.text("read_result", handle=handle, line=9000).splitlines()[0] == "line 9000"
    assert "go on" not in tools.text("read_result", handle=handle, line=9000)


def test_going_on_as_told_reads_everything_once(tools: Caller, handle: str) -> None:
    found, line = [], 1
    while line:
        *rows, note = tools.text("read_result", handle=handle, line=line, lines=3_000).splitlines()
        found += rows
        line = int((re.findall(r"line=(\d+)", note) or [0])[0])
    assert found == [f"line {number}" for number in range(1, 9001)]


def test_a_pattern_shows_the_lines_that_match_with_their_numbers(tools: Caller, handle: str) -> None:
    text = tools.text("read_result", handle=handle, pattern=r" 4[23]21$")
    assert text.splitlines()[:2] == ["4221: line 4221", "4321: line 4321"] and "2 matches" in text
    assert "1 match]" in tools.text("read_result", handle=handle, pattern=r" 4[23]21$", line=4300)
    assert "no line of 9,000 matches 'lin3'" in tools.text("read_result", handle=handle, pattern="lin3")
    many = tools.text("read_result", handle=handle, pattern="line", lines=3)
    assert "3 of 9,000 matches; narrow the pattern" in many and len(many.splitlines()) == 4


def test_what_is_no_expression_is_looked_for_as_it_is(tools: Caller) -> None:
    tools.write("a.sh", 'for n in $(seq 4000); do echo "call(a[$n"; done')
    handle = handle_in(tools.text("shell", command="sh a.sh"))
    assert "call(a[17\n" in tools.text("read_result", handle=handle, pattern="call(a[17")


def test_a_part_is_small_and_long_lines_are_cut_around_the_match(tools: Caller) -> None:
    tools.write("long", ("x" * 40_000 + "needle" + "y" * 40_000 + "\n") * 3)
    handle = handle_in(tools.text("shell", command="cat long"))
    assert len(tools.text("read_result", handle=handle)) < 4_000
    found = tools.text("read_result", handle=handle, pattern="needle")
    assert found.count("needle") == 3 and len(found) < 4_000


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("app.py", "is no handle of a result"),
        ("output-00000000", "There is no result output-00000000"),
        ("../../memory", "is no handle"),
    ],
)
def test_a_handle_that_names_nothing_is_told_with_what_to_do(tools: Caller, given: str, told: str) -> None:
    assert told in tools.refused("read_result", handle=given)


def test_a_line_past_the_end_is_told(tools: Caller, handle: str) -> None:
    assert "has 9,000 lines; line 9001 is past its end" in tools.refused("read_result", handle=handle, line=9001)
