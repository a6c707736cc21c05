"""How places in the code are ranked: the weights, and how signals of different kinds become one score. Figures only.

Each signal gives files a value; divided by its largest, it is a share between 0 and 1, and a file's score is the sum of its
shares, each times the signal's weight. The weights are few and round: they were fitted on nine repositories of seven languages
(`benchmarks/code_search.py`), each left out in turn, and what lies between two neighbouring values is noise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

COLUMNS = (5.0, 5.0, 1.0)  # path, names and body of a chunk in bm25
BEST = (1.0, 0.4, 0.2, 0.1)  # of a file's chunks, best first
WEIGHTS = {
    "body": 1.3,  # words in the chunks: text, names and path, by bm25
    "filename": 0.3,  # words in the file's own name, and its folders
    "scope": 0.4,  # what stands before a colon names the folder or file: "fix(parser): …"
    "meaning": 0.1,  # vectors
    "commits": 0.4,  # past commits that are like the question, and what they touched
    "messages": 0.5,  # the question's words in the messages of all commits that touched the file
    "churn": 0.05,  # how often the file was touched of late
    "graph": 0.1,  # used by, or using, files that rank high
    "symbol": 0.3,  # a name in the question is defined there
    "exact": 3.0,  # the question is a name, path or text that stands there
}
KINDS = {  # what a kind of file is worth beside source
    "test": 0.5,
    "docs": 0.7,
    "config": 0.7,
    "large": 0.5,
    "generated": 0.4,
    "vendored": 0.4,
    "minified": 0.2,
    "lock": 0.2,
    "binary": 0.2,
}
# A chunk among those of all files
OF_FILE = 6.5  # the rank of its file, a share of the best
OF_WORDS = 2.8  # its words, as they count for its file, a share of the best
OF_MEANING = 1.0  # its nearness in meaning, the same
OF_SIGNATURE = 3.0  # how much of the question its signature holds
OF_NAME = 1.7  # how much of its name the question holds
OF_CONTAINER = 0.75  # what all of that is worth for the head of a class, whose methods answer as well
OF_EXACT = 20.0  # what the question says literally
BEHIND = 0.2  # less for each that stands before it in its file
MOST_OF_FILE = 10  # chunks of one file among the hits, so that no file hides the others
BEST_PLACES = 10  # that come first, whatever their files
OTHER_FILES = 40  # that come next, each with its best place


def shares(values: Mapping[Key, float]) -> dict[Key, float]:
    """Values as parts of the largest; nothing where none is positive."""
    largest = max(values.values(), default=0.0)
    return {key: value / largest for key, value in values.items() if value > 0} if largest > 0 else {}


def best_sum(values: Iterable[float]) -> float:
    """A file's value by those of its chunks."""
    return sum(value * weight for value, weight in zip(sorted(values, reverse=True), BEST, strict=False))


def above_ordinary(values: Mapping[Key, float]) -> dict[Key, float]:
    """How far each value stands out from all of them, in standard deviations; those that do not are left out."""
    if len(values) < 2:
        return dict.fromkeys(values, 1.0)
    mean = sum(values.values()) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values.values()) / len(values))
    return {key: (value - mean) / deviation for key, value in values.items() if value > mean} if deviation > 0 else {}


def rarity(having: int, total: int) -> float:
    """What a word is worth that `having` of `total` texts have."""
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def coverage(found: Sequence[float], size: int) -> float:
    """The worth of the words found in a name of `size` words: all the more if it has few others."""
    return sum(found) * math.sqrt(len(found) / size) if found and size else 0.0
