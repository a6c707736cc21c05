"""The tokens of a piece of code: the leaves of its syntax, without comments and the white space between them.

Two texts have the same tokens if and only if they differ in white space, line breaks and comments alone. White space counts
where it is content, inside of strings, and where it is syntax: blocks that only indentation marks have a token at each end.
What has no syntax is words; so is prose, whose lines may be broken anywhere.

Rows count from 0. A token of several lines is as many tokens, so that each line of it can be cited.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tree_sitter

_STRING = re.compile(
    r"(?:^|_)(?:string|char|character|rune|heredoc|nowdoc|regex|quote_scalar|block_scalar|escape_sequence)(?:_|$)"
)
_NO_STRING = re.compile(
    r"^(?:concatenated_string|chained_string|string_array|symbol_array|interpolation|interpolated_expression)$|substitution"
)
_COMMENT = re.compile(r"comment|^haddock$|^line_continuation$")
_BLOCKS = frozenset({"block", "block_mapping", "block_sequence"})
_INDENTED = frozenset({"python", "yaml"})
_CONTINUED = re.compile(rb"\\\n")
_MARK = -1  # row of what stands for the beginning or the end of a block


class Token(NamedTuple):
    row: int
    text: bytes


class Leaves:
    """What is needed to read the tokens of a file in `language`; `others` are trees of other languages inside its own."""

    def __init__(self, language: str, data: bytes, others: Sequence[tree_sitter.Node] = ()) -> None:
        self._data = data
        self._marks = language in _INDENTED
        self._docstrings = language == "python"
        self._others = others
        self._breaks: list[int] | None = None

    def of(self, node: tree_sitter.Node) -> Iterator[Token]:
        """The tokens of a node, in order."""
        at = node.start_byte
        left: list[tuple[tree_sitter.Node, bool, bool]] = [(node, False, False)]  # with: it is text; its end is reached
        while left:
            one, text, ends = left.pop()
            edge = one.end_byte if ends else one.start_byte
            if edge > at:  # what no child holds, such as the plain part of a string with escapes in it
                yield from self._between(at, edge, text)
                at = edge
            if ends:
                if self._marks and one.type in _BLOCKS:
                    yield Token(_MARK, b"\x02")
                continue
            if self._is_aside(one):
                at = max(at, one.end_byte)
                continue
            text = _is_text(one.type, text)
            children = one.children
            if self._docstrings and _is_docstring(one):
                yield from self._docstring(children[0])
                at = one.end_byte
            elif children:
                if self._marks and one.type in _BLOCKS:
                    yield Token(_MARK, b"\x01")
                left.append((one, text, True))
                left.extend((child, text, False) for child in reversed(children))
            else:
                yield from self._leaf(one, text)
                at = max(at, one.end_byte)

    def _docstring(self, node: tree_sitter.Node) -> Iterator[Token]:
        """A string that is a statement, as words: its indentation goes with that of the code."""
        parts = node.children
        start, end = parts[0].end_byte, parts[-1].start_byte
        yield from _words(node.start_point[0], self._data[node.start_byte : start])
        yield from _words(self._row(start), self._data[start:end])
        yield from _words(self._row(end), self._data[end : node.end_byte])

    def _leaf(self, node: tree_sitter.Node, text: bool) -> Iterator[Token]:
        start, end = node.start_byte, node.end_byte
        if node.type == "raw_text" and self._others:
            yield from self._elsewhere(start, end)
        elif text:
            yield from _lines(node.start_point[0], self._data[start:end])
        else:
            yield from _words(node.start_point[0], self._data[start:end])

    def _elsewhere(self, start: int, end: int) -> Iterator[Token]:
        """The tokens of these bytes by the tree of another language, or their words where there is none."""
        for root in self._others:
            if root.start_byte < end and root.end_byte > start:
                for child in root.children:
                    if start <= child.start_byte < end:
                        yield from self.of(child)
                return
        yield from _words(self._row(start), self._data[start:end])

    def _between(self, start: int, end: int, text: bool) -> Iterator[Token]:
        found = self._data[start:end]
        if text:
            yield from _lines(self._row(start), found)
        elif not found.isspace():
            yield from _words(self._row(start), _CONTINUED.sub(b" \n", found))

    def _row(self, at: int) -> int:
        if self._breaks is None:
            self._breaks = [match.start() for match in re.finditer(rb"\n", self._data)]
        return bisect_left(self._breaks, at)

    @staticmethod
    def _is_aside(node: tree_sitter.Node) -> bool:
        if node.type == "jsx_expression":  # `{/* a comment */}`
            inner = node.named_children
            return bool(inner) and all(_COMMENT.search(child.type) for child in inner)
        return _COMMENT.search(node.type) is not None


def words(data: bytes, first: int = 0) -> list[Token]:
    """The tokens of what has no syntax, or none that matters; `first` is the row of its first line."""
    return list(_words(first, data))


def _is_text(kind: str, inside: bool) -> bool:
    """Whether white space in a node of this kind is content; `inside`: it stands in one where it is."""
    if _NO_STRING.search(kind):
        return False
    return inside or _STRING.search(kind) is not None


def _is_docstring(node: tree_sitter.Node) -> bool:
    return node.type == "expression_statement" and node.child_count == 1 and node.children[0].type == "string"


def _words(row: int, data: bytes) -> Iterator[Token]:
    for number, line in enumerate(data.split(b"\n"), row):
        for word in line.split():
            yield Token(number, word)


def _lines(row: int, data: bytes) -> Iterator[Token]:
    for number, line in enumerate(data.split(b"\n")):
        yield Token(row + number, b"\n" + line if number else line)
