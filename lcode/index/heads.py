"""What the head of a chunk, its name and signature, has of a question: the words, and also shortened or run together.

Code abbreviates (`dir` for *directory*) and joins words without a mark (`samefile`); full text, which knows whole words alone,
sees neither. Heads are remembered as long as the index is as it is, since the same chunks come up again and again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import apsw

from lcode.index.words import document_words, stem
from lcode.store.database import fetch_all

_SHORTEST = 3  # letters of an abbreviation, or of a word that counts in a name
_WITHIN = 4  # letters of a word that is looked for inside of others
_PARTLY = 0.8  # what a word is worth that stands there shortened, or inside another
_SEPARATORS = re.compile(r"\.|::|#|/|->")
_PART = re.compile(r"\[\d+(/\d+)\]$")


class Head(NamedTuple):
    kind: str
    part_of: str  # the definition that the chunk is only a part of; '' for one that is whole
    name: str  # the last of the symbol, letters alone
    signature: str  # the same
    stems: frozenset[str]  # of the words in the signature


class Word(NamedTuple):
    """A word of a question."""

    text: str
    stem: str
    beginnings: frozenset[str]
    worth: float


def question(words: Sequence[str], worth: Mapping[str, float]) -> list[Word]:
    """The words of a question, those of one stem once."""
    asked = {stem(word): word for word in reversed(words)}
    return [
        Word(word, root, frozenset(word[:end] for end in range(_SHORTEST, len(word))), worth[root])
        for root, word in reversed(asked.items())
        if root in worth
    ]


def load(connection: apsw.Connection, known: dict[int, Head], chunks: Iterable[int]) -> None:
    """Have the heads of these chunks in `known`."""
    missing = sorted(set(chunks) - known.keys())
    sql = "SELECT id, kind, symbol, signature FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
    for chunk, kind, symbol, signature in fetch_all(connection, sql, (json.dumps(missing),)) if missing else ():
        part = _PART.search(signature)
        known[chunk] = Head(
            kind,
            symbol + part[1] if part else "",
            _letters(_SEPARATORS.split(symbol)[-1]),
            _letters(signature),
            frozenset(map(stem, document_words(signature))),
        )


def in_signature(asked: Sequence[Word], head: Head) -> float:
    """How much of the question stands in the signature, each word as much as it is rare: a share of 1."""
    found = total = 0.0
    for _, root, beginnings, worth in asked:
        total += worth
        if root in head.stems:
            found += worth
        elif not beginnings.isdisjoint(head.stems) or (len(root) >= _WITHIN and root in head.signature):
            found += _PARTLY * worth
    return found / total if total else 0.0


def of_name(asked: Sequence[Word], head: Head) -> float:
    """How much of the name the question's words make up, in letters: a share of 1."""
    name = head.name
    found = 0
    for text, root, _, _ in asked:
        if len(root) >= _SHORTEST and root in name:
            found += len(text) if text in name else len(root)
    return min(1.0, found / len(name)) if name else 0.0


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
