"""Grammars, loaded one by one when a file needs them, and parsing with a bound.

Parsing stops after a number of the parser's steps that the size of the file allows, so that the same bytes are understood the
same way on a slow machine and a fast one; a clock stands behind it for what does not count steps. A grammar that is missing
or does not load is no error: its files are text.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcode.index.languages import LANGUAGES, TAIL, Language

if TYPE_CHECKING:
    import tree_sitter

QUERIES = Path(__file__).with_name("queries")
LARGEST = 4_000_000  # bytes of a file that is parsed
LONGEST_LINE = 100_000  # bytes of a line that is parsed
MEAN_LINE = 300  # bytes of a mean line beyond which a file is not written by hand
_SMALL = 20_000  # bytes up to which long lines are no matter
_STEPS, _BYTES_A_STEP = 300, 20  # calls of the parser, each 100 of its operations; files met took one for 49 bytes at most
_STEPS_A_LOOK = 64  # at the clock, which costs as much as several steps
_SECONDS, _BYTES_A_SECOND = 0.25, 400_000  # of processor time: a last resort, 30 times what it takes
_WIDEST = 5_000  # tokens without a name in a node that was not understood: the query's cost is their square
_MOST_OPEN = 2_000  # brackets that are not closed
_MOST_ERRORS = 5_000  # nodes that hold errors
_DEPTH = 300  # of nodes that are looked at for definitions
_BLOCK = 65_536
_GENERIC = re.compile(
    r"(?P<kind>function|method|class|struct|interface|enum|trait|module|object|type|macro|constant|subroutine|procedure|protocol)"
    r"_(?:definition|declaration|item|statement|signature)$"
)
_GENERIC_KINDS = {
    "trait": "interface",
    "protocol": "interface",
    "object": "class",
    "subroutine": "function",
    "procedure": "function",
}


class Grammar:
    """A loaded grammar and the query for its definitions; None where nothing is known of them."""

    def __init__(self, language: Language, loaded: tree_sitter.Language, query: tree_sitter.Query | None) -> None:
        self.language = language
        self.loaded = loaded
        self.query = query

    def parse(self, data: bytes, ranges: list[tree_sitter.Range] | None = None) -> tree_sitter.Tree | None:
        """The tree of `data`; None where it took too long. With `ranges`, of these parts of it alone."""
        import tree_sitter

        parser = tree_sitter.Parser(self.loaded, included_ranges=ranges) if ranges else tree_sitter.Parser(self.loaded)
        try:
            return parser.parse(lambda offset, _: data[offset : offset + _BLOCK], progress_callback=_limit(len(data)))
        except ValueError:
            return None

    def matches(self, tree: tree_sitter.Tree) -> list[tuple[int, dict[str, list[tree_sitter.Node]]]]:
        """What the query finds in a tree, down to a sane depth. Nothing in what is not code at all: there it can take as
        good as forever, and the binding's way to stop it crashes."""
        import tree_sitter

        if self.query is None or _tangled(tree.root_node):
            return []
        cursor = tree_sitter.QueryCursor(self.query, match_limit=100_000)
        cursor.set_max_start_depth(_DEPTH)
        return cursor.matches(tree.root_node)


def _limit(size: int) -> Callable[[int, bool], bool]:
    left = _STEPS + size // _BYTES_A_STEP
    until = time.thread_time() + _SECONDS + size / _BYTES_A_SECOND

    def over(_: int, __: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0 or (not left % _STEPS_A_LOOK and time.thread_time() > until)

    return over


def _tangled(root: tree_sitter.Node) -> bool:
    """Whether a tree is mostly errors."""
    left, count = [root], 0
    while left:
        node = left.pop()
        if not node.has_error:
            continue
        count += 1
        if count > _MOST_ERRORS or node.child_count - node.named_child_count > _WIDEST:
            return True
        left.extend(node.children)
    return False


def _lopsided(data: bytes) -> bool:
    """Whether thousands of brackets are never closed: a parser that gives up on them takes the square of that in memory."""
    angles = data.count(b"<") - 2 * data.count(b"<<") - data.count(b"<=") - data.count(b"< ") - data.count(b">")
    pairs = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"))
    return angles > _MOST_OPEN or any(data.count(opening) - data.count(closing) > _MOST_OPEN for opening, closing in pairs)


def parseable(data: bytes) -> bool:
    """Whether a file is worth a parser: not huge, not binary, its lines not those of a machine."""
    size = len(data)
    if not size or size > LARGEST or b"\0" in data:
        return False
    if (size > _SMALL and size > MEAN_LINE * (data.count(b"\n") + 1)) or _lopsided(data):
        return False
    return size <= LONGEST_LINE or max(map(len, data.split(b"\n"))) <= LONGEST_LINE


def grammar_of(name: str) -> Grammar | None:
    """The grammar of a language; None where there is none, or it is not installed here."""
    language = LANGUAGES.get(name) or TAIL.get(name)
    return _load(language) if language is not None else None


@cache
def version_of(name: str) -> str:
    """Name and version of the package that the grammar of a language is from; '' without one."""
    language = LANGUAGES.get(name) or TAIL.get(name)
    if language is None or _load(language) is None:
        return ""
    from importlib import metadata  # costs more than a search does

    package = language.module.replace("_", "-")
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return package


@cache
def _load(language: Language) -> Grammar | None:
    try:
        import tree_sitter

        if language.module == "tree_sitter_languages":
            loaded = tree_sitter.Language(_capsule(language.function))
            return Grammar(language, loaded, _generic_query(loaded))
        loaded = tree_sitter.Language(getattr(import_module(language.module), language.function)())
        text = "\n".join((QUERIES / f"{name}.scm").read_text(encoding="utf-8") for name in language.queries)
    except (ImportError, AttributeError, OSError, ValueError, TypeError):  # not installed, or of another time
        return None
    return Grammar(language, loaded, _query(loaded, text))


def _query(loaded: tree_sitter.Language, text: str) -> tree_sitter.Query | None:
    """The query, without the patterns that this version of the grammar does not know."""
    import tree_sitter

    try:
        return tree_sitter.Query(loaded, text)
    except tree_sitter.QueryError:
        known = [pattern for pattern in re.split(r"\n(?=[(\[])", text) if _known(loaded, pattern)]
        return tree_sitter.Query(loaded, "\n".join(known)) if known else None


def _known(loaded: tree_sitter.Language, pattern: str) -> bool:
    import tree_sitter

    try:
        tree_sitter.Query(loaded, pattern)
    except tree_sitter.QueryError:
        return False
    return True


def _capsule(function: str) -> Any:
    """A grammar of tree-sitter-languages: its own interface does not fit today's tree-sitter, its library does."""
    import ctypes
    from importlib.util import find_spec

    if function not in {row.function for row in TAIL.values()}:
        raise ImportError(function)
    spec = find_spec("tree_sitter_languages")  # importing it would load its own, older binding
    if spec is None or spec.origin is None:
        raise ImportError("tree_sitter_languages")
    library = _library(Path(spec.origin).with_name("languages.dll" if sys.platform == "win32" else "languages.so"))
    make = getattr(library, f"tree_sitter_{function}")
    make.restype = ctypes.c_void_p
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(make(), b"tree_sitter.Language", None)


@cache
def _library(path: Path) -> Any:
    import ctypes

    return ctypes.CDLL(str(path))


def _generic_query(loaded: tree_sitter.Language) -> tree_sitter.Query | None:
    """A query made from the names of a grammar's nodes, for grammars that have no query of ours."""
    patterns = []
    for number in range(loaded.node_kind_count):
        name = loaded.node_kind_for_id(number)
        match = _GENERIC.search(name or "")
        if match and loaded.node_kind_is_named(number) and loaded.node_kind_is_visible(number):
            kind = _GENERIC_KINDS.get(match["kind"], match["kind"])
            patterns.append(f"({name} name: (_) @name) @{kind}")
            patterns.append(f"({name} . (identifier) @name) @{kind}")
    return _query(loaded, "\n".join(dict.fromkeys(patterns))) if patterns else None
