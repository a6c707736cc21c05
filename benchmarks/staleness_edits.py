"""Edits of real code of which it is known what they change: for `benchmarks.staleness` and a test.

Where definitions stand and what of a text is code, string or comment is found here by Python's `ast`, by brackets and by a few
expressions, on purpose by other means than those that are measured. What cannot be told so for certain is left out.
"""

from __future__ import annotations

import ast
import random
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import PurePosixPath

_C_LIKE = r"(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>{strings})|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<mark>[^\s\w])"
_QUOTED = r'"(?:\\.|[^"\\\n])*"'
_SCANNERS = {
    "py": (
        r"(?P<comment>\#[^\n]*)|(?P<string>(?:[rbuRBU]{0,2})(?:\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'))"
        r"|(?P<other>[fF][rR]?[\"'][^\n]*)|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<mark>[^\s\w])"
    ),
    "go": _C_LIKE.format(strings=rf"{_QUOTED}|`[^`]*`|'(?:\\.[^']*|[^'\\])'"),
    "rs": _C_LIKE.format(strings=r"r(?P<h>\#*)\".*?\"(?P=h)|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\.[^']*|[^'\\])'"),
    "java": _C_LIKE.format(strings=rf"{_QUOTED}|'(?:\\.[^']*|[^'\\])'"),
    "c": _C_LIKE.format(strings=rf"{_QUOTED}|'(?:\\.[^']*|[^'\\])'"),
    "ts": _C_LIKE.format(
        strings=rf"{_QUOTED}|'(?:\\.|[^'\\\n])*'|`[^`]*`|(?<=[(,=:\[!&|?;])[ ]?/(?![/*])(?:\\.|\[[^\]\n]*\]|[^/\\\n])+/\w*"
    ),
}
_SCANNERS["js"] = _SCANNERS["ts"]
_HEADS = {
    "go": r"^func (?:\(\w+ \*?(?P<owner>\w+)\) )?(?P<name>\w+)\(",
    "rs": r"^(?:pub(?:\([^)\n]*\))? )?(?:async |const |unsafe )*fn (?P<name>\w+)",
    "java": (r"^  (?:(?:public|private|protected|static|final|synchronized) )+(?:<[^>\n]+> )?[\w<>\[\],.? ]+ (?P<name>\w+)\("),
    "c": r"^(?!return|else|typedef|struct|enum|union|static struct)[A-Za-z_][\w \t*]*?\b(?P<name>\w+)\((?=[^;{}]*\n?\{)",
    "ts": r"^(?:export )?(?:async )?function (?P<name>\w+)",
}
_HEADS["js"] = _HEADS["ts"]
_MARKS_ABOVE = re.compile(r"[ \t]*(?:@\w|\#\[)")
COMMENT = {"py": "#"}  # of a line; `//` elsewhere
_KEYWORDS = (
    "if else for while return import from class def function func fn let const var in is not and or as with try except raise"
    " new delete typeof case switch break continue default pub impl struct enum match static void int char self this async"
    " await yield lambda pass None True False null nil true false use mod type interface package go defer range map chan elif"
    " finally global nonlocal assert del unsigned long short double float signed sizeof goto do where mut ref move dyn loop"
    " public private protected final abstract extends implements throws throw instanceof super crate extern unsafe string bool"
)
_WORDS = frozenset(_KEYWORDS.split())


@dataclass(frozen=True)
class Piece:
    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Definition:
    """A definition with its decorators: bytes `start` to `end` of the text; `head` is where its name ends."""

    symbol: str
    start: int
    end: int
    head: int
    is_top: bool

    @property
    def name(self) -> str:
        return self.symbol.rpartition(".")[2]

    def holds(self, other: Definition) -> bool:
        return self.start <= other.start and other.end <= self.end and self != other


class Source:
    """A file of real code."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.language = PurePosixPath(path).suffix[1:]
        pattern = re.compile(_SCANNERS[self.language], re.DOTALL)
        self.pieces = [Piece(match.lastgroup or "", *match.span()) for match in pattern.finditer(text)]
        self.pieces = [Piece("string", one.start, one.end) if one.kind == "h" else one for one in self.pieces]
        self.definitions = _unique(self._python() if self.language == "py" else self._bracketed())

    def _python(self) -> Iterator[Definition]:
        starts = [0, *accumulate(len(line) for line in self.text.splitlines(keepends=True))]
        if not self.text.isascii() or "\f" in self.text:
            return  # columns of `ast` count bytes

        def walk(node: ast.AST, prefix: str) -> Iterator[Definition]:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    symbol = f"{prefix}.{child.name}" if prefix else child.name
                    first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                    head = self.text.index(child.name, starts[child.lineno - 1] + child.col_offset + 3) + len(child.name)
                    end = starts[(child.end_lineno or 0) - 1] + (child.end_col_offset or 0)
                    yield Definition(symbol, starts[first - 1], end, head, not prefix and child.col_offset == 0)
                    yield from walk(child, symbol)
                else:
                    yield from walk(child, prefix)

        yield from walk(ast.parse(self.text), "")

    def _bracketed(self) -> Iterator[Definition]:
        for match in re.finditer(_HEADS[self.language], self.text, re.MULTILINE):
            end = self._closing(match.end("name"))
            start = self._with_marks(match.start())
            owner = match.groupdict().get("owner") or (PurePosixPath(self.path).stem if self.language == "java" else "")
            if end and self.kind_at(match.start("name")) == "name" and not _NESTED.search(self.text, start, end):
                symbol = f"{owner}.{match['name']}" if owner else match["name"]
                yield Definition(symbol, start, end, match.end("name"), self.language != "java")

    def _with_marks(self, start: int) -> int:
        """The beginning of the annotations and attributes that stand on the lines above."""
        while start:
            above = self.text.rfind("\n", 0, start - 1) + 1
            if not _MARKS_ABOVE.match(self.text, above):
                return start
            start = above
        return start

    def _closing(self, at: int) -> int:
        """Where the body that follows ends; 0 where it is none, or may be a type."""
        depth, opened, before = 0, False, ""
        for piece in self.pieces[self._after(at) :]:
            if piece.kind == "mark":
                mark = self.text[piece.start]
                if mark == "{" and not depth and before in _TYPES:
                    return 0
                before = mark
                depth += (mark in "([{") - (mark in ")]}")
                opened |= mark == "{" and depth == 1
                if mark == ";" and not depth:
                    return 0
                if opened and not depth:
                    return piece.end
        return 0

    def _after(self, at: int) -> int:
        return bisect_right([piece.start for piece in self.pieces], at - 1)

    def kind_at(self, at: int) -> str:
        number = bisect_right([piece.start for piece in self.pieces], at) - 1
        return self.pieces[number].kind if number >= 0 and self.pieces[number].end > at else ""

    def within(self, start: int, end: int) -> list[Piece]:
        return [piece for piece in self.pieces if start <= piece.start and piece.end <= end]

    def line_of(self, at: int) -> str:
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        return self.text[start : end if end >= 0 else len(self.text)]


_TYPES = tuple(":|&<=")  # after which a bracket begins no body
# a template inside a template, which the scanner above takes for the end of the outer one
_NESTED = re.compile(r"\$\{[^}`]*`")


def _unique(found: Iterator[Definition]) -> list[Definition]:
    """Those whose symbol the file has once: of several the text is that of all."""
    try:
        every = list(found)
    except (SyntaxError, ValueError):
        return []
    counts: dict[str, int] = {}
    for one in every:
        counts[one.symbol] = counts.get(one.symbol, 0) + 1
    return [one for one in every if counts[one.symbol] == 1]


@dataclass
class Edit:
    """`files` are the texts after it (None: deleted), `stale` the symbols of the file whose text it changes, `unclear` those of
    which the rules do not tell, `moved` where symbols stand afterwards."""

    kind: str
    target: str
    files: dict[str, str | None]
    stale: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)


Maker = Callable[[Source, Definition, random.Random, Sequence[Source]], Edit | None]


def _changed(source: Source, at: int, end: int, new: str) -> tuple[str, set[str]]:
    text = source.text[:at] + new + source.text[end:]
    return text, {one.symbol for one in source.definitions if one.start <= at and end <= one.end}


def _containing(source: Source, target: Definition) -> set[str]:
    return {one.symbol for one in source.definitions if one.holds(target)}


def _inside(source: Source, target: Definition) -> set[str]:
    return {one.symbol for one in source.definitions if target.holds(one)}


def _token(source: Source, target: Definition, chance: random.Random) -> Edit | None:
    nested = [one for one in source.definitions if target.holds(one)]
    names = [
        piece
        for piece in source.within(target.head, target.end)
        if piece.kind in ("name", "number") and source.text[piece.start : piece.end] not in _WORDS
        and not any(one.start <= piece.start <= one.head for one in nested)
        and not source.line_of(piece.start).lstrip().startswith("#")
    ]  # fmt: skip
    if not names:
        return None
    piece = chance.choice(names)
    word = source.text[piece.start : piece.end]
    new = "7" + word if piece.kind == "number" and word.isdigit() else word + "_x" if piece.kind == "name" else ""
    if not new:
        return None
    text, stale = _changed(source, piece.start, piece.end, new)
    return Edit("edit inside", target.symbol, {source.path: text}, stale)


def edit_inside(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    return _token(source, target, chance)


def edit_string(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    strings = [
        piece
        for piece in source.within(target.head, target.end)
        if piece.kind == "string" and piece.end - piece.start > 4 and source.text[piece.end - 2].isalnum()
        and source.text[piece.end - 1] in "\"'" and source.text[piece.end - 3].isalnum()
    ]  # fmt: skip
    if not strings:
        return None
    piece = chance.choice(strings)
    text, stale = _changed(source, piece.end - 1, piece.end - 1, "q")
    return Edit("edit of a string", target.symbol, {source.path: text}, stale)


def edit_elsewhere(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    others = [one for one in source.definitions if not (one.holds(target) or target.holds(one) or one == target)]
    edit = _token(source, chance.choice(others), chance) if others else None
    if edit is None or target.symbol in edit.stale:
        return None
    edit.kind, edit.target = "edit elsewhere", target.symbol
    return edit


def insert_above(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    at = source.text.rfind("\n", 0, target.start) + 1
    lines = "".join(f"{COMMENT.get(source.language, '//')} {chance.random()}\n" for _ in range(chance.randint(1, 30)))
    text, _stale = _changed(source, at, at, lines + "\n")
    return Edit("lines above", target.symbol, {source.path: text})


def reformat(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    parts: list[str] = []
    depth, at = 0, target.start
    pieces = source.within(target.start, target.end)
    for piece, after in pairwise(pieces):
        depth += _depth(source, piece)
        parts.append(source.text[at : piece.end])
        gap, at = source.text[piece.end : after.start], after.start
        plain = not source.line_of(piece.end).lstrip().startswith("#") and "\\" not in gap and piece.kind != "comment"
        if "\n" in gap and plain and chance.random() < 0.3:
            gap = f"  \n{gap}"
        elif gap and "\n" not in gap and plain and chance.random() < 0.5:
            gap = (
                "\n        "
                if depth > 0 and source.text[piece.start : piece.end] == "," and after.kind != "comment"
                else gap * 3
            )
        parts.append(gap)
    text = source.text[: target.start] + "".join(parts) + source.text[at:]
    return Edit("reformat", target.symbol, {source.path: text}) if text != source.text else None


def _depth(source: Source, piece: Piece) -> int:
    mark = source.text[piece.start : piece.end] if piece.kind == "mark" else ""
    return (mark in ("(", "[")) - (mark in (")", "]"))


def comment(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    """A comment more at the end of a line, where the next piece of code begins a new one."""
    ends = [
        one.end
        for one, after in pairwise(source.within(target.head, target.end))
        if one.kind in ("name", "mark", "number") and "\n" in source.text[one.end : after.start]
        and "\\" not in source.text[one.end : after.start] and not source.line_of(one.end).lstrip().startswith("#")
    ]  # fmt: skip
    if not ends:
        return None
    at = chance.choice(ends)
    text, _stale = _changed(source, at, at, f"  {COMMENT.get(source.language, '//')} why {chance.random()}")
    return Edit("comment", target.symbol, {source.path: text})


def crlf(source: Source, target: Definition, _: random.Random, __: Sequence[Source]) -> Edit | None:
    return Edit("line endings", target.symbol, {source.path: source.text.replace("\n", "\r\n")})


def delete(source: Source, target: Definition, _: random.Random, __: Sequence[Source]) -> Edit | None:
    if source.language == "py" and not target.is_top:
        return None  # a class may be left without a body
    text, stale = _changed(source, target.start, target.end, "")
    return Edit("delete", target.symbol, {source.path: text}, stale | _inside(source, target))


def rename(source: Source, target: Definition, _: random.Random, __: Sequence[Source]) -> Edit | None:
    text, stale = _changed(source, target.head, target.head, "_renamed")
    return Edit("rename", target.symbol, {source.path: text}, stale, _inside(source, target))


def move_inside(source: Source, target: Definition, _: random.Random, __: Sequence[Source]) -> Edit | None:
    if not target.is_top:
        return None
    body = source.text[target.start : target.end]
    text = source.text[: target.start] + source.text[target.end :].rstrip("\n") + f"\n\n\n{body}\n"
    return Edit("move in the file", target.symbol, {source.path: text})


def move_to_new(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    if not target.is_top:
        return None
    path = str(PurePosixPath(source.path).with_name(f"moved_{chance.randint(0, 10**6)}.{source.language}"))
    return _moved(source, target, path, "")


def move_to_other(source: Source, target: Definition, chance: random.Random, others: Sequence[Source]) -> Edit | None:
    fitting = [
        one for one in others
        if one.path != source.path and one.language == source.language and not re.search(rf"\b{target.name}\b", one.text)
    ]  # fmt: skip
    if not target.is_top or not fitting:
        return None
    other = chance.choice(fitting)
    return _moved(source, target, other.path, other.text)


def _moved(source: Source, target: Definition, path: str, before: str) -> Edit:
    body = source.text[target.start : target.end]
    text, stale = _changed(source, target.start, target.end, "")
    gone = _inside(source, target) | {target.symbol}
    files: dict[str, str | None] = {source.path: text, path: f"{before}\n\n{body}\n".lstrip("\n")}
    return Edit("move to another file", target.symbol, files, stale - gone, moved=dict.fromkeys(gone, path))


def rename_file(source: Source, target: Definition, chance: random.Random, _: Sequence[Source]) -> Edit | None:
    path = str(PurePosixPath(source.path).with_name(f"renamed_{chance.randint(0, 10**6)}.{source.language}"))
    moved = {one.symbol: path for one in source.definitions}
    return Edit("file rename", target.symbol, {source.path: None, path: source.text}, moved=moved)


def rename_and_edit(source: Source, target: Definition, chance: random.Random, others: Sequence[Source]) -> Edit | None:
    edit = _token(source, target, chance)
    renamed = rename_file(source, target, chance, others)
    if edit is None or renamed is None:
        return None
    path = next(path for path, text in renamed.files.items() if text is not None)
    moved = {name: where for name, where in renamed.moved.items() if name not in edit.stale}
    return Edit(
        "file rename and edit", target.symbol, {source.path: None, path: edit.files[source.path]}, edit.stale, moved=moved
    )


MAKERS: tuple[Maker, ...] = (
    *(edit_inside, edit_elsewhere, reformat, comment, rename, delete, move_inside, move_to_other, move_to_new),
    *(rename_file, edit_string, insert_above, crlf, rename_and_edit),
)
