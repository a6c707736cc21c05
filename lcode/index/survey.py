"""The first look at a repository, without a model: what it is, how it is built and tested, where things are.

Everything here is data from files: quoted, labelled with its file, and bounded in time and size, so that a huge, broken
or hostile repository costs no more than an ordinary one. No process is started and nothing outside the root is read.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcode import clock
from lcode.index import purposes
from lcode.index.entry_points import entry_points
from lcode.index.facts import Command, Facts
from lcode.index.manifests import read_manifests
from lcode.index.tasks import ci_commands, ci_files, read_tasks
from lcode.index.text import clean, fit, label, listing, quote, read_head
from lcode.index.walk import Files, from_tracked, walk

ARCHITECTURE_LIMIT = 2_500
CONVENTIONS_LIMIT = 1_500
BUDGET = 0.12  # seconds for all of it
_WALK = 0.06  # of them for the tree
_TEST_FILE = re.compile(
    r"(?:^|/)(?:test_[^/]*\.py|[^/]*_test\.\w+|[^/]*[._-](?:test|spec)\.\w+|[^/]*Test\.\w+|[^/]*_spec\.rb)$"
)
_LABELS = {"test": "Tests run with", "lint": "Lint", "format": "Format", "types": "Type check", "build": "Build", "run": "Run"}


@dataclass(frozen=True)
class Survey:
    """Two texts of short lines, for the core memory blocks of these names; '' where nothing is known."""

    architecture: str
    conventions: str


def survey(root: Path, tracked: Sequence[str] | None = None) -> Survey:
    """Look at `root`, in about BUDGET seconds at most; `tracked` are the files to speak of (default: a bounded walk)."""
    start = clock.monotonic()

    def expired(budget: float = BUDGET) -> bool:
        return clock.monotonic() - start > budget

    root = root.resolve()
    try:
        names = frozenset(os.listdir(root))  # noqa: PTH208  # names only
    except OSError:
        return Survey("", "")
    files = from_tracked(tracked) if tracked else walk(root, lambda: expired(_WALK))
    facts = read_manifests(root, names)
    read_tasks(root, names, facts)
    automation = ci_files(root, names)
    told = [*about(root, names, facts), *_shape(root, files, facts), *_tree(root, files, expired)]
    kept = manners(root, facts, automation, files.paths, expired)
    return Survey(fit(told, ARCHITECTURE_LIMIT), fit(kept, CONVENTIONS_LIMIT))


def about(root: Path, names: frozenset[str], facts: Facts) -> list[str]:
    """What the project calls itself."""
    lines = [f"Project: {listing(facts.projects)}"] if facts.projects else []
    version = re.search(r"__version__ = ['\"]([^'\"\n]+)", read_head(root, facts.version_file)) if facts.version_file else None
    if version:
        lines.append(f"Version: {label(version[1], 40)} ({label(facts.version_file)})")
    if facts.summary[1]:
        lines.append(f"{facts.summary[0]} says: {quote(facts.summary[1])}")
    readme = next((name for name in sorted(names) if re.fullmatch(r"readme(\.(md|rst|txt|adoc))?", name, re.IGNORECASE)), "")
    words = purposes.readme_words(read_head(root, readme, 16_384)) if readme else ""
    if words:
        lines.append(f"{clean(readme, 30)} says: {quote(words)}")
    if facts.requires:
        lines.append(f"Requires: {listing(facts.requires)}")
    if facts.dependencies:
        unique = list(dict.fromkeys(label(name, 40) for name in facts.dependencies[:400]))
        lines.append(f"Dependencies ({len(unique)}): {listing(unique)}")
    if facts.unreadable:
        lines.append(f"Could not be read: {listing(facts.unreadable)}")
    return lines


def _shape(root: Path, files: Files, facts: Facts) -> list[str]:
    """Languages, entry points, and where the tests live."""
    lines = []
    unit, shares = purposes.languages(files)
    count = f"{'more than ' if files.partial and len(files.paths) == files.total else ''}{files.total:,} files"
    if shares:
        lines.append(f"Languages by {unit} ({count}): {listing([f'{language} {share} %' for language, share in shares])}")
    entries = entry_points(root, files.paths, facts.entry_points)
    if entries:
        lines.append(f"Entry points: {listing(entries)}")
    tests = [path for path in files.paths if _TEST_FILE.search(path) and purposes.suffix_of(path) in purposes.CODE_SUFFIXES]
    if tests:
        folders = Counter(path.rpartition("/")[0] or "." for path in tests)
        where = [f"{label(folder, 50)} ({count_there})" for folder, count_there in folders.most_common(6)]
        number = f"{'at least ' if files.partial else ''}{len(tests)}"
        lines.append(f"Test files ({number}), such as {label(tests[0].rpartition('/')[2], 40)}: {listing(where, 90)}")
    return lines


def _tree(root: Path, files: Files, expired: Callable[[], bool]) -> list[str]:
    """The folders, then the sources in the largest ones, each with the first words it says of itself."""
    direct: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for path in files.paths:
        parts = path.split("/")
        direct.setdefault("/".join(parts[:-1]), []).append(path)
        for depth in range(1, min(len(parts), 4)):
            counts["/".join(parts[:depth])] += 1
    lines = ["Tree:"] if counts else []
    top = sorted((folder for folder in counts if "/" not in folder), key=lambda folder: (-counts[folder], folder))
    for folder in top[:14]:
        lines.append(_folder(root, folder, counts, direct, expired, partial=files.partial))
        inner = sorted(
            (other for other in counts if other.startswith(f"{folder}/") and other.count("/") == 1),
            key=lambda x: (-counts[x], x),
        )
        if folder not in ("docs", "tests", "test", ".github"):
            lines += [f"  {_folder(root, other, counts, direct, expired, partial=files.partial)}" for other in inner[:8]]
    return lines + _sources(root, direct, expired)


def _folder(
    root: Path, folder: str, counts: Counter[str], direct: dict[str, list[str]], expired: Callable[[], bool], *, partial: bool
) -> str:
    name = folder.rpartition("/")[2]
    said = "" if expired() else purposes.folder_words(root, folder, direct.get(folder, []))
    what = quote(said, 90) if said else purposes.KNOWN.get(name.lower(), "")
    number = f"{'at least ' if partial else ''}{counts[folder]} file{'s' if counts[folder] != 1 else ''}"
    return f"{label(f'{folder}/')} ({number}){f': {what}' if what else ''}"


def _sources(root: Path, direct: dict[str, list[str]], expired: Callable[[], bool]) -> list[str]:
    """Single files of the folders with most sources: `path: «first words»`, while there is time."""
    sources = {
        folder: [path for path in paths if purposes.suffix_of(path) in purposes.CODE_SUFFIXES and not _TEST_FILE.search(path)]
        for folder, paths in direct.items()
        if not re.search(r"(?:^|/)(?:\.[^/]*|tests?|docs?|examples?|vendor|third_party|benchmarks?|fixtures)(?:/|$)", folder)
    }
    ranked = sorted((folder for folder in sources if sources[folder]), key=lambda folder: (-len(sources[folder]), folder))
    lines: list[str] = []
    told: set[str] = set()
    for folder in ranked[:6]:
        silent = []
        for path in sources[folder][:60]:
            if expired() or len(lines) >= 40:
                return lines
            if path.endswith(("__init__.py", "__main__.py")):
                continue
            said = purposes.first_words(root, path)
            if said and said not in told and not said.startswith("Package "):
                told.add(said)
                lines.append(f"{label(path)}: {quote(said, 100)}")
            else:
                silent.append(label(path.rpartition("/")[2], 40))
        if silent:
            lines.append(f"{label(folder or '.')}/ also holds: {listing(silent, 130)}")
    return lines


def manners(
    root: Path, facts: Facts, automation: list[str], paths: Sequence[str], expired: Callable[[], bool] = lambda: False
) -> list[str]:
    """How it is built, tested and styled, and which of the tools for that are installed."""
    commands = _usable(root, _chosen(facts, paths))
    lines = [_command(command) for command in commands]
    runs = ci_commands(root, automation)
    for file in list(dict.fromkeys(file for file, _ in runs))[:3]:
        commands_there = [quote(command, 70) for where, command in runs if where == file]
        lines.append(f"CI ({label(file)}) runs: {listing(commands_there, 110)}")
    if automation and not runs:
        lines.append(f"CI: {listing([label(name) for name in automation])}")
    lines += [*facts.style, *facts.tools]
    programs = _programs(commands, [command for _, command in runs])
    if programs and not expired():
        there, missing = _installed(root, programs)
        lines += [f"Installed here: {listing(there)}"] if there else []
        lines += [f"Not installed here: {listing(missing)}"] if missing else []
    return lines


def _chosen(facts: Facts, paths: Sequence[str]) -> list[Command]:
    """For each purpose the commands that people named, else what the manifests let us infer."""
    chosen: list[Command] = []
    for purpose in _LABELS:
        of = [command for command in facts.commands if command.purpose == purpose]
        named = [command for command in of if not command.inferred]
        chosen += (named or of)[:2]
    tested = any(command.purpose == "test" for command in chosen)
    if not tested and any(re.search(r"(?:^|/)test_[^/]*\.py$", path) for path in paths):
        chosen.insert(0, Command("test", "python -m pytest or python -m unittest", "test_*.py files", inferred=True))
    return chosen


def _usable(root: Path, commands: list[Command]) -> list[Command]:
    """Of several commands for one purpose those whose program is installed, if one is."""
    there = [command for command in commands if all(_installed(root, _programs([command], []))[:1])]
    served = {command.purpose for command in there}
    return [command for command in commands if command in there or command.purpose not in served]


def _command(command: Command) -> str:
    label = _LABELS[command.purpose]
    source = f"{'inferred from ' if command.inferred else ''}{clean(command.source, 40)}"
    runs = f", which runs {quote(command.runs, 60)}" if command.runs else ""
    return f"{label}: `{clean(command.command, 60).replace('`', '')}` ({source}){runs}"


def _programs(commands: list[Command], runs: list[str]) -> list[str]:
    """The programs that these commands start with."""
    found: dict[str, None] = {}
    for text in [part for command in commands for part in (command.command, *command.runs.split(";"))] + runs:
        words = [word for word in re.split(r"&&|\|\||;", text)[0].split() if "=" not in word]
        if (
            words
            and re.fullmatch(r"[A-Za-z][\w.+-]{0,30}", words[0])
            and words[0] not in ("cd", "echo", "set", "if", "for", "test", "exit", "rm")
        ):
            found[words[0]] = None
    return list(found)[:12]


def _installed(root: Path, programs: list[str]) -> tuple[list[str], list[str]]:
    """Which programs are there, on the PATH or in the project's own environment."""
    own = [root / folder for folder in (".venv/bin", "venv/bin", "node_modules/.bin")]
    there, missing = [], []
    for program in programs:
        local = next((folder for folder in own if (folder / program).is_file()), None)
        if local is not None:
            there.append(f"{program} (in {local.relative_to(root).as_posix()})")
        elif shutil.which(program):
            there.append(program)
        else:
            missing.append(program)
    return there, missing
