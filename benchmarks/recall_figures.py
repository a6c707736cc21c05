"""Figures of a ranking: what share of the evidence is among the first, with intervals, by kind, and against another run."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.recall_sets import Question

DEPTHS = (1, 5, 10, 20)
_SESSION_DEPTHS = (1, 3, 5)
_DRAWS = 2000


@dataclass
class Answer:
    """One question as it was answered. `ranked` are ids of turns; `values` the figures of this question; `score` of the best
    hit and `confidence` as the search gave them."""

    id: str
    kind: str
    answerable: bool
    values: dict[str, float] = field(default_factory=dict)
    score: float = 0.0
    confidence: str = ""
    ranked: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, object]:
        return asdict(self)


def judged(question: Question, ranked: Sequence[str], session_of: Mapping[str, str]) -> Answer:
    """The figures of one question. Where a set labels sessions alone, those of sessions."""
    answer = Answer(question.id, question.kind, question.answerable, ranked=list(ranked), groups=_groups(question))
    if question.evidence:
        gold = set(question.evidence)
        for depth in DEPTHS:
            answer.values[f"recall@{depth}"] = len(gold & set(ranked[:depth])) / len(gold)
        answer.values["all@10"] = float(gold <= set(ranked[:10]))
        answer.values["any@10"] = float(bool(gold & set(ranked[:10])))
        answer.values["MRR"] = next((1 / place for place, identity in enumerate(ranked, 1) if identity in gold), 0.0)
    if question.sessions:
        sessions = list(dict.fromkeys(session_of[identity] for identity in ranked))
        wanted = set(question.sessions)
        for depth in _SESSION_DEPTHS:
            answer.values[f"any@{depth} of sessions"] = float(bool(wanted & set(sessions[:depth])))
            answer.values[f"share@{depth} of sessions"] = len(wanted & set(sessions[:depth])) / len(wanted)
    return answer


def _groups(question: Question) -> list[str]:
    """What else the question is counted under, beside its kind."""
    groups = [] if question.shared < 0 else ["no word shared" if question.shared == 0 else "words shared"]
    if question.shared >= 0:
        groups.append("scene unseen in tuning" if question.unseen else "scene seen in tuning")
    if len(question.evidence) > 1:
        groups.append("several messages")
    return groups


def mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def interval(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of their mean."""
    if len(values) < 2:
        return 0.0
    middle = mean(values)
    return 1.96 * (sum((value - middle) ** 2 for value in values) / (len(values) - 1) / len(values)) ** 0.5  # type: ignore[no-any-return]


def summary(answers: Sequence[Answer]) -> dict[str, dict[str, tuple[float, float, int]]]:
    """Group → figure → its mean, the half of its interval, the number of questions. The group `all` leaves out what a
    set asks to mislead (LoCoMo's adversarial questions)."""
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.values:
            for group in [*([] if answer.kind == "adversarial" else ["all"]), answer.kind, *answer.groups]:
                groups[group].append(answer)
    return {
        group: {
            name: (mean(values), interval(values), len(values))
            for name in groups[group][0].values
            if (values := [answer.values[name] for answer in groups[group] if name in answer.values])
        }
        for group in sorted(groups, key=lambda group: (group != "all", group))
    }


def separation(answers: Sequence[Answer]) -> list[tuple[str, float]]:
    """How well the best score and the confidence tell questions with an answer from those without: the area under the curve,
    what share of each is called how sure, and how often evidence is among the first ten where it is called so."""
    with_answer = [answer for answer in answers if answer.answerable and answer.kind != "adversarial"]
    without = [answer for answer in answers if not answer.answerable]
    if not with_answer or not without:
        return []
    found = [("area under the curve of the best score", area(*([one.score for one in of] for of in (with_answer, without))))]
    for level in ("good", "fair", "weak", "none"):
        those = [answer for answer in (*with_answer, *without) if answer.confidence == level]
        if those:
            for name, among in (("answerable", with_answer), ("unanswerable", without)):
                found.append((f"{level}, of the {name}", mean(float(answer.confidence == level) for answer in among)))
            found.append((f"{level}: evidence is among the first ten", mean(map(_found, those))))
    return found


def _found(answer: Answer) -> float:
    return answer.values.get("any@10", answer.values.get("any@5 of sessions", 0.0))


def area(high: Sequence[float], low: Sequence[float]) -> float:
    """The chance that one of `high` is over one of `low`."""
    ordered = sorted([(value, 1) for value in high] + [(value, 0) for value in low])
    total, place = 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        ups = sum(is_high for _, is_high in ordered[place:end])
        total += ups * (place + (end - place + 1) / 2)
        place = end
    return (total - len(high) * (len(high) + 1) / 2) / (len(high) * len(low))


def paired(first: Mapping[str, float], second: Mapping[str, float], seed: int = 1) -> tuple[float, float, float]:
    """The difference second − first of a figure over the questions of both, and its 95 % interval by paired bootstrap."""
    differences = [second[key] - first[key] for key in first if key in second]
    rng = random.Random(seed)
    draws = sorted(mean(rng.choices(differences, k=len(differences))) for _ in range(_DRAWS))
    return mean(differences), draws[int(0.025 * _DRAWS)], draws[int(0.975 * _DRAWS)]
