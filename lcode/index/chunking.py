"""From a file to chunks: definitions by its syntax, the rest in between, windows of text where there is no syntax. Never fails.

A definition is a chunk of its own; a class is its head with documentation and fields, then its methods; what is long comes in
numbered parts that keep its symbol; small neighbours are one chunk. Together the chunks cover every line that is not blank, in
order, without overlap. The same bytes give the same chunks: nothing here depends on time, place or what was read before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from lcode.index import grammars, pieces
from lcode.index.descriptions import (
    LONGEST_SIGNATURE,
    comment_above,
    comment_text,
    docstring_of,
    is_comment,
    opening_of,
    signature_of,
)
from lcode.index.identifiers import references
from lcode.index.languages import LANGUAGES, TAIL, language_of
from lcode.index.model import Chunk, Parsed
from lcode.index.outline import CONTAINERS, FUNCTIONS, Definition, Outline, outline
from lcode.index.pieces import LIMIT, SLACK, Breaks, Lines, Span

VERSION = 1  # of what this module makes of a file: a change here is a change of every chunk
WHOLE_CLASS = 600  # bytes up to which a class is one chunk with its methods
WHOLE_SECTION = LIMIT
TINY, TINY_LINES = 160, 3  # a definition up to here shares a chunk with its neighbours
NESTED = 300  # bytes from which a function inside another one is a chunk
_LOOSE_END = 60  # bytes of what follows a definition and names nothing that are put to it


def version(language: str) -> str:
    """What the chunks of a file in `language` depend on besides its bytes."""
    return f"{VERSION} {grammars.version_of(language)}".rstrip()


def chunk(path: str, data: bytes) -> Parsed:
    """A file in chunks, with the names it defines and uses."""
    language = language_of(path, data)
    lines = Lines(data)
    found, grammar = None, None
    if parseable := grammars.parseable(data):
        grammar = grammars.grammar_of(language)
        if grammar is not None:
            found = outline(grammar, data)
    row = LANGUAGES.get(language) or TAIL.get(language)
    comments = row.comments if row is not None else ""
    if found is None:
        chunks = [Chunk("text", "", "", "", *_place(span)) for span in pieces.split(lines, 0, len(lines.lines) - 1)]
        uses = references(data, comments, ()) if parseable else {}
        return Parsed(language, chunks, [], uses, partial=grammar is not None)
    chunks = _Chunker(lines, found, language).chunks()
    defines = row is not None and row.defines
    definitions = _placed(found, chunks) if defines else []
    found.untie()
    return Parsed(language, chunks, definitions, references(data, comments, {name for name, _ in definitions}), found.partial)


def _place(span: Span) -> tuple[int, int, int, int]:
    return span.first + 1, span.last + 1, span.start, span.end


def _placed(found: Outline, chunks: list[Chunk]) -> list[tuple[str, int]]:
    """The names that a file defines, each with the number of the chunk that holds it."""
    starts = [piece.start_line for piece in chunks]
    names = dict.fromkeys(
        (definition.name, max(bisect_right(starts, definition.row + 1) - 1, 0))
        for definition in found.every()
        if definition.named
    )
    return list(names) if chunks else []


class _Stretch:
    """Lines that become a chunk, or several. `of` is the definition that they are, or are a part of; None at the file's top.

    `loose` lines are code between definitions; `head` is the beginning of something whose other parts stand alone.
    """

    __slots__ = ("first", "head", "last", "loose", "names", "of", "whole")

    def __init__(self, first: int, last: int, of: Definition | None, *, loose: bool, head: bool = False) -> None:
        self.first = first
        self.last = last
        self.of = of
        self.loose = loose
        self.head = head
        self.whole: list[Definition] = [of] if of is not None and not loose else []
        self.names: list[Definition] = []  # of small things in loose lines

    @property
    def owner(self) -> Definition | None:
        """What the lines stand in."""
        return self.of if self.loose or self.of is None else self.of.parent


class _Chunker:
    """The work on one file."""

    def __init__(self, lines: Lines, found: Outline, language: str) -> None:
        self._lines = lines
        self._found = found
        self._language = language
        self._breaks = Breaks(found.roots, lines)
        self._parts: dict[int, int] = {}  # of a definition that is not whole: how many of its chunks there are so far

    def chunks(self) -> list[Chunk]:
        last = len(self._lines.lines) - 1
        stretches: list[_Stretch] = []
        for stretch in self._lay(self._found.top, None, 0, last):
            self._add(stretches, stretch)
        made = [piece for stretch in stretches for piece in self._made(stretch)]
        return self._numbered(made)

    # -- which lines go together ------------------------------------------------------------------------------------

    def _lay(self, definitions: list[Definition], owner: Definition | None, first: int, last: int) -> Iterator[_Stretch]:
        """The lines `first` to `last` of `owner` as stretches: its definitions, and what is between them."""
        at, names, head = first, list[Definition](), owner is not None
        for definition in definitions:
            start, end = max(definition.first, at), min(definition.last, last)
            if self._is_name(definition) or end < at:
                names.append(definition)
                continue
            above = comment_above(self._lines.lines, start, at)
            definition.doc = self._doc(definition, above, start)
            if trimmed := self._lines.trimmed(at, above - 1):
                yield self._loose(*trimmed, owner, names, head)
                names, head = [], False
            elif names and at > first:  # they share their line with what is before
                names = []
            if definition.children and self._lines.size(above, end) > self._whole(definition):
                yield from self._lay(definition.children, definition, above, end)
            else:
                yield _Stretch(above, end, definition, loose=False)
            at = end + 1
        if trimmed := self._lines.trimmed(at, last):
            yield self._loose(*trimmed, owner, names, head)

    @staticmethod
    def _loose(first: int, last: int, owner: Definition | None, names: list[Definition], head: bool) -> _Stretch:
        stretch = _Stretch(first, last, owner, loose=True, head=head)
        stretch.names = names
        return stretch

    def _is_name(self, definition: Definition) -> bool:
        """Whether a definition is only a name in the lines around it."""
        if definition.kind == "member":
            return True
        size = self._lines.size(definition.first, min(definition.last, len(self._lines.lines) - 1))
        owner = definition.parent
        if owner is not None and owner.kind in FUNCTIONS:
            return size < NESTED
        if definition.kind in ("constant", "section", "type", "macro", "block") and not definition.children:
            return size <= (NESTED if definition.kind == "constant" else TINY)
        return False

    def _whole(self, definition: Definition) -> int:
        """The size up to which a definition is not divided."""
        if definition.kind == "section":
            return WHOLE_SECTION
        return WHOLE_CLASS if definition.kind in CONTAINERS else SLACK

    def _doc(self, definition: Definition, above: int, start: int) -> str:
        doc = docstring_of(definition, self._lines.data) if self._language == "python" else ""
        return doc or (comment_text(self._lines.lines, above, start) if above < start else "")

    def _add(self, stretches: list[_Stretch], new: _Stretch) -> None:
        """Put a stretch to the others, or to the one before where the two are small and stand in the same place."""
        if not stretches:
            stretches.append(new)
            return
        old = stretches[-1]
        size, together = self._lines.size(new.first, new.last), self._lines.size(old.first, new.last)
        closes = new.loose and not new.head and not new.names and size <= _LOOSE_END and together <= SLACK
        closes = closes and not self._is_remark(new)
        opens = old.head and old.of is not None and old.of.kind == "impl" and self._small(old) and together <= LIMIT
        remarks = (
            old.loose and not old.head and not old.names and not old.whole and self._is_remark(old) and old.owner is new.owner
        )
        if closes and old.whole:
            old.last = new.last
        elif (opens and not new.loose and new.owner is old.of) or (remarks and together <= SLACK):
            new.first = old.first
            stretches[-1] = new
        elif (
            together <= LIMIT
            and old.owner is new.owner
            and not (old.head or new.head)
            and (old.loose or self._small(old))
            and (new.loose or self._small(new))
        ):
            old.last = new.last
            old.whole += new.whole
            old.names += new.names
            old.of, old.loose = old.owner, True
        else:
            stretches.append(new)

    def _is_remark(self, stretch: _Stretch) -> bool:
        """Whether lines are a short comment that stands alone: a heading of what follows."""
        lines = self._lines.lines[stretch.first : stretch.last + 1]
        return len(lines) <= 3 and all(is_comment(line.strip()) for line in lines)

    def _small(self, stretch: _Stretch) -> bool:
        size = self._lines.size(stretch.first, stretch.last)
        if len(stretch.whole) == 1 and stretch.whole[0].kind in CONTAINERS - {"impl", "section"}:
            return False  # a type is found as one, however small
        return len(stretch.whole) > 1 or (size <= TINY and stretch.last - stretch.first < TINY_LINES)

    # -- what they are called ---------------------------------------------------------------------------------------

    def _made(self, stretch: _Stretch) -> Iterator[tuple[Chunk, Definition | None]]:
        """The chunks of a stretch; with the definition whose part each is, if it is not whole."""
        size = self._lines.size(stretch.first, stretch.last)
        if size > SLACK:
            spans = pieces.split(self._lines, stretch.first, stretch.last, self._breaks)
        else:
            trimmed = self._lines.trimmed(stretch.first, stretch.last)
            spans = [self._lines.span(*trimmed)] if trimmed else []
        kind, symbol, signature, doc = self._described(stretch)
        of = stretch.of if stretch.of is not None and not stretch.whole[1:] else None
        part = of if of is not None and (of.kind in FUNCTIONS or len(spans) > 1) else None
        for number, span in enumerate(spans):
            yield Chunk(kind, symbol, signature, doc if not number else "", *_place(span)), part

    def _described(self, stretch: _Stretch) -> tuple[str, str, str, str]:
        """Kind, symbol, signature and documentation of the lines."""
        data, of = self._lines.data, stretch.of
        if of is not None and (not stretch.loose or stretch.head or of.kind in FUNCTIONS):
            kind = "class" if of.kind == "impl" else "block" if of.kind == "block" else of.kind
            doc = of.doc if stretch.head or not stretch.loose else ""
            return kind, of.symbol, signature_of(of, data), doc
        named = stretch.whole + stretch.names
        named.sort(key=lambda definition: definition.row)
        if len(named) == 1 and self._fills(named[0], stretch):
            single = named[0]
            return single.kind.replace("impl", "class"), single.symbol, signature_of(single, data), single.doc
        parts = [signature_of(one, data) if one in stretch.whole else one.name for one in named[:40]]
        signature = ", ".join(dict.fromkeys(part for part in parts if part))[:LONGEST_SIGNATURE]
        doc = next((one.doc for one in named if one.doc), "")
        if of is not None:
            return "section" if of.kind == "section" else "block", of.symbol, signature, doc
        if stretch.first == 0 or not doc:
            doc = opening_of(self._lines.lines, self._language) if not self._before(stretch.first) else doc
        return "module", "", signature, doc

    def _before(self, row: int) -> bool:
        """Whether anything stands above a line."""
        return self._lines.trimmed(0, row - 1) is not None

    def _fills(self, definition: Definition, stretch: _Stretch) -> bool:
        own = self._lines.size(definition.first, min(definition.last, stretch.last))
        return definition.kind != "member" and 2 * own > self._lines.size(stretch.first, stretch.last)

    @staticmethod
    def _numbered(made: list[tuple[Chunk, Definition | None]]) -> list[Chunk]:
        """The chunks, with the number of each part in its signature."""
        totals: dict[int, int] = {}
        for _, part in made:
            if part is not None:
                totals[id(part)] = totals.get(id(part), 0) + 1
        seen: dict[int, int] = {}
        chunks = []
        for piece, part in made:
            if part is not None and totals[id(part)] > 1:
                number = seen[id(part)] = seen.get(id(part), 0) + 1
                mark = f" [{number}/{totals[id(part)]}]"
                piece = piece._replace(signature=(piece.signature[: LONGEST_SIGNATURE - len(mark)] + mark).lstrip())  # noqa: PLW2901
            chunks.append(piece)
        return chunks
