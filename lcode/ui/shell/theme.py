"""Colours and marks of the terminal: the sixteen colours of the user's own palette, few of them, and none under NO_COLOR.

A `Row` is one line of styled text. The same rows are written to the scrollback (as escape sequences) and drawn by
prompt_toolkit (as fragments), so that both look alike. Knows neither library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Row = list[tuple[str, str]]

PROMPT, RUNNING, DONE, FAILED, MEMORY, QUEUED, CHOSEN = "›", "●", "✓", "✗", "◆", "↳", "❯"
SEPARATOR = " · "

CLASS = "lcode-"

STYLES: Mapping[str, str] = {
    "": "",
    "dim": "dim",
    "bold": "bold",
    "user": "bold ansicyan",
    "accent": "ansicyan",
    "good": "ansigreen",
    "bad": "ansired",
    "warning": "ansiyellow",
    "added": "ansigreen",
    "removed": "ansired",
    "hunk": "dim ansicyan",
    "title": "bold",
    "selected": "bold ansicyan",
}

_CODES = {
    "bold": "1",
    "dim": "2",
    "italic": "3",
    "underline": "4",
    "ansired": "31",
    "ansigreen": "32",
    "ansiyellow": "33",
    "ansiblue": "34",
    "ansimagenta": "35",
    "ansicyan": "36",
}


@dataclass(frozen=True)
class Theme:
    """`color` false keeps bold and dim, which are not colours."""

    color: bool = True

    def paint(self, style: str, text: str) -> str:
        """`text` between the escape sequences of a named style."""
        codes = ";".join(_CODES[word] for word in self._words(style))
        return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text

    def ansi(self, row: Row) -> str:
        return "".join(self.paint(style, text) for style, text in row)

    def lines(self, rows: Iterable[Row]) -> str:
        return "\n".join(self.ansi(row) for row in rows)

    def rules(self) -> dict[str, str]:
        """The styles as prompt_toolkit's style rules, apart from its own names by a prefix."""
        return {CLASS + name: " ".join(self._words(name)) for name in STYLES if name}

    def _words(self, style: str) -> list[str]:
        return [word for word in STYLES[style].split() if self.color or not word.startswith("ansi")]


def from_environ(environ: Mapping[str, str]) -> Theme:
    """The theme the environment asks for (https://no-color.org)."""
    return Theme(color=not environ.get("NO_COLOR"))
