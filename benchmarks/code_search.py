"""Commit localisation: does search find the source files that a later commit changed, asked with the commit's subject?

Each repository is cloned at R, 600 commits that are no merges before its newest, with nothing later reachable. Questions are
the subjects of up to 60 later commits that change 1 to 5 source files which exist at R and are no tests; those files are the
truth. Ranks are among the source files that are no tests. Beside the program's search run two simpler ones: full text over the
same chunks, and counting the question's words in each file.

    python -m benchmarks.code_search REPOSITORY... [--work FOLDER] [--retrievers search,fts,count] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

QUERIES, SEED, WINDOW, MOST_FILES = 60, 7, 600, 5
DEPTHS = (5, 10, 20)
PLACES = 200  # that search is asked for
_TYPES = "bash c cc cjs cpp cs cxx go h hh hpp hs java js jsx kt kts lua mjs php pl py pyi rb rs scala sh sql swift ts tsx vue"
_SOURCE = frozenset(_TYPES.split())
_TEST = re.compile(
    r"(^|/)(tests?|__tests__|testing|specs?|testdata|fixtures?|examples?|docs?|benches|benchmarks?|deps|vendor|third_party|"
    r"node_modules)(/|$)"
    r"|(^|/)(test_[^/]*|[^/]*_test\.[a-z]+|[^/]*\.(spec|test)\.[a-z]+|[^/]*Tests?\.java|conftest\.py)$"
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")

Ranker = Callable[[str], Sequence[str]]  # a question to paths, best first


class Question(NamedTuple):
    text: str
    truth: frozenset[str]


@dataclass(frozen=True)
class Task:
    """A checkout at R, the files that are ranked and the questions."""

    name: str
    checkout: Path
    sources: frozenset[str]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Figures:
    repository: str
    files: int
    retriever: str
    recall5: float
    recall10: float
    recall20: float
    mrr: float
    milliseconds: float  # a question, median
    slow: float  # a question, 95th percentile
    build: float  # seconds


def is_source(path: str) -> bool:
    return path.rpartition(".")[2] in _SOURCE and not _TEST.search(path)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def prepare(
    repository: Path, work: Path, *, name: str = "", queries: int = QUERIES, seed: int = SEED, window: int = WINDOW
) -> Task:
    """The task of `repository` (bare, or a worktree), with a checkout under `work` that is made once."""
    name = name or _name(repository)
    commits = git(repository, "rev-list", "--no-merges", "HEAD").split()
    if len(commits) <= window:
        raise SystemExit(f"{repository} has only {len(commits)} commits: too few to go {window} back")
    revision = commits[window]
    existing = set(git(repository, "ls-tree", "-r", "-z", "--name-only", revision).split("\0"))
    checkout = clone_at(repository, revision, work / f"{name}-{revision[:10]}")
    sources = frozenset(path for path in existing if is_source(path))
    found = _questions(repository, commits[:window], sources)
    chosen = random.Random(seed).sample(found, queries) if len(found) > queries else found
    return Task(name, checkout, sources, tuple(chosen))


def clone_at(repository: Path, revision: str, target: Path) -> Path:
    """A clone with the history up to `revision` and nothing later."""
    if (target / ".git").exists() and git(target, "rev-parse", "HEAD").strip() == revision:
        return target
    target.mkdir(parents=True)
    git(target, "init", "-q", "-b", "main")
    environment = {
        **os.environ,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
        "GIT_CONFIG_VALUE_0": "true",
    }
    command = ["git", "-C", str(target), "fetch", "-q", "--no-tags", str(repository), revision]
    subprocess.run(command, check=True, env=environment)
    git(target, "reset", "-q", "--hard", revision)
    (target / ".git" / "FETCH_HEAD").unlink(missing_ok=True)
    return target


def _name(repository: Path) -> str:
    resolved = repository.resolve()
    name = resolved.parent.name if resolved.name in ("repo", ".git", "repo.git") else resolved.name
    return name.removesuffix(".git").rpartition("+")[2]


def _questions(repository: Path, commits: Sequence[str], sources: frozenset[str]) -> list[Question]:
    found = []
    output = git(repository, "log", "--no-merges", "--no-renames", "--name-only", "-z", "--format=%x01%H%x02%s%x02", "HEAD")
    wanted = set(commits)
    for entry in output.split("\x01")[1:]:
        identity, subject, names = entry.split("\x02", 2)
        if identity not in wanted:
            continue
        truth = frozenset(path for path in names.replace("\n", "").split("\0") if path in sources)
        if 1 <= len(truth) <= MOST_FILES and subject.strip():
            found.append(Question(subject.strip(), truth))
    return found


# -- measuring ------------------------------------------------------------------------------------------------------


def measure(task: Task, retriever: str, rank: Ranker, build: float) -> Figures:
    recalls: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    reciprocal, times = [], []
    for question in task.questions:
        started = time.perf_counter()
        ranked = rank(question.text)
        times.append((time.perf_counter() - started) * 1000)
        paths = [path for path in dict.fromkeys(ranked) if path in task.sources]
        for depth in DEPTHS:
            recalls[depth].append(len(question.truth.intersection(paths[:depth])) / len(question.truth))
        reciprocal.append(next((1 / place for place, path in enumerate(paths, 1) if path in question.truth), 0.0))
    times.sort()
    return Figures(
        task.name,
        len(task.sources),
        retriever,
        mean(recalls[5]),
        mean(recalls[10]),
        mean(recalls[20]),
        mean(reciprocal),
        times[len(times) // 2],
        times[int(len(times) * 0.95)],
        build,
    )


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


# -- the retrievers -------------------------------------------------------------------------------------------------


def searcher(task: Task) -> Ranker:
    """The program's own search, over an index of its own."""
    from benchmarks.code_index import indexed

    search = indexed(task.checkout)
    return lambda text: [hit.path for hit in search.search(text, limit=PLACES)]


def full_text(task: Task) -> Ranker:
    """Plain full text over the chunks: three columns, the best four chunks of a file summed; no history, no meaning."""
    import apsw

    from lcode.index.chunking import chunk
    from lcode.index.words import any_of, fields, query_words

    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(path, names, body, content='', tokenize='porter unicode61')")
    owners: list[str] = []
    for path in sorted(task.sources):
        data = (task.checkout / path).read_bytes() if (task.checkout / path).is_file() else b""
        for part in chunk(path, data).chunks:
            text = data[part.start : part.end].decode("utf-8", "replace")
            connection.execute(
                "INSERT INTO t(rowid, path, names, body) VALUES (?, ?, ?, ?)", (len(owners), *fields(path, part, text))
            )
            owners.append(path)

    def rank(text: str) -> list[str]:
        parts: dict[str, list[float]] = {}
        sql = "SELECT rowid, bm25(t, 3.0, 3.0, 1.0) FROM t WHERE t MATCH ? ORDER BY 2 LIMIT 2000"
        for row, score in connection.execute(sql, (any_of(query_words(text)) or '""',)):
            parts.setdefault(owners[row], []).append(-score)
        sums = {
            path: sum(score * weight for score, weight in zip(s, (1, 0.4, 0.2, 0.1), strict=False)) for path, s in parts.items()
        }
        return sorted(sums, key=lambda path: -sums[path])

    return rank


def counting(task: Task) -> Ranker:
    """What grep gives: files by how many of the question's words they hold, then by how often."""
    texts = {
        path: (task.checkout / path).read_text(encoding="utf-8", errors="replace").lower()
        for path in sorted(task.sources)
        if (task.checkout / path).is_file()
    }

    def rank(text: str) -> list[str]:
        words = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))
        counts = {path: Counter({word: content.count(word) for word in words}) for path, content in texts.items()}
        scored = {path: (sum(1 for word in words if count[word]), sum(count.values())) for path, count in counts.items()}
        return sorted((path for path in scored if scored[path][0]), key=lambda path: scored[path], reverse=True)

    return rank


RETRIEVERS: dict[str, Callable[[Task], Ranker]] = {"search": searcher, "fts": full_text, "count": counting}


# -- the command ----------------------------------------------------------------------------------------------------


def table(rows: Sequence[Figures]) -> Iterable[str]:
    heads = ("R@5", "R@10", "R@20", "MRR", "p50 ms", "p95 ms", "build s")
    yield f"{'repository':16}{'files':>6} {'retriever':10}" + "".join(f"{head:>8}" for head in heads)
    for row in rows:
        shares = (row.recall5, row.recall10, row.recall20, row.mrr)
        times = (row.milliseconds, row.slow, row.build)
        figures = [f"{share:8.3f}" for share in shares] + [f"{time:8.1f}" for time in times]
        yield f"{row.repository:16}{row.files:6} {row.retriever:10}" + "".join(figures)


def means(rows: Sequence[Figures]) -> list[Figures]:
    found = []
    for retriever in dict.fromkeys(row.retriever for row in rows):
        own = [row for row in rows if row.retriever == retriever]
        numbers = [[float(value) for value in list(asdict(row).values())[3:]] for row in own]
        found.append(
            Figures("mean", sum(row.files for row in own) // len(own), retriever, *map(mean, zip(*numbers, strict=True)))
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lcode-code-search")
    parser.add_argument("--retrievers", default=",".join(RETRIEVERS))
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--window", type=int, default=WINDOW)
    parser.add_argument("--json", type=Path, dest="output")
    given = parser.parse_args(arguments)
    rows: list[Figures] = []
    for repository in given.repositories:
        task = prepare(repository, given.work, queries=given.queries, seed=given.seed, window=given.window)
        for retriever in given.retrievers.split(","):
            started = time.perf_counter()
            rank = RETRIEVERS[retriever](task)
            rows.append(measure(task, retriever, rank, time.perf_counter() - started))
            print("\n".join(table(rows[-1:])), file=sys.stderr, flush=True)
    rows += means(rows)
    print("\n".join(table(rows)))
    if given.output:
        given.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
