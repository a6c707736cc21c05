"""Markdown and highlighted code as rich renderables, in a restrained style: no boxes, no backgrounds, no centred text.

Importing this module imports rich.markdown and pygments; `render` does so with the first answer.
"""

from __future__ import annotations

from typing import Any, ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

_TOKENS = {
    "Token.Comment": Style(dim=True, italic=True),
    "Token.Comment.Preproc": Style(color="magenta"),
    "Token.Keyword": Style(color="magenta"),
    "Token.Keyword.Constant": Style(color="cyan"),
    "Token.Operator.Word": Style(color="magenta"),
    "Token.Name.Function": Style(color="blue"),
    "Token.Name.Class": Style(color="blue", bold=True),
    "Token.Name.Decorator": Style(color="cyan"),
    "Token.Name.Tag": Style(color="blue"),
    "Token.Name.Attribute": Style(color="cyan"),
    "Token.Literal.String": Style(color="green"),
    "Token.Literal.Number": Style(color="cyan"),
    "Token.Generic.Inserted": Style(color="green"),
    "Token.Generic.Deleted": Style(color="red"),
    "Token.Generic.Heading": Style(bold=True),
    "Token.Generic.Subheading": Style(dim=True),
}
_STRETCHES = ("Token.Literal.String", "Token.Comment")  # tokens that may run over several lines
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")


class _PlainHeading(Heading):
    """A heading at the margin, told by its weight alone."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _PlainCode(CodeBlock):
    """Code inside a list or an indented block: highlighted, indented, without a background."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines, _ = highlight(str(self.text).expandtabs(4).rstrip() + "\n", self.lexer_name)
        yield Padding(Text("\n").join(lines), (0, 0, 0, 2))


class _PlainMarkdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _PlainHeading,
        "fence": _PlainCode,
        "code_block": _PlainCode,
    }


def markdown(text: str) -> Markdown:
    """`text` as a renderable. HTML in it is shown as it stands, not dropped."""
    document = _PlainMarkdown("", hyperlinks=False)
    document.markup = text
    document.parsed = _PARSER.parse(text)
    return document


def highlight(source: str, language: str) -> tuple[list[Text], int]:
    """The lines of `source` (which ends with a line end), and the offset of the last line from which highlighting
    can begin anew: it stands at the margin, outside of strings and comments."""
    lexer: Any = Syntax("", language or "text", tab_size=4).lexer
    tokens = [("", source)] if lexer is None else [(str(kind), value) for kind, value in lexer.get_tokens(source)]
    text = Text(no_wrap=True)
    offset = restart = 0
    runs: list[tuple[Style | str, str]] = []
    for kind, value in tokens:
        style = _style(kind)
        if runs and (runs[-1][0] == style or not value.strip()):
            runs[-1] = (runs[-1][0], runs[-1][1] + value)
        else:
            runs.append((style, value))
        at_line = offset > 0 and source[offset - 1 : offset] == "\n"
        if at_line and value[:1].strip() and not kind.startswith(_STRETCHES):
            restart = offset
        offset += len(value)
    for style, value in runs:
        text.append(value, style)
    if text.plain != source:  # a lexer that changes the text it was given
        return list(Text(source).split("\n")), 0
    return list(text.split("\n", allow_blank=False)), restart


def _style(kind: str) -> Style | str:
    while kind:
        if kind in _TOKENS:
            return _TOKENS[kind]
        kind = kind.rpartition(".")[0]
    return ""
