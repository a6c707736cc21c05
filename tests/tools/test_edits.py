"""Invariants of edits, on texts that nobody would think of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lcode.tools.base import ToolError
from lcode.tools.edits import Edit, UnseenLines, apply

_NEWLINES = st.sampled_from(["\n", "\r\n"])
_LINE = st.text(alphabet=" \tabcxy{}é✓\U0001f600\u2028\x0c", max_size=8)


@st.composite
def mixed_texts(draw: Any) -> str:
    lines = draw(st.lists(st.tuples(_LINE, _NEWLINES), max_size=12))
    return "".join(line + newline for line, newline in lines) + str(draw(_LINE))


@st.composite
def spans(draw: Any) -> tuple[str, str, str]:
    """A text in three pieces, none of them beginning or ending inside a CRLF."""
    before, middle, after = draw(mixed_texts()), draw(mixed_texts()), draw(mixed_texts())
    assume(middle)
    return before, middle, after


def known(line: str) -> bool:
    return True


@given(spans(), st.text(alphabet="abc \n\té", max_size=12))
@settings(max_examples=150, deadline=None)
def test_bytes_outside_the_change_are_identical(pieces: tuple[str, str, str], new: str) -> None:
    before, old, after = pieces
    text = before + old + after
    plain = old.replace("\r\n", "\n")
    assume(text.replace("\r\n", "\n").count(plain) == 1 and plain != new)
    assume(plain.find(plain[0], 1) < 0 or text.replace("\r\n", "\n").find(plain) == len(before.replace("\r\n", "\n")))
    result = apply(text, [Edit(plain, new)], known).text
    assert result.startswith(before) and result.endswith(after)
    assert result[len(before) : len(result) - len(after)].replace("\r\n", "\n") == new


@given(
    st.lists(st.text(alphabet="ab ", max_size=5), min_size=1, max_size=8),
    st.integers(0, 7),
    st.text(alphabet="cd\n", max_size=9),
)
@settings(max_examples=100, deadline=None)
def test_crlf_files_stay_crlf(lines: list[str], at: int, new: str) -> None:
    lines[at % len(lines)] = "UNIQUE"
    text = "\r\n".join([*lines, ""])
    result = apply(text, [Edit("UNIQUE", new)], known).text
    assert result.count("\n") == result.count("\r\n") == len(lines) + new.count("\n")


@given(mixed_texts(), st.lists(st.tuples(st.text(min_size=1, max_size=4), st.text(max_size=4), st.booleans()), max_size=4))
@settings(max_examples=150, deadline=None)
def test_edits_are_made_or_refused_and_nothing_else(text: str, pairs: list[tuple[str, str, bool]]) -> None:
    try:
        apply(text, [Edit(old, new, every) for old, new, every in pairs], known)
    except ToolError as error:
        assert str(error)


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["    ", "\t", "  "]))
@settings(deadline=None)
def test_new_lines_take_the_indentation_of_the_file(file_level: int, quoted_level: int, unit: str) -> None:
    def block(level: int, step: str, body: str) -> str:
        return f"{step * level}if a:\n{step * (level + 1)}{body}"

    text = f"start\n{block(file_level, unit, 'run()')}\nend\n"
    old = block(quoted_level, "    ", "run( )").replace("run( )", "run()  ")
    new = block(quoted_level, "    ", "try:") + f"\n{'    ' * (quoted_level + 2)}run()"
    result = apply(text, [Edit(old, new)], known).text
    if old.rstrip() in text:  # the quoted indentation happens to be there
        return
    expected = f"{block(file_level, unit, 'try:')}\n{unit * (file_level + 2)}run()"
    assert result == f"start\n{expected}\nend\n"


def test_lines_that_old_and_new_share_stay_as_the_file_has_them() -> None:
    text = "a = 1  \r\n\tb = 2\n c = 3\n"
    assert apply(text, [Edit("a = 1\n\tb = 2", "a = 1\n\tb = 5")], known).text == "a = 1  \r\n\tb = 5\n c = 3\n"


def test_uneven_indentation_is_refused_and_the_text_shown() -> None:
    text = "def f():\n    if x:\n        y()\n"
    with pytest.raises(ToolError, match="not evenly") as caught:
        apply(text, [Edit("def f():\nif x:\ny()", "def f():\nif x:\nz()")], known)
    assert "2→    if x:" in str(caught.value)


def test_a_tolerant_hit_that_is_not_unique_is_refused() -> None:
    with pytest.raises(ToolError, match=r"there 2 times, at lines 1, 3"):
        apply("  a  b\nx\n    a  b\n", [Edit("a b", "c")], known)


def test_lines_can_be_taken_out_tolerantly() -> None:
    assert apply("a\n  b\nc\n", [Edit("   b\n", "")], known).text == "a\nc\n"
    assert apply("a\n  b", [Edit("   b\n", "")], known).text == "a"


def test_old_mac_newlines_are_kept() -> None:
    assert apply("a\rb\rc\r", [Edit("a\nb", "a\nx\nb")], known).text == "a\rx\rb\rc\r"


def test_lines_that_were_not_seen_are_named() -> None:
    with pytest.raises(UnseenLines) as caught:
        apply("one\ntwo two\nthree\n", [Edit("o\nthree", "x")], lambda line: line == "three")
    assert (caught.value.first, caught.value.lines) == (2, ["two two", "three"])
