from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lcode.memory.embedded_text import of_message


def test_what_was_said_before_stands_in_front_and_names_are_left_out() -> None:
    made = of_message("assistant", "Yes, Mel, twelve.", previous="How many retries, Ada?", names=("Ada Berg", "Mel"))
    assert made.split() == ["How", "many", "retries,", "Yes,", "twelve."]


def test_of_a_long_message_before_its_end_counts_and_of_a_long_one_its_beginning() -> None:
    made = of_message("user", "x" * 9_000, previous="first " + "y" * 400)
    assert "first" not in made
    assert made.count("x") == 4_000


def test_what_a_tool_printed_stands_alone() -> None:
    assert of_message("tool", "exit code 1", previous="run the tests") == "exit code 1"


def test_a_reply_of_nothing_but_calls_has_no_meaning_of_its_own() -> None:
    assert of_message("assistant", "→ shell ls\n→ read a.py", previous="what is here?") == ""


@given(st.sampled_from(["notice", "summary", "lookup"]), st.text())
def test_only_what_is_said_and_printed_is_embedded(kind: str, text: str) -> None:
    assert of_message(kind, text, previous="before") == ""
