"""Replacing pieces of a text, all or none: exact first, then tolerant of white space where the hit is unique.

Everything outside the replaced pieces stays byte for byte, inside them whatever `old` and `new` share does too. Newlines:
`old` and `new` are compared with line feeds; what is written takes the style of the place it goes to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lcode.tools import diffs, nearest
from lcode.tools.base import ToolError
from lcode.tools.indent import Indents
from lcode.tools.truncate import plural


@dataclass(frozen=True)
class Edit:
    """Put `new` where `old` is: at its one place, or with `all` at every place."""

    old: str
    new: str
    all: bool = False


@dataclass(frozen=True)
class Applied:
    """The text after all edits, and what the model should know about how they matched."""

    text: str
    notes: tuple[str, ...]


class UnseenLines(Exception):
    """An edit touches lines that were never shown to the agent: `lines`, the first of them numbered `first`."""

    def __init__(self, first: int, lines: list[str]) -> None:
        super().__init__(f"lines {first}-{first + len(lines) - 1} were not seen")
        self.first = first
        self.lines = lines


@dataclass
class _Place:
    """Where a replacement goes in the text with line feeds, and what goes there."""

    start: int
    end: int
    new: str


@dataclass
class _View:
    """A text with every newline as a line feed, and the way back to its own positions."""

    original: str
    text: str = ""
    _wide: list[int] = field(default_factory=list)  # where in `text` a line feed stands for two characters
    _lone: bool = False

    def __post_init__(self) -> None:
        self._lone = "\n" not in self.original and "\r" in self.original
        self.text = self.original.replace("\r", "\n") if self._lone else self.original.replace("\r\n", "\n")
        at = self.original.find("\r\n")
        while at >= 0:
            self._wide.append(at - len(self._wide))
            at = self.original.find("\r\n", at + 2)

    def at(self, position: int) -> int:
        return position + bisect_left(self._wide, position)

    def newline(self, start: int, end: int) -> str:
        """How lines end between two positions; where that is mixed or unknown, how most of the text's lines do."""
        if self._lone:
            return "\r"
        wide = bisect_left(self._wide, end) - bisect_left(self._wide, start)
        feeds = self.text.count("\n", start, end)
        if wide in (0, feeds) and feeds:
            return "\r\n" if wide else "\n"
        return "\r\n" if len(self._wide) * 2 > self.text.count("\n") else "\n"

    def line_of(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1


def apply(text: str, edits: Sequence[Edit], knows: Callable[[str], bool]) -> Applied:
    """All `edits` in order, each on the result of the one before it. Raises ToolError, or UnseenLines where `knows` (a line ->
    was it seen) says no."""
    notes: list[str] = []
    written: set[str] = set()
    for number, edit in enumerate(edits, 1):
        label = f"edit {number}: " if len(edits) > 1 else ""
        view = _View(text)
        places, note = _places(view, edit, label)
        for place in places:
            _check_seen(view, place, lambda line: line.strip() in written or knows(line))
        if note:
            notes.append(label + note)
        text = _replaced(view, places)
        for place in places:
            written.update(line.strip() for line in _lines_around(view, place))
    return Applied(text, tuple(notes))


def _lines_around(view: _View, place: _Place) -> list[str]:
    """The whole lines that stand in `place` after the edit, with what is left of the lines at its ends."""
    low = view.text.rfind("\n", 0, place.start) + 1
    high = view.text.find("\n", place.end)
    tail = view.text[place.end : high if high >= 0 else None]
    return (view.text[low : place.start] + place.new + tail).split("\n")


def _places(view: _View, edit: Edit, label: str) -> tuple[list[_Place], str]:
    old, new = edit.old.replace("\r\n", "\n"), edit.new.replace("\r\n", "\n")
    if not old:
        raise ToolError(f"{label}`old` is empty. Give the text to replace; a new file is made with write_file.")
    if old == new:
        raise ToolError(f"{label}`old` and `new` are the same: nothing to change.")
    starts = _exact(view.text, old)
    if starts:
        if len(starts) > 1 and not edit.all:
            raise ToolError(_several(view, starts, label))
        return [_Place(start, start + len(old), new) for start in starts], ""
    bare = diffs.strip_numbers(old)
    if bare is not None:
        mended = Edit(bare, diffs.strip_numbers(new) or new, edit.all)
        if bare != mended.new:
            places, _ = _places(view, mended, label)
            return places, "the line numbers in `old` were left out"
    places = _tolerant(view, old, new, edit.all, label)
    if not places:
        raise ToolError(_not_found(view, old, new, label))
    where = ", ".join(str(view.line_of(place.start)) for place in places[:5])
    return places, f"`old` matched apart from white space at line {where}; its indentation was taken over"


def _exact(text: str, old: str) -> list[int]:
    starts: list[int] = []
    at = text.find(old)
    while at >= 0:
        starts.append(at)
        at = text.find(old, at + len(old))
    return starts


def _tolerant(view: _View, old: str, new: str, every: bool, label: str) -> list[_Place]:
    """Whole lines that equal `old` but for white space: first at line ends, then indentation, then anywhere."""
    wanted, given = _core(old, new)
    if not wanted:
        return []
    lines = view.text.split("\n")
    for key in (str.rstrip, str.strip, _collapsed):
        keys = [key(line) for line in wanted]
        keyed = [key(line) for line in lines]
        hits = [at for at in _equal_to(keyed, keys[0]) if keyed[at : at + len(keys)] == keys]
        if len(hits) > 1 and not every:
            offsets = [sum(len(line) + 1 for line in lines[:hit]) for hit in hits[:20]]
            raise ToolError(_several(view, offsets, f"{label}(white space apart) "))
        if hits:
            return [_line_place(lines, hit, wanted, given, label) for hit in hits]
    return []


def _core(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines of both without the blank lines that `old` starts and ends with; from `new` at most as many are taken."""
    wanted, given = old.split("\n"), new.split("\n") if new else []
    while wanted and not wanted[0].strip():
        wanted.pop(0)
        if given and not given[0].strip():
            given.pop(0)
    while wanted and not wanted[-1].strip():
        wanted.pop()
        if given and not given[-1].strip():
            given.pop()
    return wanted, given


def _equal_to(keyed: list[str], key: str) -> list[int]:
    return [at for at, line in enumerate(keyed) if line == key]


def _collapsed(line: str) -> str:
    return " ".join(line.split())


def _line_place(lines: list[str], hit: int, wanted: list[str], given: list[str], label: str) -> _Place:
    """The replacement of whole lines: those that `old` and `new` share stay as the file has them, others are indented
    as the file is."""
    from difflib import SequenceMatcher

    there = lines[hit : hit + len(wanted)]
    indents = Indents.between(wanted, there)
    if indents is None:
        raise ToolError(
            f"{label}`old` differs from the file in its indentation, not evenly; nothing was changed. The text there is:\n"
            + diffs.numbered(there, hit + 1)
        )
    result: list[str] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, wanted, given, autojunk=False).get_opcodes():
        result += there[i1:i2] if tag == "equal" else [indents.moved(line) for line in given[j1:j2]]
    start = sum(len(line) + 1 for line in lines[:hit])
    end = start + sum(len(line) + 1 for line in there) - 1
    if not given:  # the lines go, and their last newline with them
        return _Place(start, end + 1, "") if hit + len(wanted) < len(lines) else _Place(max(start - 1, 0), end, "")
    return _Place(start, end, "\n".join(result))


def _check_seen(view: _View, place: _Place, knows: Callable[[str], bool]) -> None:
    low = view.text.rfind("\n", 0, place.start) + 1
    high = view.text.find("\n", max(place.end - 1, place.start))
    lines = view.text[low : high if high >= 0 else None].split("\n")
    if not all(knows(line) for line in lines):
        raise UnseenLines(view.line_of(low), lines)


def _replaced(view: _View, places: list[_Place]) -> str:
    pieces: list[str] = []
    done = 0
    for place in places:
        newline = view.newline(place.start, place.end)
        start, end, new = _trimmed(view.text, place)
        pieces += [view.original[done : view.at(start)], new.replace("\n", newline)]
        done = view.at(end)
    return "".join([*pieces, view.original[done:]])


def _trimmed(text: str, place: _Place) -> tuple[int, int, str]:
    """`place` without what old and new share at their ends: those bytes are not touched."""
    start, end, new = place.start, place.end, place.new
    shared = min(end - start, len(new))
    head = 0
    while head < shared and text[start + head] == new[head]:
        head += 1
    tail = 0
    while tail < shared - head and text[end - 1 - tail] == new[len(new) - 1 - tail]:
        tail += 1
    return start + head, end - tail, new[head : len(new) - tail]


def _several(view: _View, starts: Sequence[int], label: str) -> str:
    numbers = ", ".join(str(view.line_of(start)) for start in starts[:20]) + (", …" if len(starts) > 20 else "")
    return (
        f"{label}`old` is there {plural(len(starts), 'time')}, at lines {numbers}; nothing was changed. "
        "Put more of the lines around it into `old`, or set `all` to change every one."
    )


def _not_found(view: _View, old: str, new: str, label: str) -> str:
    parts = [f"{label}`old` was not found; nothing was changed."]
    at = view.text.find(new) if len(new.strip()) > 3 else -1
    if at >= 0:
        parts.append(f"`new` is already there, at line {view.line_of(at)}: this edit may have been made before.")
    if "[redacted:" in old:
        parts.append("`old` holds a secret's placeholder: choose lines without it.")
    window = nearest.window(view.text.split("\n"), old.split("\n"))
    if window is None:
        parts.append("Nothing in the file resembles it.")
        return " ".join(parts)
    first, lines = window
    return f"{' '.join(parts)} The nearest text:\n{diffs.numbered(lines, first)}"
