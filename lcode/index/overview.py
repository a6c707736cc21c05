"""What a repository tells of itself without a model, once it is indexed: what it is and how its modules hang together, how its
people build, test and write, and the details worth finding again.

Every statement is counted or quoted from a named source; nothing is guessed. Words from files and commits are quoted: they are
data. The same index and history give the same statements.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.index import habits, purposes
from lcode.index.entry_points import entry_points
from lcode.index.languages import LANGUAGES
from lcode.index.manifests import read_manifests
from lcode.index.modules import Module, modules
from lcode.index.shape import Symbol, read_shape, read_symbols
from lcode.index.survey import about, manners
from lcode.index.tasks import ci_files, read_tasks
from lcode.index.text import fit, label, listing, plural, quote

if TYPE_CHECKING:
    import apsw

    from lcode.git.command import Git
    from lcode.index.history import Commit
    from lcode.index.shape import Shape

ARCHITECTURE_LIMIT = 3_600  # characters
CONVENTIONS_LIMIT = 2_400
_LINE = 220  # characters
_CENTRAL = 12  # files
_NAMES = 5  # definitions of one that are named
_PEERS = 4


@dataclass(frozen=True)
class Statement:
    """One detail to be kept apart. `subject` is what it is about: a later one of the same subject takes its place."""

    subject: str
    text: str
    citations: tuple[str, ...] = ()
    commits: bool = False  # whether it comes from history


@dataclass(frozen=True)
class Overview:
    """Two texts of short lines for the blocks of these names, and the rest."""

    architecture: str
    conventions: str
    statements: tuple[Statement, ...] = ()


@dataclass
class _Known:
    """What is looked at, read once."""

    root: Path
    shape: Shape
    modules: list[Module]
    symbols: dict[str, list[Symbol]]
    commits: Sequence[Commit] = ()
    references: list[str] = field(default_factory=list)

    def module_of(self, path: str) -> str:
        inside = [one for one in self.modules if path.startswith(f"{one.folder}/") or not one.folder]
        return max(inside, key=lambda one: len(one.folder)).name if inside else path.partition("/")[0] + "/"


def overview(
    connection: apsw.Connection, root: Path, checkout: str, commits: Sequence[Commit], git: Git | None
) -> Overview | None:
    """The overview of the checkout of that root; None where the index does not know it. `commits` are
    the newest, the newest first."""
    shape = read_shape(connection, checkout)
    if shape is None or not shape.files:
        return None
    central = [path for path in shape.central()[:_CENTRAL] if shape.used_by.get(path)]
    known = _Known(root, shape, modules(shape), read_symbols(connection, shape, central), commits, _references(git))
    names = frozenset(_names(root))
    facts = read_manifests(root, names)
    read_tasks(root, names, facts)
    entries = entry_points(root, shape.files, facts.entry_points)
    about_it = [*about(root, names, facts), _size(shape), *([f"Entry points: {listing(entries)}"] if entries else [])]
    drawn = [*_modules(known), *_central(known, central), *_tests(shape)]
    kept = [*manners(root, facts, ci_files(root, names), list(shape.files)), *habits.messages(commits), *known.references]
    return Overview(
        fit([*filter(None, about_it), *drawn], ARCHITECTURE_LIMIT, _LINE),
        fit(kept, CONVENTIONS_LIMIT, _LINE),
        tuple(_statements(known, central)),
    )


def _names(root: Path) -> list[str]:
    try:
        return os.listdir(root)  # noqa: PTH208 - names only
    except OSError:
        return []


def _references(git: Git | None) -> list[str]:
    from lcode.git.command import GitError

    try:
        return habits.references(git) if git is not None else []
    except GitError:
        return []


def _size(shape: Shape) -> str:
    languages: Counter[str] = Counter()
    for file in shape.files.values():
        if file.kind == "source" and file.language != "text":
            languages[file.language] += file.lines
    total = sum(languages.values())
    shares = [f"{name} {round(100 * lines / total)} %" for name, lines in languages.most_common(5) if lines * 100 >= total]
    return (
        f"{plural(len(shape.files), 'file')}, {total:,} lines of source: {', '.join(shares)}"
        if total
        else plural(len(shape.files), "file")
    )


# -- lines of the blocks ------------------------------------------------------------------------------------------------


def _modules(known: _Known) -> list[str]:
    if len(known.modules) < 2:
        return []
    lines = ["Modules by lines of source; `uses`: whose files two or more of theirs import (tests aside):"]
    return [*lines, *(_module(known, module) for module in known.modules[:22])]


def _module(known: _Known, module: Module, peers: int = _PEERS) -> str:
    said = _said(known, module)
    own = ", its own files" if module.own and module.folder else ""
    uses = [label(name) for name, _ in _ordered(module.uses)[:peers]]
    return (
        f"{label(module.name)} ({plural(len(module.files), 'file')}, {module.lines:,} lines{own})"
        f"{f': {said}' if said else ''}{f'; uses {_more(uses, module.uses)}' if uses else ''}"
    )


def _said(known: _Known, module: Module) -> str:
    if not module.folder:
        return ""
    direct = [path for path in module.files if path.rpartition("/")[0] == module.folder]
    words = purposes.folder_words(known.root, module.folder, direct)
    return quote(words, 70) if words else ""


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _more(shown: Sequence[str], counts: Counter[str]) -> str:
    left = len(counts) - len(shown)
    return f"{', '.join(shown)}{f' and {left} more' if left > 0 else ''}"


def _central(known: _Known, central: Sequence[str]) -> list[str]:
    if not central:
        return []
    lines = []
    for path in central:
        names = [label(symbol.name, 40) for symbol in known.symbols.get(path, ())[:_NAMES] if symbol.kind != "module"]
        defines = f": {', '.join(names)}" if names else ""
        lines.append(f"{label(path, 90)}, used by {plural(len(known.shape.used_by[path]), 'file')}{defines}")
    return ["Central files:", *lines]


def _tests(shape: Shape) -> list[str]:
    tests = [path for path, file in shape.files.items() if file.kind == "test" and _is_code(file.language)]
    if not tests:
        return []
    folders = Counter(path.rpartition("/")[0] or "." for path in tests)
    where = [f"{label(folder, 50)} ({count})" for folder, count in folders.most_common(6)]
    return [f"Test files ({len(tests):,}): {listing(where, 110)}"]


def _is_code(language: str) -> bool:
    row = LANGUAGES.get(language)
    return row is not None and row.defines


# -- details ------------------------------------------------------------------------------------------------------------


def _statements(known: _Known, central: Sequence[str]) -> Iterable[Statement]:
    for module in known.modules[:30]:
        if module.folder:
            yield _about_module(known, module, central)
    living = known.shape.files.keys()
    changed, count, since = habits.most_changed(known.commits, living)
    if changed and count >= 20:
        listed = ", ".join(f"{label(path, 90)} ({times})" for path, times in changed)
        text = f"Most changed files, by how many of the {count} commits since {since} (merges aside) touched them: {listed}"
        yield Statement("most changed files", text, tuple(path for path, _ in changed), commits=True)
    code = {path for path, file in known.shape.files.items() if file.kind in ("source", "test") and file.language != "text"}
    for pair in habits.together(known.commits, code):
        text = (
            f"{label(pair.second, 90)} changes together with {label(pair.first, 90)}: in {pair.both} of the {pair.of} commits"
            f" that touched it, of the last {len(known.commits):,}"
        )
        yield Statement(f"{pair.second} changes with {pair.first}", text, (pair.second, pair.first), commits=True)
    work = habits.themes(known.commits, living, known.module_of)
    if work:
        yield Statement("recent work", ". ".join(work), commits=True)


def _about_module(known: _Known, module: Module, central: Sequence[str]) -> Statement:
    parts = [f"Module {_module(known, module, 12)}"]
    if module.used_by:
        users = [label(name) for name, _ in _ordered(module.used_by)[:12]]
        parts.append(f"used by {_more(users, module.used_by)}")
    inside = set(module.files)
    ranked = [path for path in central if path in inside]
    largest = sorted(module.files, key=lambda path: (-known.shape.files[path].lines, path))
    shown = list(dict.fromkeys([*ranked, *largest]))[:6]
    if len(module.files) > 1:
        parts.append(f"main files: {', '.join(label(path.removeprefix(f'{module.folder}/'), 60) for path in shown)}")
    own = " (its own files)" if module.own else ""
    return Statement(f"module {module.folder}{own}", "; ".join(parts), tuple(shown[:3]))
