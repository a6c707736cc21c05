"""The files of a tree in path order, without what .gitignore leaves out; symbolic links are listed and never followed.

The rules are those that `grep` gives to ripgrep: the .gitignore files from the repository's top (outside git: from the
project's root) down to each folder; `.git` itself never. A folder that is named, though ignored, is walked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path

from lcode.git.ignore_rules import Rules
from lcode.tools.base import ToolError


@dataclass(frozen=True)
class Entry:
    """Something in a folder. `relative` is its path below the start of the walk, with `/`. `is_file` and `is_dir` are
    false for symbolic links (`is_link`), pipes, sockets and devices."""

    path: Path
    name: str
    relative: str
    is_dir: bool
    is_file: bool
    is_link: bool
    depth: int


@dataclass
class Ignored:
    """How many entries .gitignore left out, by folder."""

    counts: dict[Path, int] = field(default_factory=dict)


def walk(start: Path, root: Path, *, depth: int | None = None, ignored: Ignored | None = None) -> Iterator[Entry]:
    """Everything below the folder `start`, each folder before what is in it, sorted by name; `depth` levels of it."""
    pending = [_folder(str(start), "", _outer_rules(start, root), 1, ignored)]
    while pending:  # a stack of our own: trees may be deeper than Python's
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            continue
        entry, rules = step
        yield entry
        if entry.is_dir and (depth is None or entry.depth < depth):
            pending.append(_folder(str(entry.path), f"{entry.relative}/", rules, entry.depth + 1, ignored))


def top(start: Path, root: Path) -> Path:
    """The folder whose .gitignore is the outermost that counts: the repository's, else `root`, else `start`."""
    for folder in (start, *start.parents):
        if is_repository(folder):
            return folder
    return root if start.is_relative_to(root) else start


def is_repository(folder: Path) -> bool:
    """Whether `folder` is the top of a git repository or worktree, as far as one may look."""
    try:
        (folder / ".git").lstat()
    except OSError:
        return False
    return True


def is_ignored(start: Path, root: Path) -> bool:
    """Whether .gitignore leaves out the folder `start` itself, or one that it is in."""
    outermost = top(start, root)
    rules, folder = Rules(), outermost
    for name in start.relative_to(outermost).parts:
        rules, folder = rules.within(str(folder)), folder / name
        if rules.ignores(str(folder), is_dir=True):
            return True
    return False


def _outer_rules(start: Path, root: Path) -> Rules:
    """What the folders above `start` say. Nothing, where they ignore `start`: whoever names it wants to see it."""
    rules = Rules()
    if is_ignored(start, root):
        return rules
    folder = top(start, root)
    for name in start.relative_to(folder).parts:
        rules, folder = rules.within(str(folder)), folder / name
    return rules


def _folder(folder: str, prefix: str, outer: Rules, level: int, ignored: Ignored | None) -> Iterator[tuple[Entry, Rules]]:
    """The entries of one folder, each with the rules that hold beside it."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError:
        return
    names = {entry.name for entry in found}
    rules = Rules() if ".git" in names else outer  # a repository inside: git's rules do not reach into it
    rules = rules.within(folder) if ".gitignore" in names else rules
    for item in found:
        if item.name == ".git":
            continue
        is_dir = _is_dir(item)
        if rules.files and rules.ignores(item.path, is_dir):
            if ignored is not None:
                ignored.counts[Path(folder)] = ignored.counts.get(Path(folder), 0) + 1
            continue
        relative = prefix + item.name
        yield Entry(Path(item.path), item.name, relative, is_dir, _is_file(item), item.is_symlink(), level), rules


def _is_dir(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_file(follow_symlinks=False)
    except OSError:
        return False


def glob_test(pattern: str) -> Callable[[str], bool]:
    """A test of relative paths against a glob: `*`, `?`, `[…]`, `{a,b}`, and `**` for any number of folders."""
    arms = islice(_braces(pattern), 500)
    try:
        regex = re.compile("|".join(f"(?:{_glob_regex(arm)})" for arm in arms), re.DOTALL)
    except re.error as error:
        raise ToolError(f"{pattern!r} is not a valid glob: {error}.") from None
    return lambda path: regex.fullmatch(path) is not None


def _glob_regex(pattern: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            parts.append("(?:[^/]+/)*")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        elif pattern[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            parts.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = re.sub(r"([\\\[&~|])", r"\\\1", pattern[at + 1 : end]).replace("--", "-\\-")
            parts.append(f"[^/{inner[1:]}]" if inner[0] in "!^" else f"(?!/)[{inner}]")
            at = end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            parts.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)


def _braces(pattern: str) -> Iterator[str]:
    """`pattern` once for each alternative of its `{a,b}`, nested ones too."""
    start = pattern.find("{")
    while start >= 0:
        end, commas = _closing(pattern, start)
        if end < 0:
            break
        if commas:
            bounds = [start, *commas, end]
            for low, high in pairwise(bounds):
                yield from _braces(pattern[:start] + pattern[low + 1 : high] + pattern[end + 1 :])
            return
        start = pattern.find("{", start + 1)
    yield pattern


def _closing(pattern: str, start: int) -> tuple[int, list[int]]:
    """Where the brace at `start` closes (-1: nowhere), and its own commas."""
    level, commas = 0, []
    for at in range(start, len(pattern)):
        level += {"{": 1, "}": -1}.get(pattern[at], 0)
        if pattern[at] == "," and level == 1:
            commas.append(at)
        if level == 0:
            return at, commas
    return -1, commas
