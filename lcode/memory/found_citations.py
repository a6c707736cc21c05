"""Finds what a memory speaks of where nobody said so: code that its own words name, in files that were just read.

Rather none than a wrong one: a file counts where the text names it and only one of those read is called so; a symbol where it
is written as code is, and only one of those files, or of those that are named, defines it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lcode.memory.block_lines import cited_in
from lcode.memory.citation import Citation, parse
from lcode.memory.tree import Tree
from lcode.sensitive import is_sensitive

MOST = 4  # citations that are found
_FILES = 12  # that were read last and are looked into
_FILE = re.compile(r"(?<![\w./@-])(?P<name>[\w.@/-]*\w\.\w{1,8}(?::\d{1,6}(?:-\d{1,6})?)?|[A-Z]\w{4,})(?![\w/-])(?!\.\w)")
_SYMBOL = re.compile(
    r"`(?P<quoted>[^\W\d][\w.]{2,}(?:::[\w.]+)*)(?:\(\))?`"
    r"|(?<![\w./`-])(?P<bare>[^\W\d][\w.]+\w(?:::[\w.]+)*)(?P<call>\(\))?(?![\w/-])"
)
_DISTINCT = re.compile(r"[^\W_]_[^\W_]|[a-z\d][A-Z]|[^\W\d](?:\.|::)[^\W\d]")  # snake_case, camelCase, Outer.inner
_ANYWHERE = re.compile(r"(?:__init__|__main__|index|mod|lib|main|setup)\.\w+|README.*|LICENSE.*", re.I)


def found_citations(text: str, tree: Tree, read: Sequence[str]) -> list[Citation]:
    """What `text` cites by its words, in their order; `read` are the files that were read, the last one last."""
    tree.refresh()
    home = Path.home()
    recent = [path for path in dict.fromkeys(reversed(read)) if not is_sensitive(tree.root / path, home)][:_FILES]
    there = [path for path in recent if tree.file(path) is not None]
    files = list(_files(text, there))
    files += [(text.find(cited.path), cited) for cited in cited_in(text) if tree.file(cited.path) is not None]
    symbols = list(_symbols(text, there, {cited.path for _, cited in files}, tree))
    with_symbols = {cited.path for _, cited in [*files, *symbols] if cited.symbol}
    places = [(at, cited) for at, cited in files if cited.first or cited.symbol or cited.path not in with_symbols]
    found = [cited for _, cited in sorted([*places, *symbols], key=lambda one: one[0])]
    return list(dict.fromkeys(found))[:MOST]


def _files(text: str, paths: Sequence[str]) -> Iterator[tuple[int, Citation]]:
    """The files that are named by their path, the end of it, or their name; with where they are."""
    for found in _FILE.finditer(text):
        named = parse(found["name"])
        if _ANYWHERE.fullmatch(named.path):
            continue
        same = [path for path in paths if path == named.path or path.endswith(f"/{named.path}")]
        if len(same) == 1:
            yield found.start(), replace(named, path=same[0])


def _symbols(text: str, paths: Sequence[str], named: set[str], tree: Tree) -> Iterator[tuple[int, Citation]]:
    """The symbols that one file alone defines, or one alone of those that are `named`."""
    names: dict[str, int] = {}
    for found in _SYMBOL.finditer(text):
        name = (found["quoted"] or found["bare"]).strip(".")
        if found["quoted"] or found["call"] or _DISTINCT.search(name):
            names.setdefault(name.replace("::", "."), found.start())
    defined: dict[str, dict[str, str]] = {name: {} for name in names}
    for path in paths if names else ():
        for name in names:
            if symbol := _defined(name, path, tree):
                defined[name][path] = symbol
    for name, at in names.items():
        inside = [path for path in defined[name] if path in named or len(defined[name]) == 1]
        if len(inside) == 1:
            yield at, Citation(inside[0], defined[name][inside[0]])


def _defined(name: str, path: str, tree: Tree) -> str:
    """The symbol of a file that is called so, as the index has it; '' where there is none, or several."""
    file = tree.file(path)
    found = tree.anchors(file) if file is not None and file.readable else None
    symbols = {one.symbol for one in found.symbol(name)} if found is not None else set()
    return symbols.pop() if len(symbols) == 1 else ""
