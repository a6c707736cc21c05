"""Which symbols a change of files added, changed and removed: the definitions before and after, compared by their tokens.

A new class is named, and not each of its methods; of one that is there the methods are. A file that was moved is compared with
what it was. Comments and white space are no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lcode.index import config_entries
from lcode.index.anchors import Anchor, anchors, together
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


def symbols(path: str, data: bytes) -> dict[str, str]:
    """The symbols of a text of code, each with a digest of what it is."""
    if kind_of_content(kind_of_path(path), data) not in _CODE:
        return {}
    found = anchors(path, data)
    if found.language in _PROSE or found.language in config_entries.LANGUAGES:
        return {}
    by_name: dict[str, list[Anchor]] = {}
    for anchor in found.symbols():
        by_name.setdefault(anchor.symbol, []).append(anchor)
    return {name: together(anchors).digest for name, anchors in by_name.items()}


def compare(files: Iterable[tuple[Mapping[str, str], Mapping[str, str]]]) -> SymbolChanges:
    """What happened in files of which these are the symbols, before and after."""
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    for before, after in files:
        new = [name for name in after if name not in before]
        gone = [name for name in before if name not in after]
        other = [name for name in after if name in before and before[name] != after[name]]
        inner = [*new, *gone, *other]
        added += _outermost(new)
        removed += _outermost(gone)
        changed += [name for name in other if not any(one.startswith(f"{name}.") for one in inner)]
    moved = set(added) & set(removed)  # from one file to another
    return SymbolChanges(
        tuple(dict.fromkeys(name for name in added if name not in moved)),
        tuple(dict.fromkeys(changed)),
        tuple(dict.fromkeys(name for name in removed if name not in moved)),
    )


def _outermost(names: list[str]) -> list[str]:
    found = set(names)
    return [name for name in names if not any(name[:at] in found for at, char in enumerate(name) if char == ".")]
