from __future__ import annotations

import re
from asyncio import AbstractEventLoop, Future, new_event_loop
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.events import ApprovalRequested, TextDelta, ToolStarted
from lcode.memory.model import MessageRow
from lcode.ui.shell import cells
from lcode.ui.shell.complete import ShellCompleter, files_of, list_files
from lcode.ui.shell.diff import diff_rows
from lcode.ui.shell.panels import ApprovalPanel
from lcode.ui.shell.render import Renderer
from lcode.ui.shell.status import status_row
from lcode.ui.shell.stream import BlockStream
from lcode.ui.shell.theme import Theme
from lcode.ui.shell.transcript import Transcript
from tests.ui.fakes import FakeRuntime, FakeSession, message

SGR = re.compile(r"\x1b\[[0-9;]*m")
BLOCKS = ["# T", "- a", "```py", "```", "x = 1", "", "<div>", "**b**", "| a | b |", "|--|--|"]
HOSTILE = ["\x1b[2J", "\x9b5r", "&#27;[31m", "\x1b]0;title\x07"]
PIECES = st.lists(st.sampled_from(BLOCKS + HOSTILE), max_size=30)


@cache
def loop() -> AbstractEventLoop:
    """For futures that nobody waits for."""
    return new_event_loop()


def plain(text: str) -> str:
    return SGR.sub("", text)


def rendered(text: str, columns: int = 80, *, color: bool = True) -> list[str]:
    renderer, stream = Renderer(Theme(color), lambda: columns), BlockStream()
    return [renderer.block(block) for block in stream.feed(text) + stream.finish()]


@settings(deadline=None)  # the first one imports Markdown
@given(PIECES)
def test_only_styles_are_ever_written(lines: list[str]) -> None:
    shown = plain("\n".join(rendered("\n".join(lines))))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


def test_html_and_text_are_shown_not_dropped() -> None:
    assert plain(rendered("<details>hidden?</details>\n\n")[0]) == "<details>hidden?</details>"


def test_prose_is_wrapped_and_code_is_not() -> None:
    prose, code = rendered("word " * 40 + "\n\n```py\n" + "x = " + "1 + " * 60 + "1\n```\n", columns=40)
    assert max(map(len, plain(prose).split("\n"))) <= 40
    assert len(code.split("\n")) == 1


@pytest.mark.parametrize("language", ["python", "go", "", "no-such-language", "diff", "c"])
def test_code_in_batches_reads_as_it_was_written(language: str) -> None:
    code = "\n".join(['"""A text', "over lines", *(f"    indented {number} /* open" for number in range(120)), '"""', "done()"])
    shown = "\n".join(plain(text) for text in rendered(f"```{language}\n{code}\n```\n"))
    assert shown == "\n".join(f"  {line}" for line in code.split("\n"))


def test_a_string_over_several_batches_stays_a_string() -> None:
    """Each batch is highlighted as it would be in the whole listing."""
    body = [f"text {number}" for number in range(90)]
    code = ["x = 1", "def f():", '    """start', *body, '    """', "    return 1"]
    lines = "\n".join(rendered("```python\n" + "\n".join(code) + "\n```\n")).split("\n")
    assert "\x1b[32m" in lines[60], "a line of the text has the colour of a string"
    assert "\x1b[35m" in lines[-1], "the keyword after it has not"


@given(st.text(max_size=80), st.integers(2, 30))
def test_nothing_is_wider_than_it_may_be(text: str, columns: int) -> None:
    line = " ".join(text.split())
    assert cells.width(cells.fit(line, columns)) <= columns
    assert all(cells.width(part) <= columns for part in cells.wrap(line, columns))
    assert "".join("".join(cells.wrap(line, columns)).split()) == "".join(line.split())


KINDS = st.sampled_from(["diff", "command", "path"])


@given(st.integers(40, 120), st.integers(4, 60), st.text(max_size=300), st.text(max_size=2000), KINDS, st.booleans())
def test_a_question_never_takes_more_rows_than_it_may(
    columns: int, limit: int, grant: str, detail: str, kind: str, writing: bool
) -> None:
    event = ApprovalRequested("call-1", "shell", "shell x", kind, detail, grant, Future(loop=loop()))
    panel = ApprovalPanel(event)
    panel.asking_word = writing
    rows = panel.rows(columns, limit)
    assert len(rows) <= limit
    assert all(sum(cells.width(text) for _, text in row) <= columns for row in rows)
    assert writing or any("no, and say why" in text for row in rows for _, text in row)


def test_a_question_says_what_it_does_not_show() -> None:
    event = ApprovalRequested("c", "shell", "shell", "command", "echo \u202e", "shell", Future(loop=loop()))
    assert any("not shown" in text for row in ApprovalPanel(event).rows(80, 20) for _, text in row)


def test_a_command_is_shown_whole_when_its_title_is_cut() -> None:
    command = "echo " + "harmless " * 12 + "; rm -rf build"
    event = ApprovalRequested("c", "shell", f"shell {command}", "command", command, "shell", Future(loop=loop()))
    shown = " ".join(text.strip() for row in ApprovalPanel(event).rows(80, 20) for _, text in row)
    assert "rm -rf build" in shown


@given(st.lists(st.text(max_size=200), max_size=30), st.text(max_size=3000), st.integers(10, 100), st.integers(0, 30))
def test_the_live_rows_never_take_more_than_they_may(tools: list[str], answer: str, columns: int, limit: int) -> None:
    theme = Theme()
    transcript = Transcript(lambda text: None, Renderer(theme, lambda: columns), theme)
    for number, summary in enumerate(tools):
        transcript.handle(ToolStarted(f"call-{number}", "shell", {}, summary))
    transcript.handle(TextDelta(answer))
    rows = transcript.live(columns, limit, 6)
    assert len(rows) <= limit
    assert all(sum(cells.width(text) for _, text in row) <= columns for row in rows)


def test_a_continued_session_shows_how_its_calls_ended() -> None:
    def call(number: int) -> dict[str, object]:
        return {"type": "tool_call", "id": f"c{number}", "name": "shell", "arguments": {"command": f"echo {number}"}}

    def result(number: int, text: str, is_error: bool = True) -> MessageRow:
        part = {"type": "tool_result", "call_id": f"c{number}", "name": "shell", "text": text, "is_error": is_error}
        return replace(message(number, "tool", text), role="tool", content=[part])

    search = {"type": "tool_call", "id": "s", "name": "conversation_search", "arguments": {"query": "x"}}
    text = "\n".join(["I try.", *(f"→ shell echo {number}" for number in range(5))])
    reply = replace(message(2, "assistant", text), content=[
        {"type": "text", "text": "I try."}, call(0), search, *(call(number) for number in range(1, 5)),
    ])  # fmt: skip
    ends = [result(0, "Refused: plan mode"), result(1, "hi", is_error=False), result(2, "not run: the user interrupted"),
            result(3, "no such command")]  # fmt: skip
    shown: list[str] = []
    theme = Theme()
    Transcript(shown.append, Renderer(theme, lambda: 80), theme).past([message(1, "user", "go"), reply, *ends])
    lines = [plain(line).strip() for line in "\n".join(shown).splitlines() if "echo" in line]
    assert lines == [
        "✗ shell echo 0 · refused",
        "→ shell echo 1",
        "✗ shell echo 2 · interrupted",
        "✗ shell echo 3 · failed",
        "✗ shell echo 4 · interrupted",
    ]


def test_a_long_diff_is_cut_and_says_so() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1,1 +1,40 @@\n" + "".join(f"+line {number}\n" for number in range(40))
    rows = diff_rows(diff, 20)
    assert len(rows) == 21
    assert rows[0] == [("dim", "    1 "), ("added", "+ line 0")]
    assert rows[-1] == [("dim", "     … 20 more lines")]


def test_files_are_completed_after_an_at_sign(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    for path in ("src/parser.py", "src/deep/other.py", "node_modules/parser.js", ".git/parser"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    completer = ShellCompleter([("memory", "blocks"), ("model", "the model")], lambda: list_files(tmp_path))

    def completions(text: str) -> list[str]:
        return [found.text for found in completer.get_completions(Document(text), CompleteEvent())]

    assert completions("look at @pars") == ["@src/parser.py"]
    assert completions("look at @othpy") == ["@src/deep/other.py"]
    assert completions("/me") == ["/memory"]
    assert completions("a/me") == completions("mail me@home now") == []
    assert list_files(tmp_path, limit=1) == ["src/parser.py"]


def test_files_of_the_index_are_completed_by_any_letters_in_order(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    runtime = FakeRuntime(tmp_path)
    (tmp_path / "walked.py").write_text("")
    assert files_of(runtime) == ["walked.py"]
    runtime.background.paths = ["src/store/parcel_store.py", "src/parcel.py", "docs/parcel/index.md", "p\x1b.py"]
    completer = ShellCompleter([], lambda: files_of(runtime))

    def found(text: str) -> list[str]:
        return [one.text for one in completer.get_completions(Document(text), CompleteEvent())]

    assert found("see @parcel") == ["@src/parcel.py", "@src/store/parcel_store.py", "@docs/parcel/index.md"]
    assert found("@PARcst") == ["@src/store/parcel_store.py"]
    assert found("@zzz") == []
    assert not [path for path in found("@p") if "\x1b" in path]


def test_files_that_define_what_is_typed_are_completed_with_the_symbol(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    defined = [("src/store.py", "Store.parcel"), ("src/parcel.py", "parcel"), ("src/a\x1bb.py", "parcel")]
    paths = ["src/store.py", "src/parcel.py", "p/a/r/c/e/l.py"]
    completer = ShellCompleter([], lambda: paths, lambda beginning: defined if "parcel".startswith(beginning) else [])

    def found(text: str) -> list[tuple[str, str]]:
        return [(one.text, one.display_meta_text) for one in completer.get_completions(Document(text), CompleteEvent())]

    assert found("see @parcel") == [("@src/parcel.py", ""), ("@src/store.py", "Store.parcel"), ("@p/a/r/c/e/l.py", "")]
    assert found("@zzz") == []


def test_what_goes_on_in_the_background_stands_in_the_status_line_if_there_is_room(tmp_path) -> None:  # type: ignore[no-untyped-def]
    runtime = FakeRuntime(tmp_path)
    runtime.background.news = "indexing 64 of 1,623 files"

    def line(columns: int) -> str:
        return "".join(text for _, text in status_row(runtime, FakeSession(), columns, lead=[]))

    assert line(100).endswith("indexing 64 of 1,623 files")
    assert "indexing" not in line(50)
    assert "openai" not in line(40)
