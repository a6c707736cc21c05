"""What other programs kept of conversations, brought into recall: each message once, with its own time and id.

A reader of one form (`importing_jsonl` and its like) gives messages as they stand in files; what is done with them stands here.
Ids are made of what the source calls a message, so that a repeated import adds what is new and nothing else, and what was
forgotten since does not come back. Whatever is imported is unverified: its words are data of those who spoke them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

NAMED = 20  # damaged lines that are named; all are counted


@dataclass(eq=False)
class ImportedSession:
    """A conversation as its program calls it. `title` may become known after its first messages."""

    key: str
    title: str = ""
    branch: str = ""
    worktree: str = ""
    model: str = ""


@dataclass(frozen=True)
class ImportedMessage:
    """A message as it stands in a file. `key` names it apart from all others of its program, for ever; `id` is what the
    program itself calls it, `written` its time as it stands there. `role` is user, assistant, tool or system."""

    session: ImportedSession
    key: str
    id: str
    time: str
    written: str
    role: str
    text: str
    name: str = ""
    content: tuple[dict[str, Any], ...] = ()
    call_id: str = ""
    tool: str = ""
    outcome: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Damage:
    """A line that could not be read, and why."""

    file: str
    line: int
    why: str


@dataclass
class Damages:
    """All of them counted, the first ones named."""

    count: int = 0
    named: list[Damage] = field(default_factory=list)

    def add(self, file: str, line: int, why: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(Damage(file, line, why))


@dataclass
class Summary:
    """What an import came to. `known` messages were there already, `repeated` ones stand twice in the files."""

    sessions: int = 0  # that were new
    messages: int = 0  # that were new
    known: int = 0
    repeated: int = 0
    first: str = ""  # the times of all that were read
    last: str = ""

    def saw(self, time: str) -> None:
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


def digest(text: str) -> str:
    """128 bits of a text, in hex: what ids of imports are made of."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
