"""Of a chunk that holds several definitions, the one that a question names: its symbol and its lines, as the text tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from lcode.index.outline import CONTAINERS

_DEFINES = re.compile(
    r"\s*(?:[\w@()]{1,20}\s+){0,4}?(def|fn|func|fun|function|class|struct|enum|trait|typedef|type|interface|const|let|var|mod|"
    r"module|namespace|#\s*define)\b"
)
_KINDS = {  # of what these words define, where they are not their own names
    **dict.fromkeys(("def", "fn", "func", "fun", "function"), "function"),
    **dict.fromkeys(("const", "let", "var"), "constant"),
    **dict.fromkeys(("mod", "module", "namespace"), "module"),
    "trait": "interface",
    "typedef": "type",
    "define": "macro",
}
NAME_PARTS = re.compile(r"\.|::|#|->|/")
_CLOSING = re.compile(r"\s*(?:[)\]}{]|end\b)")


class Inside(NamedTuple):
    """A definition within a chunk: its symbol, kind, first and last line."""

    symbol: str
    kind: str
    first: int
    last: int


def narrowed(symbol: str, kind: str, name: str, lines: Sequence[str], start: int, end: int) -> Inside | None:
    """The definition `name` within the lines `start` to `end`, which are called `symbol` and are of `kind`; None where they are
    just that, or do not show it."""
    last = NAME_PARTS.split(name)[-1]
    if not last or NAME_PARTS.split(symbol)[-1].lower() == last.lower():
        return None
    there = re.compile(rf"(?<!\w){re.escape(last)}(?!\w)", re.IGNORECASE)
    standing = [at for at in range(start, min(end, len(lines)) + 1) if there.search(lines[at - 1])]
    if not standing:
        return None
    exactly = re.compile(rf"(?<!\w){re.escape(last)}(?!\w)")
    standing.sort(key=lambda at: (not _defined_by(lines[at - 1], there), not exactly.search(lines[at - 1]), at))
    first = standing[0]
    written = there.search(lines[first - 1])
    own = written.group() if written else last
    of = _kind(lines[first - 1], there, symbol if kind in CONTAINERS | {"block"} else "")
    return Inside(f"{symbol}.{own}" if symbol else own, of, first, _last_line(lines, first, min(end, len(lines))))


def _defined_by(line: str, name: re.Pattern[str]) -> str:
    """The word that defines the name that stands right after it; '' where there is none."""
    match = _DEFINES.match(line)
    if match is None:
        return ""
    word = match[1].lstrip("# \t")
    rest = line[match.end() :].lstrip()
    return word if name.match(rest) or (word == "typedef" and name.search(rest)) else ""


def _kind(line: str, name: re.Pattern[str], owner: str) -> str:
    """Of which kind the definition of `name` in this line is, inside of `owner`."""
    word = _defined_by(line, name)
    kind = _KINDS.get(word, word)
    if not kind:
        match = name.search(line)
        called = match is not None and line[match.end() :].lstrip().startswith("(")
        kind = "function" if called else "member" if owner else "constant"
    return "method" if kind == "function" and owner else kind


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
