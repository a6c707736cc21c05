"""What text the agent has seen in this session, through whichever tool: a change is allowed on that text only.

Whole files that were read or written are remembered by their content, so that a file that changed since can be shown
with its difference; of everything else that tools returned (grep hits, shell output) the lines are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.memory.origins import Origins

if TYPE_CHECKING:
    from lcode.memory.model import MessageRow

_PREFIXES = (
    re.compile(r"^\s*\d+[:\t→|-]\s?"),  # numbered lines: `12→text`, `12:text`, `cat -n`
    re.compile(r"^[^\s:][^:\n]*:\d+[:-]\s?"),  # grep: `path:12:text`
    re.compile(r"^[+\- ]"),  # a diff
)
_REMEMBERED_FILE = 2_000_000  # bytes; larger files are remembered by their lines only


class Seen:
    """`lines` are kept by hash: a session may see megabytes. `origins` knows which directions were read, and what was heard."""

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}
        self._lines: set[int] = set()
        self.origins = Origins()

    def whole(self, path: Path, content: str) -> None:
        """The agent knows all of `path` as `content`."""
        self._files.pop(path, None)  # what was read last stands last
        if len(content) <= _REMEMBERED_FILE:
            self._files[path] = content
        for line in content.splitlines():
            self._add(line)

    def content(self, path: Path) -> str | None:
        """The whole content of `path` as last seen or written; None if it never was seen whole."""
        return self._files.get(path)

    def files(self) -> list[Path]:
        """The files that were seen whole, the last one last."""
        return list(self._files)

    def output(self, text: str) -> None:
        """A tool returned `text`: its lines count as seen, with and without what tools put in front of a line."""
        for line in text.splitlines():
            self._add(line)
            for prefix in _PREFIXES:
                bare, found = prefix.subn("", line, count=1)
                if found:
                    self._add(bare)

    def knows(self, text: str) -> bool:
        """Whether every line of `text` that holds more than white space was seen."""
        return all(hash(bare) in self._lines for line in text.splitlines() if (bare := line.strip()))

    def _add(self, line: str) -> None:
        if bare := line.strip():
            self._lines.add(hash(bare))

    def again(self, rows: Iterable[MessageRow], recalling: Container[str]) -> None:
        """Take in what a session that is taken up again has in context. `recalling` are tools that return what memory holds."""
        for row in rows:
            if row.role == "user" and row.kind == "user":
                self.origins.heard(row.text)
            for part in row.content if row.role == "tool" else ():
                text, name = str(part.get("text", "")), str(part.get("name", "a tool"))
                self.output(text)
                if name not in recalling:
                    self.origins.read(text, name)
