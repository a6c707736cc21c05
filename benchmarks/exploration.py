"""How much is read until the right file is in context: grep and reading files, against the map and search.

The tasks are those of `benchmarks.code_search`: a commit's subject, and the files that it changed. The policies are scripts,
and are counted in tokens of what their tools give back.

grep: the names at the top; `git grep` for the three rarest words of the task, at most 100 lines each; then the files with most
of the words are read, each whole or its first 2,000 lines, until one of them is right, at most 15.
search: the map of 1,000 tokens; ten places with excerpts; then twenty more; after that files as above, in the order of search.
A file is in context when code of it is shown. `whole`: places are not enough, files are read whole in the order of search.

    python -m benchmarks.exploration REPOSITORY... [--work FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.code_index import built
from benchmarks.code_search import Question, Task, mean, prepare
from lcode.index.excerpt import excerpt
from lcode.index.map import read_map
from lcode.index.model import Hit
from lcode.index.search import CodeSearch, paths_of
from lcode.index.words import query_words
from lcode.path_text import path_text
from lcode.tokens import approximate_tokens

GREP_LINES, GREP_WIDTH, WORDS = 100, 200, 3
READ_LINES, READS = 2_000, 15
MAP, FIRST, MORE, EXCERPT = 1_000, 10, 30, 12


def read(task: Task, path: str) -> int:
    lines = (task.checkout / path).read_text(encoding="utf-8", errors="replace").split("\n")[:READ_LINES]
    return approximate_tokens("\n".join(f"{number:5}\t{line[:2000]}" for number, line in enumerate(lines, 1)))


def reading(task: Task, question: Question, paths: Iterable[str], seen: int = 0) -> tuple[int, bool]:
    """Tokens of reading files in order until one is right, and whether one was."""
    spent = 0
    for number, path in enumerate(paths):
        if number >= READS - seen or not (task.checkout / path).is_file():
            break
        spent += read(task, path)
        if path in question.truth:
            return spent, True
    return spent, False


def grep(task: Task, question: Question) -> tuple[int, bool]:
    spent = approximate_tokens("\n".join(sorted(path.name for path in task.checkout.iterdir())))
    outputs: dict[str, list[str]] = {}
    for word in (word for word in query_words(question.text) if len(word) > 2):
        command = ["git", "-C", str(task.checkout), "grep", "-n", "-i", "-I", "-F", "-e", word]
        output = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
        if output:
            outputs[word] = output.split("\n")
    rarest = sorted(outputs, key=lambda word: len(outputs[word]))[:WORDS]
    words: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for word in rarest:
        shown = outputs[word][:GREP_LINES]
        spent += approximate_tokens("\n".join(line[:GREP_WIDTH] for line in shown))
        found = Counter(line.partition(":")[0] for line in outputs[word] if line)
        lines.update(found)
        words.update(found.keys())
    ranked = sorted((path for path in words if path in task.sources), key=lambda path: (-words[path], -lines[path], path))
    tokens, right = reading(task, question, ranked)
    return spent + tokens, right


def shown(hits: Sequence[Hit], query: str) -> int:
    texts = []
    for hit in hits:
        texts.append(f"{hit.path}:{hit.start_line}-{hit.end_line} {hit.kind} {hit.symbol}")
        texts += [f"{line.number:5}\t{line.text}" for line in excerpt(hit.text, hit.start_line, query, EXCERPT)]
    return approximate_tokens("\n".join(texts))


def searching(task: Task, search: CodeSearch, head: int, question: Question) -> tuple[int, bool]:
    hits = search.search(question.text, limit=MORE)
    spent = head + shown(hits[:FIRST], question.text)
    if question.truth & {hit.path for hit in hits[:FIRST]}:
        return spent, True
    spent += shown(hits[FIRST:], question.text)
    if question.truth & {hit.path for hit in hits}:
        return spent, True
    seen = paths_of(hits)
    rest = [path for path, _ in search.files(question.text, limit=200) if path in task.sources and path not in seen]
    tokens, right = reading(task, question, rest)
    return spent + tokens, right


def searching_whole(task: Task, search: CodeSearch, head: int, question: Question) -> tuple[int, bool]:
    hits = search.search(question.text, limit=FIRST)
    order = [*paths_of(hits), *(path for path, _ in search.files(question.text, limit=200))]
    tokens, right = reading(task, question, [path for path in dict.fromkeys(order) if path in task.sources])
    return head + shown(hits, question.text) + tokens, right


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lcode-code-search")
    given = parser.parse_args(arguments)
    print(f"{'repository':16}{'grep':>9}{'found':>7}{'search':>9}{'found':>7}{'ratio':>7}{'whole':>9}{'found':>7}{'ratio':>7}")
    rows = []
    for repository in given.repositories:
        task = prepare(repository, given.work)
        database = built(task.checkout)
        search = CodeSearch(database, task.checkout)
        root = path_text(task.checkout)
        drawn = database.read(lambda connection: read_map(connection, task.checkout, root, budget=MAP))  # noqa: B023
        head = approximate_tokens(drawn.text(MAP)) if drawn else 0
        policies = (
            [grep(task, question) for question in task.questions],
            [searching(task, search, head, question) for question in task.questions],
            [searching_whole(task, search, head, question) for question in task.questions],
        )
        database.close()
        row = [
            figure for runs in policies for figure in (mean([run[0] for run in runs]), mean([float(run[1]) for run in runs]))
        ]
        rows.append(row)
        print(line(task.name, row), flush=True)
    print(line("mean", [mean(column) for column in zip(*rows, strict=True)]))
    return 0


def line(name: str, row: Sequence[float]) -> str:
    base, base_found, ours, found, whole, whole_found = row
    return (
        f"{name:16}{base:9.0f}{base_found:7.2f}{ours:9.0f}{found:7.2f}{ours / base:7.2f}"
        f"{whole:9.0f}{whole_found:7.2f}{whole / base:7.2f}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
