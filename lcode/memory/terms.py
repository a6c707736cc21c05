"""From text to search terms, and from a question to a full-text query: identifiers split, inflection left to the stemmer."""

from __future__ import annotations

import re
from collections.abc import Callable

from lcode.redact import cut

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_./:-][A-Za-z0-9]+)+|[A-Za-z]+[0-9]*[A-Z][A-Za-z0-9]*")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TITLE = 60  # characters
_WORDS = re.compile(r"\w+", re.UNICODE)
_STOP_WORDS = """
a about an and any are as at be been but by can could did do does for from had has have how i in into is it its me my
of on or our should so than that the their them then there these they this to us was we were what when where which who
why will with would you your
"""
STOP = frozenset(_STOP_WORDS.split())


def identifier_parts(text: str, limit: int = 2_000) -> str:
    """The parts of the compound identifiers and paths in `text` (camelCase, snake_case, a/b.c), each once, spaced."""
    parts: dict[str, None] = {}
    # most words are plain ones, in which the expression would look in vain
    words = [word for word in dict.fromkeys(text.split()) if not (word.isalpha() and word[1:].islower())]
    for match in _IDENTIFIER.finditer(" ".join(words)):
        for part in _PARTS.findall(match.group()):
            if len(part) > 1:
                parts[part.lower()] = None
        if len(parts) >= limit:
            break
    return " ".join(parts)


def title_of(text: str, redact: Callable[[str], str]) -> str:
    """The beginning of a text on one line, as it may be stored as a title."""
    return redact(cut(" ".join(redact(text).split()), _TITLE))


def message_terms(text: str, tool: str = "", paths: str = "") -> str:
    """What is searched of a message beside its text: the parts of identifiers, the tool and the files (one a line) it is of."""
    parts = identifier_parts(f"{text} {paths}" if paths else text)
    return " ".join(filter(None, (parts, tool, *paths.split("\n"))))


def compounds(text: str) -> list[str]:
    """The compound identifiers and paths in `text`, each once, as they are written."""
    return list(dict.fromkeys(_IDENTIFIER.findall(text)))


def query_terms(query: str) -> list[str]:
    """The words of a question that carry meaning, compound identifiers also in parts; all words where none would be left."""
    words = [word.lower() for word in _WORDS.findall(query)]
    words += identifier_parts(query).split()
    words += [part for word in words if "_" in word for part in word.split("_") if part]
    kept = [word for word in dict.fromkeys(words) if word not in STOP]
    return kept or list(dict.fromkeys(words))


def match_expression(query: str) -> str:
    """An FTS5 expression that matches any term of `query`, ranking left to BM25; '' if it holds no word."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in query_terms(query)[:64])
