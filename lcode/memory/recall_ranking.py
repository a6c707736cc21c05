"""Which of the messages that may answer a question are shown first, and how far they can be trusted.

Each candidate is scored by a weighted sum of a few signals, each from 0 to about 1: what it says, what is said around it, what
its session is about, who says it, when, and whether it is the sort of message that answers. A signal that a question gives no
cause for (no speaker named, no date, no vectors) is zero for every candidate, so that the others decide alone. A vector adds
to a score; a message found by words is never lost for lack of one.

The weights were fitted by `benchmarks/fit_recall.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lcode.memory.recall_question import Asks, Question
from lcode.memory.recall_times import nearness

# For each term of a question: how often its own forms occur, and the greatest weight of any form that does (own ones have 1).
Counts = tuple[tuple[float, float], ...]

SIGNALS = {
    "window": 2.9,  # what it and its neighbours say, in the words of the question
    "session": 1.5,  # what its session is about
    "covered": 3.1,  # how much of the question it and its neighbours speak of, in whatever words
    "reply": 0.4,  # it follows a question that is like this one
    "speaker": 2.4,
    "date": 5.2,
    "asking": -1.9,  # it is a question itself
    "named": 0.7,  # it names something, where a name is asked for
    "numbered": 1.2,  # it holds a number, where one is asked for
    "printed": -1.6,  # a call of a tool, or what one printed, where neither is asked for
    "printed_asked": 0.9,  # the same where it is
    "cosine": 2.7,
    "session_cosine": 2.8,  # the greatest of its session
}
# How likely the answer is among the first ten, from what the best hit says: a logistic curve, calibrated on our own set, a
# fifth of whose questions have no answer.
TRUST = {"covered": 2.1, "matched": 4.0, "cosine": 4.1}
_TRUST_OFFSET = -4.4
_USUAL_COSINE = 0.59  # of a best hit, where there are no vectors
GOOD, FAIR = 0.7, 0.45
_FADES = 2.0  # the difference of scores at which a hit is worth a third of the best
# What no set to fit on holds: notices of the program say little, and what was taken out of the asking session is asked for.
_NOTICE, _COMPACTED = -2.0, 0.5
_ASKED_BEFORE = -4.0  # the question itself, asked another time
_K1 = 1.2
_WINDOW_B, _SESSION_B = 0.3, 0.75  # how far a long text is held against it
_BEFORE, _AFTER = (0.4, 0.1), (0.1, 0.1)  # what a word in the neighbours counts
_COVERED_NEAR = 0.6  # what a word that stands only in a neighbour covers of the question
_LOOKED_AT = 2_000  # characters of a message in which names and numbers are looked for
_NAME = re.compile(r"(?<=[a-z,;:'\"“(] )[\"“]?[A-Z][a-zA-Z]+|[\"“'][A-Z][^\"”]{2,40}[\"”]")
_NUMBER = re.compile(
    r"\b(\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|hundred|thousand|once|twice|couple|"
    r"several|half|dozen)\b",
    re.I,
)
_SENTENCE = re.compile(r"[^.!?\n]*[.!?\n]?")


@dataclass(frozen=True)
class Candidate:
    """A message that may be meant. `length` is in words; `before` and `after` are the counts of the two messages on either
    side that somebody spoke, the nearest first; `asked`: the one before holds a question. `topic` sums the counts over the
    whole session, of `topic_length` words. `compacted`: it is of the asking session, out of its sight."""

    seq: int
    session: str
    role: str
    kind: str
    name: str
    time: str
    text: str
    length: int
    counts: Counts
    before: tuple[Counts, ...] = ()
    after: tuple[Counts, ...] = ()
    asked: bool = False
    topic: Counts = ()
    topic_length: int = 0
    compacted: bool = False


@dataclass(frozen=True)
class Corpus:
    """What is known of all messages: how many, of how many words, in how many sessions, and for each term of the question how
    many messages and sessions hold it."""

    messages: int
    words: int
    sessions: int
    found: tuple[int, ...]
    found_sessions: tuple[int, ...]


@dataclass(frozen=True)
class Ranked:
    """Numbers of messages with their scores, best first. The first one's, `best`, is how likely the answer is among the first
    ten, from 0 to 1, and `confidence` the same in a word: good, fair, weak, or none where nothing was found."""

    order: tuple[tuple[int, float], ...]
    best: float = 0.0
    confidence: str = "none"


def rank(
    question: Question, corpus: Corpus, candidates: Sequence[Candidate], cosines: Mapping[int, float] | None = None
) -> Ranked:
    """The candidates in the order in which they answer the question; of equals the newer first."""
    found = signals(question, corpus, candidates, cosines or {})
    scores = [
        sum(SIGNALS[name] * value for name, value in row.items())
        + _NOTICE * (one.kind == "notice")
        + _COMPACTED * one.compacted
        + _ASKED_BEFORE * (one.kind == "user" and question.is_again(one.text))
        for one, row in zip(candidates, found, strict=True)
    ]
    order = sorted(zip(candidates, found, scores, strict=True), key=lambda found: (-found[2], -found[0].seq))
    if not order:
        return Ranked(())
    first, row, highest = order[0]
    best = _trust(question, corpus, first, row, known=bool(cosines))
    worth = tuple((one.seq, best * math.exp((score - highest) / _FADES)) for one, _, score in order)
    return Ranked(worth, best, confidence_of(best))


def confidence_of(score: float) -> str:
    """How far a hit of this score can be trusted, in a word."""
    return "good" if score >= GOOD else "fair" if score >= FAIR else "weak"


def _trust(question: Question, corpus: Corpus, best: Candidate, row: Mapping[str, float], *, known: bool) -> float:
    """How likely the answer is among the first ten. Where nothing but a time was asked for, what was said then answers."""
    if not question.terms:
        return row["date"]
    weights = _weights(question, corpus.found, corpus.messages)
    highest = sum(weights) * (_K1 + 1)
    window = _bm25(weights, _window(best), best.length * corpus.messages / max(corpus.words, 1), _WINDOW_B)
    matched = window / highest if highest else 0.0
    cosine = row["cosine"] if known else _USUAL_COSINE
    total = TRUST["covered"] * row["covered"] + TRUST["matched"] * matched + TRUST["cosine"] * cosine
    return 1 / (1 + math.exp(-total - _TRUST_OFFSET))


def signals(
    question: Question, corpus: Corpus, candidates: Sequence[Candidate], cosines: Mapping[int, float]
) -> list[dict[str, float]]:
    """The signals of each candidate, in the order given."""
    weights = _weights(question, corpus.found, corpus.messages)
    of_session = _weights(question, corpus.found_sessions, corpus.sessions)
    length = corpus.words / corpus.messages if corpus.messages else 1.0
    session_length = corpus.words / corpus.sessions if corpus.sessions else 1.0
    nearest = _nearest_of_sessions(candidates, cosines)
    if Asks.CODE not in question.asks:  # what a tool prints answers for nothing that is said beside it
        candidates = [replace(one, before=(), after=()) if _printed(one) else one for one in candidates]
    rows = [
        {
            "window": _bm25(weights, _window(one), one.length / length, _WINDOW_B),
            "session": _bm25(of_session, [count for count, _ in one.topic], one.topic_length / session_length, _SESSION_B),
            "covered": _covered(weights, one),
            "reply": _bm25(weights, [count for count, _ in one.before[0]], 1.0, 0.0) if one.asked and one.before else 0.0,
            "speaker": float(bool(one.name) and one.name in question.names),
            "date": nearness(one.time, question.dates) if question.dates else 0.0,
            "asking": _asking(one.text),
            "named": _holds(_NAME, one, Asks.NAME in question.asks),
            "numbered": _holds(_NUMBER, one, Asks.NUMBER in question.asks),
            "printed": float(_printed(one) and Asks.CODE not in question.asks),
            "printed_asked": float(_printed(one) and Asks.CODE in question.asks),
            "cosine": max(0.0, cosines.get(one.seq, 0.0)),
            "session_cosine": nearest.get(one.session, 0.0),
        }
        for one in candidates
    ]
    for name in ("window", "session", "reply"):
        highest = max((row[name] for row in rows), default=0.0)
        if highest > 0:
            for row in rows:
                row[name] /= highest
    return rows


def _nearest_of_sessions(candidates: Sequence[Candidate], cosines: Mapping[int, float]) -> dict[str, float]:
    nearest: dict[str, float] = {}
    for one in candidates:
        nearest[one.session] = max(nearest.get(one.session, 0.0), cosines.get(one.seq, 0.0))
    return nearest


def _weights(question: Question, found: Sequence[int], total: int) -> list[float]:
    """What each term of the question tells: the rarer, the more."""
    return [term.weight * _rarity(number, total) for term, number in zip(question.terms, found, strict=True)]


def _printed(one: Candidate) -> bool:
    return one.kind == "tool" or one.text.startswith("→")


def _holds(expression: re.Pattern[str], one: Candidate, asked: bool) -> float:
    return float(asked and expression.search(one.text[:_LOOKED_AT]) is not None)


def _rarity(found: int, total: int) -> float:
    return math.log(1 + (total - found + 0.5) / (found + 0.5))


def _bm25(weights: Sequence[float], counts: Sequence[float], relative_length: float, b: float) -> float:
    room = _K1 * (1 - b + b * relative_length)
    return sum(weight * count * (_K1 + 1) / (count + room) for weight, count in zip(weights, counts, strict=False) if count)


def _window(one: Candidate) -> list[float]:
    """How often each term occurs in a message, what its neighbours say counted in part."""
    totals = [count for count, _ in one.counts]
    for shares, near in ((_BEFORE, one.before), (_AFTER, one.after)):
        for share, counts in zip(shares, near, strict=False):
            totals = [total + share * count for total, (count, _) in zip(totals, counts, strict=True)]
    return totals


def _covered(weights: Sequence[float], one: Candidate) -> float:
    """The share of the question that a message and its neighbours speak of, in its words or in words of like meaning."""
    best = [near for _, near in one.counts]
    for counts in (*one.before, *one.after):
        best = [max(so_far, _COVERED_NEAR * near) for so_far, (_, near) in zip(best, counts, strict=True)]
    total = sum(weights)
    return sum(weight * near for weight, near in zip(weights, best, strict=True)) / total if total else 0.0


def _asking(text: str) -> float:
    """The share of a message that is questions."""
    text = text[:_LOOKED_AT]
    if "?" not in text:
        return 0.0
    sentences: list[str] = _SENTENCE.findall(text)
    return sum(len(sentence) for sentence in sentences if sentence.endswith("?")) / len(text)
