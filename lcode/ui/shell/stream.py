"""Cuts a streaming Markdown answer into blocks that can be committed to the scrollback, in linear time.

Committed text is never drawn again, so a block is released only when nothing that follows can change how it looks:
at a blank line, at a heading, when the block after a list begins. Inside a fence complete lines are released in
batches, so that a long listing does not stay pending. Knows nothing of terminals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

BATCH = 40

_FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)$")
_LIST = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?: |$)")
_TOP_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?: |$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")


@dataclass(frozen=True)
class Block:
    """A piece that is ready to be shown. `code` is the inside of a fence, `language` its info word.

    `continued` pieces follow the one before them without a blank line: a further batch of the same fence or list.
    """

    kind: Literal["markdown", "code"]
    text: str
    language: str = ""
    continued: bool = False


@dataclass
class _Fence:
    marker: str
    indent: int
    language: str
    nested: bool = False  # inside a list item: it stays part of the list's text

    def closes(self, line: str) -> bool:
        text = line.strip()
        return (
            len(text) >= len(self.marker) and set(text) == {self.marker[0]} and len(line) - len(line.lstrip()) < 4 + self.indent
        )


class BlockStream:
    """Feed pieces of an answer; get the blocks that are complete. `finish` releases the rest."""

    def __init__(self) -> None:
        self._partial: list[str] = []
        self._lines: list[str] = []
        self._fence: _Fence | None = None
        self._list = False
        self._blank = False  # a blank line was seen inside the list
        self._continued = False

    def feed(self, text: str) -> list[Block]:
        blocks: list[Block] = []
        *complete, rest = text.replace("\r\n", "\n").split("\n")
        for line in complete:
            self._partial.append(line)
            whole = "".join(self._partial).removesuffix("\r")
            self._partial = []
            self._take(whole, blocks)
        if rest:
            self._partial.append(rest)
        return blocks

    def finish(self) -> list[Block]:
        blocks: list[Block] = []
        if self._partial:
            line = "".join(self._partial).removesuffix("\r")
            self._partial = []
            self._take(line, blocks)
        self._release(blocks)
        self._fence, self._list, self._blank, self._continued = None, False, False, False
        return blocks

    def discard(self) -> None:
        """Forget what is pending: the stream is being sent again."""
        self._partial, self._lines = [], []
        self.finish()

    def pending(self, limit: int) -> list[str]:
        """The last `limit` lines that are not released yet, the unfinished one included."""
        lines = self._lines[-limit:]
        partial = "".join(self._partial)
        return ([*lines, partial] if partial else lines)[-limit:]

    @property
    def continuing(self) -> bool:
        """Whether what is pending goes on with what was released last."""
        return self._continued

    @property
    def in_code(self) -> bool:
        return self._fence is not None and not self._fence.nested

    def _take(self, line: str, blocks: list[Block]) -> None:
        if self._fence is not None:
            self._take_code(self._fence, line, blocks)
            return
        fence = _FENCE.match(line)
        if fence and not (fence[2][0] == "`" and "`" in fence[3]):
            self._open_fence(line, fence, blocks)
        elif not line.strip():
            self._take_blank(blocks)
        elif _HEADING.match(line):
            self._release(blocks)
            self._lines.append(line)
            self._release(blocks)
        else:
            self._take_text(line, blocks)

    def _take_blank(self, blocks: list[Block]) -> None:
        if self._list:
            self._blank = True
            self._lines.append("")
        else:
            self._release(blocks)

    def _take_text(self, line: str, blocks: list[Block]) -> None:
        starts_item = bool(_LIST.match(line))
        if self._list and self._blank and not starts_item and not line.startswith("  "):
            self._release(blocks)
        elif self._list and len(self._lines) >= BATCH and _TOP_ITEM.match(line):
            self._release(blocks)
            self._list = self._continued = True
        self._list = self._list or starts_item
        self._blank = False
        self._lines.append(line)

    def _open_fence(self, line: str, match: re.Match[str], blocks: list[Block]) -> None:
        indent = len(match[1])
        words = match[3].strip().split()
        nested = self._list and indent >= 2
        fence = _Fence(match[2], indent, words[0].strip("{}.") if words else "", nested)
        if nested:
            self._blank = False
            self._lines.append(line)
            self._fence = fence
        elif indent > 3:
            self._take_text(line, blocks)
        else:
            self._release(blocks)
            self._fence = fence

    def _take_code(self, fence: _Fence, line: str, blocks: list[Block]) -> None:
        if fence.nested:
            self._lines.append(line)
            if fence.closes(line):
                self._fence = None
        elif fence.closes(line):
            self._release(blocks)
            self._fence, self._continued = None, False
        else:
            lead = len(line) - len(line.lstrip(" "))
            self._lines.append(line[min(lead, fence.indent) :])
            if len(self._lines) >= BATCH:
                self._release(blocks)
                self._continued = True

    def _release(self, blocks: list[Block]) -> None:
        """Hand over what is pending as one block."""
        lines, self._lines = self._lines, []
        code = self.in_code
        if not code:
            while lines and not lines[-1].strip():
                lines.pop()
        if lines:
            language = self._fence.language if code and self._fence else ""
            blocks.append(Block("code" if code else "markdown", "\n".join(lines), language, self._continued))
        if not code:
            self._continued = False
        self._list = self._blank = False
