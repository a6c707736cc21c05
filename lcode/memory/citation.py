"""Citations: which code a memory speaks of, or which other memory it builds on, as text and as a record.

Only the words: whether code is as cited is for `grounding`. A path is relative to the top of the worktree, with `/`.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

_PASSAGE = re.compile(r"passage[-:]\s*(?:passage-)?([0-9a-f]{1,32})$|([0-9a-f]{8}|[0-9a-f]{32})$")
_LINES = re.compile(r"(?P<path>.+?)(?::|#)L?(?P<first>\d{1,7})(?:-L?(?P<last>\d{1,7})|(?::\d+)+)?:?$")
_SYMBOL = re.compile(r"(?P<path>.+?)#(?P<symbol>[^/\s].*)$")
_MEMBER = re.compile(r"(?P<path>(?:.*/)?[^/]*\.[A-Za-z]\w*)::?(?P<symbol>[^\W\d][\w.:]*)$")  # as test runners write it
_LINES_MARK = "l"
_AROUND = "`'\" \t\n()[]<>"


@dataclass(frozen=True)
class Citation:
    """A file (`path`), its lines `first` to `last` (from 1), or a symbol of it.

    `digest` is of the cited text as it was at `commit`, made by `grounding.anchor`, which also fills in the lines of a symbol
    and the symbol around lines; '' where nothing could be found. `depends_on` names a passage instead of code.
    """

    path: str
    symbol: str = ""
    first: int = 0
    last: int = 0
    digest: str = ""
    commit: str = ""

    @property
    def depends_on(self) -> str:
        """The id of the passage, or the beginning of it, that is cited; '' where code is."""
        found = _PASSAGE.match(self.path) if not (self.symbol or self.first) else None
        return (found[1] or found[2]) if found else ""

    @property
    def is_lines(self) -> bool:
        """Whether the lines are cited, and not the symbol that they stand in."""
        return self.digest.startswith(_LINES_MARK) if self.digest else bool(self.first and not self.symbol)

    @property
    def name(self) -> str:
        """The symbol without what it is in; '' for a citation of none."""
        return self.symbol.rpartition(".")[2]

    def __str__(self) -> str:
        if self.symbol and not self.is_lines:
            return f"{self.path}#{self.symbol}"
        if not self.first:
            return self.path
        return f"{self.path}:{self.first}" + (f"-{self.last}" if self.last > self.first else "")


def parse(text: str) -> Citation:
    """The citation that a text means: `path`, `path:12`, `path:12-20`, `path#symbol`, `passage:<id>`; also as GitHub
    (`path#L12-L20`), compilers (`path:12:5`) and test runners (`path::symbol`) write it. Never fails: what is none of
    these is a path."""
    bare = text.strip().strip(_AROUND)
    if found := _PASSAGE.match(bare):
        return Citation(f"passage:{found[1] or found[2]}")
    if found := _LINES.match(bare):
        first, last = int(found["first"]), int(found["last"] or found["first"])
        if first:
            return Citation(_path(found["path"]), first=min(first, last), last=max(first, last))
    if found := _SYMBOL.match(bare) or _MEMBER.match(bare):
        return Citation(_path(found["path"]), _symbol(found["symbol"]))
    return Citation(_path(bare))


def _path(text: str) -> str:
    path = posixpath.normpath(text.strip()) if text.strip() else ""
    return "" if path == "." else path


def _symbol(text: str) -> str:
    """`Session::send()` and `Session#send` as the index has it: `Session.send`."""
    return re.sub(r"::|#", ".", text.strip().removesuffix("()")).strip(".")
