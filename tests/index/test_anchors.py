from __future__ import annotations

from pathlib import Path

import pytest

from lcode.index.anchors import Anchors, anchors, together
from tests.support.fixture_repos import RECIPE, names

PYTHON = b'''"""Module."""
import os


@cache
def load(path, deep=False):
    """Read it.

    All of it.
    """
    # a comment
    if deep:
        path = path + "/x  y"
    return open(path)  # and another


class Session:
    limit = 3

    def send(self, text):
        return f"{text!r} \\n ok"

    @property
    def size(self): return 1

    @size.setter
    def size(self, value): pass


class Other:
    def send(self, text):
        return None
'''


def digest(path: str, text: str | bytes, symbol: str) -> str:
    data = text.encode() if isinstance(text, str) else text
    found = anchors(path, data).symbol(symbol)
    assert found, f"{symbol} is not in {path}"
    return together(found).digest


def changed(before: str, after: str, data: bytes = PYTHON) -> bytes:
    assert data.count(before.encode()) == 1, before
    return data.replace(before.encode(), after.encode())


# each: the language, a text with the symbol, the same text otherwise written, one that says something else
SAME = [
    (
        "a.py",
        "def f(a, b):\n    return a + b\n",
        "def f(\n  a,  # x\n  b):\n\n    # why\n    return a  + \\\n  b\n",
        "a + b",
        "a - b",
    ),
    (
        "a.js",
        "function f(a) {\n  return `x ${a}`;\n}\n",
        "function f( a )\n{ /* c */ return `x ${ a }`; } // d\n",
        "`x ",
        "`x  ",
    ),
    (
        "a.tsx",
        "function f() { return <b>hi you</b> }",
        "function f() {\n return <b>\n hi  you {/* c */}</b>\n}",
        "hi you",
        "hi me",
    ),
    (
        "a.ts",
        "function f(a: string): void { g('a  b') }",
        "function f(a : string) :void {\n\tg('a  b')\n}",
        "'a  b'",
        "'a b'",
    ),
    (
        "a.go",
        "func f(a int) int {\n\treturn a\n}\n",
        "// doc\nfunc f(a int) int { /* c */ return a }\n",
        "return a",
        "return 1",
    ),
    (
        "a.rs",
        '#[inline]\nfn f() -> u8 { g!(1, "x") }\n',
        '#[ inline ]\n/// doc\nfn f() -> u8\n{ g!( 1,\n"x" ) }',
        "inline",
        "cold",
    ),
    (
        "a.java",
        "class A { @Test int f(int a) { return a; } }",
        "class A {\n@Test\nint f(int a) {\n// c\nreturn a; }\n}",
        "Test",
        "Skip",
    ),
    (
        "a.c",
        "int f(int a)\n{\n  return a;\n}\n",
        "int f( int a ) { /* c */ return a; }\n",
        "return a",
        "return -a",
    ),
    (
        "a.cpp",
        "template <class T>\nT f(T a) { return a; }\n",
        "template< class T > T f(T a)\n{\nreturn a; // c\n}\n",
        "class T",
        "int T",
    ),
    (
        "a.rb",
        'def f(a)\n  "x #{a} y"\nend\n',
        'def f( a )\n\n  # c\n    "x #{ a } y"\nend\n',
        ' y"',
        '  y"',
    ),
    (
        "a.sh",
        'f() {\n  echo "$1  b"\n}\n',
        'f() { # c\n    echo   "$1  b"\n}\n',
        "  b",
        " b",
    ),
    (
        "a.json",
        '{"f": {"a": [1, 2]}, "g": 1}',
        '{\n "f": {\n  "a": [1,\n 2]},\n "g": 2\n}',
        "[1, 2]",
        "[1, 3]",
    ),
    (
        "a.yaml",
        "f:\n  a: 1\n  b: [x, y]\ng: 1\n",
        "f: # c\n    a:  1\n\n    b: [ x,\n      y ]\ng: 2\n",
        "a: 1",
        "a: 2",
    ),
    (
        "a.toml",
        "[f]\na = 1\nb = 'x  y'\n[g]\nc = 1\n",
        "# c\n[f]  # d\na=1\n\nb  = 'x  y'\n[g]\nc = 2\n",
        "x  y",
        "x y",
    ),
    (
        "a.md",
        "# f\nOne two\nthree.\n# g\nx\n",
        "intro\n\n# f\nOne  two three.\n\n# g\ny\n",
        "two",
        "2",
    ),
]


@pytest.mark.parametrize(("path", "text", "written", "before", "after"), SAME, ids=[row[0] for row in SAME])
def test_a_symbol_is_its_tokens_and_nothing_else(path: str, text: str, written: str, before: str, after: str) -> None:
    assert digest(path, written, "f") == digest(path, text, "f")
    assert before in text
    assert digest(path, text.replace(before, after), "f") != digest(path, text, "f")
    assert digest(path, text.replace("\n", "\r\n"), "f") == digest(path, text, "f")
    assert digest(path, b"\xef\xbb\xbf" + text.encode(), "f") == digest(path, text, "f")
    assert digest(path, b"\xff\xfe" + text.encode("utf-16-le"), "f") == digest(path, text, "f")


@pytest.mark.parametrize(
    ("symbol", "before", "after", "same"),
    [
        ("load", "class Session", "class Sessions", True),
        ("load", "@cache", "@lru_cache", False),
        ("load", "# a comment", "# another comment entirely", True),
        ("load", "All of it.\n    ", "All of  it.", True),
        ("load", "All of it.", "Some of it.", False),
        ("load", "/x  y", "/x y", False),
        ("load", "    return open", "        return open", False),
        ("Session.send", "!r} \\n ok", "!r}\\n ok", False),
        ("Session.send", "limit = 3", "limit = 4", True),
        ("Session", "limit = 3", "limit = 4", False),
        ("Session.limit", "limit = 3", "limit = 4", False),
        ("Session.size", "value): pass", "value): return", False),
        ("Session.size", "self): return 1", "self): return 2", False),
        ("Other.send", "!r}", "!s}", True),
    ],
)
def test_an_edit_of_python_counts_where_it_is_made(symbol: str, before: str, after: str, same: bool) -> None:
    assert (digest("a.py", changed(before, after), symbol) == digest("a.py", PYTHON, symbol)) is same


def test_a_function_that_becomes_a_method_is_the_same_text() -> None:
    moved = b"class A:\n" + b"\n".join(b"    " + line if line else b"" for line in PYTHON.split(b"\n"))
    assert digest("a.py", moved, "A.load") == digest("a.py", PYTHON, "load")


def test_a_name_alone_stands_for_the_symbol_that_ends_with_it() -> None:
    found = anchors("a.py", PYTHON)
    assert [anchor.symbol for anchor in found.symbol("size")] == ["Session.size"] * 2
    assert [anchor.symbol for anchor in found.symbol("send")] == ["Session.send", "Other.send"]
    assert [(anchor.first, anchor.last) for anchor in found.symbol("load")] == [(5, 14)]
    assert found.symbol("nothing") == found.symbol("oad") == []


def test_keys_of_configuration_are_symbols_at_any_depth() -> None:
    toml = b"[tool.ruff]\nline-length = 3\n[[jobs]]\nname = 'a'\n"
    assert [anchor.symbol for anchor in anchors("a.toml", toml).symbols()] == [
        "tool.ruff", "tool.ruff.line-length", "jobs", "jobs.name",
    ]  # fmt: skip
    assert digest("p.json", '{"scripts": {"test": "x"}}', "scripts.test") == digest("p.json", '{"a":1,"test":"x"}', "test")


def test_a_heading_may_be_named_as_links_to_it_are() -> None:
    text = b"# Guide\n## Getting started!\nrun it\n## Other\n"
    assert [anchor.symbol for anchor in anchors("a.md", text).symbol("getting-started")] == ["Guide.Getting started!"]


def test_of_names_that_are_declared_together_each_has_its_own_text() -> None:
    assert digest("a.js", "const a = 1, b = 2", "a") == digest("a.js", "const b = 3, a = 1", "a")


def test_lines_are_found_again_wherever_they_moved() -> None:
    before = anchors("a.py", PYTHON)
    text = before.lines(12, 13)
    assert text is not None
    assert before.around(12, 13) == "load"
    assert before.find(text) == [(12, 13)]
    moved = anchors("a.py", b"x = 1\n\n" + changed("        path = path +", "        path = \\\n  path  +"))
    assert moved.find(text) == [(14, 16)]
    assert anchors("a.py", changed("/x  y", "/z")).find(text) == []


def test_lines_inside_of_one_long_text_can_be_cited() -> None:
    text = anchors("a.py", PYTHON).lines(9, 9)
    assert text is not None
    assert anchors("a.py", b"\n" + PYTHON).find(text) == [(10, 10)]


def test_lines_of_comments_alone_are_cited_by_their_words() -> None:
    text = anchors("a.py", PYTHON).lines(11, 11)
    assert text is not None
    assert anchors("a.py", b"\n" + PYTHON).find(text) == [(12, 12)]
    assert anchors("a.py", changed("# a comment", "# no comment")).find(text) == []
    assert anchors("a.py", PYTHON).lines(3, 4) is None
    assert anchors("a.py", PYTHON).lines(900, 901) is None


def test_without_a_grammar_a_text_is_its_words() -> None:
    before = anchors("notes.txt", b"one two\nthree\nfour\n")
    text = before.lines(1, 2)
    assert text is not None
    assert not before.parsed
    assert anchors("notes.txt", b"zero\none\ntwo   three\n").find(text) == [(2, 3)]


def test_bytes_that_are_no_text_are_no_error() -> None:
    for data in (b"", b"\0\1\2", b"\xff\xfe", b"def f(:\n  (((", bytes(range(256)) * 20):
        for path in ("a.py", "a.c", "a.json", "a.bin", "a.md"):
            found = anchors(path, data)
            assert found.symbol("nothing") == []
            found.lines(1, 3)
            list(found.symbols())


def test_what_stays_of_a_file_is_told_by_a_sample_of_its_lines() -> None:
    lines = [f"line number {number}" for number in range(400)]
    before = anchors("a.txt", "\n".join(lines).encode())
    sample = before.sample()
    assert before.share(sample) == 1.0
    assert anchors("a.txt", "\n".join(lines[40:]).encode()).share(sample) > 0.7
    assert anchors("a.txt", "\n".join(lines[:40]).encode()).share(sample) < 0.4


@pytest.mark.parametrize("name", names())
def test_every_symbol_of_a_real_file_keeps_its_text_when_the_file_is_wrapped_in_white_space(name: str) -> None:
    for file in filter(Path.is_file, (RECIPE.parent / name).rglob("*")):
        path, data = file.name, file.read_bytes()
        before = anchors(path, data)
        after = anchors(path, b"\n\n" + data.replace(b"\n", b"\n\n") if not _whitespace_counts(data) else b"\n\n" + data)
        assert _texts(after) == _texts(before), path


def _whitespace_counts(data: bytes) -> bool:
    """Whether a file has texts of several lines."""
    return b'"""' in data or b"`" in data or b"|" in data


def _texts(found: Anchors) -> list[tuple[str, str]]:
    return [(anchor.symbol, anchor.digest) for anchor in found.symbols()]
