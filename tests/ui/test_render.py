from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.ui.shell import cells
from lcode.ui.shell.complete import ShellCompleter, list_files
from lcode.ui.shell.diff import diff_rows
from lcode.ui.shell.render import Renderer
from lcode.ui.shell.stream import BlockStream
from lcode.ui.shell.theme import Theme

SGR = re.compile(r"\x1b\[[0-9;]*m")
BLOCKS = ["# T", "- a", "```py", "```", "x = 1", "", "<div>", "**b**", "| a | b |", "|--|--|"]
HOSTILE = ["\x1b[2J", "\x9b5r", "&#27;[31m", "\x1b]0;title\x07"]
PIECES = st.lists(st.sampled_from(BLOCKS + HOSTILE), max_size=30)


def plain(text: str) -> str:
    return SGR.sub("", text)


def rendered(text: str, columns: int = 80, *, color: bool = True) -> list[str]:
    renderer, stream = Renderer(Theme(color), lambda: columns), BlockStream()
    return [renderer.block(block) for block in stream.feed(text) + stream.finish()]


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
