"""Fits the weights of recall's ranking: `SIGNALS` of `lcode/memory/recall_ranking.py`.

The signals of all candidates are taken out of real searches over our tuning seeds and DevMemBench (LoCoMo may not be fitted
to); weights are chosen so that evidence comes before the other candidates, of which the hardest are taken. Few weights, none
against its sign, drawn towards zero, the same with vectors and without. Figures are cross-validated: a dialogue of ours, a
question of DevMemBench, is ranked by weights that did not see it. No chance is in it: the same sets give the same weights.

    python -m benchmarks.fit_recall [--devmembench FOLDER] [--seeds 101-110] [--ablate]
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks import recall_loaders as loaders
from benchmarks.recall import numbers
from benchmarks.recall_figures import mean
from benchmarks.recall_generator import TUNING, ours
from benchmarks.recall_sets import Conversation, Question
from benchmarks.recall_store import Filled, filled, in_utc
from lcode.memory import recall_ranking, recall_search
from lcode.store.database import fetch_all

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FOLDS, STEPS, RATE, DRAWN = 5, 150, 0.05, 0.002
KEPT, HARD, ROUNDS = 150, 60, 2  # negatives of a question that are kept, and fitted on; times that these are chosen anew
NEGATIVE = ("asking", "printed")  # signals that speak against a message

Extra = Callable[[Sequence[recall_ranking.Candidate]], dict[str, list[float]]]


@dataclass
class Case:
    """One question as it was searched: the signals of its candidates, and which of them are evidence. `whole` is how much
    evidence there is, found or not; `fold` what is left out together."""

    of: str
    fold: int
    rows: Array
    right: NDArray[np.bool_]
    whole: int
    sessions: NDArray[np.int64] | None = None  # of each candidate, where sessions are labelled and not messages
    weight: float = 1.0


@contextmanager
def _captured() -> Iterator[list[tuple[Any, ...]]]:
    """What the searches rank."""
    original = recall_ranking.rank
    seen: list[tuple[Any, ...]] = []

    def rank(*arguments: Any) -> recall_ranking.Ranked:
        seen.append(arguments)
        return original(*arguments)

    with patch.object(recall_search, "rank", rank):
        yield seen


def cases(conversation: Conversation, fold: Callable[[int], int], extra: Extra | None = None) -> Iterator[Case]:
    """The answerable questions of a dialogue, each searched with vectors."""
    with filled(conversation) as store, _captured() as seen:
        sources = _sources(store)
        home = {turn.id: session.id for session in conversation.sessions for turn in session.turns}
        for number, question in enumerate(conversation.questions):
            if question.answerable:
                store.search(question, 50)
                yield _case(conversation.id, fold(number), question, seen.pop(), sources, home, extra)


def _sources(store: Filled) -> dict[int, str]:
    rows = store.memory.read(lambda connection: fetch_all(connection, "SELECT seq, source_id FROM message_details"))
    return {row[0]: row[1] for row in rows}


def _case(
    of: str,
    fold: int,
    question: Question,
    ranked: tuple[Any, ...],
    sources: Mapping[int, str],
    home: Mapping[str, str],
    extra: Extra | None,
) -> Case:
    import numpy as np

    candidates = ranked[2]
    found = recall_ranking.signals(*ranked)
    rows = [[row[name] for name in recall_ranking.SIGNALS] for row in found]
    if extra is not None:
        more = extra(candidates)
        rows = [[*row, *(values[number] for values in more.values())] for number, row in enumerate(rows)]
    ids = [sources[candidate.seq] for candidate in candidates]
    right = [
        identity in question.evidence or (not question.evidence and home[identity] in question.sessions) for identity in ids
    ]
    whole = len(question.evidence) or len(question.sessions)
    names = len(recall_ranking.SIGNALS)
    number = {key: at for at, key in enumerate(dict.fromkeys(home.values()))}
    sessions = None if question.evidence else np.array([number[home[identity]] for identity in ids])
    shape = (len(rows), -1 if rows else names)
    case = Case(of, fold, np.array(rows).reshape(shape), np.array(right, dtype=bool), whole, sessions)
    scores = case.rows[:, :names] @ np.array([*recall_ranking.SIGNALS.values()])
    return _part(case, _first(case, np.argsort(-scores, kind="stable"), KEPT))


def _first(case: Case, order: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """All evidence, and the first of the other candidates."""
    import numpy as np

    return np.concatenate([order[case.right[order]], order[~case.right[order]][:count]])


def _part(case: Case, places: NDArray[np.int64]) -> Case:
    sessions = case.sessions[places] if case.sessions is not None else None
    return replace(case, rows=case.rows[places], right=case.right[places], sessions=sessions)


# -- fitting --------------------------------------------------------------------------------------------------------------


def fit(chosen: Sequence[Case], signs: Array) -> Array:
    """The weights under which evidence is likeliest to come first, each of its sign."""
    import numpy as np

    used = [case for case in chosen if case.right.any() and not case.right.all()]
    rows = np.concatenate([case.rows for case in used])
    right = np.concatenate([case.right for case in used])
    sizes = np.array([len(case.right) for case in used])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    share = np.repeat(np.array([case.weight for case in used]) / sum(case.weight for case in used), sizes)
    ideal = right / np.repeat(np.add.reduceat(right.astype(np.float64), starts), sizes)
    weights, first, second = 0.5 * signs, np.zeros_like(signs), np.zeros_like(signs)
    for step in range(1, STEPS + 1):
        scores = rows @ weights
        likely = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        among = likely / np.repeat(np.add.reduceat(likely, starts), sizes)
        slope = rows.T @ ((among - ideal) * share) + DRAWN * weights
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        weights = weights - RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = np.where(weights * signs < 0, 0.0, weights)
    return weights


def hard(case: Case, weights: Array, without: Sequence[int] = ()) -> Case:
    """The evidence and the other candidates that come first under `weights`. Of a set that labels sessions each session stands
    for itself, by the best of its messages. Signals at `without` are zero, as where there are no vectors."""
    import numpy as np

    rows = case.rows.copy()
    rows[:, list(without)] = 0.0
    order = np.argsort(-(rows @ weights), kind="stable")
    if case.sessions is not None:
        _, newest = np.unique(case.sessions[order], return_index=True)
        order = order[np.sort(newest)]
    return _part(replace(case, rows=rows), _first(case, order, HARD))


def trained(chosen: Sequence[Case], signs: Array, start: Array, vectors: Sequence[int]) -> Array:
    """Weights that serve with vectors and without: each question counts half in both forms."""
    weights = start
    for _ in range(ROUNDS):
        weights = fit([hard(case, weights, without) for case in chosen for without in ((), vectors)], signs)
    return weights


def crossed(chosen: Sequence[Case], signs: Array, start: Array, vectors: Sequence[int]) -> list[tuple[Case, Array]]:
    """Each case with weights that were fitted without its fold."""
    found = []
    for fold in range(FOLDS):
        weights = trained([case for case in chosen if case.fold != fold], signs, start, vectors)
        found += [(case, weights) for case in chosen if case.fold == fold]
    return found


def figures(ranked: Sequence[tuple[Case, Array]], without: Sequence[int] = ()) -> dict[str, dict[str, float]]:
    """Set → figure → value: of ours recall of the evidence, of DevMemBench whether the first session answers, and the share of
    those that do among the first three."""
    import numpy as np

    found: dict[str, dict[str, list[float]]] = {}
    for case, weights in ranked:
        rows = case.rows.copy()
        rows[:, list(without)] = 0.0
        order = np.argsort(-(rows @ weights), kind="stable")
        if case.sessions is not None:
            _, newest = np.unique(case.sessions[order], return_index=True)
            order = order[np.sort(newest)]
        hits = case.right[order]
        of = found.setdefault("sessions" if case.sessions is not None else "messages", {})
        place = int(hits.argmax()) + 1 if hits.any() else 0
        of.setdefault("MRR", []).append(1 / place if place else 0.0)
        for depth in (1, 3, 5, 10):
            of.setdefault(f"@{depth}", []).append(float(hits[:depth].sum() / case.whole))
        of.setdefault("any@1", []).append(float(hits[:1].any()))
    return {of: {name: mean(values) for name, values in each.items()} for of, each in found.items()}


def _shown(name: str, found: Mapping[str, Mapping[str, float]]) -> str:
    parts = [f"{of} " + " ".join(f"{key} {value * 100:.1f}" for key, value in each.items()) for of, each in found.items()]
    return f"{name:28}" + " | ".join(parts)


def around(candidates: Sequence[recall_ranking.Candidate]) -> dict[str, list[float]]:
    """Signals that are not in use, to see whether they would help."""
    order = sorted(candidates, key=lambda one: one.seq)
    place = {one.seq: number / max(1, len(order) - 1) for number, one in enumerate(order)}
    return {
        "newer": [place[one.seq] for one in candidates],
        "user": [float(one.role == "user") for one in candidates],
        "long": [min(1.0, one.length / 60) for one in candidates],
        "first": [float(not one.before) for one in candidates],
    }


def gather(given: argparse.Namespace) -> list[Case]:
    """All cases; both sets count the same."""
    found: list[Case] = []
    extra = around
    for number, conversation in enumerate(ours(given.seeds or TUNING)):
        found += cases(conversation, lambda _, fold=number % FOLDS: fold, extra)  # type: ignore[misc]
        print(f"{conversation.id}: {len(found)} questions", file=sys.stderr, flush=True)
    own = len(found)
    if given.devmembench:
        for conversation in loaders.devmembench(given.devmembench):
            found += cases(conversation, lambda place: place % FOLDS, extra)
    for case in found[own:]:
        case.weight = given.share * own / max(1, len(found) - own)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    import numpy as np

    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_recall", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--devmembench", type=Path, metavar="FOLDER")
    parser.add_argument("--seeds", type=numbers)
    parser.add_argument("--share", type=float, default=0.5, help="how much DevMemBench counts beside our set (default: 0.5)")
    parser.add_argument("--ablate", action="store_true", help="figures without each signal, and with some that are not in use")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="where the signals are kept, to fit again without searching")
    given = parser.parse_args(arguments)
    if len(given.seeds or TUNING) < 2:
        parser.error("weights are cross-validated by dialogue: more than one seed is needed")
    if given.kept and given.kept.is_file():
        chosen: list[Case] = pickle.loads(given.kept.read_bytes())
    else:
        with in_utc():
            chosen = gather(given)
        if given.kept:
            given.kept.write_bytes(pickle.dumps(chosen))
    names = [*recall_ranking.SIGNALS]
    own = len(names)
    present = [replace(case, rows=case.rows[:, :own]) for case in chosen]
    signs = np.array([-1.0 if name in NEGATIVE else 1.0 for name in names])
    used = np.array([*recall_ranking.SIGNALS.values()])
    vectors = [at for at, name in enumerate(names) if "cosine" in name]
    for label, ranked in (("in use", [(case, used) for case in present]), ("fitted", crossed(present, signs, used, vectors))):
        print(_shown(label, figures(ranked)))
        print(_shown(f"{label}, no vectors", figures(ranked, vectors)))
    if given.ablate:
        _ablate(chosen, names, signs, used, vectors)
    for name, weight in zip(names, trained(present, signs, used, vectors), strict=True):
        print(f'    "{name}": {weight:.2f},')
    return 0


def _ablate(chosen: Sequence[Case], names: Sequence[str], signs: Array, used: Array, vectors: Sequence[int]) -> None:
    """Figures without each signal, and with each of those that are not in use."""
    import numpy as np

    own = len(names)
    for at, name in enumerate(names):
        less = [replace(case, rows=np.where(np.arange(own) == at, 0.0, case.rows[:, :own])) for case in chosen]
        print(_shown(f"without {name}", figures(crossed(less, signs, used, vectors))), flush=True)
    for at, name in enumerate(around([])):
        more = [replace(case, rows=np.column_stack([case.rows[:, :own], case.rows[:, own + at]])) for case in chosen]
        for sign in (1.0, -1.0):
            found = figures(crossed(more, np.append(signs, sign), np.append(used, 0.0), vectors))
            print(_shown(f"with {name}, {sign:+.0f}", found), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
