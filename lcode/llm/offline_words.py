"""From a question to the terms worth searching for, without a model: stop words out, identifiers split, light stemming."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]\w*", re.UNICODE)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+", re.UNICODE)
_HYPHENS = re.compile(r"\b[A-Za-z]\w*(?:-[A-Za-z]\w*)+")
_COMPOUND = re.compile(r"\b[A-Za-z]\w*(?:-[A-Za-z]\w*)+|\b_?[A-Za-z]+(?:_[A-Za-z0-9]+)+|\b[A-Za-z]+[a-z0-9][A-Z]\w*")
_STOP_TEXT = """
a about after again all also am an and another any are around as at away back be because been before behind being
between both but by can cannot code codebase could did do does doing done down during each either ever every file
files for from further get gets give gives go goes had has have having he hello help her here hey hi him his how i if
in inside into is it its itself just know let like line lines look make makes many may me mine more most much must my
need no nor not of off on once one only or other our out over own part place please project put quite really repo
repository same say see shall she should show so some somewhere still such take tell than thank thanks that the their
them then there these they thing things this those through to too under until up upon us use used uses using very want
was we were what whats when where wheres which while who whom whose why will with within without would yes yet you
your
"""
_STOP = frozenset(_STOP_TEXT.split())
# Verbs of the question itself: they say what the code does with the thing, and hardly ever stand beside it.
_SOFT_TEXT = """
call calls called caller callers calling calculated come computed decided declare declared define defined definition
answer answered answers done enforced explain find found handle handled handles handler handling happen happening
happens implement implementation implemented implements live lives locate located made occur occurs perform performed
responsible run runs stand stands turned work works mean means
"""
_KINDS_TEXT = "function method class type struct interface enum trait constant decorator macro module"
_KINDS = frozenset(_KINDS_TEXT.split())
_IRREGULAR = {
    "settings": "setting",
    "setting": "setting",
    "forgotten": "forget",
    "written": "write",
    "sent": "send",
    "kept": "keep",
}
_SOFT = frozenset(_SOFT_TEXT.split())
_SUFFIXES = (
    "fully",
    "ful",
    "ations",
    "ation",
    "izing",
    "ising",
    "ments",
    "ment",
    "ingly",
    "ings",
    "ing",
    "ions",
    "ion",
    "ies",
    "ied",
    "ers",
    "er",
    "ed",
    "es",
    "ly",
    "s",
    "y",
    "e",
)
_GROUPS = (
    ("retry", "backoff", "attempt"),
    ("authentication", "login", "credential"),
    ("configuration", "settings", "config", "environment"),
    ("throttle", "ratelimit"),
    ("shutdown", "stop", "signal", "graceful"),
    ("schedule", "cron", "recurring"),
    ("serialize", "serialise", "dump", "encode"),
    ("delete", "remove"),
    ("timeout", "deadline"),
    ("logging", "logger"),
    ("database", "sqlite", "sql"),
    ("crash", "panic"),
)  # fmt: skip


@dataclass(frozen=True)
class Term:
    """A word of the question by its stem. `weight` is lower for words that only stand near it in meaning."""

    word: str
    stem: str
    weight: float = 1.0
    shape: str = ""  # of a compound: how else it may be written, as a regular expression

    @property
    def pattern(self) -> str:
        """For grep: the stem anywhere in a word, or at a word's start where the stem is short."""
        if self.shape:
            return self.shape
        bare = re.escape(self.stem)
        return bare if len(self.stem) >= 4 else rf"(^|[^a-zA-Z]){bare}"

    def matches(self, stems: Iterable[str]) -> bool:
        return any(stem == self.stem or (len(self.stem) >= 4 and stem.startswith(self.stem)) for stem in stems)


def stem(word: str) -> str:
    """`word` in lower case without its inflection; never under three characters."""
    bare = word.lower()
    if bare in _IRREGULAR:
        return _IRREGULAR[bare]
    for suffix in _SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= 3 and not (suffix == "s" and bare.endswith("ss")):
            bare = bare[: -len(suffix)]
            break
    if len(bare) > 3 and bare[-1] in "ye":
        bare = bare[:-1]  # retrying → retr, as retry and retries
    if len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "lsz":
        bare = bare[:-1]  # stopped → stop
    return bare


def parts(text: str) -> list[str]:
    """The words of `text`; compounds (`rateLimit`, `rate_limit`, `Rate-Limit`) in pieces and joined to one word."""
    found: list[str] = []
    for word in _HYPHENS.findall(text):
        found.append(word.replace("-", "").lower())
    for word in _WORD.findall(text):
        pieces = _PARTS.findall(word)
        found += [piece.lower() for piece in pieces]
        if len(pieces) > 1:
            found.append(word.replace("_", "").lower())
    return found


def stems(text: str) -> frozenset[str]:
    return frozenset(stem(part) for part in parts(text))


def terms(question: str) -> list[Term]:
    """The terms of a question, most telling words only; words of near meaning follow with less weight."""
    words = [word for word in parts(question) if word not in _STOP and len(word) > (2 if word.isdigit() else 1)]
    kept = [word for word in words if word not in _SOFT] or words
    own = {stem(word): word for word in reversed(kept)}
    found, pieces = _compounds(question)
    names = {term.stem for term in found}
    found += [Term(word, key, 0.4 if key in pieces else 1.0) for key, word in reversed(own.items()) if key not in names]
    near: dict[str, Term] = {}
    for group in _GROUPS:
        if any(stem(word) in own for word in group):
            near |= {stem(word): Term(word, stem(word), 0.4) for word in group if stem(word) not in own}
    return found[:12] + list(near.values())[:6]


def _compounds(question: str) -> tuple[list[Term], set[str]]:
    """The compounds of a question (`Retry-After`, also written retry_after or retryAfter), and the stems of their pieces."""
    found: dict[str, Term] = {}
    pieces: set[str] = set()
    for word in _COMPOUND.findall(question):
        split = _PARTS.findall(word)
        key = stem(re.sub(r"[-_]", "", word))
        if len(split) > 1 and key not in found:
            found[key] = Term(word, key, shape="[-_ ]?".join(re.escape(piece) for piece in split))
            pieces |= {stem(piece) for piece in split}
    return list(found.values()), pieces


def identifiers(question: str) -> list[str]:
    """What in the question is written like code: `in ticks`, snake_case, camelCase, dotted or called()."""
    quoted = re.findall(r"`([^`\s]+)`", question)
    called = re.findall(r"\b([A-Za-z_][\w.]*)\(\)?", question)
    compound = re.findall(r"\b(?:[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|_\w+)\b", question)
    bare = (name.removesuffix("()").rpartition(".")[2] or name for name in [*quoted, *called, *compound])
    return list(dict.fromkeys(name for name in bare if re.fullmatch(r"\w+", name)))


def names_asked_for(question: str, beside: Iterable[str]) -> list[str]:
    """Names whose definition answers: what is written like code, and of the words `beside` those that say something."""
    plain = [word for word in beside if word.lower() not in _STOP | _SOFT | _KINDS and len(word) > 1]
    return list(dict.fromkeys([*identifiers(question), *plain]))[:6]
