"""What text the agent has seen in this session, through whichever tool: a change is allowed on that text only.

Whole files that were read or written are remembered by their content, so that a file that changed since can be shown
with its difference; of everything else that tools returned (grep hits, shell output) the lines are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcode.memory.model import Source
from lcode.memory.origins import Origins

if TYPE_CHECKING:
    from lcode.memory.model import MessageRow

_PREFIXES = (
    re.compile(r"^\s*\d+[:\t→|-]\s?"),  # numbered lines: `12→text`, `12:text`, `cat -n`
    re.compile(r"^[^\s:][^:\n]*:\d+[:-]\s?"),  # grep: `path:12:text`
    re.compile(r"^[+\- ]"),  # a diff
)
QUOTE = "> "  # before each line of a passage that nobody vouched for
REMEMBERED = "remembered fact"  # what the line of the news is about that quotes memory itself
_OF_MEMORY = re.compile(rf"- \d+ {REMEMBERED}")
PIPED = "what was piped in"
NEWS = "the news of a session"  # which quote commits and notes
_FILES = ("read_file", "grep", "glob", "list_dir", "code_map", "edit_file", "write_file")
_REMEMBERED_FILE = 2_000_000  # bytes; larger files are remembered by their lines only


class Seen:
    """`lines` are kept by hash: a session may see megabytes. `origins` knows which directions were read, and what was heard."""

    def __init__(self) -> None:
        self._files: dict[Path, str] = {}
        self._read: dict[Path, None] = {}  # in order
        self._lines: set[int] = set()
        self.origins = Origins()

    def whole(self, path: Path, content: str) -> None:
        """The agent knows all of `path` as `content`."""
        self.part(path)
        if len(content) <= _REMEMBERED_FILE:
            self._files[path] = content
        else:
            self._files.pop(path, None)
        for line in content.splitlines():
            self._add(line)

    def content(self, path: Path) -> str | None:
        """The whole content of `path` as last seen or written; None if it never was seen whole."""
        return self._files.get(path)

    def part(self, path: Path) -> None:
        """The agent has read in `path`."""
        self._read.pop(path, None)  # what was read last stands last
        self._read[path] = None

    def files(self) -> list[Path]:
        """The files that were read, if only in part, the last one last."""
        return list(self._read)

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

    def asked(self, text: str, typed: str, news: Iterable[str]) -> None:
        """The user's message, of which they `typed` a part and piped in the rest; with it came `news`."""
        self.origins.heard(typed or text)
        if typed and typed != text:
            self.origins.read(text.removeprefix(typed), PIPED)
        lines = (line for text in news for line in text.splitlines())
        self.origins.read("\n".join(line for line in lines if not _OF_MEMORY.match(line)), NEWS, Source.COMMIT)

    def again(self, rows: Iterable[MessageRow], recalling: Container[str], earlier: Iterable[MessageRow] = ()) -> None:
        """Take in what a session that is taken up again has in context, and of what was said `earlier` whose words it was.
        `recalling` are tools that return what memory holds: of that, what is quoted was nobody's word."""
        rows = list(rows)
        for row in rows:
            for part in row.content if row.role == "tool" else ():
                self.output(str(part.get("text", "")))
        calls: dict[str, Mapping[str, Any]] = {}
        for row in [*earlier, *rows]:
            if row.role == "user" and row.kind == "user":
                self.asked(row.text, row.words, [str(part.get("text", "")) for part in row.content[:-1]])
            for part in row.content:
                if part.get("type") == "tool_call":
                    calls[str(part.get("id"))] = part.get("arguments") or {}
                elif row.role == "tool":
                    name, text = str(part.get("name", "a tool")), str(part.get("text", ""))
                    text = quoted_lines(text) if name in recalling else text
                    self.origins.read(text, *came_from(name, calls.get(str(part.get("call_id")), {})))


def quoted_lines(text: str) -> str:
    """The lines of what memory returned that nobody vouched for."""
    return "\n".join(line[len(QUOTE) :] for line in text.splitlines() if line.startswith(QUOTE))


def came_from(tool: str, arguments: Mapping[str, Any]) -> tuple[str, Source]:
    """What the result of a call is called as an origin, and of which kind that is."""
    main = " ".join(next((str(value) for value in arguments.values() if isinstance(value, str)), "").split())
    where = f"{tool} {main[:100]}".rstrip()
    if tool != "shell":
        return where, Source.FILE if tool in _FILES else Source.TOOL
    if re.search(r"\bgit\b.*\b(?:log|show|blame|shortlog|reflog|whatchanged|tag|rev-list)\b", main):
        return where, Source.COMMIT
    return where, Source.WEB if "://" in main else Source.TOOL
