"""What .gitignore files, and others of their form, say of one path, as git reads them.

The patterns are pathspec's, matched here. For pathspec a pattern speaks of all that is below what it matches, so that
`!a.py` would bring back what another pattern leaves out of the folder `a.py`. Git asks of each path by itself, folders before
what is in them, and never looks into one that is left out; that is how a walk goes too.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_BELOW = "ps_d"  # pathspec's group of the slash behind what was matched


@dataclass(frozen=True)
class _Pattern:
    """`ignores` is false behind a `!`."""

    ignores: bool
    regex: re.Pattern[str]

    def speaks_of(self, path: str, is_dir: bool) -> bool:
        """Whether it matches the path itself, and not only a folder that it is in."""
        text = f"{path}/" if is_dir else path
        for match in self.regex.finditer(text):
            behind = match.end(_BELOW) if _BELOW in self.regex.groupindex else -1
            if behind == len(text) or (behind < 0 and self.regex.search(path)):
                return True
        return False


@dataclass(frozen=True)
class Rules:
    """The ignore files that hold in a folder, outermost first, each with its folder; the last pattern first. `names` are what
    they are called: of two in one folder the later has the last word."""

    files: tuple[tuple[str, tuple[_Pattern, ...]], ...] = ()
    names: tuple[str, ...] = (".gitignore",)

    def within(self, folder: str) -> Rules:
        found = [(folder, patterns) for name in self.names if (patterns := _patterns(folder, name))]
        return Rules((*self.files, *found), self.names) if found else self

    def ignores(self, path: str, is_dir: bool) -> bool:
        """The innermost file that speaks of `path` decides. It must not lie in a folder that is ignored."""
        for folder, patterns in reversed(self.files):
            relative = path[len(folder) :].lstrip("/")
            for pattern in patterns:
                if pattern.speaks_of(relative, is_dir):
                    return pattern.ignores
        return False


def _patterns(folder: str, name: str) -> tuple[_Pattern, ...]:
    path = os.path.join(folder, name)  # noqa: PTH118 (called for every folder)
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size < 1_000_000:
        return ()
    return _parsed(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _parsed(path: str, modified: int, length: int) -> tuple[_Pattern, ...]:
    """Rules as of `modified`; a pattern that cannot be read is left out, as git does."""
    try:
        lines = Path(path).read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff").splitlines()
    except OSError:
        return ()
    return tuple(_read(reversed(lines)))


def _read(lines: Iterable[str]) -> Iterator[_Pattern]:
    from pathspec import GitIgnoreSpec

    for line in lines:
        try:
            found = GitIgnoreSpec.from_lines([line]).patterns
        except ValueError:
            continue
        for one in found:
            if one.include is not None and one.regex is not None:
                yield _Pattern(one.include, one.regex)
