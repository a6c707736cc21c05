"""Which of the user's own words in a session still bind: rules, prohibitions, preferences, corrections and statements of fact.

It reads only what the user typed, in English; a sentence in another language binds. It errs on the side of keeping: what is
kept too much costs a line in the prompt, what is lost has to be said again. Taken back is a rule by later words that lift it
and name what it is about, by a later one on the same single-valued subject, and by being said again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from lcode.agent.identifiers import names_a_thing
from lcode.agent.spelling import spelled
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
FACT = 240  # characters of a sentence that is kept for the ticket, host, commit or the like that it names
LONGEST = 600  # characters of a sentence
_SENTENCES = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)\s+(?=[\w`\"'(\[*-])|(?<=[。！？])|\n+", re.I)
_CLAUSES = re.compile(r"(?<=[,;:])\s+|\s+-+\s+|\s+(?=(?:and|but|also|btw|so|then)\b)", re.I)  # of a sentence that does not end
_ASKING = re.compile(
    r"\W*(?:what|why|how|when|where|who|which|whose|is|are|was|were|am|do|does|did|has|have|had|can|could|would"
    r"|will|should|shall|may|any|anything)\b",
    re.I,
)
_REQUEST = re.compile(r"\W*(?:(?:can|could|would|will)\s+(?:you|we)|would\s+it\s+be\s+\w+\s+to)\b", re.I)
_TAG = re.compile(
    r"[,.]?\s+(?:ok|okay|k|right|alright|yeah|yes|please|thanks|deal|got it|understood|clear|capisce)\s*\?+$", re.I
)
_WORDS = re.compile(r"[^\W\d_]{2,}")
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_SPECIAL = re.compile(r"[\d_./]|[a-z][A-Z]")

_RULE = r"""
    \b(?: never\ (?!mind\b|seen\b|saw\b|heard\b|worked\b|works\b|happen|had\b) | always | must(?:n't)?
    | (?:do\ not|don't)\ (?!know\b|understand\b) | won't\ do | cannot | can't\ (?:touch|change|use|break|rename|rely)
    | avoid | forbidden | banned | prohibited | read[- ]only | not\ allowed
    | stay\ (?:away|out|off) | off[- ]limits | hands\ off | leave\ \S+\ (?:\S+\ ){0,4}(?:alone|as|untouched|out|in)
    | prefer | i(?:'d|\ would)?\ (?:like|want|hate|dislike)\b | we\ (?:use|do\ not|don't|never|always|prefer)
    | from\ (?:now|here)\ on | remember | keep\ in\ mind | stick\ (?:to|with) | make\ sure | be\ sure
    | instead\ of | rather\ than | unless\ i | until\ i | (?:not|stop)\ (?:to\ )?(?:touch|chang|edit|add|us|remov|delet|writ)\w*
    | before\ you | at\ all\ times | keep\ (?:the|all|it|this|its|public)\b
    | ask\ (?:me|first|before) | (?:so|but|and|with)\ no\ \w+ | we(?:'re|\ are|\ run)\ (?:on|using)\b
    | tell\ me\ before | no\ (?:\w+ing|new|more|other|third|external|global|mocks?|dependenc\w+)\b
    | use\ \S+(?:\ \S+){0,6}\ (?:not|never|instead|everywhere|only|for\ (?:all|every))\b | the\ rule\ is )"""
_PERHAPS = r"""
    \b(?: i(?:'d|\ would)?\ (?:expect|need)\b | ensure | just\ (?:the|use|do)\b | only\b | without\ \w+ing | whenever
    | (?:answer|reply|respond|speak|write)\ (?:me\ )?in\b | call\ me\b | as\ (?:you|we)\ go\b | at\ (?:most|least)\b
    | max\ \d+ | not\ [\w./-]+\W*$
    | (?:let\ me|i'll|i\ will|let\ \w+)\ (?:do|handle|run|merge|deploy|review|push|decide|take\ care)\b
    | every\ \w+\ (?:needs|gets|must|has)
    | by\ default | every\ (?:time|commit|change|function|file|test) | required | ha(?:s|ve)\ to | needs\ to
    | (?:should|shall|may)(?:n't|\ not)?\ \w+ | keep\ (?:every|using|to)\b | important | policy | convention )"""
# a short order that may be for once or for good
_ORDER = r"""
    ^\W*(?:(?:please|just|ok|okay|and|also|then|btw)\ )*(?: use | skip | omit | leave | keep | stay | stick | stop | limit
    | log\ with    | follow | respect | target | commit\ (?:as|only|after|before|with|in|small) )\ (?!going\b|it\b|on\b)\S+"""
_CORRECTION = r"""
    ^\W*(?: no | nope | nah | noo+ | oops | sorry | hm+,?\ no | wrong | actually | wait | stop
    | not\ (?:what|like|that) | that'?s\ (?:wrong|not) | instead | rather
    | i\ (?:said|meant) )\b"""
_STATEMENT = r"""
    ^\W*(?: note | fyi | our | we | the | my | it | this | for )\b.*
    (?:\b(?: is | are | uses? | runs? | lives? | called | named | means | deploys? | stands\ for )\b | 's\b)"""
# what lifts something that was said before
_LIFTS = r"""
    \b(?: never\ ?mind | (?<!n't\ )(?<!not\ )(?<!never\ )forget\ (?:about\ )?(?:that|what\ i\ said|it|the|my)\b
    | scratch\ that | disregard | no\ longer
    | not\ any\ ?more | any\ ?more\b.*\bnot\b | you\ (?:can|may|are\ (?:free|allowed)\ to)\b[^;]*\b(?:now|again)\b
    | (?:can|may)\ now\b | now\ (?:you\ )?(?:may|can)\b | i\ (?:changed\ my\ mind|take\ (?:that|it)\ back)
    | lift(?:ed|ing)?\ the
    | (?:it|that)(?:'s|\ is)\ (?:ok|okay|fine|all\ right|alright)\ (?:now|to|again)\b
    | (?:ignore|drop)\ (?:that|my|what\ i\ said
    | (?:the|this)\ (?:rule|limit|restriction|requirement|constraint|ban|instruction|idea))\b
    | do(?:es)?(?:\ not|n't)\ (?:apply|matter|hold|bind)\ (?:any\ ?more|now|any\ longer)
    | (?:that|this|the)\ rule\ is\ (?:off|gone|lifted|over) | feel\ free\ to | go\ ahead\ and\ (?:touch|change|edit|use) )"""
_LIFTING_WORDS = """
    mind forget scratch disregard longer anymore again now may can free allow ok okay fine ignor drop chang take back lift apply
    matter hold bind rule said feel go ahead about nevermind thing one last earlier previou instruction right alright
"""
_ITS_WORDS = frozenset(_LIFTING_WORDS.split())


@dataclass(frozen=True)
class Binding:
    """Words that bind, and the number of the message that they are of. `firm` are those that say so without a doubt."""

    message: int
    text: str
    firm: bool = True
    words: frozenset[str] = frozenset()
    subject: str = ""


def still_binding(words: Sequence[str]) -> list[Binding]:
    """Of everything the user typed, message by message, what still binds: to the letter, in the order it was said."""
    rules: list[Binding] = []
    for at, message in enumerate(words):
        bare = message.strip()
        parts = list(_sentences(bare))
        for part in parts:
            if _matches("lifts", part):
                rules = _without_lifted(rules, part, at)
        found = [(part, firm) for part in parts if (firm := _binds(part)) is not None]
        if found and len(bare) <= WHOLE:
            found = [(bare, any(firm for _, firm in found))]
        for text, firm in found:
            rule = Binding(at, cut(" ".join(text.split()), LONGEST), firm, telling_words(text), subject_of(text))
            rules = [one for one in rules if not _said_again(one, rule)]
            rules.append(rule)
    return rules


def _binds(part: str) -> bool | None:
    """Whether a sentence binds without a doubt; None where it does not."""
    if _asks(part):
        return None
    if _matches("lifts", part):
        return True if telling_words(spelled(part)) - _ITS_WORDS else None
    states = bool(subject_of(part)) or (_matches("statement", part) and _SPECIAL.search(part.rstrip(".")) is not None)
    states = states or (len(part) <= FACT and names_a_thing(part))
    if states or _is_foreign(part) or any(_matches(kind, part) for kind in ("rule", "correction")):
        return True
    if _matches("perhaps", part) or (len(part) <= WHOLE and _matches("order", part)):
        return False
    return False if directs(spelled(part)) else None


def _sentences(text: str) -> Iterator[str]:
    """The sentences; of one that does not end the clauses, so that none is lost in its length."""
    for part in filter(None, map(str.strip, _SENTENCES.split(text))):
        yield from _CLAUSES.split(part) if len(part) > LONGEST else (part,)


def _asks(part: str) -> bool:
    """Whether a sentence only wants to know something: no request, and no rule with "ok?" behind it."""
    if not part.endswith("?") or _TAG.search(part) or _matches("correction", part):
        return False
    plainly = spelled(part)
    return not _matches("rule", part) or (_ASKING.match(plainly) is not None and _REQUEST.match(plainly) is None)


def _is_foreign(part: str) -> bool:
    """Whether it is in a language that the rules above cannot read: then it binds until somebody says otherwise."""
    words = {word.lower() for word in _WORDS.findall(part)}
    if any(max(word) > "\u024f" for word in words):  # another script
        return True
    enough = 5 if all(word.isascii() for word in words) else 3
    return len(words) >= enough and sum(word in _ENGLISH for word in words) < 0.2 * len(words)


def _without_lifted(rules: Iterable[Binding], part: str, at: int) -> list[Binding]:
    """Of earlier rules those that `part` of message `at` does not take back: what it speaks of, or where it names nothing what
    the message before said."""
    about = telling_words(spelled(part)) - _ITS_WORDS
    if not about:
        last = max((rule.message for rule in rules if rule.message < at), default=-1)
        return [rule for rule in rules if rule.message != last or rule.message != at - 1]
    return [rule for rule in rules if not _is_about(rule, about)]


def _is_about(rule: Binding, about: frozenset[str]) -> bool:
    shared = rule.words & about
    named = [word for word in shared if _SPECIAL.search(word)]
    return bool(named) or len(shared) >= max(2, round(0.6 * min(len(about), len(rule.words))))


def _said_again(earlier: Binding, later: Binding) -> bool:
    """Whether the later one stands for the earlier."""
    if earlier.subject and earlier.subject == later.subject:
        return True
    return earlier.words == later.words and bool(later.words)


def _matches(kind: str, text: str) -> bool:
    return _patterns()[kind].search(spelled(text)) is not None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Made when they are needed: not on the way to the first request."""
    texts = {
        "rule": _RULE,
        "perhaps": _PERHAPS,
        "order": _ORDER,
        "correction": _CORRECTION,
        "lifts": _LIFTS,
        "statement": _STATEMENT,
    }
    return {name: re.compile(text, re.IGNORECASE | re.VERBOSE) for name, text in texts.items()}
