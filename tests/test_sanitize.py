"""Sanitising: what is left does nothing to a terminal but print, and nothing of the text that is shown is lost."""

from __future__ import annotations

import time

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.sanitize import clean

ESCAPES = [
    "\x1b[31m", "\x1b[0m", "\x1b[2J", "\x1b[1;1H", "\x1b[?1049h", "\x1b[?25l", "\x1b[>c", "\x1b[6n", "\x1b[!p", "\x1b[4 q",
    "\x9b31m", "\x9b2J", "\x1bc", "\x1b7", "\x1b8", "\x1bM", "\x1bD", "\x1b(0", "\x1b#8", "\x1b%G", "\x1b=", "\x1bN",
    "\x1b]0;title\x07", "\x1b]52;c;aGVsbG8=\x07", "\x1b]52;c;aGVsbG8=\x1b\\", "\x1b]8;;http://a.example/\x1b\\", "\x9d0;t\x9c",
    "\x1bP1$r0m\x1b\\", "\x90q#0;2\x9c", "\x1b_Gf=24\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x9fapc\x9c", "\x9epm\x9c",
    "\x00", "\x07", "\x08", "\x0b", "\x0c", "\x0e", "\x0f", "\x7f", "\x84", "\x85", "\x9c",
    "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2069", "\u061c", "\ufeff", "\u2060", "\u00ad", "\u3164",
    "\U000e0041", "\U000e007f", "\U000e0101", "\ufe01",
]  # fmt: skip
plain = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, blacklist_categories=("C", "Z", "M")), min_size=1, max_size=6
)


def _effects(text: str) -> tuple[list[str], list[str]]:
    """What is on the screen after `text`, and the terminal functions other than printing that it called."""
    screen = pyte.Screen(200, 60)
    called: list[str] = []

    class Listener(pyte.DebugScreen):
        def only_wrapper(self, name: str):  # type: ignore[no-untyped-def]
            return lambda *_, **__: called.append(name)

    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    pyte.Stream(Listener()).feed(text)
    others = {name for name in called if name not in ("draw", "linefeed", "tab")}
    return [line.rstrip() for line in screen.display], sorted(others)


@pytest.mark.parametrize("escape", ESCAPES, ids=[ascii(item) for item in ESCAPES])
def test_each_escape_vanishes_and_the_text_around_it_stays(escape: str) -> None:
    assert clean(f"one{escape} two\n{escape}three{escape}") == "one two\nthree"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(plain, st.sampled_from(ESCAPES), st.just("\n")), max_size=30))
def test_the_screen_is_that_of_the_plain_text(pieces: list[str]) -> None:
    bare = "".join(piece for piece in pieces if piece not in ESCAPES)
    assert _effects(clean("".join(pieces))) == (_effects(bare)[0], [])


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("\x1b\x9b\x9d\x90\x9c\x07[]PX^_\\;?0m@ (ab\r\n\t\u202e\u200b\ud800é"), max_size=40))
def test_no_mixture_of_pieces_of_escapes_does_more_than_print(text: str) -> None:
    done = clean(text)
    assert clean(done) == done
    assert _effects(done)[1] == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(blacklist_categories=())))
def test_any_text_can_be_cleaned_and_encoded(text: str) -> None:
    done = clean(text)
    done.encode("utf-8")
    assert all(char in "\n\t" or char >= " " for char in done)


@given(plain)
def test_harmless_text_is_the_same_object(text: str) -> None:
    assert clean(text) is text


def test_line_ends_become_newlines_and_emoji_and_tabs_stay() -> None:
    assert clean("a\r\nb\rc\u2028d\te") == "a\nb\nc\nd\te"
    assert clean("naïve 日本語 🙂 ❤️ e\u0301") == "naïve 日本語 🙂 ❤️ e\u0301"


def test_an_unfinished_sequence_does_not_hide_what_follows() -> None:
    assert clean("\x1b]0;rm -rf ~\nnext") == "0;rm -rf ~\nnext"
    assert clean("\x1bPrun this\x1b[") == "run this"


@pytest.mark.parametrize("unit", ["\x1b", "\x1b]", "\x1b]a", "\x1b[", "\x1b[1;", "\x9b", "\x90", "\x1b(", "\u200b", "\r", "a"])
def test_no_text_makes_it_slow(unit: str) -> None:
    start = time.process_time()
    clean(unit * (500_000 // len(unit)))
    assert time.process_time() - start < 3
