"""The terminal as it looks: in a pseudo-terminal, through an emulator, at 80x24 and at 40x10."""

from __future__ import annotations

import re
import signal
import textwrap
from itertools import pairwise

import pytest

from tests.ui.fakes import FUNCTIONS, SECTIONS, long_answer
from tests.ui.terminal import COLOURS, Terminal, terminal


def golden(text: str) -> list[str]:
    return textwrap.dedent(text).strip("\n").split("\n")


def wait_for_end(screen: Terminal, text: str) -> None:
    """Wait until the window ends with exactly these lines."""
    lines = golden(text)
    try:
        screen.wait(lambda: screen.display[-len(lines) :] == lines)
    except AssertionError:
        assert screen.display[-len(lines) :] == lines


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10)])
def test_a_long_answer_stands_in_the_scrollback_exactly_once(columns: int, rows: int) -> None:
    with terminal(columns=columns, rows=rows) as screen:
        before = len(screen.raw)
        screen.send("stream\r")
        screen.wait(lambda: "result 159" in screen.text and screen.idle)
        lines = screen.scrollback
        for section in range(SECTIONS):
            assert lines.count(f"Heading {section:02d}") == 1
            assert sum(f"point {section:02d}.3" in line for line in lines) == 1
        for number in range(FUNCTIONS):
            assert lines.count(f"  def function_{number:03d}(value: int) -> str:") == 1
            assert lines.count(f'      return "result {number:03d}"') == 1
        assert sum("% context" in line for line in lines) == 1
        assert sum(line.startswith("›") for line in lines) == 2  # the question and the input
        screen.assert_calm()
        assert (len(screen.raw) - before) / len(long_answer()) < 40


def test_committed_blocks_are_parted_by_one_blank_line() -> None:
    with terminal() as screen:
        screen.send("stream\r")
        screen.wait(lambda: "result 159" in screen.text and screen.idle)
        lines = screen.scrollback
        start = lines.index("Heading 00")
        assert lines[start : start + 11] == golden("""
            Heading 00

            Prose of section 00, which says a little about what follows in code and why.

             • point 00.0 of the list
             • point 00.1 of the list
             • point 00.2 of the list
             • point 00.3 of the list

              def function_000(value: int) -> str:
                  return "result 000"
        """)
        body = lines[start : lines.index('      return "result 159"')]
        assert all(first or second for first, second in pairwise(body)), "two blank lines"


def test_the_first_screen_says_who_answers_and_what_is_remembered() -> None:
    with terminal("notice", "resumed") as screen:
        wait_for_end(
            screen,
            """
            lcode  acorn · session aaaa1111
            remembers 2 blocks and 2 sessions · /help lists what can be typed
            ! a notice of the start

            › old question

            old answer

            ›
              acorn · main · openai/gpt-test · ask · 12% context
        """,
        )
        screen.send("\x04")
        assert screen.wait_exit() == 0


def test_tools_leave_a_line_each() -> None:
    with terminal() as screen:
        screen.send("tools\r")
        wait_for_end(
            screen,
            """
            › tools

            Looking.

            ✓ read_file src/app.py · 120 lines
            ✗ grep parse in src · no such folder: src

            connection reset; asking again in 2 s
            the disk is nearly full

            Found in src/app.py:

             1 one
             2 two

            ›
              acorn · main · openai/gpt-test · ask · 12% context
        """,
        )


def test_an_edit_is_asked_for_with_its_diff() -> None:
    with terminal() as screen:
        screen.send("edit\r")
        wait_for_end(
            screen,
            """
            I will change the greeting.

            ? edit_file src/app.py

               10   def main():
               11 -     print("hello")
               11 +     name = "world"
               12 +     print(f"hello {name}")
               13       return 0

            ❯ 1 yes
              2 yes, this session: edit_file in src/
              3 no
              4 no, and say why

            ? 1 to 4, or arrows and Enter  acorn · openai/gpt-test · ask · 12% context
        """,
        )


@pytest.mark.parametrize(
    ("keys", "line", "answer"),
    [
        ("1", "✓ approved once: edit_file src/app.py", "Edited, once."),
        ("\r", "✓ approved once: edit_file src/app.py", "Edited, once."),
        ("2", "✓ approved for this session: edit_file in src/", "Edited, session."),
        ("\x1b[B\r", "✓ approved for this session: edit_file in src/", "Edited, session."),
        ("3", "✗ refused: edit_file src/app.py", "Refused."),
        ("\x1b", "✗ refused: edit_file src/app.py", "Refused."),
    ],
)
def test_an_answer_leaves_one_line(keys: str, line: str, answer: str) -> None:
    with terminal() as screen:
        screen.send("edit\r")
        screen.wait("no, and say why")
        screen.send(keys)
        screen.wait(lambda: answer in screen.text and screen.idle)
        assert screen.display.count(line) == 1
        assert "refused by the user" not in screen.text
        assert "no, and say why" not in screen.text
        screen.assert_calm()


def test_a_refusal_carries_the_users_word() -> None:
    with terminal() as screen:
        screen.send("edit\r")
        screen.wait("no, and say why")
        screen.send("4")
        screen.wait("Enter sends it")
        screen.send("use a constant\r")
        screen.wait(lambda: "Refused. use a constant" in screen.text and screen.idle)
        assert "✗ refused: edit_file src/app.py · use a constant" in screen.display


def test_a_long_command_is_shown_by_its_first_lines() -> None:
    with terminal() as screen:
        screen.send("command long\r")
        screen.wait("no, and say why")
        assert any(re.fullmatch(r"  … \d+ lines", line) for line in screen.display)
        assert len(screen.display) <= 24
        screen.send("1")
        screen.wait(lambda: "Ran, once." in screen.text and screen.idle)
        wait_for_end(
            screen,
            """
            ✓ approved once: shell
            ✓ shell pytest -q · exit 0
              … 6 lines before
              test 5 passed
              test 6 passed
              test 7 passed
              9 passed in 0.1s

            Ran, once.

            ›
              acorn · main · openai/gpt-test · ask · 12% context
        """,
        )


def test_an_interrupt_keeps_what_was_said() -> None:
    with terminal() as screen:
        screen.send("wait\r")
        screen.wait("● shell make all")
        screen.send("\x1b")
        wait_for_end(
            screen,
            """
            › wait

            First paragraph is whole.

            Second paragraph is ha

            ✗ shell make all · interrupted
            interrupted

            ›
              acorn · main · openai/gpt-test · ask · 12% context
        """,
        )


def test_a_question_closes_when_the_run_is_interrupted() -> None:
    with terminal() as screen:
        screen.send("asking\r")
        screen.wait("no, and say why")
        screen.send("\x03")
        screen.wait(lambda: "\ninterrupted" in screen.text and screen.idle)
        assert "no, and say why" not in screen.text
        screen.send("again\r")
        screen.wait("You said: again")


def test_what_is_typed_while_running_is_queued_and_follows() -> None:
    with terminal() as screen:
        screen.send("wait\r")
        screen.wait("● shell make all")
        screen.send("second\rthird\r")
        screen.wait("↳ third")
        assert "↳ second" in screen.text
        screen.release()
        screen.wait(lambda: "You said: third" in screen.text and screen.idle)
        lines = screen.display
        assert lines.index("Released.") < lines.index("You said: second") < lines.index("You said: third")
        assert not any("↳" in line for line in screen.scrollback)


def test_a_resize_leaves_committed_text_and_one_status_line() -> None:
    with terminal() as screen:
        screen.send("tools\r")
        screen.wait(lambda: " 2 two" in screen.text and screen.idle)
        screen.resize(50, 24)
        screen.wait(lambda: screen.text.endswith("ask · 12% context"))
        screen.send("narrower\r")
        screen.wait(lambda: "You said: narrower" in screen.text and screen.idle)
        screen.resize(90, 24)
        screen.send("wider\r")
        screen.wait(lambda: "You said: wider" in screen.text and screen.idle)
        assert sum("% context" in line for line in screen.scrollback) == 1
        assert sum("read_file src/app.py" in line for line in screen.scrollback) == 1
        screen.assert_calm()


def test_no_color_writes_no_colours() -> None:
    with terminal(environ={"NO_COLOR": "1"}) as screen:
        for words, answer in (("edit", "no, and say why"), ("1", "Edited, once."), ("tools\r", " 2 two")):
            screen.send(words + ("\r" if words == "edit" else ""))
            screen.wait(answer)
        screen.wait(lambda: screen.idle)
        assert not COLOURS.search(screen.raw)
        assert '   11 -     print("hello")' in screen.scrollback


def test_colours_are_there_without_it() -> None:
    with terminal() as screen:
        assert COLOURS.search(screen.raw)


def test_a_narrow_terminal_shows_a_whole_question() -> None:
    with terminal(columns=40, rows=10) as screen:
        screen.send("edit\r")
        wait_for_end(
            screen,
            """
            ? edit_file src/app.py
               10   def main():
               11 -     print("hello")
                 … 3 more lines
            ❯ 1 yes    3 no    4 no, and say why
              2 yes, this session: edit_file in src/

            ? 1 to 4, or arrows and Enter  ask
        """,
        )
        screen.send("1")
        screen.wait(lambda: "Edited, once." in screen.text and screen.idle)
        assert screen.display[-1] == "  acorn · gpt-test · ask · 12% context"


def test_escapes_in_any_text_never_reach_the_terminal() -> None:
    with terminal() as screen:
        screen.send("hostile\r")
        screen.wait(lambda: "Safe" in screen.text and "code" in screen.text and screen.idle)
        screen.assert_calm()
        assert b"\x1b]0;owned" not in screen.raw
        assert b"\x1b[5;10r" not in screen.raw


@pytest.mark.parametrize(
    ("script", "line"), [("fail", "✗ 401 from the service"), ("boom", "RuntimeError: a fault in a script")]
)
def test_the_session_survives_errors(script: str, line: str) -> None:
    with terminal() as screen:
        screen.send(f"{script}\r")
        screen.wait(lambda: line in screen.text and screen.idle)
        screen.send("still here\r")
        screen.wait("You said: still here")


def test_leaving_during_a_run_stops_it_and_keeps_its_words() -> None:
    with terminal() as screen:
        screen.send("wait\r")
        screen.wait("● shell make all")
        screen.send("/exit\r")
        assert screen.wait_exit() == 0
        assert screen.display[-1] == "lcode --resume aaaa1111 continues this session"
        assert "Second paragraph is ha" in screen.display
        assert not any("context" in line for line in screen.scrollback)


def test_a_signal_to_end_is_a_way_to_leave() -> None:
    with terminal() as screen:
        screen.send("wait\r")
        screen.wait("● shell make all")
        screen.child.kill(signal.SIGTERM)
        assert screen.wait_exit() == 130
        assert "Second paragraph is ha" in screen.display


def test_a_compaction_shows_that_it_goes_on_can_be_stopped_and_says_what_it_freed() -> None:
    with terminal() as screen:
        screen.send("/compact wait\r")
        screen.wait("summarising 12 messages")
        assert "Esc" in screen.display[-1]
        screen.send("\x1b")
        screen.wait(lambda: "12 messages, 90,000 to 30,000 tokens (67% freed)" in screen.text and screen.idle)
        assert sum("context compacted" in line for line in screen.scrollback) == 1
        screen.send("/uncompact\r")
        screen.wait("there is no compaction to take back")
        screen.assert_calm()
