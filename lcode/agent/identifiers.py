"""Exact names in what was said: paths, symbols, commits, addresses, tickets, settings. The first things a summary gets wrong.

Only what people and the agent said or called counts, not what tools printed: that is too much, and found by a search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

LONGEST = 100  # characters of one
_THINGS = frozenset(("address", "ticket", "commit", "mixed"))

# A word is a name where it could be nothing else: what it is made of, not what it means.
_NAME = r"""
    `(?P<quoted>[^`\s][^`\n]{1,60})`
    | (?P<address>\b(?:https?|ssh|postgres(?:ql)?|redis|git|file)://[^\s<>"'`)\]]+|\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b
        |\b[a-z][\w.-]*:\d{2,5}\b)
    | (?P<path>(?<![\w/.])(?:~|\.{1,2})?/?(?:[\w.@+-]+/)+[\w.@+-]*\w
        |\b[\w-]+\.(?:py|pyi|js|jsx|ts|tsx|go|rs|rb|java|kt|c|h|cc|cpp|hpp
        |cs|php|sh|sql|toml|ya?ml|json|md|rst|txt|cfg|ini|lock|html|css|vue|svelte|proto|tf)\b)
    | (?P<ticket>(?<!\w)\#\d{2,7}\b|\b[A-Z][A-Z0-9]{1,9}-\d{1,7}\b)
    | (?P<commit>\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,40}\b)
    | (?P<code>\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\b(?:E|ERR|ORA|PG|TS|RFC)[-_]?\d{2,6}\b)
    | (?P<symbol>\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\(\))?|\b[a-z]+(?:_[a-z0-9]+)+\b|\b[a-z]+(?:[A-Z][a-z0-9]+)+\b
        |\b(?:[A-Z][a-z0-9]+){2,}\b|\b\w+\(\))
    | (?P<mixed>\b[A-Za-z]{1,12}(?:-[A-Za-z0-9]+)*-\d[\w-]*\b|\bv\d+(?:\.\d+)+\b|\b\d+\.\d+\.\d+\b)
"""


def identifiers(texts: Iterable[tuple[str, float]], known: str = "", limit: int = 60) -> list[str]:
    """The names in `texts` (the oldest first, each with its weight) that `known` does not hold yet: those said with most
    weight, most often and last first."""
    found: dict[str, float] = {}
    for at, (text, weight) in enumerate(texts):
        for match in _pattern().finditer(text):
            name = next(value for value in match.groupdict().values() if value).rstrip(".,;:")
            if 2 < len(name) <= LONGEST:
                found[name] = found.get(name, 0.0) + weight * (1 + at / 1_000)
    ranked = sorted(found, key=lambda name: found[name], reverse=True)
    kept: list[str] = []
    for name in ranked:
        if name not in known and not any(name in other for other in kept):
            kept.append(name)
        if len(kept) == limit:
            break
    return kept


def names_a_thing(text: str) -> bool:
    """Whether a text names a ticket, host, commit, version or the like: something that stands in no file to be looked up."""
    return any(match.lastgroup in _THINGS for match in _pattern().finditer(text))


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_NAME, re.VERBOSE)
