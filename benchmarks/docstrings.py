"""Does search find a function by what its documentation says? The first sentence of a blanked docstring is the question.

Each Python repository is cloned; the docstrings of up to 150 functions are taken out (the lines stay), the rest is indexed as
it is, and a hit is right if it shares a line with the function. Beside it runs full text over the same chunks.

    python -m benchmarks.docstrings REPOSITORY... [--work FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.code_index import indexed
from benchmarks.code_search import _TEST, _name, mean

QUESTIONS, SEED, DEPTH, SHORTEST = 150, 7, 50, 3
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)

Lines = tuple[str, int, int]  # a path, the first and the last line


class Question(NamedTuple):
    text: str
    truth: Lines


@dataclass(frozen=True)
class Figures:
    repository: str
    retriever: str
    questions: int
    hit5: float
    hit10: float
    mrr: float


def prepare(repository: Path, work: Path, questions: int = QUESTIONS, seed: int = SEED) -> tuple[Path, list[Question]]:
    """A clone without the docstrings that are asked for, and the questions."""
    target = work / f"docstrings-{_name(repository)}"
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", "--no-checkout", "--shared", str(repository), str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "-q", "HEAD", "--", ":(glob)**/*.py"], check=True)
    found: list[tuple[Question, int, int]] = []
    for path in sorted(target.rglob("*.py")):
        name = path.relative_to(target).as_posix()
        if not _TEST.search(name) and path.is_file() and not path.is_symlink():
            found += _documented(name, path.read_text(encoding="utf-8", errors="replace"))
    chosen = random.Random(seed).sample(found, questions) if len(found) > questions else found
    for question, first, last in chosen:
        _blank(target / question.truth[0], first, last)
    return target, [question for question, _, _ in chosen]


def _documented(name: str, text: str) -> Iterable[tuple[Question, int, int]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or len(node.body) < 2:
            continue
        documentation, first = ast.get_docstring(node), node.body[0]
        if not documentation or first.end_lineno is None or node.end_lineno is None:
            continue
        match = _SENTENCE.match(documentation.strip())
        sentence = " ".join((match.group(1) if match else documentation.strip().split("\n\n")[0]).split())
        if len(sentence.split()) >= SHORTEST and first.lineno > node.lineno:
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield Question(sentence, (name, start, node.end_lineno)), first.lineno, first.end_lineno


def _blank(path: Path, first: int, last: int) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    lines[first - 1 : last] = [""] * (last - first + 1)
    path.write_text("\n".join(lines), encoding="utf-8")


def measure(repository: str, retriever: str, questions: Sequence[Question], rank: Callable[[str], Sequence[Lines]]) -> Figures:
    places = []
    for question in questions:
        path, first, last = question.truth
        ranked = rank(question.text)
        right = (place for place, (at, start, end) in enumerate(ranked, 1) if at == path and start <= last and end >= first)
        places.append(next(right, 0))
    hits = {depth: mean([float(0 < place <= depth) for place in places]) for depth in (5, 10)}
    reciprocal = mean([1 / place if place else 0.0 for place in places])
    return Figures(repository, retriever, len(questions), hits[5], hits[10], reciprocal)


def full_text(root: Path) -> Callable[[str], list[Lines]]:
    import apsw

    from lcode.index.chunking import chunk
    from lcode.index.words import any_of, fields, query_words

    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(path, names, body, content='', tokenize='porter unicode61')")
    places: list[Lines] = []
    for path in sorted(root.rglob("*.py")):
        data, name = path.read_bytes(), path.relative_to(root).as_posix()
        for part in chunk(name, data).chunks:
            text = data[part.start : part.end].decode("utf-8", "replace")
            values = (len(places), *fields(name, part, text))
            connection.execute("INSERT INTO t(rowid, path, names, body) VALUES (?, ?, ?, ?)", values)
            places.append((name, part.start_line, part.end_line))

    def rank(text: str) -> list[Lines]:
        sql = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t, 1.0, 1.0, 1.0) LIMIT ?"
        return [places[row] for (row,) in connection.execute(sql, (any_of(query_words(text)) or '""', DEPTH))]

    return rank


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lcode-code-search")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, dest="output")
    given = parser.parse_args(arguments)
    rows = []
    for repository in given.repositories:
        root, questions = prepare(repository, given.work, given.questions, given.seed)
        search = indexed(root)
        name = _name(repository)

        def ours(text: str, search=search) -> list[Lines]:  # type: ignore[no-untyped-def]
            return [(hit.path, hit.start_line, hit.end_line) for hit in search.search(text, limit=DEPTH)]

        rows.append(measure(name, "search", questions, ours))
        rows.append(measure(name, "fts", questions, full_text(root)))
        print(f"{name} done", file=sys.stderr)
    for retriever in ("search", "fts"):
        own = [row for row in rows if row.retriever == retriever]
        figures = [mean([getattr(row, key) for row in own]) for key in ("hit5", "hit10", "mrr")]
        rows.append(Figures("mean", retriever, sum(row.questions for row in own), *figures))
    print(f"{'repository':16}{'retriever':10}{'questions':>10}{'hit@5':>7}{'hit@10':>7}{'MRR':>7}")
    for row in rows:
        print(f"{row.repository:16}{row.retriever:10}{row.questions:10}{row.hit5:7.3f}{row.hit10:7.3f}{row.mrr:7.3f}")
    if given.output:
        given.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
