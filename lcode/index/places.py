"""Which chunks of the files that were found come first: by their names, words and meaning, and by the rank of their file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import apsw

from lcode.index.ranking import (
    AHEAD,
    BEHIND,
    BEST_PLACES,
    KINDS,
    MOST_OF_FILE,
    OF_BODY,
    OF_EXACT,
    OF_FILE,
    OF_MEANING,
    OF_NAMES,
    OF_SIGNATURE,
    OF_WORDS,
    OTHER_FILES,
    shares,
)
from lcode.index.signals import Checkout, Place, worth
from lcode.index.words import document_words, stem
from lcode.store.database import fetch_all

_SIGNED = 120  # chunks whose signature is looked at


class Evidence(NamedTuple):
    """What was found of chunks."""

    words: Mapping[Place, float]
    names: Mapping[Place, float]  # of `words`, what stands in the names
    body: Mapping[Place, float]  # and in the text
    near: Mapping[Place, float]
    exact: Mapping[Place, float]


def ordered(
    connection: apsw.Connection,
    checkout: Checkout,
    evidence: Evidence,
    scores: Mapping[int, float],
    places: Iterable[Place],
    words: Sequence[str],
) -> list[tuple[Place, float]]:
    """`places` in files that have `scores`, best first; the first of a file somewhat before its others, and no more of a file
    than are of use."""
    largest = max(scores.values(), default=0.0) or 1.0
    own = _own(evidence)
    values = {}
    for place in places:
        kind = KINDS.get(checkout.files[place.file].kind, 1.0) if place.chunk else 1.0  # its path was asked for
        values[place] = own.get(place, 0.0) * kind + OF_FILE * scores[place.file] / largest
    best = sorted(values, key=lambda place: (-values[place], place))[:_SIGNED]
    for place, share in _signatures(connection, checkout, best, words).items():
        values[place] += OF_SIGNATURE * share * KINDS.get(checkout.files[place.file].kind, 1.0)
    of_file: dict[int, list[Place]] = {}
    for place in sorted(values, key=lambda place: (-values[place], place.chunk)):
        of_file.setdefault(place.file, []).append(place)
    ranked = []
    for file, chunks in of_file.items():
        values[chunks[0]] += AHEAD * scores[file] / largest
        ranked += [(values[place] - BEHIND * min(at, 4), place) for at, place in enumerate(chunks[:MOST_OF_FILE])]
    ranked.sort(key=lambda item: (-item[0], checkout.files[item[1].file].path, item[1].chunk))
    return _spread([(place, score) for score, place in ranked])


def _spread(ranked: list[tuple[Place, float]]) -> list[tuple[Place, float]]:
    """The best as they are; then other files, a place each; then what is left. Whoever reads on looks for other files."""
    first, seen = ranked[:BEST_PLACES], {place.file for place, _ in ranked[:BEST_PLACES]}
    others: list[tuple[Place, float]] = []
    left: list[tuple[Place, float]] = []
    for place, score in ranked[BEST_PLACES:]:
        new = place.file not in seen and len(others) < OTHER_FILES
        seen.add(place.file)
        (others if new else left).append((place, score))
    least = float("inf")
    return [(place, least := min(least, score)) for place, score in first + others + left]


def _own(evidence: Evidence) -> dict[Place, float]:
    """What speaks for each chunk itself."""
    own: dict[Place, float] = {place: OF_EXACT * value for place, value in evidence.exact.items()}
    parts = ((OF_WORDS, evidence.words), (OF_NAMES, evidence.names), (OF_BODY, evidence.body), (OF_MEANING, evidence.near))
    for weight, values in parts:
        for place, share in shares(values).items():
            own[place] = own.get(place, 0.0) + weight * share
    return own


def _signatures(
    connection: apsw.Connection, checkout: Checkout, places: Sequence[Place], words: Sequence[str]
) -> dict[Place, float]:
    """How much of the question stands in the signature of chunks, each word as much as it is rare."""
    rare = worth(connection, checkout, words)
    total = sum(rare.values())
    if not total:
        return {}
    known = checkout.signatures
    missing = {place.chunk for place in places} - known.keys()
    sql = "SELECT id, signature FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
    for chunk, signature in fetch_all(connection, sql, (json.dumps(sorted(missing)),)) if missing else ():
        known[chunk] = frozenset(map(stem, document_words(signature)))
    none = frozenset[str]()
    return {place: sum(rare[word] for word in known.get(place.chunk, none) & rare.keys()) / total for place in places}
