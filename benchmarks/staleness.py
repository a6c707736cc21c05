"""Whether facts go stale if and only if the code that they cite changed, and how long it takes to look.

    python -m benchmarks.staleness REPOSITORY... [--edits N] [--seed N] [--facts N]

Each repository (a git working tree; it is cloned, never written to) gets `--edits` edits of its own code: edits inside a
definition and elsewhere in its file, reformats, comments, line endings, renames, deletions, moves within the file and to
others, renamed files; some are committed on a branch that is left again, and all are undone. What each of them changes is
known from how it was made (`staleness_edits`). After each, facts that cite the definition, others of the file and some of
others are judged, and two generations of facts that build on them. Prints precision and recall, every miss, and the time that
1,000 facts take: in a fresh process, again, and after a few files changed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.staleness_edits import MAKERS, Edit, Source
from lcode.memory.citation import Citation
from lcode.memory.cited_places import Standing
from lcode.memory.grounding import anchor, verdicts
from lcode.memory.tree import Tree

SUFFIXES = ("py", "go", "rs", "java", "c", "ts", "js")
BESIDE = 6  # facts about other definitions of the same file that are judged after each edit
_LARGEST = 120_000  # bytes of a file that is edited


@dataclass
class Result:
    """Judgements: how many were right and wrong; `misses` says which were wrong."""

    right_stale: int = 0
    right_good: int = 0
    wrong_stale: int = 0
    missed: int = 0
    pointed: int = 0
    dependants: int = 0
    edits: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right_stale / max(1, self.right_stale + self.wrong_stale)

    @property
    def recall(self) -> float:
        return self.right_stale / max(1, self.right_stale + self.missed)

    def add(self, other: Result) -> None:
        for name in ("right_stale", "right_good", "wrong_stale", "missed", "pointed", "dependants"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.edits += other.edits
        self.misses += other.misses


class Suite:
    """A clone whose code is edited."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.chance = random.Random(seed)
        self.head = git(root, "rev-parse", "HEAD")
        self.tree = Tree(root)
        self.sources = list(sources(root))
        self.cited: dict[tuple[str, str], Citation] = {}
        self.result = Result()

    def citation(self, path: str, symbol: str) -> Citation:
        key = path, symbol
        if key not in self.cited:
            self.tree.refresh()
            self.cited[key] = anchor(Citation(path, symbol), self.tree, self.head)
        return self.cited[key]

    def run(self, count: int) -> Result:
        """So many edits, of each kind in turn."""
        made, tried = 0, 0
        while made < count and tried < 50 * count and self.sources:
            maker = MAKERS[tried % len(MAKERS)]
            tried += 1
            source = self.chance.choice(self.sources)
            target = self.chance.choice(source.definitions)
            if not self.citation(source.path, target.symbol).digest:
                continue
            edit = maker(source, target, self.chance, self.sources)
            if edit is not None:
                self._try(source, edit, on_branch=made % 7 == 3)
                made += 1
        return self.result

    def _try(self, source: Source, edit: Edit, *, on_branch: bool) -> None:
        self.result.edits[edit.kind + (" on a branch" if on_branch else "")] += 1
        facts = self._facts(source, edit)
        before = {path: _read(self.root / path) for path in edit.files}
        if on_branch:
            git(self.root, "checkout", "-q", "-b", "edited")
        self._write({path: text.encode() if text is not None else None for path, text in edit.files.items()})
        if on_branch:
            git(self.root, "add", "-A")
            git(self.root, "commit", "-q", "--no-verify", "-m", "edit")
        self._judge(edit.kind, facts, edit)
        if on_branch:
            git(self.root, "checkout", "-q", "-")
            git(self.root, "branch", "-q", "-D", "edited")
        else:
            self._write(before)
        self._judge("back again", facts, Edit("back again", edit.target, {}))

    def _facts(self, source: Source, edit: Edit) -> dict[str, Citation]:
        beside = [one.symbol for one in source.definitions if one.symbol not in edit.stale | edit.unclear]
        wanted = {edit.target, *edit.stale, *self.chance.sample(beside, min(BESIDE, len(beside)))} - edit.unclear
        others = [one for one in self.sources if one.path not in edit.files]
        far = [self.chance.choice(others) for _ in range(2)] if others else []
        found = {symbol: self.citation(source.path, symbol) for symbol in sorted(wanted)}
        found |= {f"{one.path}#": self.citation(one.path, one.definitions[0].symbol) for one in far}
        return {symbol: cited for symbol, cited in found.items() if cited.digest and not cited.is_lines}

    def _judge(self, kind: str, facts: dict[str, Citation], edit: Edit) -> None:
        links = {f"1 {name}": [name] for name in facts} | {f"2 {name}": [f"1 {name}"] for name in facts}
        given = {name: [cited] for name, cited in facts.items()} | {name: [] for name in links}
        found = verdicts(given, self.tree, links)
        for name, cited in facts.items():
            is_stale, wanted = found[name].standing is Standing.STALE, name in edit.stale
            self.result.right_stale += is_stale and wanted
            self.result.right_good += not is_stale and not wanted
            self.result.wrong_stale += is_stale and not wanted
            self.result.missed += wanted and not is_stale
            where = edit.moved.get(name, cited.path)
            point = next((one.path for one in found[name].places), "")
            right = is_stale == wanted and found[name].standing in (Standing.STALE, Standing.GOOD)
            if right and not wanted and point != where:
                self.result.misses.append(f"{kind} of {edit.target}: {cited} points to {point}, not to {where}")
            elif right:
                self.result.pointed += not wanted
            else:
                said = found[name].reason or found[name].standing
                self.result.misses.append(f"{kind} of {edit.target}: {cited} should be {'stale' if wanted else 'good'}: {said}")
            for number in (1, 2):
                follows = found[f"{number} {name}"].standing is Standing.TO_CHECK
                self.result.dependants += follows == is_stale
                if follows != is_stale:
                    self.result.misses.append(f"{kind} of {edit.target}: what builds on {cited} does not follow it")

    def _write(self, files: dict[str, bytes | None]) -> None:
        for path, data in files.items():
            if data is None:
                (self.root / path).unlink(missing_ok=True)
            else:
                (self.root / path).write_bytes(data)


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def git(root: Path, *arguments: str) -> str:
    settings = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgSign=false",
        "-c",
        "core.autocrlf=false",
    ]
    command = ["git", *settings, *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def sources(root: Path) -> Iterator[Source]:
    """The files whose definitions are found."""
    for path in git(root, "ls-files", "-z").split("\0"):
        file = root / path
        if path.endswith(".d.ts"):  # functions without bodies
            continue
        if path.rpartition(".")[2] in SUFFIXES and file.is_file() and not file.is_symlink() and file.stat().st_size < _LARGEST:
            try:
                text = file.read_bytes().decode()
            except UnicodeDecodeError:
                continue
            source = Source(path, text) if "\r" not in text and "\0" not in text else None
            if source is not None and len(source.definitions) > 1:
                yield source


def clone(repository: Path, target: Path) -> Path:
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(repository), str(target)], check=True, capture_output=True)
    return target


# -- time ----------------------------------------------------------------------------------------------------------------


def timed(suite: Suite, count: int) -> Iterator[tuple[str, float, int]]:
    """What judging so many facts takes, in milliseconds of processor time, and how many files were read."""
    pairs = [(source.path, one.symbol) for source in suite.sources for one in source.definitions]
    suite.chance.shuffle(pairs)
    every = (suite.citation(*pair) for pair in pairs)
    facts = {str(number): [cited] for number, cited in zip(range(count), filter(lambda one: one.digest, every), strict=False)}
    paths = sorted({cited.path for citations in facts.values() for cited in citations})
    yield f"{len(facts)} facts in {len(paths)} files, first look", *_median(lambda: _look(facts, Tree(suite.root)), 5)
    tree = Tree(suite.root)
    _look(facts, tree)
    yield "again, nothing changed", *_median(lambda: _look(facts, tree), 9)
    changed = paths[:: max(1, len(paths) // 10)][:10]

    def after_edits() -> tuple[float, int]:
        for path in changed:
            file = suite.root / path
            file.write_bytes(file.read_bytes() + b"\n")
        return _look(facts, tree)

    yield f"again, {len(changed)} files changed", *_median(after_edits, 5)
    for path in paths:
        file = suite.root / path
        file.write_bytes(b"\n" + file.read_bytes())
    yield "first look, every file changed since", *_median(lambda: _look(facts, Tree(suite.root)), 3)


def _look(facts: dict[str, list[Citation]], tree: Tree) -> tuple[float, int]:
    read, started = tree.read_count, time.process_time()
    found = verdicts(facts, tree)
    assert all(verdict.is_good for verdict in found.values()), [one.reason for one in found.values() if not one.is_good][:3]
    return (time.process_time() - started) * 1000, tree.read_count - read


def _median(work: object, rounds: int) -> tuple[float, int]:
    assert callable(work)
    results = [work() for _ in range(rounds)]
    return statistics.median(one for one, _ in results), results[-1][1]


def report(results: Iterable[tuple[str, Result]]) -> Result:
    total = Result()
    for name, result in results:
        total.add(result)
        judged = result.right_stale + result.right_good + result.wrong_stale + result.missed
        print(
            f"{name}: {sum(result.edits.values())} edits, {judged} judgements ({result.right_stale + result.missed} of what"
            f" changed), precision {result.precision:.4f}, recall"
            f" {result.recall:.4f}; {result.pointed} point to the right file; {result.dependants} dependants followed",
            flush=True,
        )
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.staleness", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    parser.add_argument("--edits", type=int, default=120, help="edits of each repository")
    parser.add_argument("--facts", type=int, default=1_000, help="facts that are judged for time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        suites = [
            (repository.name, Suite(clone(repository, Path(folder) / str(number)), options.seed + number))
            for number, repository in enumerate(options.repositories)
        ]
        total = report((name, suite.run(options.edits)) for name, suite in suites)
        print(f"all: {sum(total.edits.values())} edits; " + ", ".join(f"{n} {kind}" for kind, n in sorted(total.edits.items())))
        print(f"precision {total.precision:.4f}, recall {total.recall:.4f}, {len(total.misses)} misses")
        print("\n".join(f"  {miss}" for miss in total.misses))
        largest = max(suites, key=lambda pair: sum(len(source.definitions) for source in pair[1].sources))
        for what, milliseconds, read in timed(largest[1], options.facts):
            print(f"{largest[0]}, {what}: {milliseconds:.0f} ms of processor time, {read} files read")
    return 0 if total.precision >= 0.98 and total.recall >= 0.98 else 1


if __name__ == "__main__":
    raise SystemExit(main())
