"""The digest of a cited text, as a citation keeps it: made when it is anchored, compared with what the file holds later.

It is a text of fields that are joined by dots, the first of them says of what: `s` a symbol, `l` lines, `w` a file as a whole,
`h` a file too large to be understood, `e` that there is one at all. A digest that a later version wrote is not understood:
such a citation counts as not anchored.
"""

from __future__ import annotations

from dataclasses import dataclass

from lcode.index.anchors import Text

_SYMBOL, _LINES, _WHOLE, _HASH, _EXISTS = "s1", "l1", "w1", "h1", "e1"
_MARK = 6  # characters of the mark of a line in the sample of a file


@dataclass(frozen=True)
class CitedText:
    """`kind` and `file`, a digest of all its bytes ('' where they do not matter); of a symbol or lines their `text`, the
    `grammar` that saw it, and how often it stood in the symbol (`inside`) and in the file (`everywhere`); of a whole file a
    `sample` of its lines."""

    kind: str
    file: str = ""
    grammar: str = ""
    text: Text | None = None
    inside: int = 0
    everywhere: int = 0
    sample: tuple[str, ...] = ()

    def is_text(self, text: Text, grammar: str) -> bool:
        """Whether `text`, seen by a grammar, is what was cited. Where it is another grammar's the bare text may tell too."""
        if self.text is None:
            return False
        return text.digest == self.text.digest or (grammar != self.grammar and text.raw == self.text.raw)

    @property
    def of_symbol(self) -> bool:
        return self.kind == _SYMBOL

    @property
    def of_lines(self) -> bool:
        return self.kind == _LINES

    @property
    def of_file(self) -> bool:
        return self.kind == _WHOLE

    @property
    def of_bytes(self) -> bool:
        return self.kind == _HASH

    def __str__(self) -> str:
        if self.text is not None:
            tokens, digest, edge, raw = self.text
            return f"{self.kind}.{self.file}.{self.grammar}.{tokens}.{digest}.{edge}.{raw}.{self.inside}.{self.everywhere}"
        return ".".join(filter(None, (self.kind, self.file, "".join(self.sample))))


def of_symbol(file: str, grammar: str, text: Text, twins: int) -> CitedText:
    return CitedText(_SYMBOL, file, grammar, text, everywhere=twins)


def of_lines(file: str, grammar: str, text: Text, inside: int, everywhere: int) -> CitedText:
    return CitedText(_LINES, file, grammar, text, inside, everywhere)


def of_file(file: str, sample: list[str]) -> CitedText:
    return CitedText(_WHOLE, file, sample=tuple(sample))


def of_bytes(file: str) -> CitedText:
    return CitedText(_HASH, file)


EXISTS = CitedText(_EXISTS)


def read(digest: str) -> CitedText | None:
    """What a citation's digest says; None where it says nothing that is understood here."""
    kind, *fields = digest.split(".")
    try:
        if kind in (_SYMBOL, _LINES):
            file, grammar, tokens, made, edge, raw, inside, everywhere = fields
            return CitedText(kind, file, grammar, Text(int(tokens), made, edge, raw), int(inside), int(everywhere))
        if kind == _WHOLE:
            marks = fields[1] if len(fields) > 1 else ""
            return CitedText(kind, fields[0], sample=tuple(marks[at : at + _MARK] for at in range(0, len(marks), _MARK)))
        if kind == _HASH:
            return CitedText(kind, fields[0])
    except (ValueError, IndexError):
        return None
    return EXISTS if kind == _EXISTS else None
