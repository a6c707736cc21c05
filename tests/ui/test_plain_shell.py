from __future__ import annotations

import asyncio
import io
from pathlib import Path

from lcode.events import Answer, Decision
from lcode.ui.plain_shell import run_plain_shell
from tests.ui.fakes import FakeRuntime, FakeSession


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def serve(source: io.StringIO, tmp_path: Path) -> tuple[str, FakeSession]:
    session, out = FakeSession(), io.StringIO()
    assert asyncio.run(run_plain_shell(FakeRuntime(tmp_path), session, source=source, out=out)) == 0
    return out.getvalue(), session


def test_lines_are_answered_until_the_end_of_the_input(tmp_path: Path) -> None:
    text, session = serve(io.StringIO("hello\n\n/memory human\n/nope\nhostile\n"), tmp_path)
    assert "You said: hello\n" in text
    assert "Likes short answers." in text
    assert "no command /nope" in text
    assert "\x1b" not in text
    assert session.closed


def test_what_was_said_is_found_and_shown_without_escapes(tmp_path: Path) -> None:
    text, session = serve(io.StringIO("/recall parser\n/recall nonsense\n/recall\n"), tmp_path)
    assert "only weak matches, the best at 0.40" in text
    assert "you: fix the parser" in text
    assert "edited parser.py" in text
    assert "nothing found in the sessions" in text
    assert "what is to be found?" in text
    assert "\x1b" not in text
    assert session.asked == []


def test_without_a_terminal_nobody_is_asked(tmp_path: Path) -> None:
    text, session = serve(io.StringIO("edit\n"), tmp_path)
    assert "refused, nobody can be asked: edit_file src/app.py" in text
    assert session.answers == [Answer(Decision.NO)]


def test_at_a_terminal_approvals_are_typed(tmp_path: Path) -> None:
    text, session = serve(Tty("edit\nwhat\n1\nedit\n4\nuse a constant\n/exit\nnever\n"), tmp_path)
    assert session.answers == [Answer(Decision.ONCE), Answer(Decision.NO, "use a constant")]
    assert '+     name = "world"' in text
    assert session.asked == ["edit", "edit"]


def test_a_compaction_says_what_it_freed_and_a_vain_undoing_why(tmp_path: Path) -> None:
    text, _ = serve(io.StringIO("/compact the plan\n/uncompact\n/status\n"), tmp_path)
    assert "summarising 12 messages" in text
    assert "12 messages, 90,000 to 30,000 tokens (67% freed) in 2.5 s; /uncompact takes it back" in text
    assert "there is no compaction to take back in this session" in text
    assert "not compacted yet" in text
