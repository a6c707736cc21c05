"""Which lines of a found place are worth showing when not all of them can be: its beginning, and where the question's words
stand. Lines that are left out leave a gap, so that no reader takes for neighbours what is not.
"""

from __future__ import annotations

from typing import NamedTuple

from lcode.index.words import document_words, query_words

LONGEST = 160  # characters of a line
_STEM = 5  # characters in which two inflections of a word agree


class Line(NamedTuple):
    """A line of a file; `number` is 0 for a gap, whose text says how many lines are left out."""

    number: int
    text: str


def excerpt(text: str, start_line: int, query: str, limit: int) -> list[Line]:
    """At most `limit` lines of `text`, which begins at `start_line` of its file, in order, with gaps between them."""
    lines = text.expandtabs(4).rstrip().split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    last = len(lines)
    chosen = set(range(first, last)) if last - first <= limit else _chosen(lines, first, query, max(1, limit))
    return _with_gaps(lines, sorted(chosen), start_line, last)


def _chosen(lines: list[str], first: int, query: str, limit: int) -> set[int]:
    """The beginning in the first third, then the lines with most of the words, each with the one below it."""
    head = min(limit, max(1, -(-limit // 3)))
    chosen = set(range(first, first + head))
    wanted = {word[:_STEM] for word in query_words(query)}
    scores = {at: len(wanted & {word[:_STEM] for word in document_words(lines[at])}) for at in range(first + head, len(lines))}
    ranked = sorted((at for at, score in scores.items() if score), key=lambda at: (-scores[at], at))
    for at in [*ranked, *range(first, len(lines))]:
        for near in (at, at + 1):
            if len(chosen) >= limit:
                return chosen
            if near < len(lines) and lines[near].strip():
                chosen.add(near)
    return chosen


def _with_gaps(lines: list[str], shown: list[int], start_line: int, end: int) -> list[Line]:
    found: list[Line] = []
    before = -1
    for at in shown:
        if found and at - before == 2 and not lines[before + 1].strip():
            found.append(Line(start_line + before + 1, ""))
        elif found and at - before > 1:
            found.append(_gap(at - before - 1))
        found.append(Line(start_line + at, _cut(lines[at])))
        before = at
    if shown and end - before > 1:
        found.append(_gap(end - before - 1))
    return found


def _gap(count: int) -> Line:
    return Line(0, f"… {count} more line{'s' if count > 1 else ''}")


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
