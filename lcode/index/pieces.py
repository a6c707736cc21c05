"""Cutting a file into pieces of whole lines: where syntax allows, else at blank lines, else anywhere, and inside endless lines.

Lines count from 0 here; a line ends with `\\n` alone. A piece never begins or ends inside a character of UTF-8.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tree_sitter

LIMIT = 1_500  # bytes of a piece
SLACK = 1_650  # up to here nothing is cut that belongs together
_PIECES_OF_LINE = 64  # an endless line is cut into so many at most: it is data
_DEEPEST = 200


class Span(NamedTuple):
    """Lines `first` to `last` included, bytes `start` to `end`."""

    first: int
    last: int
    start: int
    end: int


class Lines:
    """The lines of a file and where they begin."""

    __slots__ = ("data", "lines", "starts")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lines = data.split(b"\n")
        self.starts = [0, *accumulate([len(line) + 1 for line in self.lines])]

    def size(self, first: int, last: int) -> int:
        """Bytes of the lines `first` to `last`."""
        return self.starts[last + 1] - self.starts[first]

    def blank(self, row: int) -> bool:
        line = self.lines[row]
        return not line or line.isspace()

    def trimmed(self, first: int, last: int) -> tuple[int, int] | None:
        """The range without blank lines at its ends; None if nothing is left."""
        while first <= last and self.blank(first):
            first += 1
        while last >= first and self.blank(last):
            last -= 1
        return (first, last) if first <= last else None

    def span(self, first: int, last: int) -> Span:
        return Span(first, last, self.starts[first], self.starts[last] + len(self.lines[last]))


class Breaks:
    """Lines where a file can be cut between two nodes of its syntax, each with how deep that is; found when first asked for."""

    def __init__(self, roots: list[tree_sitter.Node], lines: Lines) -> None:
        self._roots = roots
        self._lines = lines
        self._rows: list[int] | None = None
        self._depths: dict[int, int] = {}

    def within(self, first: int, last: int) -> list[tuple[int, int]]:
        """Line and depth of the breaks after line `first`, up to line `last`."""
        if self._rows is None:
            for root in self._roots:
                self._find(root)
            self._rows = sorted(self._depths)
        low, high = bisect_right(self._rows, first), bisect_right(self._rows, last)
        return [(row, self._depths[row]) for row in self._rows[low:high]]

    def _find(self, root: tree_sitter.Node) -> None:
        left = [(root, 0)]
        lines, depths = self._lines.lines, self._depths
        while left:
            node, depth = left.pop()
            before, comment = -1, False
            for child in node.children:
                row, column = child.start_point
                is_comment = "comment" in child.type
                if row > before and not comment and not lines[row][:column].strip() and depth < depths.get(row, _DEEPEST):
                    depths[row] = depth
                before, comment = child.end_point[0], is_comment
                if child.end_byte - child.start_byte > LIMIT and depth < _DEEPEST:
                    left.append((child, depth + 1))


def split(lines: Lines, first: int, last: int, breaks: Breaks | None = None) -> list[Span]:
    """The lines `first` to `last` in pieces of at most LIMIT bytes where that can be, of about the same size."""
    spans: list[Span] = []
    found = breaks.within(first, last) if breaks is not None else []
    at = first
    while at <= last:
        trimmed = lines.trimmed(at, last)
        if trimmed is None:
            break
        at, stop = trimmed
        size = lines.size(at, stop)
        if size > LIMIT:
            stop = _cut(lines, at, stop, found) - 1
        spans += _inside_line(lines, at) if stop == at and lines.size(at, at) > SLACK else _span(lines, at, stop)
        at = stop + 1
    return spans


def _span(lines: Lines, first: int, last: int) -> list[Span]:
    trimmed = lines.trimmed(first, last)
    return [lines.span(*trimmed)] if trimmed else []


def _cut(lines: Lines, first: int, last: int, breaks: list[tuple[int, int]]) -> int:
    """The line before which the piece that begins in line `first` ends."""
    start = lines.starts[first]
    size = lines.starts[last + 1] - start
    target = size / -(-size // LIMIT)
    furthest = min(bisect_right(lines.starts, start + LIMIT) - 1, last)  # the line that begins at the limit or before it
    if furthest <= first:
        return first + 1
    lowest = max(bisect_left(lines.starts, start + LIMIT * 2 // 5), first + 1)
    best, cost = 0, (0, 0.0)
    near = breaks[bisect_right(breaks, (first, _DEEPEST)) : bisect_right(breaks, (furthest, _DEEPEST))]
    for row, depth in near:
        if row >= lowest:
            price = (depth, abs(lines.starts[row] - start - target))
            if not best or price < cost:
                best, cost = row, price
    if best:
        return best
    blank = next((row for row in range(furthest, lowest - 1, -1) if lines.blank(row - 1)), 0)
    if blank:
        return blank
    return near[-1][0] if near else furthest


def _inside_line(lines: Lines, row: int) -> list[Span]:
    """The pieces of one endless line."""
    start, end = lines.starts[row], lines.starts[row] + len(lines.lines[row])
    step = max(LIMIT, (end - start) // _PIECES_OF_LINE + 1)
    spans = []
    while start < end:
        stop = start + step
        if stop >= end - step // 10:
            stop = end
        else:
            for back in range(4):  # a character of UTF-8 is at most four bytes
                if lines.data[stop - back] & 0xC0 != 0x80:
                    stop -= back
                    break
        if not lines.data[start:stop].isspace():
            spans.append(Span(row, row, start, stop))
        start = stop
    return spans
