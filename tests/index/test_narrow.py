"""The definition that a question names, within a chunk that holds several."""

from __future__ import annotations

import pytest

from lcode.index.narrow import narrowed

PYTHON = "import os\n\ndef one():\n    return 1\n\n\ndef two(a):\n    x = one()\n\n    return x\n\nLIMIT = 3".splitlines()


def test_a_function_among_others() -> None:
    assert narrowed("", "module", "two", PYTHON, 1, 12) == ("two", "function", 7, 10)
    assert narrowed("", "module", "one", PYTHON, 1, 12) == ("one", "function", 3, 4)


def test_a_constant_is_its_line() -> None:
    assert narrowed("", "module", "limit", PYTHON, 1, 12) == ("LIMIT", "constant", 12, 12)


def test_a_member_carries_its_owner() -> None:
    lines = ["class Point {", "  x: number", "  y: number", "}"]
    assert narrowed("Point", "class", "Point.y", lines, 1, 4) == ("Point.y", "member", 3, 3)


def test_braces_belong_to_what_they_close() -> None:
    found = narrowed("", "module", "b", ["fn a() {", "    b();", "}", "fn b() {", "    a();", "}"], 1, 6)
    assert found == ("b", "function", 4, 6)


def test_a_macro_goes_on_after_a_backslash() -> None:
    lines = ["#define A 1", "#define MAX(a, b) \\", "((a) > (b) ? (a) : (b))", "#define B 2"]
    assert narrowed("", "module", "MAX", lines, 1, 4) == ("MAX", "macro", 2, 3)


@pytest.mark.parametrize(
    ("symbol", "kind", "name", "line", "expected"),
    [
        ("Session", "class", "Session.run", "    def run(self):", "method"),
        ("Session", "class", "run", "    async def run(self):", "method"),
        ("Reader", "class", "peek", "  public int peek() throws IOException {", "method"),
        ("Walk", "class", "next", "    pub(crate) fn next(&mut self) -> u8 {", "method"),
        ("", "module", "Socket", "export interface Socket {", "interface"),
        ("", "module", "Semaphore", "pub trait Semaphore {", "interface"),
        ("", "module", "sleep", "mod sleep;", "module"),
        ("", "module", "robj", "typedef struct redisObject robj;", "type"),
        ("", "module", "createVNode", "export const createVNode = (", "constant"),
        ("", "module", "dictAdd", "int dictAdd(dict *d, void *key);", "function"),
    ],
)
def test_the_kind_is_that_of_the_definition_not_of_the_chunk(
    symbol: str, kind: str, name: str, line: str, expected: str
) -> None:
    found = narrowed(symbol, kind, name, [line], 1, 1)
    assert found is not None and found.kind == expected


def test_a_chunk_that_is_the_symbol_stays() -> None:
    assert narrowed("Session.run", "method", "run", PYTHON, 1, 12) is None
    assert narrowed("", "module", "gone", PYTHON, 1, 12) is None
    assert narrowed("", "module", "two", [], 1, 12) is None
