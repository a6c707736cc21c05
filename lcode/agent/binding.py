"""Which of the user's own words in a session still bind: rules, prohibitions, preferences, corrections and statements of fact.

It reads only what the user typed, in English; what is in another language binds as a whole. It errs on the side of keeping:
what is kept too much costs a line in the prompt, what is lost has to be said again. Taken back is a rule by later words that
lift it and name what it is about, by a later one on the same single-valued subject, and by being said again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from lcode.agent.identifiers import names_a_thing
from lcode.memory.directions import directs
from lcode.memory.origins import telling_words
from lcode.memory.subjects import subject_of
from lcode.redact import cut

_ENGLISH_WORDS = """
    the an is are was be to and of in on at it its this that these those you your we our my me do does did not no yes for from
    with as by or if so but what how why when where which who can could should would will have has had please thanks thank ok
    okay now again go then just also all any some more there here run fix add use make write read check test tests update remove
    look show try see tell file code change rename move keep continue commit push done good great looks works next first last
"""
WHOLE = 140  # characters of a message that is kept whole where a part of it binds
SENTENCE = 400  # characters of a sentence of a longer one
FACT = 240  # characters of a sentence that is kept for the ticket, host, commit or the like that it names
FOREIGN = 600  # characters of a message in another language than the rules know
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'(\[*-])|(?<=[。！？])|\n+")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_SPECIAL = re.compile(r"[\d_./]|[a-z][A-Z]")

_RULE = r"""
    \b(?: never | always | must(?:n't)? | do\ not | don'?t | dont | cannot | can't\ (?:touch|change|use|break|rename|rely)
    | avoid | forbidden | not\ allowed | off[- ]limits | hands\ off | leave\ \S+\ (?:\S+\ ){0,4}(?:alone|as|untouched|out|in)
    | prefer | i(?:'d|\ would)?\ (?:like|want|prefer|hate|dislike|expect|need)\b | we\ (?:use|do\ not|don't|never|always|prefer)
    | from\ (?:now|here)\ on | remember | keep\ in\ mind | stick\ (?:to|with) | make\ sure | be\ sure | ensure | only\ \w+
    | instead\ of | rather\ than | without\ (?:\w+ing|asking|touching) | unless\ i | until\ i | before\ you | whenever
    | by\ default | at\ all\ times | every\ (?:time|commit|change|function|file|test) | required | ha(?:s|ve)\ to
    | needs\ to | (?:must|should|shall|may)(?:n't|\ not)?\ \w+ | keep\ (?:the|all|it|this|every|its|public|using|to)\b
    | important | ask\ (?:me|first|before) | tell\ me\ before | no\ (?:new|more|other|third|external|global|mocks?
    | dependenc\w+)\b | use\ \S+(?:\ \S+){0,6}\ (?:not|never|instead|everywhere|only|for\ (?:all|every))\b
    | the\ rule\ is | policy | convention )"""
_CORRECTION = r"""
    ^\W*(?: no | nope | wrong | actually | wait | stop | not\ (?:what|like|that) | that'?s\ (?:wrong|not) | instead | rather
    | i\ (?:said|meant) )\b"""
_STATEMENT = r"""
    ^\W*(?: note | fyi | our | we | the | my | it | this | for )\b.*
    (?:\b(?: is | are | uses? | runs? | lives? | called | named | means | deploys? | stands\ for )\b | 's\b)"""
# what lifts something that was said before
_LIFTS = r"""
    \b(?: never\ ?mind | forget\ (?:about\ )?(?:that|what\ i\ said|it|the|my) | scratch\ that | disregard | no\ longer
    | not\ any\ ?more | any\ ?more\b.*\bnot\b | you\ (?:can|may|are\ (?:free|allowed)\ to)\b[^;]*\b(?:now|again)\b
    | (?:can|may)\ now\b | now\ (?:you\ )?(?:may|can)\b | i\ (?:changed\ my\ mind|take\ (?:that|it)\ back)
    | lift(?:ed|ing)?\ the
    | (?:it|that)(?:'s|\ is)\ (?:ok|okay|fine|all\ right|alright)\ (?:now|to|again)\b | ignore\ (?:that|my|the|what)
    | drop\ (?:that|the|my)\b | do(?:es)?(?:\ not|n't)\ (?:apply|matter|hold|bind)\ (?:any\ ?more|now|any\ longer)
    | (?:that|this|the)\ rule\ is\ (?:off|gone|lifted|over) | feel\ free\ to | go\ ahead\ and\ (?:touch|change|edit|use) )"""
_LIFTING_WORDS = """
    mind forget scratch disregard longer anymore again now may can free allow ok okay fine ignor drop chang take back lift apply
    matter hold bind rule said feel go ahead about nevermind thing one last earlier previou instruction right alright
"""
_ITS_WORDS = frozenset(_LIFTING_WORDS.split())


@dataclass(frozen=True)
class _Rule:
    message: int
    text: str
    words: frozenset[str]
    subject: str


def still_binding(words: Sequence[str]) -> list[tuple[int, str]]:
    """Of everything the user typed, message by message, what still binds: to the letter, in the order it was said, each with
    the number of its message."""
    rules: list[_Rule] = []
    for at, message in enumerate(words):
        bare = message.strip()
        parts = [part.strip() for part in _SENTENCES.split(bare) if part.strip()]
        for part in parts:
            if _matches("lifts", part):
                rules = _without_lifted(rules, part, at)
        binding = [part for part in parts if _binds(part)]
        if not binding and _is_foreign(bare):
            binding = [cut(bare, FOREIGN)]
        if binding and len(bare) <= WHOLE:
            binding = [" ".join(bare.split())]
        for text in binding:
            rule = _Rule(at, cut(" ".join(text.split()), max(SENTENCE, FOREIGN)), telling_words(text), subject_of(text))
            rules = [one for one in rules if not _said_again(one, rule)]
            rules.append(rule)
    return [(rule.message, rule.text) for rule in rules]


def _binds(part: str) -> bool:
    if part.endswith("?") and not _matches("correction", part):
        return False
    lifted = _matches("lifts", part) and not telling_words(part) - _ITS_WORDS
    states = bool(subject_of(part)) or (_matches("statement", part) and _SPECIAL.search(part.rstrip(".")) is not None)
    states = states or (len(part) <= FACT and names_a_thing(part))
    return not lifted and (states or any(_matches(kind, part) for kind in ("rule", "correction", "lifts")) or directs(part))


def _is_foreign(message: str) -> bool:
    """Whether a message is in a language that the rules above cannot read: then it binds until somebody says otherwise."""
    words = [word.lower() for word in _WORDS.findall(message)]
    if any(max(word) > "\u024f" for word in words):  # another script
        return True
    return len(words) >= 3 and not any(word in _ENGLISH for word in words)


def _without_lifted(rules: Iterable[_Rule], part: str, at: int) -> list[_Rule]:
    """Of earlier rules those that `part` of message `at` does not take back: what it speaks of, or where it names nothing what
    the message before said."""
    about = telling_words(part) - _ITS_WORDS
    if not about:
        last = max((rule.message for rule in rules if rule.message < at), default=-1)
        return [rule for rule in rules if rule.message != last or rule.message != at - 1]
    return [rule for rule in rules if not _is_about(rule, about)]


def _is_about(rule: _Rule, about: frozenset[str]) -> bool:
    shared = rule.words & about
    named = [word for word in shared if _SPECIAL.search(word)]
    return bool(named) or len(shared) >= max(2, round(0.6 * min(len(about), len(rule.words))))


def _said_again(earlier: _Rule, later: _Rule) -> bool:
    """Whether the later one stands for the earlier."""
    if earlier.subject and earlier.subject == later.subject:
        return True
    return earlier.words == later.words and bool(later.words)


def _matches(kind: str, text: str) -> bool:
    return _patterns()[kind].search(text) is not None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Made when they are needed: not on the way to the first request."""
    texts = {"rule": _RULE, "correction": _CORRECTION, "lifts": _LIFTS, "statement": _STATEMENT}
    return {name: re.compile(text, re.IGNORECASE | re.VERBOSE) for name, text in texts.items()}
