"""What the commands print: aligned, without terminal escapes from stored text, coloured only for a person's terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple, TextIO

from lcode.sanitize import clean


class Styled(NamedTuple):
    """Text with a look: bold, dim, red, green or yellow."""

    text: str
    style: str


Piece = str | Styled
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def say(*pieces: Piece, err: bool = False) -> None:
    """One line (or text of several) on standard output, or on standard error."""
    stream = sys.stderr if err else sys.stdout
    coloured = has_colour(stream)
    text = "".join(_shown(piece, coloured) for piece in pieces) + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding, "replace"))


def is_terminal() -> bool:
    """Whether a person can type."""
    return sys.stdin.isatty()


def has_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _shown(piece: Piece, coloured: bool) -> str:
    if isinstance(piece, Styled):
        text = clean(piece.text)
        return f"\x1b[{_CODES[piece.style]}m{text}\x1b[0m" if coloured and text else text
    return clean(piece)


def say_json(data: Any) -> None:
    """One JSON document. ASCII only: no encoding fails, and no terminal finds control characters in it."""
    import json

    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is not padded, and columns without any text are left out."""
    used = [at for at in range(len(header)) if any(row[at] for row in rows)]
    cells = [[one_line(row[at]) for at in used] for row in rows]
    widths = [max(width(text) for text in column) for column in zip([header[at] for at in used], *cells, strict=True)]
    say(Styled(_row([header[at] for at in used], widths), "dim"))
    for row in cells:
        say(_row(row, widths))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text + " " * (wide - width(text)) for text, wide in zip(cells, widths, strict=True)]
    return "  ".join([*padded[:-1], cells[-1]]).rstrip() if cells else ""


def one_line(text: str, limit: int = 100) -> str:
    """`text` in one line, shortened."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def width(text: str) -> int:
    """Cells that `text` takes on a terminal: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def indent(text: str, by: str = "    ") -> str:
    return "\n".join(f"{by}{line}".rstrip() for line in text.split("\n"))


def short(identifier: str) -> str:
    """Enough of an id to name what it stands for: the first eight digits behind its kind."""
    return identifier.partition("-")[2][:8] or identifier[:8]


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
