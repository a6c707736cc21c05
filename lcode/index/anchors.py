"""What a citation holds on to in a file: the text of symbols and of lines, as a digest over their tokens.

The digest of a symbol is another one if and only if its tokens are (see `leaves`): neither white space, line breaks and
comments nor where it stands count. The decorators of a definition are part of it. Where a file has several definitions of one
name, as overloads are, they are one symbol's text together. Nothing here depends on time or place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from lcode.index import config_entries, grammars
from lcode.index.languages import LANGUAGES, language_of
from lcode.index.leaves import Leaves, Token, words
from lcode.index.outline import Definition, Outline, outline

if TYPE_CHECKING:
    import tree_sitter

_PROSE = frozenset({"markdown"})
_WRAPPERS = frozenset({"decorated_definition", "template_declaration"})
_MARKS_ABOVE = frozenset({"attribute_item", "decorator"})
_MARKS_APART = frozenset({"line_comment", "block_comment", "comment"})
_DECLARED_TOGETHER = frozenset({"lexical_declaration", "variable_declaration"})
_NO_LETTER = re.compile(r"[^\w.]+")
_MOST_COMPARED = 2_000_000  # lines, each as often as it is compared
_SAMPLE = 48  # lines of a file that stand for all


class Text(NamedTuple):
    """A text as it is told again: how many `tokens`, their `digest`, an `edge` (of the first and the last, to look for them),
    and `raw`, a digest that no grammar has a part in."""

    tokens: int
    digest: str
    edge: str
    raw: str


class Anchor(NamedTuple):
    """A definition, and the lines that it stands in, from 1."""

    symbol: str
    kind: str
    first: int
    last: int
    text: Text

    @property
    def digest(self) -> str:
        return self.text.digest


class Anchors:
    """A file. It is parsed when a symbol, or lines, are first asked for; not without `parse`, nor by a grammar of the long
    tail: a parser that crashes ends the process, and this is the one that somebody talks to."""

    def __init__(self, path: str, data: bytes, *, parse: bool = True) -> None:
        self._data = plain(data)
        self.language = language_of(path, self._data)
        self._parse = parse
        self._known: dict[int, Anchor] = {}

    # -- the file ---------------------------------------------------------------------------------------------------

    @cached_property
    def _outline(self) -> Outline | None:
        wanted = self._parse and self.language in LANGUAGES and grammars.parseable(self._data)
        grammar = grammars.grammar_of(self.language) if wanted else None
        return outline(grammar, self._data, fields=True) if grammar is not None else None

    @property
    def partial(self) -> bool:
        """Whether there is syntax that was not understood, so that a symbol may be there and not be seen."""
        return self._outline is not None and self._outline.partial

    @property
    def binary(self) -> bool:
        return b"\0" in self._data

    @property
    def parsed(self) -> bool:
        return self._outline is not None

    @cached_property
    def grammar(self) -> str:
        """Which grammar read the file; another one may see other tokens in the same text."""
        version = grammars.version_of(self.language) if self._outline is not None else ""
        return f"{crc32(version.encode()) & 0xFFFF:04x}"

    @cached_property
    def _leaves(self) -> Leaves:
        return Leaves(self.language, self._data, self._outline.roots[1:] if self._outline is not None else ())

    @cached_property
    def _all_tokens(self) -> list[Token]:
        if self._outline is None or self.language in _PROSE:
            return words(self._data)
        return list(self._leaves.of(self._outline.roots[0]))

    @cached_property
    def _tokens(self) -> list[Token]:
        """Without what stands for the ends of blocks: it stands in no line."""
        return [token for token in self._all_tokens if token.row >= 0]

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._data.split(b"\n")

    @property
    def lines_count(self) -> int:
        return len(self._lines)

    # -- symbols ----------------------------------------------------------------------------------------------------

    @cached_property
    def _definitions(self) -> dict[str, list[Definition]]:
        found: dict[str, list[Definition]] = {}
        if self._outline is None:
            return found
        if self.language in config_entries.LANGUAGES:
            for key in config_entries.keys(self._outline.roots[0], self._data):
                found.setdefault(key.symbol, []).append(_of_key(key))
            return found
        for definition in self._outline.every():
            # what is only guessed from a line has no extent
            if definition.named and definition.start == definition.node.start_byte:
                found.setdefault(definition.symbol, []).append(definition)
        return found

    def symbols(self) -> Iterator[Anchor]:
        """Every definition, outer ones first."""
        for definitions in self._definitions.values():
            for definition in definitions:
                yield self._anchor(definition)

    def extents(self) -> Iterator[tuple[str, bytes]]:
        """Every definition of code with its text as it stands: quicker than its tokens, which are the same where this is."""
        for symbol, definitions in self._definitions.items():
            for definition in definitions:
                yield symbol, self._data[_nodes(definition, self._data)[0].start_byte : definition.end]

    def symbol(self, name: str, *, exact: bool = False) -> list[Anchor]:
        """The definitions of a symbol, in order. If not `exact`, `send` may stand for `Session.send`, and a heading for its
        section, where the file has none that is called just that."""
        called = self._called(name) if not exact else [name] if name in self._definitions else []
        return [self._anchor(definition) for symbol in called for definition in self._definitions[symbol]]

    def _called(self, name: str) -> list[str]:
        if name in self._definitions:
            return [name]
        inner = [symbol for symbol in self._definitions if symbol.endswith(f".{name}")]
        if inner or self.language not in _PROSE:
            return inner
        wanted = _slug(name)
        return [symbol for symbol in self._definitions if wanted in (_slug(symbol), _slug(symbol.rpartition(".")[2]))]

    def named(self, name: str) -> list[Anchor]:
        """The definitions whose own name this is, wherever they stand."""
        return [
            self._anchor(definition)
            for symbol, definitions in self._definitions.items()
            if symbol == name or symbol.endswith(f".{name}")
            for definition in definitions
        ]

    def around(self, first: int, last: int) -> str:
        """The innermost symbol that holds these lines whole; '' where none does."""
        best, size = "", 0
        for symbol, definitions in self._definitions.items():
            for definition in definitions:
                start, end = definition.first + 1, definition.last + 1
                if start <= first and last <= end and (not best or end - start <= size):
                    best, size = symbol, end - start
        return best

    def _anchor(self, definition: Definition) -> Anchor:
        known = self._known.get(id(definition))
        if known is None:
            first, last = definition.first + 1, definition.last + 1
            if definition.kind == "section" and self.language in _PROSE:
                text = self._text(words(b"\n".join(self._lines[first - 1 : last])), first, last)
            else:
                nodes = _nodes(definition, self._data)
                first = min(first, nodes[0].start_point[0] + 1)
                text = self._text([token for node in nodes for token in self._leaves.of(node)], first, last)
            known = self._known[id(definition)] = Anchor(definition.symbol, definition.kind, first, last, text)
        return known

    # -- lines ------------------------------------------------------------------------------------------------------

    def lines(self, first: int, last: int) -> Text | None:
        """The text of these lines; that of their comments where they hold nothing else; None where they are blank, or not
        there."""
        tokens = [token for token in self._tokens if first <= token.row + 1 <= last]
        if not tokens:
            tokens = words(b"\n".join(self._lines[first - 1 : last]), first - 1)
        return self._text(tokens, first, last) if tokens else None

    def find(self, text: Text, first: int = 1, last: int = 0) -> list[tuple[int, int]]:
        """Where between these lines (0: the end) the same tokens stand, as first and last line of each place."""
        places = _places(self._tokens, text) or _places(self._all_tokens, text)
        if not places:  # they are of comments
            places = _places(words(self._data), text)
        return [place for place in places if place[0] >= first and (not last or place[1] <= last)]

    def find_bare(self, raw: str, count: int) -> list[tuple[int, int]]:
        """Where so many lines are this text, comments and all: for a file that no grammar understands as it is now."""
        rows = [(number, line.split()) for number, line in enumerate(self._lines, 1)]
        if count < 1 or count * len(rows) > _MOST_COMPARED:
            return []
        windows = (rows[at : at + count] for at in range(len(rows) - count + 1))
        return [
            (window[0][0], window[-1][0])
            for window in windows
            if window[0][1] and window[-1][1] and _raw(word for _, line in window for word in line) == raw
        ]

    def _text(self, tokens: Sequence[Token], first: int, last: int) -> Text:
        bare = b"\n".join(self._lines[first - 1 : last]).split()
        return Text(len(tokens), _digest(tokens), _edge(tokens), _raw(bare))

    # -- the file as a whole ----------------------------------------------------------------------------------------

    def sample(self) -> list[str]:
        """Some of its lines, chosen by their text alone, so that another version of the file has those that are kept."""
        return sorted(self._line_marks)[:_SAMPLE]

    def share(self, sample: Sequence[str]) -> float:
        """How much of a sample is still in the file."""
        return sum(mark in self._line_marks for mark in sample) / len(sample) if sample else 1.0

    @cached_property
    def _line_marks(self) -> frozenset[str]:
        lines = (b" ".join(line.split()) for line in self._lines)
        return frozenset(f"{crc32(line) & 0xFFFFFF:06x}" for line in lines if len(line) > 2)


def anchors(path: str, data: bytes, *, parse: bool = True) -> Anchors:
    """What can be held on to in the file at `path` that holds `data`."""
    return Anchors(path, data, parse=parse)


def together(found: Sequence[Anchor]) -> Text:
    """The text of a symbol that has several definitions: of all of them, in any order."""
    if len(found) == 1:
        return found[0].text
    parts = sorted(anchor.text for anchor in found)
    digest = _hash("".join(text.digest for text in parts).encode(), 12)
    raw = _hash("".join(sorted(text.raw for text in parts)).encode(), 6)
    return Text(sum(text.tokens for text in parts), digest, "", raw)


def plain(data: bytes) -> bytes:
    """A text as UTF-8 whose lines end with a newline."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "")):
        if data.startswith(mark):
            data = data[len(mark) :]
            data = data.decode(encoding, "replace").encode() if encoding else data
            break
    return data.replace(b"\r\n", b"\n")


def _nodes(definition: Definition, data: bytes) -> list[tree_sitter.Node]:
    """The syntax of a definition with its decorators."""
    node = definition.node
    if node.type in _DECLARED_TOGETHER:
        for child in node.named_children:
            name = child.child_by_field_name("name")
            if name is not None and data[name.start_byte : name.end_byte].decode("utf-8", "replace") == definition.name:
                return [child]
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    nodes, above = [node], node.prev_named_sibling
    while above is not None and above.type in _MARKS_ABOVE | _MARKS_APART:
        if above.type in _MARKS_ABOVE:
            nodes.append(above)
        above = above.prev_named_sibling
    return nodes[::-1]


def _of_key(key: config_entries.ConfigKey) -> Definition:
    definition = Definition("key", key.symbol.rpartition(".")[2], key.node, key.node.start_point[0])
    definition.symbol = key.symbol
    return definition


def _places(tokens: Sequence[Token], text: Text) -> list[tuple[int, int]]:
    count, found, at = text.tokens, [], 0
    edges = [_edge_of(token) for token in tokens] if len(tokens) >= count > 0 else []
    while at + count <= len(edges):
        if edges[at] + edges[at + count - 1] == text.edge and _digest(tokens[at : at + count]) == text.digest:
            found.append((tokens[at].row + 1, max(token.row for token in tokens[at : at + count]) + 1))
            at += count
        else:
            at += 1
    return found


def _digest(tokens: Sequence[Token]) -> str:
    return _hash(b"\0".join([token.text for token in tokens]), 12)


def _raw(bare: Iterable[bytes]) -> str:
    return _hash(b" ".join(bare), 6)


def _edge(tokens: Sequence[Token]) -> str:
    return _edge_of(tokens[0]) + _edge_of(tokens[-1]) if tokens else ""


def _edge_of(token: Token) -> str:
    return f"{crc32(token.text) & 0xFFFF:04x}"


def _hash(data: bytes, size: int) -> str:
    return blake2b(data, digest_size=size).hexdigest()


def _slug(text: str) -> str:
    """A heading as links to it are written."""
    return _NO_LETTER.sub("-", text.casefold()).strip("-")
