"""Which symbols a change of files added, changed and removed: the definitions before and after, compared by their tokens.

A new class is named, and not each of its methods; of one that is there the methods are. A file that was moved is compared with
what it was. Comments and white space are no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lcode.index import config_entries
from lcode.index.anchors import Anchors, anchors, together
from lcode.index.files import kind_of_content, kind_of_path

_CODE = frozenset({"source", "test"})
_PROSE = frozenset({"markdown", "html", "css"})


@dataclass(frozen=True)
class SymbolChanges:
    """Names of symbols, each once, in the order of the files and of their places in them."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def is_code(path: str) -> bool:
    """Whether a file of this path has symbols that are worth telling."""
    return kind_of_path(path) in _CODE


class Symbols:
    """The symbols of a text of code, outer ones first."""

    def __init__(self, found: Anchors | None = None) -> None:
        self._anchors = found
        self._texts: dict[str, list[bytes]] = {}
        for name, text in found.extents() if found is not None else ():
            self._texts.setdefault(name, []).append(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def differs(self, other: Symbols, name: str) -> bool:
        """Whether a symbol that both have is another one there."""
        if self._texts[name] == other._texts[name] or self._anchors is None or other._anchors is None:
            return False
        return together(self._anchors.symbol(name)).digest != together(other._anchors.symbol(name)).digest


def symbols(path: str, data: bytes) -> Symbols:
    """Those of a text, if it is one of code that people write."""
    if kind_of_content(kind_of_path(path), data) not in _CODE:
        return Symbols()
    found = anchors(path, data)
    other = found.language in _PROSE or found.language in config_entries.LANGUAGES
    return Symbols() if other else Symbols(found)


def compare(files: Iterable[tuple[Symbols, Symbols]]) -> SymbolChanges:
    """What happened in files of which these are the symbols, before and after."""
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    for before, after in files:
        new = [name for name in after if name not in before]
        gone = [name for name in before if name not in after]
        added += _outermost(new)
        removed += _outermost(gone)
        changed += _innermost(before, after, [*new, *gone])
    moved = set(added) & set(removed)  # from one file to another
    return SymbolChanges(
        tuple(dict.fromkeys(name for name in added if name not in moved)),
        tuple(dict.fromkeys(changed)),
        tuple(dict.fromkeys(name for name in removed if name not in moved)),
    )


def _innermost(before: Symbols, after: Symbols, others: Iterable[str]) -> list[str]:
    """Those that changed, but not for something in them that did, or is one of the `others`."""
    around = {outer for name in others for outer in _around(name)}
    changed = set()
    both = [name for name in after if name in before]
    for name in sorted(both, key=lambda name: -name.count(".")):
        if name not in around and after.differs(before, name):
            changed.add(name)
            around.update(_around(name))
    return [name for name in both if name in changed]


def _around(name: str) -> list[str]:
    return [name[:at] for at, char in enumerate(name) if char == "."]


def _outermost(names: list[str]) -> list[str]:
    found = set(names)
    return [name for name in names if found.isdisjoint(_around(name))]
