"""Finds what a memory speaks of where nobody said so: code that its own words name, in files that were just read.

Rather none than a wrong one: a symbol counts where the text writes it as code is written, and a file by its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lcode.memory.block_lines import cited_in
from lcode.memory.citation import Citation
from lcode.memory.tree import Tree

MOST = 4  # citations that are found
_FILES = 8  # that were read last and are looked into
_SHORTEST = 3  # letters of a symbol's name
_CODE = re.compile(r"`([^`\n]{2,80})`|\b([A-Za-z_][\w.]*)\(\)|\b([A-Za-z]\w*(?:[._]\w+)+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*)\b")
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def found_citations(text: str, tree: Tree, read: Sequence[str]) -> list[Citation]:
    """What `text` cites by its words; `read` are the files that were read, the last one last."""
    tree.refresh()
    found = [cited for cited in cited_in(text) if tree.file(cited.path) is not None]
    recent = list(dict.fromkeys(reversed(read)))[:_FILES]
    found += [cited for path in recent for cited in _symbols(text, path, tree)]
    cited_files = {cited.path for cited in found}
    found += [Citation(path) for path in recent if path not in cited_files and _says(text, path)]
    return list(dict.fromkeys(found))[:MOST]


def _symbols(text: str, path: str, tree: Tree) -> Iterator[Citation]:
    """The symbols of a file that the text names; not one that the file has several of."""
    file = tree.file(path)
    anchors = tree.anchors(file) if file is not None and file.readable else None
    if anchors is None:
        return
    for name in _names(text):
        here = anchors.symbol(name)
        if here and len({one.symbol for one in here}) == 1:
            yield Citation(path, here[0].symbol)


def _names(text: str) -> list[str]:
    words = ("".join(match.groups(default="")).removesuffix("()").replace("::", ".") for match in _CODE.finditer(text))
    return [word for word in dict.fromkeys(words) if len(word) >= _SHORTEST and _NAME.fullmatch(word)]


def _says(text: str, path: str) -> bool:
    """Whether the text names a file, by its path or by its name with a suffix."""
    name = path.rpartition("/")[2]
    return any(re.search(rf"(?<![\w/.-]){re.escape(form)}(?![\w/-])", text) for form in {path, name} if "." in form)
