"""Of a chunk that holds several definitions, the one that a question names: its symbol and its lines, as the text tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DEFINES = re.compile(
    r"\s*(?:[\w@]{1,20}\s+){0,4}?(?:def|fn|func|fun|function|class|struct|enum|trait|type|interface|const|let|var|#\s*define)\b"
)
_PARTS = re.compile(r"\.|::|#|->|/")
_CLOSING = re.compile(r"\s*(?:[)\]}{]|end\b)")


def narrowed(symbol: str, name: str, lines: Sequence[str], start: int, end: int) -> tuple[str, int, int] | None:
    """The symbol and the lines of `name` within the lines `start` to `end`, which are called `symbol`; None where they are just
    that, or do not show it."""
    last = _PARTS.split(name)[-1]
    if not last or _PARTS.split(symbol)[-1].lower() == last.lower():
        return None
    there = re.compile(rf"(?<!\w){re.escape(last)}(?!\w)", re.IGNORECASE)
    standing = [at for at in range(start, min(end, len(lines)) + 1) if there.search(lines[at - 1])]
    if not standing:
        return None
    exactly = re.compile(rf"(?<!\w){re.escape(last)}(?!\w)")
    standing.sort(key=lambda at: (not _defines(lines[at - 1], there), not exactly.search(lines[at - 1]), at))
    first = standing[0]
    written = there.search(lines[first - 1])
    own = written.group() if written else last
    return f"{symbol}.{own}" if symbol else own, first, _last_line(lines, first, min(end, len(lines)))


def _defines(line: str, name: re.Pattern[str]) -> bool:
    """Whether the name stands right after a word that defines."""
    match = _DEFINES.match(line)
    return match is not None and name.match(line[match.end() :].lstrip()) is not None


def _last_line(lines: Sequence[str], first: int, end: int) -> int:
    """Where the lines that belong to line `first` end: those that stand further in, and what closes them."""
    depth, last = _indent(lines[first - 1]), first
    for at in range(first + 1, end + 1):
        line = lines[at - 1]
        if not line.strip():
            continue
        closes = _CLOSING.match(line) is not None and _indent(line) == depth
        if _indent(line) <= depth and not closes and not lines[at - 2].rstrip().endswith("\\"):
            break
        last = at
    return last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
