"""How the indentation of a quoted piece of code relates to the file's own, to carry new lines over from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Indents:
    """`known` maps each quoted indentation to the file's; `tab` is how many columns one tab stands for."""

    known: dict[str, str]
    tab: int

    @classmethod
    def between(cls, quoted: Sequence[str], there: Sequence[str]) -> Indents | None:
        """From lines that are the same but for white space; None where the same indentation became different ones."""
        known: dict[str, str] = {}
        for ours, theirs in zip(quoted, there, strict=True):
            if ours.strip() and known.setdefault(_indent(ours), _indent(theirs)) != _indent(theirs):
                return None
        return cls(known, _tab_width(known))

    def moved(self, line: str) -> str:
        """`line` with the indentation that it would have in the file."""
        if not line.strip():
            return "" if any(ours != theirs for ours, theirs in self.known.items()) else line
        indent = _indent(line)
        return self._translated(indent) + line[len(indent) :]

    def _translated(self, indent: str) -> str:
        if indent in self.known or all(ours == theirs for ours, theirs in self.known.items()):
            return self.known.get(indent, indent)
        pairs = sorted((self._width(ours), self._width(theirs)) for ours, theirs in self.known.items())
        width = self._width(indent)
        low, high = pairs[0], pairs[-1]
        scale = (high[1] - low[1]) / (high[0] - low[0]) if high[0] > low[0] else 1.0
        base = next((pair for pair in reversed(pairs) if pair[0] <= width), low)
        columns = max(0, round(base[1] + (width - base[0]) * scale))
        return self._written(columns, indent)

    def _width(self, indent: str) -> int:
        return sum(self.tab if char == "\t" else 1 for char in indent)

    def _written(self, columns: int, indent: str) -> str:
        """`columns` in tabs where the file indents with tabs."""
        theirs = "".join(self.known.values()) or indent
        if "\t" not in theirs:
            return " " * columns
        return "\t" * (columns // self.tab) + " " * (columns % self.tab)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _tab_width(known: dict[str, str]) -> int:
    """Columns of a tab: as the pairs tell where one side has tabs and the other spaces, else four."""
    for pair in known.items():
        for tabs, spaces in (pair, pair[::-1]):
            if tabs and spaces and set(tabs) == {"\t"} and set(spaces) == {" "} and len(spaces) % len(tabs) == 0:
                return max(1, len(spaces) // len(tabs))
    return 4
