"""What the code index speaks of: chunks of files, and what a search finds. Values only; nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Chunk(NamedTuple):
    """A piece of a file that is searched and shown as one: a definition, a part of one, a section, or a window of text."""

    kind: str  # function, method, class, struct, interface, enum, type, macro, module, constant, section, block, text
    symbol: str  # the dotted path of the definition within its file, as `Session.run`; '' where there is none
    signature: str  # the definition's first lines on one line, without its body; '' where there is none
    doc: str  # the first paragraph of its documentation
    start_line: int  # 1-based
    end_line: int  # included
    start: int  # offset in bytes
    end: int  # past the last byte


class Parsed(NamedTuple):
    """A file in chunks. Together they cover every line that is not blank, in order, without overlap."""

    language: str  # as in `lcode/index/languages.py`; 'text' where none is known
    chunks: list[Chunk]
    definitions: list[tuple[str, int]]  # names that the file defines, each with the number of its chunk
    references: dict[str, int]  # identifiers that it uses and does not define, with how often
    partial: bool  # whether syntax was not understood in places
    crashed: bool = False  # whether that is so because the parser crashed


class Signal(NamedTuple):
    """Why something ranked where it did."""

    name: str  # one of `ranking.WEIGHTS`
    share: float  # of the score of the file
    detail: str = ""  # the words, the commit, the symbol that did it


@dataclass(frozen=True)
class Hit:
    """A place in the code that a search found; of a file whose path alone is known without lines (0) and text."""

    path: str  # relative to the root of the checkout, with '/'
    start_line: int
    end_line: int
    symbol: str
    kind: str
    language: str
    score: float
    text: str = ""  # as it is in the file now; '' where the file is gone
    changed: bool = False  # whether the file is gone, or no longer as it was indexed
    why: tuple[Signal, ...] = field(default=())

    @property
    def is_gone(self) -> bool:
        return self.changed and not self.text.strip()

    @property
    def lines(self) -> str:
        """What stands behind the path: `:12-40`, `:12`, or nothing."""
        last = f"-{self.end_line}" if self.end_line != self.start_line else ""
        return f":{self.start_line}{last}" if self.start_line else ""
