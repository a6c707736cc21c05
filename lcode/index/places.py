"""Which chunks of the files that were found come first: by their words, names, signature and meaning, and by the rank of their
file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import apsw

from lcode.index import heads
from lcode.index.outline import CONTAINERS
from lcode.index.ranking import (
    BEHIND,
    BEST_PLACES,
    KINDS,
    MOST_OF_FILE,
    OF_CONTAINER,
    OF_EXACT,
    OF_FILE,
    OF_MEANING,
    OF_NAME,
    OF_SIGNATURE,
    OF_WORDS,
    OTHER_FILES,
    shares,
)
from lcode.index.signals import Checkout, Place, worth

_KEPT = 400  # chunks, the best by their words, meaning and file
_LOOKED_AT = 150  # of these, chunks whose name and signature are looked at

Ranked = list[tuple[Place, float]]


class Evidence(NamedTuple):
    """What was found of chunks."""

    words: Mapping[Place, float]
    near: Mapping[Place, float]
    exact: Mapping[Place, float]


def ordered(
    connection: apsw.Connection,
    checkout: Checkout,
    evidence: Evidence,
    scores: Mapping[int, float],
    places: Iterable[Place],
    words: Sequence[str],
) -> Ranked:
    """`places` in files that have `scores`, best first: no more of a file than are of use; of a definition that was cut into
    parts the best, its others at the end."""
    files = {file: score * OF_FILE for file, score in shares(scores).items()}
    kinds = {file: KINDS.get(checkout.files[file].kind, 1.0) for file in scores}
    own = _own(evidence)
    literal = {
        place: OF_EXACT * value * (kinds[place.file] if place.chunk else 1.0)  # else its path was asked for
        for place, value in evidence.exact.items()
    }
    values = {place: own.get(place, 0.0) * kinds[place[0]] + files.get(place[0], 0.0) for place in places}
    for place in literal.keys() & values.keys():
        values[place] += literal[place]
    best = sorted(values, key=lambda place: (-values[place], place))[:_KEPT]
    heads.load(connection, checkout.heads, [place.chunk for place in best[:_LOOKED_AT]])
    asked = heads.question(words, worth(connection, checkout, words))
    for place in best[:_LOOKED_AT]:
        if head := checkout.heads.get(place.chunk):
            of_head = OF_SIGNATURE * heads.in_signature(asked, head) + OF_NAME * heads.of_name(asked, head)
            itself = own.get(place, 0.0)
            less = OF_CONTAINER if head.kind in CONTAINERS and place not in literal else 1.0
            values[place] += ((itself + of_head) * less - itself) * kinds[place.file]
    ranked, parts = _of_each_file(checkout, {place: values[place] for place in best})
    return _falling(_spread(ranked, {file: score * kinds[file] ** 3 for file, score in files.items()}) + parts)


def _of_each_file(checkout: Checkout, values: Mapping[Place, float]) -> tuple[Ranked, Ranked]:
    """Places by their values, each later one of a file somewhat behind; and apart from them further parts of definitions."""
    ranked: Ranked = []
    parts: Ranked = []
    before: dict[int, int] = {}
    seen: set[tuple[int, str]] = set()
    for place in sorted(values, key=lambda place: (-values[place], checkout.files[place.file].path, place.chunk)):
        head = checkout.heads.get(place.chunk)
        if head is not None and head.part_of:
            if (place.file, head.part_of) in seen:
                parts.append((place, values[place]))
                continue
            seen.add((place.file, head.part_of))
        count = before[place.file] = before.get(place.file, -1) + 1
        if count < MOST_OF_FILE:
            ranked.append((place, values[place] - BEHIND * count))
    ranked.sort(key=lambda item: -item[1])
    return ranked, parts


def _spread(ranked: Ranked, files: Mapping[int, float]) -> Ranked:
    """The best as they are; then other files, a place each, the best files first; then what is left. Whoever reads on looks for
    other files."""
    first, seen = ranked[:BEST_PLACES], {place.file for place, _ in ranked[:BEST_PLACES]}
    others: Ranked = []
    left: Ranked = []
    for place, score in ranked[BEST_PLACES:]:
        (left if place.file in seen else others).append((place, score))
        seen.add(place.file)
    others.sort(key=lambda item: -files.get(item[0].file, 0.0))
    return first + others[:OTHER_FILES] + sorted(others[OTHER_FILES:] + left, key=lambda item: -item[1])


def _falling(ranked: Ranked) -> Ranked:
    """The same with scores that never rise."""
    least = float("inf")
    return [(place, least := min(least, score)) for place, score in ranked]


def _own(evidence: Evidence) -> dict[Place, float]:
    """What speaks for each chunk by its words and meaning."""
    own: dict[Place, float] = {place: OF_WORDS * share for place, share in shares(evidence.words).items()}
    for place, share in shares(evidence.near).items():
        own[place] = own.get(place, 0.0) + OF_MEANING * share
    return own
