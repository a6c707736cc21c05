"""From code to the words that full text holds, and from a question to the words that it is asked for: one way for both.

Identifiers are split where their writers joined words (camelCase, snake_case, digits), lower-cased, and kept whole as well,
without their underscores, so that `parsePort`, `parse_port` and `ParsePort` are one word. Inflection is left to the stemmer of
the full text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

_TOKENS = re.compile(r"\w+")
_SPACED = bytes(byte if byte < 128 and _TOKENS.match(chr(byte)) else ord(" ") for byte in range(256))
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NUMBER = re.compile(r"0[xXbBoO][0-9a-fA-F_]+\w*|\d[\d_]*[a-zA-Z]{0,3}")
_SUFFIXES = (
    "izations",
    "ization",
    "ations",
    "ation",
    "ings",
    "ing",
    "ions",
    "ion",
    "ers",
    "er",
    "ors",
    "or",
    "ies",
    "ed",
    "es",
    "s",
    "e",
    "y",
)
_LONGEST = 64  # characters of a token that may be a word: what is longer is data
_LONGEST_NUMBER = 6
_CACHED = 200_000  # split tokens that are remembered
_STOP_WORDS = (
    "a about after all also an and any are as at be been before but by can could did do does done for from had has have how i "
    "if in into is it its just let like make me more my no not of on only or other our out over should so some such than that "
    "the their them then there these they this those through to too under until up us very via was we were what when where "
    "which while who why will with without would you your"
)
_STOP = frozenset(_STOP_WORDS.split())


class _Splits(dict[str, str]):
    """Tokens and what they are split into, spaced; filled as they are met."""

    def __missing__(self, token: str) -> str:
        if len(self) > _CACHED:
            self.clear()
        parts = " ".join(_split(token, whole=True))
        self[token] = parts
        return parts


_SPLITS = _Splits()


class Place(Protocol):
    """What of a chunk is read here."""

    @property
    def symbol(self) -> str: ...
    @property
    def signature(self) -> str: ...


def tokens(text: str) -> list[str]:
    """What stands between signs and spaces in `text`, in order."""
    if text.isascii():  # as the expression below, in half the time
        return text.encode().translate(_SPACED).decode().split()
    return _TOKENS.findall(text)


def document_text(text: str) -> str:
    """The words of `text` as full text holds them, spaced, in order, each as often as it stands there."""
    return " ".join(map(_SPLITS.__getitem__, tokens(text)))


def document_words(text: str) -> list[str]:
    """The words of `text` as full text holds them, in order."""
    return document_text(text).split()


def meaning_words(token: str) -> list[str]:
    """The words of one token without the identifier that they were joined to: what an embedding is made of."""
    return _split(token, whole=False)


def fields(path: str, chunk: Place, text: str, defined: Iterable[str] = ()) -> tuple[str, str, str]:
    """The columns of full text for a chunk with `text` in the file at `path`: path, names, body. `defined`: the names that the
    chunk defines beside its symbol."""
    names = dict.fromkeys((chunk.symbol, *defined))
    return document_text(path), document_text(" ".join(names)), document_text(text)


def query_words(query: str) -> list[str]:
    """The words that a question is asked for, each once: those that carry meaning, or all where none would be left."""
    words = list(dict.fromkeys(document_words(query)))
    return [word for word in words if word not in _STOP] or words


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its inflection, roughly: for names of files, which full text does not stem."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word.removesuffix(suffix)
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiou" else word


def any_of(words: Sequence[str]) -> str:
    """A full-text expression that matches each of `words`, which `query_words` gave; '' for none."""
    return " OR ".join(f'"{word}"' for word in words)


def _split(token: str, *, whole: bool) -> list[str]:
    """The words of one token: its parts, and itself without underscores if there are several."""
    if len(token) > _LONGEST:
        return []
    if not token.isascii():
        return [part for part in token.lower().split("_") if part]
    if _NUMBER.fullmatch(token):
        number = token.replace("_", "").lower()
        return [number] if len(number) <= _LONGEST_NUMBER else []
    parts = [part.lower() for part in _PARTS.findall(token)]
    if len(parts) == 1:
        return parts if len(parts[0]) > 1 else []
    words = [part for part in parts if len(part) > 1]
    return [*words, "".join(parts)] if whole or not words else words
