"""What chunks are: definitions with symbols, signatures and documentation; the rest; text where there is no syntax."""

from __future__ import annotations

import pytest

from lcode.index.chunking import VERSION, chunk, version
from lcode.index.model import Chunk, Parsed
from lcode.index.pieces import LIMIT, SLACK

BODY = "\n".join(f"    value_{number} = compute({number}) + other[{number}]" for number in range(6))


def text_of(piece: Chunk, source: str) -> str:
    return source.encode()[piece.start : piece.end].decode()


def one(parsed: Parsed, symbol: str) -> Chunk:
    found = [piece for piece in parsed.chunks if piece.symbol == symbol]
    assert len(found) == 1, f"{symbol} in {[(piece.kind, piece.symbol) for piece in parsed.chunks]}"
    return found[0]


def python_class(methods: int) -> str:
    body = "\n".join(
        f'    def method_{number}(self, first: int) -> str:\n        """Does thing {number}."""\n'
        f"        return self.field + str(first) * {number}\n        # a remark that makes this one longer than the tiniest\n"
        for number in range(methods)
    )
    return f'@decorated\nclass Thing(Base):\n    """What it is.\n\n    More."""\n\n    field = 1\n\n{body}'


def test_a_function_is_a_chunk_with_its_comment_decorators_signature_and_docstring() -> None:
    head = "import os\n\n\n# Why it is here.\n@cached\n@other(\n    1,\n)\n"
    source = f'{head}def run(first: int, *rest: str) -> None:\n    """Runs it.\n\n    Long words."""\n{BODY}\n'
    parsed = chunk("a.py", source.encode())
    assert [piece.kind for piece in parsed.chunks] == ["module", "function"]
    run = one(parsed, "run")
    assert run.signature == "def run(first: int, *rest: str) -> None"
    assert run.doc == "Runs it."
    assert text_of(run, source).startswith("# Why it is here.\n@cached")
    assert (run.start_line, run.end_line) == (4, 18)
    assert parsed.definitions == [("run", 1)]


def test_a_class_is_its_head_with_documentation_and_fields_then_its_methods() -> None:
    source = python_class(8)
    parsed = chunk("a.py", source.encode())
    head, *methods = parsed.chunks
    assert (head.kind, head.symbol, head.signature, head.doc) == ("class", "Thing", "class Thing(Base)", "What it is.")
    assert "field = 1" in text_of(head, source)
    assert [piece.symbol for piece in methods] == [f"Thing.method_{number}" for number in range(8)]
    assert {piece.kind for piece in methods} == {"method"}


def test_a_small_class_is_one_chunk_that_holds_the_names_of_its_methods() -> None:
    parsed = chunk("a.py", python_class(2).encode())
    assert [(piece.kind, piece.symbol) for piece in parsed.chunks] == [("class", "Thing")]
    assert parsed.definitions == [("Thing", 0), ("method_0", 0), ("method_1", 0)]


def test_a_long_function_comes_in_numbered_parts_that_keep_its_symbol() -> None:
    lines = "\n".join(
        f"    if condition_{number}:\n        do_something_with({number})\n        again()" for number in range(60)
    )
    source = f"def long(first):\n{lines}\n"
    parsed = chunk("a.py", source.encode())
    count = len(parsed.chunks)
    assert count > 2
    assert {piece.symbol for piece in parsed.chunks} == {"long"}
    assert [piece.signature for piece in parsed.chunks] == [f"def long(first) [{n}/{count}]" for n in range(1, count + 1)]
    assert all(piece.end - piece.start <= LIMIT for piece in parsed.chunks)
    assert all(text_of(piece, source).lstrip().startswith(("def long", "if condition_")) for piece in parsed.chunks)
    assert parsed.definitions == [("long", 0)]


def test_parts_are_of_about_the_same_size() -> None:
    source = "def long():\n" + "\n".join(f"    call_number({number:04})" for number in range(80))
    sizes = [piece.end - piece.start for piece in chunk("a.py", source.encode()).chunks]
    assert len(sizes) == 2
    assert max(sizes) < 1.5 * min(sizes)


def test_a_large_function_inside_a_long_one_is_a_chunk_under_its_name() -> None:
    inner = "    def inner(value):\n" + "\n".join(f"        step_of_inner({number}, value)" for number in range(20)) + "\n"
    source = "def outer():\n" + "\n".join(f"    before({n}, 'some words')" for n in range(40)) + f"\n{inner}    return inner\n"
    parsed = chunk("a.py", source.encode())
    assert one(parsed, "outer.inner").kind == "function"
    assert {name for name, _ in parsed.definitions} == {"outer", "inner"}


def test_statements_of_a_module_are_one_chunk_that_says_which_names_it_holds() -> None:
    parsed = chunk("a.py", b'"""What this is.\n\nMore."""\nimport os\n\nLIMIT = 3\nNAMES, OTHERS = [], []\n')
    assert len(parsed.chunks) == 1
    assert parsed.chunks[0][:4] == ("module", "", "LIMIT, NAMES, OTHERS", "What this is.")
    assert [name for name, _ in parsed.definitions] == ["LIMIT", "NAMES", "OTHERS"]


def test_a_large_constant_is_a_chunk_of_its_own() -> None:
    source = "import os\n\n# What is known.\nTABLE = {\n" + "".join(f"    'key {n}': 'value {n}',\n" for n in range(30)) + "}\n"
    parsed = chunk("a.py", source.encode())
    table = one(parsed, "TABLE")
    assert (table.kind, table.signature, table.doc) == ("constant", "TABLE", "What is known.")


def test_tiny_functions_share_a_chunk_that_names_them_all() -> None:
    parsed = chunk("a.py", b"def one(): return 1\n\n\ndef two(x): return 2\n\n\ndef three(): return 3\n")
    assert len(parsed.chunks) == 1
    assert parsed.chunks[0].signature == "def one(), def two(x), def three()"
    assert parsed.definitions == [("one", 0), ("two", 0), ("three", 0)]


def test_a_tiny_class_is_still_a_chunk_of_its_own() -> None:
    parsed = chunk("errors.py", b"class One(Exception): ...\n\n\nclass Two(One): ...\n")
    assert [(piece.kind, piece.symbol) for piece in parsed.chunks] == [("class", "One"), ("class", "Two")]


def test_a_heading_comment_belongs_to_what_follows() -> None:
    source = f"def one():\n{BODY}\n\n\n# -- second part ----\n\n\ndef two():\n{BODY}\n"
    parsed = chunk("a.py", source.encode())
    assert [piece.symbol for piece in parsed.chunks] == ["one", "two"]
    assert text_of(parsed.chunks[1], source).startswith("# -- second part")


def test_locals_and_fields_are_no_definitions() -> None:
    parsed = chunk(
        "a.py", b"class A:\n    field = 1\n    LIMIT = 2\n\n    def f(self):\n        local = 3\n        return local\n"
    )
    assert [name for name, _ in parsed.definitions] == ["A", "LIMIT", "f"]


def test_references_are_what_is_used_and_not_defined_here_without_keywords_comments_and_texts() -> None:
    source = b'# comment_word\ndef f(x):\n    """doc_word"""\n    return helper(x, helper, "text_word") or f(x)\n'
    assert chunk("a.py", source).references == {"helper": 2}


def test_a_file_that_does_not_compile_still_has_its_definitions() -> None:
    source = f"def good():\n{BODY}\n\n\ndef bad(:\n    )) what\n\n\ndef fine():\n{BODY}\n"
    parsed = chunk("a.py", source.encode())
    assert parsed.partial
    assert {"good", "fine"} <= {name for name, _ in parsed.definitions}


def test_macros_do_not_hide_definitions_of_c() -> None:
    source = (
        b"NAMESPACE_BEGIN\nclass SOME_API(x) Thing : public Base {\n public:\n  int run() { return 1; }\n};\n"
        b"LIB_API int (*hook)(int);\nNAMESPACE_END\n"
    )
    parsed = chunk("a.hpp", source)
    assert [name for name, _ in parsed.definitions] == ["Thing", "run", "hook"]
    assert not parsed.partial


def test_code_inside_macros_of_rust_and_scripts_inside_html_are_understood() -> None:
    rust = chunk("a.rs", b"cfg_x! {\n    /// Doc.\n    pub fn inside(a: u8) -> u8 { a }\n    pub struct Held { a: u8 }\n}\n")
    assert {name for name, _ in rust.definitions} == {"inside", "Held"}
    html = chunk("a.html", b"<p id='x'>hi</p>\n<script>\nfunction go() { return 1 }\n</script>\n<style>.big { a: b }</style>\n")
    assert {name for name, _ in html.definitions} == {"x", "go", "big"}
    vue = chunk(
        "a.vue", b'<template><p/></template>\n<script lang="ts">\ninterface A { b: number }\nconst c: A = d()\n</script>\n'
    )
    assert {name for name, _ in vue.definitions} == {"A", "c"}


def test_sections_of_markdown_carry_the_path_of_their_headings() -> None:
    words = "Words of a section that go on for a while. " * 20
    guide = f"# Guide\n\n{words}\n\n## Install\n\n{words}\n\n```\n# no heading\n```\n\nOther\n-----\n\n{words}\n\n"
    source = f"Intro.\n\n{guide}# End\n\n{words}\n"
    parsed = chunk("a.md", source.encode())
    symbols = [piece.symbol for piece in parsed.chunks]
    assert symbols == ["", "Guide", "Guide.Install", "Guide.Other", "End"]
    assert [name for name, _ in parsed.definitions] == ["Guide", "Install", "Other", "End"]


def test_data_has_sections_but_no_definitions_and_no_references() -> None:
    entries = ",\n".join(f'  "key{n}": {{"a": [{", ".join(map(str, range(60)))}]}}' for n in range(12))
    parsed = chunk("a.json", f"{{\n{entries}\n}}\n".encode())
    assert "key3" in {piece.symbol for piece in parsed.chunks}
    assert not parsed.definitions
    assert not parsed.references
    assert all(piece.end - piece.start <= SLACK for piece in parsed.chunks)


def test_text_is_cut_at_blank_lines() -> None:
    paragraph = "words and words\n" * 20
    source = f"{paragraph}\n" * 12
    parsed = chunk("notes.txt", source.encode())
    assert parsed.language == "text"
    assert not parsed.partial
    assert {piece.kind for piece in parsed.chunks} == {"text"}
    assert all(piece.end - piece.start <= LIMIT for piece in parsed.chunks)
    assert all(text_of(piece, source).count("\n") % 21 == 19 for piece in parsed.chunks)  # whole paragraphs


@pytest.mark.parametrize("data", [b"", b"\n", b" \t\r\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_chunks(data: bytes) -> None:
    parsed = chunk("a.py", data)
    assert len(parsed.chunks) <= (1 if data.strip() else 0)
    assert not parsed.definitions


def test_the_same_bytes_give_the_same_chunks_under_any_folder() -> None:
    data = python_class(9).encode()
    assert chunk("a/b.py", data) == chunk("c.py", data)


def test_a_version_names_the_chunker_and_the_grammar() -> None:
    assert version("python").startswith(f"{VERSION} tree-sitter-python ")
    assert version("text") == str(VERSION)


def test_two_functions_in_one_line_are_both_found() -> None:
    parsed = chunk("a.js", b"function a() { return 1 } function b() { return 2 }\n")
    assert len(parsed.chunks) == 1
    assert [name for name, _ in parsed.definitions] == ["a", "b"]
