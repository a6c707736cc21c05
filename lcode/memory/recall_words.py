"""The words of a question as the full text has them, and how often they stand in a text.

A text is cut into words by the tokenizer that indexed it, so that what is counted here is what a search of it finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import apsw

from lcode.memory.recall_question import Term
from lcode.memory.recall_ranking import Counts

TOKENIZER = ("porter", ["unicode61"])
_WHOLE = 4_000  # characters of a text that are counted; of a longer one the lines that hold a word, as many
_SHORT = 3  # letters that the forms of a word share at the least, where it has as many


class Words:
    """`own` says of a stem which term it is a form of, `near` of which ones it means something like, and how near."""

    def __init__(self, connection: apsw.Connection, terms: Sequence[Term]) -> None:
        self._tokenizer = connection.fts5_tokenizer(*TOKENIZER)
        self.terms = tuple(terms)
        self.none: Counts = tuple((0.0, 0.0) for _ in terms)
        self.own: dict[str, int] = {}
        self.near: dict[str, list[tuple[int, float]]] = {}
        beginnings = set()
        for number, term in enumerate(terms):
            for form in term.own:
                for stem in self.stems(form):
                    self.own.setdefault(stem, number)
                    beginnings.add(_shared(form.lower(), stem))
        for number, term in enumerate(terms):
            for form, weight in term.near:
                for stem in self.stems(form):
                    self.near.setdefault(stem, []).append((number, weight))
        self._beginnings = tuple(sorted(beginnings))
        self._wanted = frozenset((*self.own, *self.near))

    def stems(self, text: str) -> list[str]:
        """The words of a text, cut down to what their inflections share."""
        data = text.encode("utf-8", "replace")
        found = self._tokenizer(data, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False)
        return cast("list[str]", found)

    def counts(self, text: str, parts: str = "") -> Counts:
        """Of each term how often it stands in a text, and how near what comes nearest to it is. `parts` are those of
        identifiers in the text: they tell only what the text itself does not."""
        if len(text) > _WHOLE:
            text = "\n".join(self._telling(text))
        stems = self.stems(text)
        here = self._wanted.intersection(stems)
        may = parts and any(beginning in parts for beginning in self._beginnings)
        within = self.own.keys() & self.stems(parts) if may else frozenset()
        if not here and not within:
            return self.none
        times, nearest = [0.0] * len(self.terms), [0.0] * len(self.terms)
        for stem in here & self.own.keys():
            times[self.own[stem]] += stems.count(stem)
        for stem in within:
            times[self.own[stem]] = max(times[self.own[stem]], 1.0)
        for stem in here & self.near.keys():
            for number, weight in self.near[stem]:
                nearest[number] = max(nearest[number], weight)
        nearest = [1.0 if count else near for count, near in zip(times, nearest, strict=True)]
        return tuple(zip(times, nearest, strict=True))

    def _telling(self, text: str) -> Iterator[str]:
        """The lines of a long text in which a word may stand."""
        low, room, last = text.lower(), _WHOLE, -1
        if len(low) != len(text):
            low = text
        for start in sorted({at for beginning in self._beginnings for at in _places(low, beginning)}):
            begin, end = low.rfind("\n", 0, start) + 1, low.find("\n", start)
            if begin <= last:
                continue
            last = begin
            yield text[max(begin, start - room) : end if 0 <= end < start + room else start + room]
            room -= min(end - begin if end >= 0 else room, room)
            if room <= 0:
                return


def _shared(form: str, stem: str) -> str:
    """The letters with which a word begins in every inflection."""
    same = next(
        (at for at, (one, other) in enumerate(zip(form, stem, strict=False)) if one != other), min(len(form), len(stem))
    )
    return form[: max(same, min(_SHORT, len(form)))]


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        end = text.find("\n", at)  # one in a line is enough
        at = text.find(part, end) if end >= 0 else -1


def any_of(forms: Sequence[str]) -> str:
    """An FTS5 expression that matches any of the words; '' without one."""
    return " OR ".join('"' + form.replace('"', '""') + '"' for form in forms if form)
