"""A unified diff as rows for people: line numbers, a sign, colour; no file headers; cut to a number of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lcode.sanitize import clean
from lcode.ui.shell.theme import Row

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def diff_rows(diff: str, limit: int) -> list[Row]:
    """At most `limit` rows of `diff`, and one more that says how many were left out."""
    rows = list(_rows(clean(diff)))
    if len(rows) <= limit + 1:
        return rows
    return [*rows[:limit], [("dim", f"     … {len(rows) - limit} more lines")]]


def _rows(diff: str) -> Iterator[Row]:
    old = new = 0
    inside = False
    for line in diff.splitlines():
        hunk = _HUNK.match(line)
        if hunk:
            if inside:
                yield [("dim", "     ⋯")]
            old, new, inside = int(hunk[1]), int(hunk[2]), True
        elif not inside or line.startswith("\\"):
            continue
        elif line.startswith("-"):
            yield _row(old, "-", line[1:], "removed")
            old += 1
        elif line.startswith("+"):
            yield _row(new, "+", line[1:], "added")
            new += 1
        else:
            yield _row(new, " ", line[1:], "dim")
            old, new = old + 1, new + 1


def _row(number: int, sign: str, text: str, style: str) -> Row:
    return [("dim", f"{number:>5} "), (style, f"{sign} {text.expandtabs(4)}".rstrip())]
