from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys

import pytest

from lcode.events import (
    Answer,
    ApprovalRequested,
    Decision,
    Event,
    Notice,
    RunFinished,
    StopReason,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Usage,
)
from lcode.ui.jsonl import JsonFace
from lcode.ui.plain import PlainFace


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


EVENTS: list[Event] = [
    TextDelta("Let me look."),
    ToolStarted("call-1", "read_file", {}, "read_file a.py"),
    ToolFinished("call-1", "read_file", False, "12 lines", "..."),
    TextDelta("The "),
    TextDelta("answer\x1b[2J."),
    RunFinished("run-1", StopReason.END_TURN, "The answer\x1b[2J.", Usage(input=10, output=5), 2),
]


def test_standard_output_holds_the_final_answer_alone() -> None:
    out, err = io.StringIO(), io.StringIO()
    face = PlainFace(out, err)
    for event in EVENTS:
        face.emit(event)
    assert (out.getvalue(), err.getvalue()) == ("The answer.\n", "")
    assert not face.interactive


@pytest.mark.parametrize(("err", "verbose"), [(Tty(), False), (io.StringIO(), True)])
def test_progress_is_shown_to_who_watches(err: io.StringIO, verbose: bool) -> None:
    face = PlainFace(io.StringIO(), err, verbose=verbose)
    for event in EVENTS:
        face.emit(event)
    assert err.getvalue() == "read_file a.py · 12 lines\n"


def test_an_error_is_told_with_its_hint() -> None:
    out, err = io.StringIO(), io.StringIO()
    PlainFace(out, err).emit(RunFinished("r", StopReason.LLM_API_ERROR, "", Usage(), 1, error="401", hint="set a key"))
    assert (out.getvalue(), err.getvalue()) == ("", "lcode: 401\nhint: set a key\n")


def test_a_run_that_is_cut_by_its_limit_says_how_to_go_on() -> None:
    err = io.StringIO()
    PlainFace(io.StringIO(), err).emit(RunFinished("r", StopReason.MAX_STEPS, "", Usage(), 1, error="stopped after 1 step"))
    assert err.getvalue().startswith("lcode: stopped after 1 step\nhint: `lcode -c` ")
    assert "--max-turns" in err.getvalue()


def test_warnings_are_told_also_where_nobody_watches() -> None:
    for make in (
        lambda err: PlainFace(io.StringIO(), err),
        lambda err: JsonFace(io.StringIO(), session_id="s", agent_id="a", model="m", err=err),
    ):
        err = io.StringIO()
        face = make(err)
        face.emit(Notice("first time here"))
        face.emit(Notice("it moved", "warning"))
        assert err.getvalue() == "lcode: it moved\n"


def test_what_the_encoding_lacks_is_replaced() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    PlainFace(out, io.StringIO()).emit(RunFinished("r", StopReason.END_TURN, "caf\u00e9 \ud800", Usage(), 1))
    assert raw.getvalue().startswith(b"caf? ")


def test_approvals_are_refused_at_once() -> None:
    async def answers() -> list[Answer]:
        found = []
        for face in (PlainFace(io.StringIO(), io.StringIO()), JsonFace(io.StringIO(), session_id="s", agent_id="a", model="m")):
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            face.emit(ApprovalRequested("call-1", "shell", "shell rm", "command", "rm", "shell rm", future))
            found.append(await future)
        return found

    assert [answer.decision for answer in asyncio.run(answers())] == [Decision.NO, Decision.NO]


def test_json_is_one_object_at_the_end() -> None:
    out = io.StringIO()
    face = JsonFace(out, session_id="session-1", agent_id="agent-1", model="openai/x")
    for event in EVENTS:
        face.emit(event)
    found = json.loads(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert found.pop("duration_ms") >= 0
    assert found == {
        "session_id": "session-1",
        "agent_id": "agent-1",
        "model": "openai/x",
        "result": "The answer\x1b[2J.",
        "stop_reason": "end_turn",
        "usage": {"input": 10, "cached": 0, "written": 0, "output": 5, "reasoning": 0, "written_hour": 0},
        "cost_usd": 0.0,
        "steps": 2,
        "refused": 0,
        "error": "",
    }


def imported(module: str, names: set[str]) -> str:
    """Which of `names` a fresh interpreter has loaded after importing `module`."""
    program = f"import sys, {module}; print(sorted({names!r} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_headless_faces_import_no_terminal_library() -> None:
    assert imported("lcode.ui.plain, lcode.ui.jsonl", {"rich", "prompt_toolkit", "asyncio"}) == "[]"


def test_the_terminal_imports_markdown_only_with_the_first_answer() -> None:
    assert imported("lcode.ui.shell.app", {"rich", "rich.markdown", "pygments", "markdown_it"}) == "[]"


@pytest.mark.parametrize(
    ("summary", "text", "line"),
    [
        ("refused", "Refused: this needs the user's permission.", "refused: shell make\n"),
        ("", "The user said no.", "refused: shell make · The user said no.\n"),
        ("interrupted", "interrupted by the user while it ran", "interrupted: shell make\n"),
        ("interrupted", "not run: the user interrupted before it began", "interrupted: shell make\n"),
        ("exit 2", "No rule.", "failed: shell make · exit 2\n"),
        ("", "There is no such folder.", "failed: shell make · There is no such folder.\n"),
    ],
)
def test_a_call_that_did_not_go_well_says_how_it_ended(summary: str, text: str, line: str) -> None:
    err = io.StringIO()
    face = PlainFace(io.StringIO(), err, verbose=True)
    face.emit(ToolStarted("call-1", "shell", {}, "shell make"))
    face.emit(ToolFinished("call-1", "shell", True, summary, text))
    assert err.getvalue() == line
