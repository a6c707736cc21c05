"""Blocks of an answer as lines for the scrollback: Markdown and code through rich, as a formatter to strings only.

rich.markdown and the highlighters behind it take a while to import, so that happens with the first answer (`warm_up`
does it in a thread, while the model is still thinking).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lcode.sanitize import clean
from lcode.ui.shell.stream import Block
from lcode.ui.shell.theme import Theme

if TYPE_CHECKING:
    from rich.console import Console

MEASURE = 100  # prose wider than this is tiring to read
INDENT = "  "
_STYLED_SPACE = re.compile(r"\x1b\[[0-9;]*m( *)\x1b\[0m")
_PADDING = re.compile(r" +$", re.MULTILINE)
_MARKDOWN_STYLES = {
    "markdown.h1": "bold underline",
    "markdown.h2": "bold",
    "markdown.h3": "bold",
    "markdown.h4": "bold",
    "markdown.h5": "italic",
    "markdown.h6": "italic",
    "markdown.h7": "italic",
    "markdown.code": "cyan",
    "markdown.block_quote": "italic",
    "markdown.hr": "dim",
    "markdown.item.bullet": "cyan",
    "markdown.item.number": "cyan",
    "markdown.list": "none",
    "markdown.link": "cyan",
    "markdown.link_url": "dim",
    "markdown.table.border": "dim",
    "markdown.table.header": "bold",
}


class Renderer:
    """Renders blocks for a terminal that is `columns()` wide."""

    def __init__(self, theme: Theme, columns: Callable[[], int]) -> None:
        self._theme = theme
        self._columns = columns
        self._code = _Listing()

    @property
    def columns(self) -> int:
        """The terminal's width, as it is now."""
        return self._columns()

    def warm_up(self) -> None:
        """Import what the first block needs. May run in any thread: it uses a renderer of its own."""
        other = Renderer(self._theme, lambda: 80)
        other.markdown("*ready*")
        other.code("ready = True", "python")

    def block(self, block: Block) -> str:
        """The lines of `block`, without a line end after the last."""
        if block.kind == "code":
            return self.code(block.text, block.language, continued=block.continued)
        return self.markdown(block.text)

    def markdown(self, text: str) -> str:
        return self._print(self._markdown(clean(text)), min(MEASURE, self._columns()))

    def code(self, text: str, language: str, *, continued: bool = False) -> str:
        """Lines of code, indented, never broken by us: the terminal wraps them, so that a copied line stays one line."""
        lines = self._code.feed(clean(text).expandtabs(4), language, continued=continued)
        return self._print_lines(lines)

    def _markdown(self, text: str) -> Any:
        from lcode.ui.shell.richtext import markdown

        return markdown(text)

    def _print(self, renderable: Any, columns: int) -> str:
        console = self._console
        console.width = max(10, columns)
        with console.capture() as capture:
            console.print(renderable)
        return _tidy(capture.get()).strip("\n")

    def _print_lines(self, lines: list[Any]) -> str:
        console = self._console
        console.width = 100_000
        with console.capture() as capture:
            for line in lines:
                console.print(INDENT, line, sep="", end="\n", soft_wrap=True)
        return _tidy(capture.get()).removesuffix("\n")

    @cached_property
    def _console(self) -> Console:
        import io

        from rich.console import Console
        from rich.theme import Theme as RichTheme

        return Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="standard",
            no_color=not self._theme.color,
            width=80,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            theme=RichTheme(_MARKDOWN_STYLES),
            _environ={},
        )


def _tidy(text: str) -> str:
    """Without styles on nothing but spaces, and without the padding at the ends of lines."""
    return _PADDING.sub("", _STYLED_SPACE.sub(r"\1", text))


class _Listing:
    """Highlights the batches of one fence so that each continues where the one before it ended.

    A lexer's state cannot be kept, so some lines before the batch are read again: from the last line that begins
    outside of any string or comment, at the margin. That keeps a long listing both right and linear.
    """

    def __init__(self) -> None:
        self._before = ""

    def feed(self, text: str, language: str, *, continued: bool) -> list[Any]:
        from lcode.ui.shell.richtext import highlight

        if not continued:
            self._before = ""
        source = f"{self._before}{text}\n"
        lines, restart = highlight(source, language)
        skip = self._before.count("\n")
        self._before = source[restart:]
        return lines[skip:]
