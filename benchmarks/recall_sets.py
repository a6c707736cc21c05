"""What a benchmark of recall is made of: dialogues of many sessions, and questions with the messages that answer them.

Every set (ours, LoCoMo, LongMemEval, DevMemBench, a JSONL file) is brought into this form, and everything else reads it alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

_STOP_WORDS = (
    "a about after again all am an and any are as at be because been before being but by can could did do does doing don"
    " down during each few for from further had has have having he her here hers him his how i if in into is it its just"
    " me more most my no nor not now of off on once only or other our out over own s same she should so some such t than"
    " that the their them then there these they this those through to too under until up very was we were what when where"
    " which while who whom why will with would you your yours"
)
_SAY_LITTLE = "also d get gets go goes got like ll made make next last ok one re thing things today two us ve m whose yes"
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@dataclass(frozen=True)
class Turn:
    """A message. `id` is what its source calls it; `name` is who speaks where the set says so; `kind` is tool or call for what
    no person or assistant said."""

    id: str
    role: str  # user, assistant, tool
    time: datetime
    text: str
    name: str = ""
    kind: str = "said"  # said, call, tool


@dataclass
class Session:
    id: str
    time: datetime
    title: str = ""
    branch: str = ""
    turns: list[Turn] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
    """`evidence` are ids of turns, none where the dialogue holds no answer; `sessions` the ids of theirs. `asked` is when it is
    put: what "last week" is counted from. `shared` is how many content words stand in it and in its evidence as well."""

    id: str
    text: str
    evidence: tuple[str, ...]
    kind: str
    asked: datetime
    sessions: tuple[str, ...] = ()
    shared: int = -1
    unseen: bool = False  # made from a scene that no tuning set holds

    @property
    def answerable(self) -> bool:
        return bool(self.evidence or self.sessions)


@dataclass
class Conversation:
    """What one store holds: all sessions with one agent, and what is asked of them."""

    id: str
    sessions: list[Session]
    questions: list[Question]

    @property
    def turns(self) -> list[Turn]:
        return [turn for session in self.sessions for turn in session.turns]


@cache
def _tokenizer() -> Callable[[str], list[str]]:
    import apsw

    connection = apsw.Connection(":memory:")
    tokenizer = connection.fts5_tokenizer("porter", ["unicode61"])

    def stems(text: str) -> list[str]:
        found = tokenizer(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False)
        return [str(word) for word in found]

    return stems


@cache
def _stop_stems() -> frozenset[str]:
    listed = f"{_STOP_WORDS} {_SAY_LITTLE}"
    return frozenset(_tokenizer()(listed)) | frozenset(listed.split())


def words(text: str) -> list[str]:
    """The stems of all words of a text as the full text of SQLite makes them, in order."""
    return _tokenizer()(text)


def content_stems(text: str) -> frozenset[str]:
    """The stems that carry meaning, identifiers also in parts."""
    parts = " ".join(_PARTS.findall(text))
    return frozenset(stem for stem in words(f"{text.replace('_', ' ')} {parts}") if len(stem) > 1) - _stop_stems()


def plain_terms(text: str) -> list[str]:
    """The words of a question without stop words, each once; all where none would be left."""
    found = list(dict.fromkeys(re.findall(r"\w+", text.lower())))
    stop = frozenset(_STOP_WORDS.split())
    return [word for word in found if word not in stop] or found
