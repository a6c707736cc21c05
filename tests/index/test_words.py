"""Code and questions as the words of full text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.index.words import any_of, document_text, document_words, meaning_words, query_words, tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parsePort", ["parse", "port", "parseport"]),
        ("parse_port", ["parse", "port", "parseport"]),
        ("HTTPServer", ["http", "server", "httpserver"]),
        ("__init__", ["init"]),
        ("utf8", ["utf", "utf8"]),
        ("word", ["word"]),
        ("0xFF 1_000 123456789", ["0xff", "1000"]),
        ("x = y", []),
        ("größe_neu", ["größe", "neu"]),
        ("a" * 100, []),
    ],
)
def test_identifiers_are_split_and_kept_whole(text: str, words: list[str]) -> None:
    assert document_words(text) == words


def test_ways_of_joining_words_agree() -> None:
    assert len({tuple(document_words(name)) for name in ("parsePort", "parse_port", "ParsePort", "PARSE_PORT")}) == 1


def test_meaning_has_no_joined_words() -> None:
    assert [meaning_words(token) for token in ("parsePort", "of_it", "x9")] == [["parse", "port"], ["of", "it"], ["x9"]]


def test_a_question_leaves_out_what_says_nothing() -> None:
    assert query_words("where is the parse_port of it") == ["parse", "port", "parseport"]
    assert query_words("to be or not") == ["to", "be", "or", "not"]


@given(st.text())
def test_whatever_is_asked_for_is_a_word_of_the_text(text: str) -> None:
    assert set(query_words(text)) <= set(document_words(text))
    assert document_text(text) == document_text(text)
    assert '"' not in "".join(query_words(text))
    assert any_of(query_words(text)).count('"') == 2 * len(query_words(text))


@given(st.text(st.characters(max_codepoint=127)))
def test_what_is_ascii_has_the_same_tokens_by_the_shorter_way(text: str) -> None:
    assert tokens(text) == re.findall(r"\w+", text) == tokens(f"{text} ü")[:-1]
