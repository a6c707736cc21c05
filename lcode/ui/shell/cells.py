"""Text in terminal cells: width, shortening, wrapping. Wide characters count two, combining ones none."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from lcode.ui.shell.theme import Row


def width(text: str) -> int:
    return len(text) if text.isascii() and text.isprintable() else sum(max(0, get_cwidth(char)) for char in text)


def fit(text: str, columns: int) -> str:
    """`text` in at most `columns` cells, with an ellipsis where something was cut."""
    if columns <= 0:
        return ""
    if width(text) <= columns:
        return text
    return _head(text, columns - 1) + "…"


def fit_row(row: Row, columns: int) -> Row:
    """`row` in at most `columns` cells."""
    fitted: Row = []
    left = columns
    for style, text in row:
        piece = fit(text, left)
        if piece:
            fitted.append((style, piece))
        left -= width(piece)
        if piece != text or left <= 0:
            break
    return fitted


def wrap(text: str, columns: int) -> list[str]:
    """`text` (one line) as lines of at most `columns` cells, broken at spaces where possible."""
    columns = max(2, columns)
    lines: list[str] = []
    while width(text) > columns:
        head = _head(text, columns)
        space = head.rfind(" ") if text[len(head)] != " " else len(head)
        cut = space if head[: max(0, space)].strip() else len(head)
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip(" ")
    lines.append(text)
    return lines


def wrap_row(row: Row, columns: int) -> list[Row]:
    """`row` as rows of at most `columns` cells: what is too long in its last piece goes on below where it began."""
    if not row:
        return [row]
    *lead, (style, text) = row
    indent = sum(width(piece) for _, piece in lead)
    if indent + width(text) <= columns or indent > columns - 10:
        return [row]
    first = wrap(text, columns - indent)[0]
    hang = min(indent + len(text) - len(text.lstrip(" ")), columns // 2)
    rest = wrap(text[len(first) :].lstrip(" "), columns - hang)
    return [[*lead, (style, first)], *([("", " " * hang), (style, line)] for line in rest)]


def _head(text: str, columns: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += max(0, get_cwidth(char))
        if used > columns:
            return text[:index]
    return text
