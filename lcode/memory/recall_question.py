"""What a question to recall asks for: the words to look for, who is meant, when, and what sort of thing would answer it.

Pure text: nothing is read from the store. Speakers' names are taken out of the words to look for, since a dialogue is full of
them; dates too, since `in March` is a time and no word. The parts of one compound (`ecommerce-api`) share the weight of one
word. Beside a word stand its irregular forms, which count as the word itself, and words of like meaning, which count less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import ascii_lowercase

from lcode.memory.near_words import near_words
from lcode.memory.terms import STOP, compounds, identifier_parts
from lcode.memory.when import When, dates_in, without
from lcode.memory.word_forms import forms

MOST_TERMS = 32
_WORD = re.compile(r"[^\W_]+")
_MORE_STOP_WORDS = """
above again against all also am because being below between both down during each few further get gets going having he her here
hers him himself his if itself just like more most myself no nor not off once only other ours ourselves out over own same she
some such t s re ve ll d m tell please theirs themselves through too under until up very while whom whose yourself yourselves
us got many much often let lets anyone anybody someone somebody anything something everything
"""
STOP_WORDS = STOP | frozenset(_MORE_STOP_WORDS.split())
_TALK = """
session sessions message messages conversation conversations chat chats user agent ask asked discuss discussed discussion talk
talked work worked happen happened
"""
_OF_TALK = frozenset(_TALK.split())  # they say nothing beside a date alone
_ASKING = re.compile(
    r"\?|^\W*(who|whom|whose|what|when|where|which|why|how|did|do|does|is|are|was|were|can|could|should|would|have|has)\b", re.I
)
_SLACK = 40  # characters that a question may be longer when it is asked again
_SHORT_NAME = 3  # letters of a name that may stand for the whole


class Asks(StrEnum):
    """What sort of thing would answer."""

    TIME = "time"
    NUMBER = "number"
    NAME = "name"
    CODE = "code"  # a command, or what a tool printed


_PRINTED = (
    r"\b(commands?|conflict(s|ed)?|complain(s|ed)?|print(s|ed)?|outputs?|logs?|stack ?traces?|tracebacks?|exit codes?|errors?|"
    r"exceptions?|responses?|stderr|stdout)\b|\b(you|we|i|they) r[au]n\b|\bwhat happened when\b|\bwhere is the code\b|"
    r"\b(what|which) (\w+ ){0,2}(messages?|files?|paths?|flags?|options?)\b"
)
_NAMED_NOUNS = (
    "name|title|book|song|movie|city|country|place|company|brand|library|framework|tool|product|service|language|package|"
    "provider"
)
_ASKS = (
    (Asks.TIME, re.compile(r"\bwhen\b|\b(what|which) (date|day|month|year|time|week)\b|\bhow long\b", re.I)),
    (Asks.NUMBER, re.compile(r"\bhow (many|much|often|old|far|long|big|large|fast)\b", re.I)),
    (Asks.CODE, re.compile(_PRINTED, re.I)),
    (Asks.NAME, re.compile(rf"^\W*(who|whom|whose|where|which)\b|\b(what|which)\b.{{0,30}}\b({_NAMED_NOUNS})s?\b", re.I)),
)


@dataclass(frozen=True)
class Term:
    """One word to look for: `own` forms are the word itself, `near` ones mean something like it, each with a nearness."""

    word: str
    own: tuple[str, ...]
    near: tuple[tuple[str, float], ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Question:
    """`meaning` is what an embedding of the question is made of; `names` are the speakers that it names."""

    text: str
    terms: tuple[Term, ...]
    names: tuple[str, ...]
    dates: tuple[When, ...]
    asks: frozenset[Asks]
    meaning: str

    def is_again(self, text: str) -> bool:
        """Whether `text` asks the same in the same words: that answers nothing."""
        if len(text) > 2 * len(self.text) + _SLACK or not (_ASKING.search(self.text) or _ASKING.search(text)):
            return False
        said = _content(self.text)
        return bool(said) and _content(text) == said

    @property
    def is_time_alone(self) -> bool:
        """Whether nothing but a time is asked for; what somebody did then may have been told later."""
        return bool(self.dates) and not self.terms and not self.names

    def is_then(self, time: str) -> bool:
        """Whether a stamp is in one of the times that are meant."""
        return any(date.holds(time) for date in self.dates)


def _content(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text)) - STOP_WORDS


def question_of(text: str, speakers: Iterable[str] = ()) -> Question:
    """What `text` asks for, where `speakers` have spoken."""
    dates = dates_in(text)
    undated = without(text, dates)
    names, words_of_names = _named(undated, speakers)
    bare = _without(undated, words_of_names)
    asks = frozenset(kind for kind, expression in _ASKS if expression.search(text))
    return Question(text, _terms(bare, alone=not dates), names, dates, asks, bare or undated or text)


def _named(text: str, speakers: Iterable[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The speakers whom the text names, and the words that do it: the whole name, a part of it, or its first letters."""
    said = {word.lower(): word for word in _WORD.findall(text)}
    found, words = [], set()
    for name in speakers:
        parts = [part.lower() for part in _WORD.findall(name) if len(part) >= _SHORT_NAME or part == name]
        here = [part for part in parts if part in said and part not in STOP_WORDS]
        here += [
            low
            for low, word in said.items()
            if word[0].isupper() and len(low) >= _SHORT_NAME and low not in STOP_WORDS and low not in parts
            and any(part.startswith(low) for part in parts)
        ]  # fmt: skip
        if here:
            found.append(name)
            words.update(here)
    return tuple(found), frozenset(words)


def without_names(text: str, names: Iterable[str]) -> str:
    """`text` without the names of speakers, where there are any."""
    words = frozenset(part.lower() for name in names for part in _WORD.findall(name))
    return _without(text, words) if words else text


def _without(text: str, names: frozenset[str]) -> str:
    return " ".join(word for word in text.split() if not _is_name(word, names))


def _is_name(token: str, names: frozenset[str]) -> bool:
    """Whether the token is a name, perhaps with its 's and signs around it."""
    parts = [part.lower() for part in _WORD.findall(token)]
    return bool(parts) and parts[0] in names and all(part in names or part == "s" for part in parts)


def _terms(text: str, *, alone: bool) -> tuple[Term, ...]:
    """What to look for; `alone`: nothing else is asked for, so that small words must do where there are no others."""
    shares: dict[str, float] = {}
    for compound in compounds(text):
        parts = [part for part in identifier_parts(compound).split() if part not in STOP_WORDS]
        for part in parts:
            shares[part] = min(shares.get(part, 1.0), 1 / len(parts))
    words = [word.lower() for word in _WORD.findall(text)]
    words += [part for part in shares if part not in words]
    words = list(dict.fromkeys(words))
    kept = [word for word in words if word not in STOP_WORDS and not (len(word) == 1 and word in ascii_lowercase)]
    if not alone and _OF_TALK.issuperset(kept):
        kept = []
    kept = kept or (words if alone else [])
    kept = _one_of_each_form(kept)[:MOST_TERMS]
    return tuple(map(_term, kept, near_words().of(kept), (shares.get(word, 1.0) for word in kept)))


def _term(word: str, near: tuple[tuple[str, float], ...], weight: float) -> Term:
    own = forms(word)
    return Term(word, own, tuple((other, nearness) for other, nearness in near if other not in own), weight)


def _one_of_each_form(words: Sequence[str]) -> list[str]:
    """Words without those that are another form of an earlier one."""
    kept: list[str] = []
    seen: set[str] = set()
    for word in words:
        if word not in seen:
            kept.append(word)
        seen.update(forms(word))
    return kept
