"""The definition that a question names, within a chunk that holds several."""

from __future__ import annotations

from lcode.index.narrow import narrowed

PYTHON = "import os\n\ndef one():\n    return 1\n\n\ndef two(a):\n    x = one()\n\n    return x\n\nLIMIT = 3".splitlines()


def test_a_function_among_others() -> None:
    assert narrowed("", "two", PYTHON, 1, 12) == ("two", 7, 10)
    assert narrowed("", "one", PYTHON, 1, 12) == ("one", 3, 4)


def test_a_constant_is_its_line() -> None:
    assert narrowed("", "limit", PYTHON, 1, 12) == ("LIMIT", 12, 12)


def test_a_member_carries_its_owner() -> None:
    assert narrowed("Point", "Point.y", ["class Point {", "  x: number", "  y: number", "}"], 1, 4) == ("Point.y", 3, 3)


def test_braces_belong_to_what_they_close() -> None:
    assert narrowed("", "b", ["fn a() {", "    b();", "}", "fn b() {", "    a();", "}"], 1, 6) == ("b", 4, 6)


def test_a_macro_goes_on_after_a_backslash() -> None:
    lines = ["#define A 1", "#define MAX(a, b) \\", "((a) > (b) ? (a) : (b))", "#define B 2"]
    assert narrowed("", "MAX", lines, 1, 4) == ("MAX", 2, 3)


def test_a_chunk_that_is_the_symbol_stays() -> None:
    assert narrowed("Session.run", "run", PYTHON, 1, 12) is None
    assert narrowed("", "gone", PYTHON, 1, 12) is None
    assert narrowed("", "two", [], 1, 12) is None
