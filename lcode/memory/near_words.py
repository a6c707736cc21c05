"""Words of like meaning, so that a question finds what was said in other words, without vectors, numpy or a model.

`near_words.bin`, made by `benchmarks/near_words.py` from the embedding table of the package: one line of JSON, the words a
line each and for each word a dozen places of three bytes: the number of a near word, and how near, in
hundredths (0: an empty place). Only the places of the words asked for are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

KEPT = 12  # near words of each word
LEAST = 40  # hundredths: what is less near says nothing
_PLACE = 3  # bytes
_LIST = Path(__file__).with_name("near_words.bin")


class NearWords:
    """The list in a file."""

    def __init__(self, path: Path = _LIST) -> None:
        self._path = path
        with path.open("rb") as file:
            header = json.loads(file.readline())
            self._words = file.read(header["words"]).decode("ascii").split("\n")
            self._start = file.tell()
        self._numbers = dict(zip(self._words, range(len(self._words)), strict=True))

    def listed(self, count: int) -> list[str]:
        """The first `count` words, which are the most common ones."""
        return self._words[:count]

    def of(self, words: Sequence[str]) -> list[tuple[tuple[str, float], ...]]:
        """For each word its near ones, nearest first, with a nearness from 0.4 to 1; none where the list lacks the word."""
        found: list[tuple[tuple[str, float], ...]] = []
        with self._path.open("rb") as file:
            for word in words:
                number = self._numbers.get(word)
                if number is None:
                    found.append(())
                    continue
                file.seek(self._start + number * KEPT * _PLACE)
                row = file.read(KEPT * _PLACE)
                places = (row[at : at + _PLACE] for at in range(0, len(row), _PLACE))
                found.append(
                    tuple((self._words[int.from_bytes(place[:2], "little")], place[2] / 100) for place in places if place[2])
                )
        return found


@cache
def near_words() -> NearWords:
    """The list that is in the package."""
    return NearWords()


def packed(words: Sequence[str], near: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """The file for `words` and, for each, the numbers of its near ones with their nearness in hundredths."""
    listed = "\n".join(words).encode("ascii")
    rows = bytearray()
    for row in near:
        for number, hundredths in row:
            rows += number.to_bytes(2, "little") + bytes([hundredths])
        rows += bytes((KEPT - len(row)) * _PLACE)
    return json.dumps({"words": len(listed)}).encode() + b"\n" + listed + bytes(rows)
