"""How much of what was said does recall search find? Dialogues with labelled evidence, searched as the program is installed.

Our own set is generated (see `benchmarks/recall_generator.py`); LoCoMo, LongMemEval and DevMemBench are read from where the
user has put them, a dialogue of one's own from JSONL. Each dialogue is imported into a fresh store as `lcode import jsonl`
does, embedded by the worker's job, and asked with `Recall.search`; beside it run the same without vectors, plain full text,
vectors alone, and both of these fused by rank.

    python -m benchmarks.recall [--locomo FILE [--conversations 0-4] | --longmemeval FILE | --devmembench FOLDER
        | --jsonl MESSAGES QUESTIONS | --tuning] [--json FILE] [--min recall@10=.8]
    python -m benchmarks.recall --compare BEFORE.json AFTER.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import recall_baselines as baselines
from benchmarks import recall_loaders as loaders
from benchmarks.recall_figures import Answer, judged, paired, separation, summary
from benchmarks.recall_generator import REPORT, TUNING, ours
from benchmarks.recall_sets import Conversation, Question
from benchmarks.recall_store import Filled, filled, in_utc

DEPTH = 50
RETRIEVERS = ("search", "lexical", "fts", "vectors", "rrf")
MESSAGES = ("recall@1", "recall@5", "recall@10", "recall@20", "all@10", "MRR")
SESSIONS = ("any@1 of sessions", "any@5 of sessions", "share@1 of sessions", "share@3 of sessions", "share@5 of sessions")

Found = tuple[list[str], float, str]  # ids of turns, the best score, how sure
Search = Callable[[Question], Found]


@contextmanager
def searches(conversation: Conversation, wanted: Sequence[str]) -> Iterator[dict[str, Search]]:
    """The retrievers, ready for the questions of a dialogue."""
    with ExitStack() as stack:
        made: dict[str, Search] = {}
        if {"search", "lexical"} & set(wanted):
            store = stack.enter_context(filled(conversation, vectors="search" in wanted))
            made |= {"search": _installed(store, vectors=True), "lexical": _installed(store, vectors=False)}
        if {"fts", "rrf"} & set(wanted):
            made["fts"] = _plain(text := baselines.full_text(conversation))
        if {"vectors", "rrf"} & set(wanted):
            made["vectors"] = _plain(near := baselines.vectors(conversation))
        if "rrf" in wanted:
            made["rrf"] = _plain(baselines.fused((text, near)))
        yield {name: made[name] for name in wanted}


def _installed(store: Filled, *, vectors: bool) -> Search:
    def search(question: Question) -> Found:
        hits = store.search(question, DEPTH, vectors=vectors)
        return [hit.source_id for hit in hits], hits.best, hits.confidence

    return search


def _plain(rank: baselines.Ranking) -> Search:
    return lambda question: (rank(question, DEPTH), 0.0, "")


def run(conversations: Sequence[Conversation], wanted: Sequence[str]) -> tuple[dict[str, list[Answer]], dict[str, list[float]]]:
    """Retriever → its answers, and the seconds of the processor that each took."""
    answers: dict[str, list[Answer]] = {name: [] for name in wanted}
    seconds: dict[str, list[float]] = {name: [] for name in wanted}
    for conversation in conversations:
        home = {turn.id: session.id for session in conversation.sessions for turn in session.turns}
        with searches(conversation, wanted) as ready:
            for name, search in ready.items():
                for question in conversation.questions:
                    began = time.process_time()
                    ranked, score, sure = search(question)
                    seconds[name].append(time.process_time() - began)
                    answer = judged(question, ranked, home)
                    answer.score, answer.confidence = score, sure
                    answers[name].append(answer)
        print(f"{conversation.id}: {len(home)} messages, {len(conversation.questions)} questions", file=sys.stderr, flush=True)
    return answers, seconds


# -- what is printed ------------------------------------------------------------------------------------------------------


def report(answers: Mapping[str, Sequence[Answer]], seconds: Mapping[str, Sequence[float]]) -> list[str]:
    """Tables: all retrievers over all questions; the first by kind of question; how well it knows when there is no answer."""
    summaries = {name: summary(found) for name, found in answers.items()}
    names = [name for name in (*MESSAGES, *SESSIONS) if name in next(iter(summaries.values())).get("all", {})]
    names = [name for name in names if name in MESSAGES] or names
    lines = [_line("percent", [*names, "CPU ms p50 / p95"])]
    for name, groups in summaries.items():
        times = statistics.quantiles(seconds[name], n=20) if len(seconds[name]) > 1 else [0.0] * 19
        cost = f"{statistics.median(seconds[name]) * 1000:.1f} / {times[-1] * 1000:.1f}"
        lines.append(_line(name, [*(_shown(groups["all"][figure]) for figure in names), cost]))
    for name in list(summaries)[:1]:
        lines += ["", _line(f"{name}, by kind", [*names, "questions"])]
        for group, figures in summaries[name].items():
            count = max(figure[2] for figure in figures.values())
            lines.append(_line(group, [*(_shown(figures[each]) if each in figures else "" for each in names), str(count)]))
        if answers[name][0].confidence:
            lines += ["", *(f"{what:44}{value:.3f}" for what, value in separation(answers[name]))]
    return lines


def _shown(figure: tuple[float, float, int]) -> str:
    return f"{figure[0] * 100:.1f} ±{figure[1] * 100:.1f}"


def _line(first: str, rest: Sequence[str]) -> str:
    return f"{first:24}" + "".join(f"{each.replace(' of sessions', ' s.'):>16}" for each in rest)


def plain(answers: Mapping[str, Sequence[Answer]]) -> dict[str, object]:
    """All of it for a file: what `--compare` reads."""
    return {
        name: {
            "summary": {group: {key: each[:2] for key, each in of.items()} for group, of in summary(found).items()},
            "separation": separation(found),
            "answers": [answer.plain() for answer in found],
        }
        for name, found in answers.items()
    }


def compare(before: Path, after: Path, retriever: str) -> list[str]:
    """The differences of two runs over the same questions, with their intervals."""
    values = []
    for path in (before, after):
        answers = json.loads(path.read_text(encoding="utf-8"))["retrievers"][retriever]["answers"]
        values.append({answer["id"]: answer["values"] for answer in answers if answer["kind"] != "adversarial"})
    lines = []
    for figure in (*MESSAGES, *SESSIONS):
        first, second = ({key: each[figure] for key, each in of.items() if figure in each} for of in values)
        if set(first) & set(second):
            middle, low, high = paired(first, second)
            lines.append(f"{figure:24}{middle * 100:+6.1f}  [{low * 100:+.1f}, {high * 100:+.1f}]")
    return lines


def unmet(answers: Mapping[str, Sequence[Answer]], minima: Sequence[str]) -> list[str]:
    """Which of `recall@10=.8` the first retriever is below; `multi-hop:recall@10=.5` is of one kind."""
    groups = summary(next(iter(answers.values())))
    found = []
    for text in minima:
        name, _, least = text.rpartition("=")
        group, _, figure = name.rpartition(":")
        value = groups[group or "all"][figure][0]
        if value < float(least):
            found.append(f"{name} is {value:.3f}, below {least}")
    return found


# -- the command ----------------------------------------------------------------------------------------------------------


def numbers(text: str) -> list[int]:
    """`0-4,7` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall", description=(__doc__ or "").partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--locomo", type=Path, metavar="FILE", help="locomo10.json (CC BY-NC: report only, never tune on it)")
    which.add_argument("--longmemeval", type=Path, metavar="FILE")
    which.add_argument("--devmembench", type=Path, metavar="FOLDER")
    which.add_argument("--jsonl", type=Path, nargs=2, metavar=("MESSAGES", "QUESTIONS"))
    which.add_argument("--tuning", action="store_true", help="our set, the seeds that weights are fitted on")
    which.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"), help="two files that --json wrote")
    parser.add_argument("--seeds", type=numbers, help="our set, of these seeds")
    parser.add_argument("--conversations", type=numbers, help="of LoCoMo, such as 0-4")
    parser.add_argument("--retrievers", default=",".join(RETRIEVERS), help=f"default: {','.join(RETRIEVERS)}")
    parser.add_argument("--json", type=Path, dest="output")
    parser.add_argument("--min", action="append", default=[], metavar="FIGURE=LEAST", help="exit 1 if the first is below")
    return parser


def chosen(given: argparse.Namespace) -> list[Conversation]:
    if given.locomo:
        return loaders.locomo(given.locomo, given.conversations)
    if given.longmemeval:
        return loaders.longmemeval(given.longmemeval)
    if given.devmembench:
        return loaders.devmembench(given.devmembench)
    if given.jsonl:
        return loaders.jsonl(*given.jsonl)
    return ours(given.seeds or (TUNING if given.tuning else REPORT))


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    wanted = given.retrievers.split(",")
    if given.compare:
        print("\n".join(compare(given.compare[0], given.compare[1], wanted[0])))
        return 0
    with in_utc():
        answers, seconds = run(chosen(given), wanted)
    print("\n".join(report(answers, seconds)))
    if given.output:
        given.output.write_text(json.dumps({"retrievers": plain(answers)}) + "\n", encoding="utf-8")
    faults = unmet(answers, given.min)
    print("\n".join(faults), file=sys.stderr) if faults else None
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
