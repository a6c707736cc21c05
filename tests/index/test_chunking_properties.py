"""Whatever the bytes: chunks cover every line that is not blank, in order, without overlap, and it never takes long."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode.index.chunking import chunk
from lcode.index.model import Parsed
from tests.index.test_chunking_languages import SAMPLES

PATHS = [sample.path for sample in SAMPLES.values()] + ["a.txt", "a.vue", "a.rst", "a.unknown"]
WORDS = (
    "def class function ( ) [ ] { } < > => = : ; , . # // /* */ ''' \"\"\" ' \" ` @x -- | fn impl struct enum if else end do "
    "select create table # ## --- ``` <a> </a> <script> \\ \t $ <<A import a b Name NAME 1 \r"
)
TOKENS = [*WORDS.split(" "), "\n", "\n    ", "\n\n"]


def check(parsed: Parsed, data: bytes) -> None:
    """The chunks are a partition of what is not blank."""
    at, line = 0, 1
    for piece in parsed.chunks:
        assert at <= piece.start < piece.end <= len(data)
        assert not data[at : piece.start].strip()
        assert data.count(b"\n", 0, piece.start) + 1 == piece.start_line
        assert data.count(b"\n", 0, piece.end) + 1 == piece.end_line
        assert line <= piece.start_line <= piece.end_line
        assert data[piece.start : piece.end].strip()
        assert len(piece.signature) <= 200
        assert len(piece.doc) <= 300
        at, line = piece.end, piece.end_line
    assert not data[at:].strip()
    for name, number in parsed.definitions:
        assert name
        assert 0 <= number < len(parsed.chunks)
    assert all(count > 0 for count in parsed.references.values())
    assert not {name for name, _ in parsed.definitions} & parsed.references.keys()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), st.binary(max_size=4_000))
def test_any_bytes_are_covered(path: str, data: bytes) -> None:
    check(chunk(path, data), data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PATHS), st.lists(st.sampled_from(TOKENS), max_size=400))
def test_any_tokens_are_covered(path: str, tokens: list[str]) -> None:
    data = " ".join(tokens).encode()
    check(chunk(path, data), data)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_samples_that_were_cut_and_repeated_are_covered(language: str, draw: st.DataObject) -> None:
    whole = SAMPLES[language].source.encode()
    begin = draw.draw(st.integers(0, len(whole)))
    end = draw.draw(st.integers(begin, len(whole)))
    data = whole[begin:end] * draw.draw(st.integers(1, 12)) + whole[:begin]
    check(chunk(SAMPLES[language].path, data), data)


@pytest.mark.parametrize("language", SAMPLES)
def test_long_files_are_covered_in_chunks_of_bounded_size(language: str) -> None:
    data = SAMPLES[language].source.encode() * 40
    parsed = chunk(SAMPLES[language].path, data)
    check(parsed, data)
    longest = max(map(len, data.split(b"\n")))
    assert all(piece.end - piece.start <= 1_650 + longest for piece in parsed.chunks)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 1_000 + b"\nx = 1\n",
        b"caf\xe9 = '\xff\xfe'\n" * 50,
        "\ufeffx = 1\r\ny = 2\r\n".encode(),
        b"a\rb\rc",
        b"x" * 300_000,
        ("ä" * 10_000).encode(),
    ],
    ids=["nul", "latin-1", "bom and crlf", "old mac", "one long line", "one long line of letters"],
)
def test_odd_files_are_covered(path: str, data: bytes) -> None:
    check(chunk(path, data), data)


def test_a_line_is_never_cut_inside_a_letter() -> None:
    data = ("ä€𝄞" * 30_000).encode()
    for piece in chunk("a.txt", data).chunks:
        data[piece.start : piece.end].decode("utf-8")


def test_a_line_of_20_megabytes_is_a_few_dozen_windows_at_once() -> None:
    data = b"var a=[" + b"1234567," * 2_500_000 + b"0];\n"
    began = time.process_time()
    parsed = chunk("a.js", data)
    assert time.process_time() - began < 5
    check(parsed, data)
    assert len(parsed.chunks) <= 70
    assert parsed.partial is False or not parsed.definitions


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("a.py", b"("),
        ("a.py", b"f(x["),
        ("a.js", b"{a:["),
        ("a.java", b"a<a<"),
        ("a.cs", b"a<a<"),
        ("a.lua", b"[["),
        ("a.c", b"struct a{"),
        ("a.rs", b"mod a{"),
        ("a.html", b"<a>"),
        ("a.md", b"> - "),
        ("a.sh", b"<<A\n"),
        ("a.hs", b"do "),
        ("a.yaml", b"- "),
    ],
)
def test_what_is_nested_without_end_takes_bounded_time(path: str, unit: bytes) -> None:
    text = unit * (40_000 // len(unit))
    data = text if b"\n" in text else b"\n".join(text[at : at + 90] for at in range(0, len(text), 90))
    began = time.process_time()
    parsed = chunk(path, data)
    assert time.process_time() - began < 10
    check(parsed, data)


@pytest.mark.parametrize("language", SAMPLES)
def test_no_tree_stays_in_memory_until_garbage_is_collected(language: str) -> None:
    sample = SAMPLES[language]
    chunk(sample.path, sample.source.encode())
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        chunk(sample.path, sample.source.encode())
        gc.collect()
        # Tests before this one and other threads leave garbage of their own.
        assert not [one for one in gc.garbage if type(one).__module__.startswith(("lcode.", "tree_sitter"))]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
