"""Which lines of a file come nearest to a text that is not in it: rare words find the places, difflib judges a few."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from heapq import nlargest

_JUDGED = 6  # places that are compared in full
_SHOWN = 20  # lines
_COMPARED = 1_000  # characters of each side
_LIKE = 0.4

_WORD = re.compile(r"\w+")


def window(lines: list[str], wanted: list[str]) -> tuple[int, list[str]] | None:
    """The number of the first line and the lines that resemble `wanted` most; None where nothing does."""
    wanted = [line for line in wanted if line.strip()]
    words = {word for line in wanted for word in _WORD.findall(line)}
    if not words:
        return None
    shared = [words.intersection(_WORD.findall(line)) if line else set() for line in lines]
    frequency = Counter(word for found in shared for word in found)
    scores = [sum(1 / frequency[word] for word in found) for found in shared]
    length = min(len(wanted), len(lines))
    target = _text(wanted)
    best, place = _LIKE, -1
    for at in _candidates(scores, length):
        ratio = SequenceMatcher(None, target, _text(lines[at : at + length]), autojunk=False).ratio()
        if ratio > best:
            best, place = ratio, at
    if place < 0:
        return None
    low, high = max(0, place - 1), min(len(lines), place + min(length, _SHOWN) + 1)
    return low + 1, lines[low:high]


def _candidates(scores: list[float], length: int) -> list[int]:
    """Where windows of `length` lines start that share most with what is wanted."""
    total = sum(scores[:length])
    sums = [total]
    for at in range(length, len(scores)):
        total += scores[at] - scores[at - length]
        sums.append(total)
    return [at for at in nlargest(_JUDGED, range(len(sums)), key=sums.__getitem__) if sums[at] > 1e-9]


def _text(lines: list[str]) -> str:
    return "\n".join(line.strip()[:400] for line in lines)[:_COMPARED]
