"""The definitions of a file as a tree: what the query of its grammar finds, put in order and nested.

Line numbers here count from 0. Names inside functions that are no functions or classes themselves are left out: locals are
nobody's symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lcode.index.grammars import Grammar, grammar_of

if TYPE_CHECKING:
    import tree_sitter

CONTAINERS = frozenset({"class", "struct", "interface", "enum", "module", "impl", "section"})
FUNCTIONS = frozenset({"function", "method", "macro"})
_SCOPES = frozenset({"function", "method", "barrier"})  # inside of which values are local
_VALUES = frozenset({"constant", "member"})
_MOST_INJECTIONS = 200
_LONGEST_NAME = 120
_NO_PARTS = frozenset({"prototype", "exports", "module", "self", "this", "window", "global", ""})
_NO_KINDS = frozenset({"name", "scope", "declarator"})
_WORDS = {
    "word.id": frozenset({b"id"}),
    "word.typescript": frozenset({b"ts", b"tsx", b"typescript"}),
    "word.attributes": frozenset({b"attr_accessor", b"attr_reader", b"attr_writer", b"define_method"}),
    "word.aliases": frozenset({b"alias_method", b"scope"}),
    "word.define": frozenset({b"define"}),
}
_WHITE = re.compile(r"\s+")
_GENERICS = re.compile(r"<[^<>]*>")
_OTHER_SYNTAX = frozenset({"c", "cpp", "css", "html", "json", "markdown", "sql", "toml", "yaml"})
_DEFINING_WORDS = rb"class|def|enum|fn|fun|func|function|interface|object|protocol|struct|trait"
_DEFINING_LINE = re.compile(
    rb"(?m)^[ \t]*(?:[a-z]\w*(?:\([\w, ]*\))?[ \t]+){0,5}?(?:" + _DEFINING_WORDS + rb")[ \t]+(?:<[^>\n]{1,80}>[ \t]*)?"
    rb"(?:[A-Z]\w*\.)?([A-Za-z_]\w*)(?=[ \t]*(?:[(<:{=\r\n]|$))"
)
# Of each match the first byte or word stays; a literal at the start makes them fast.
_MACRO_LINES = re.compile(
    rb"\n[A-Z][A-Z0-9_]{3,}(?:\([^()\n{};]*\))?(?=[ \t]*\r?\n(?![ \t]*[{(]))"
    rb"|\n[A-Z][A-Z0-9_]*_(?:API|EXPORT|EXTERN|DECL|PUBLIC)(?=[ \t]+\w)"
)
_MACROS_AFTER = re.compile(rb"\)[ \t]+[A-Z][A-Z0-9_]*_ATTR(?=;)")
_MACROS_IN_HEADS = (
    re.compile(rb"class [A-Z][A-Z0-9_]{3,}(?:\([^()\n]*\))?(?= \w+(?:\s*[:{]| final))"),
    re.compile(rb"struct [A-Z][A-Z0-9_]{3,}(?:\([^()\n]*\))?(?= \w+(?:\s*[:{]| final))"),
)
_MEMBER = re.compile(r"::|:|\.prototype\.")


class Definition:
    """`first` and `last` are its lines, `row` the one of its name; `node` is where its syntax is."""

    __slots__ = (
        "children",
        "doc",
        "end",
        "first",
        "kind",
        "last",
        "name",
        "node",
        "parent",
        "row",
        "start",
        "symbol",
        "widened",
    )

    def __init__(self, kind: str, name: str, node: tree_sitter.Node, row: int) -> None:
        self.kind = kind
        self.name = name
        self.symbol = name
        self.node = node
        self.start, self.end = node.start_byte, node.end_byte
        self.first = node.start_point[0]
        self.row = self.first if node.type == "type_definition" else row  # `} name;` stands at its end
        last, column = node.end_point
        self.last = max(self.first, last if column else last - 1)
        self.doc = ""
        self.children: list[Definition] = []
        self.parent: Definition | None = None
        self.widened = False

    @property
    def named(self) -> bool:
        """Whether it is a symbol of the file, not only a scope of others."""
        return self.name not in ("", "_") and self.kind not in ("impl", "namespace", "block")


class Outline:
    """What is known of the syntax of a file. `roots` are the trees: its own, and those of other languages inside it."""

    def __init__(self, top: list[Definition], roots: list[tree_sitter.Node], partial: bool) -> None:
        self.top = top
        self.roots = roots
        self.partial = partial

    def every(self) -> Iterator[Definition]:
        """All definitions, outer ones first."""
        left = list(reversed(self.top))
        while left:
            definition = left.pop()
            yield definition
            left.extend(reversed(definition.children))

    def untie(self) -> None:
        """Take definitions apart once nothing is asked of them any more: in circles they would keep the trees in memory."""
        for definition in list(self.every()):
            definition.parent = None


def outline(grammar: Grammar, data: bytes, *, fields: bool = False) -> Outline | None:
    """The outline of a file; None where parsing took too long. With `fields`, those of classes are in it too."""
    tree = grammar.parse(_unmacroed(data) if grammar.language.name in ("c", "cpp") else data)
    if tree is None:
        return None
    found, injected = _collect(grammar, tree, data)
    roots = [tree.root_node]
    partial = tree.root_node.has_error
    for name, ranges in injected.items():
        other = grammar_of(name)
        inner = other.parse(data, ranges) if other is not None else None
        if other is not None and inner is not None:
            found += _collect(other, inner, data)[0]
            roots.append(inner.root_node)
    top = _nest(found, fields)
    if partial and grammar.language.name not in _OTHER_SYNTAX:
        top = _rescued(top, tree.root_node, data)
    if grammar.language.name == "markdown":
        top = _sections(top, data.count(b"\n"))
    return Outline(top, roots, partial)


def _rescued(top: list[Definition], root: tree_sitter.Node, data: bytes) -> list[Definition]:
    """The definitions, with names of those that stand where syntax was not understood: by what their lines look like."""
    known = {(one.name, one.row) for one in Outline(top, [], True).every()}
    row, at, more = 0, 0, []
    for match in _DEFINING_LINE.finditer(data):
        row, at = row + data.count(b"\n", at, match.start(1)), match.start(1)
        name = match[1].decode("ascii")
        if (name, row) not in known and len(name) <= _LONGEST_NAME:
            definition = Definition("member", name, root, row)
            definition.first = definition.last = row
            definition.start, definition.end = match.span(1)
            more.append(definition)
    return sorted(top + more, key=lambda one: one.first) if more else top


def _unmacroed(data: bytes) -> bytes:
    """C without the macros that stand where syntax has no place for them, blanked out: every byte stays where it is."""
    data = _MACRO_LINES.sub(_blank, b"\n" + data)[1:]
    if b"_ATTR;" in data:
        data = _MACROS_AFTER.sub(_blank, data)
    for pattern in _MACROS_IN_HEADS:
        data = pattern.sub(_blank, data)
    return data


def _blank(match: re.Match[bytes]) -> bytes:
    kept = match[0].partition(b" ")[0] if match[0][:1] in b"cs" else match[0][:1]
    return kept.ljust(match.end() - match.start())


def _collect(
    grammar: Grammar, tree: tree_sitter.Tree, data: bytes
) -> tuple[list[Definition], dict[str, list[tree_sitter.Range]]]:
    found: list[Definition] = []
    injected: dict[str, dict[int, tree_sitter.Range]] = {}
    separators = grammar.language.separators
    kinds: dict[int, tuple[str, str]] = {}
    for pattern, captures in grammar.matches(tree):
        kind, word = kinds.get(pattern) or kinds.setdefault(pattern, _kind(captures))
        if word and data[captures[word][0].start_byte : captures[word][0].end_byte] not in _WORDS[word]:
            continue
        if kind.startswith("inject."):
            taken = {start for others in injected.values() for start in others}
            for node in captures[kind]:
                span = _inside(node)
                if span.start_byte not in taken and len(taken) < _MOST_INJECTIONS:
                    injected.setdefault(kind.removeprefix("inject."), {})[span.start_byte] = span
        else:
            found += _definitions(kind, captures, data, separators)
    return found, {name: [spans[at] for at in sorted(spans)] for name, spans in injected.items()}


def _kind(captures: Iterable[str]) -> tuple[str, str]:
    """What a pattern with these captures finds: the kind of a definition, or of an injection; and the word that it asks for."""
    word = next((name for name in captures if name.startswith("word.")), "")
    return next(name for name in captures if name != word and name not in _NO_KINDS), word


def _inside(node: tree_sitter.Node) -> tree_sitter.Range:
    """The range of a node; of a group in brackets, what stands between them."""
    if node.type == "token_tree" and node.child_count > 1:
        first, last = node.child(0), node.child(node.child_count - 1)
        if first is not None and last is not None:
            return _range(first.end_point, last.start_point, first.end_byte, last.start_byte)
    return node.range


def _range(start: tree_sitter.Point, end: tree_sitter.Point, first: int, last: int) -> tree_sitter.Range:
    import tree_sitter

    return tree_sitter.Range(start, end, first, last)


def _definitions(kind: str, captures: dict[str, list[tree_sitter.Node]], data: bytes, separators: str) -> Iterator[Definition]:
    node = captures[kind][0]
    if "declarator" in captures:
        for declarator in captures["declarator"]:
            name = _declared(declarator, prototypes=kind in ("function", "type"))
            if name is None or (kind == "constant" and data.startswith(b"extern", node.start_byte)):
                continue
            definition = _named(kind, name, node, data, separators)
            if "(" not in definition.name or definition.name.startswith("operator"):  # else it was misread
                yield definition
        return
    names = captures.get("name")
    if not names:
        yield Definition(kind, "", node, node.start_point[0])
        return
    for name in names:
        definition = _named(kind, name, node, data, separators)
        if "scope" in captures:
            scope = _clean(captures["scope"][0], data, "")
            definition.symbol = f"{scope}.{definition.name}" if scope else definition.name
        yield definition


def _declared(node: tree_sitter.Node, *, prototypes: bool) -> tree_sitter.Node | None:
    """The name inside a C declarator; None for what declares a function and is no definition."""
    for _ in range(12):
        inner = node.child_by_field_name("declarator")
        if node.type == "function_declarator" and inner is not None and not prototypes and not _is_pointer(inner):
            return None
        if inner is None:
            if node.type in ("parenthesized_declarator", "reference_declarator", "attributed_declarator"):
                inner = next(iter(node.named_children), None)
            if inner is None:
                return node if "declarator" not in node.type else None
        node = inner
    return None


def _is_pointer(declarator: tree_sitter.Node) -> bool:
    """Whether what looks like a function's declaration is that of a pointer to one: `(*name)(...)`."""
    inner = declarator.named_children[:1] if declarator.type == "parenthesized_declarator" else []
    return bool(inner) and inner[0].type == "pointer_declarator"


def _named(kind: str, name: tree_sitter.Node, node: tree_sitter.Node, data: bytes, separators: str) -> Definition:
    text = _clean(name, data, separators)
    definition = Definition(kind, text, node, name.start_point[0])
    if separators and not text.isidentifier() and any(letter in text for letter in separators):
        parts = [part for part in re.split(f"[{re.escape(separators)}]+", text) if part not in _NO_PARTS]
        definition.symbol = ".".join(parts) or text
        definition.name = parts[-1] if parts else text
        if kind == "function" and _MEMBER.search(text):
            definition.kind = "method"
    return definition


def _clean(node: tree_sitter.Node, data: bytes, separators: str) -> str:
    """The text of a name without what only surrounds it: quotes, colons, `*`, type parameters, space."""
    raw = data[node.start_byte : min(node.end_byte, node.start_byte + 4 * _LONGEST_NAME)].decode("utf-8", "replace")
    if raw.isidentifier():
        return raw[:_LONGEST_NAME]
    text = _WHITE.sub(" ", raw).strip()
    if node.type in (
        "generic_type",
        "template_type",
        "template_function",
        "pointer_type",
        "reference_type",
        "qualified_identifier",
    ):
        text = text.lstrip("*& ").removeprefix("mut ").removeprefix("dyn ")
        if "operator" not in text:
            for _ in range(text.count("<")):
                text = _GENERICS.sub("", text)
            text = text.partition("[")[0]
    if node.type == "apply":  # the head of a Haskell pattern
        return text.partition(" ")[0][:_LONGEST_NAME]
    if node.type in ("simple_symbol", "string", "string_literal", "word", "concatenation", "variable_name", "quoted_key"):
        text = text.strip("\"'`:").partition("=")[0] if node.type != "string" else text.strip("\"'`")
    return text[:_LONGEST_NAME]


def _nest(found: list[Definition], fields: bool) -> list[Definition]:
    """Definitions inside definitions; twins are one, wrappers widen what they wrap, locals go, namespaces dissolve."""
    found.sort(key=lambda definition: (definition.start, -definition.end, definition.kind in ("barrier", "constant", "type")))
    top: list[Definition] = []
    stack: list[Definition] = []
    seen: set[tuple[int, int, str]] = set()
    for definition in found:
        key = (definition.start, definition.end, definition.name)
        if key in seen or (definition.kind == "barrier" and (*key[:2], "") in seen):
            continue
        seen.add(key)
        seen.add((*key[:2], ""))
        while stack and (stack[-1].end <= definition.start or key[:2] == (stack[-1].start, stack[-1].end)):
            stack.pop()
        if definition.kind in _VALUES and _local(definition, stack, fields):
            continue
        if _place(definition, stack, top) and definition.kind != "member":
            stack.append(definition)
    return top


def _local(definition: Definition, stack: list[Definition], fields: bool) -> bool:
    owner = stack[-1] if stack else None
    if owner is not None and owner.kind in CONTAINERS - {"module"}:
        return not fields and definition.kind == "constant" and not _loud(definition.name)
    return any(outer.kind in _SCOPES for outer in stack)


def _loud(name: str) -> bool:
    """Whether a name of a class's body is a constant's by how it is written; the others are fields."""
    bare = name.lstrip("_$@")
    return bare[:1].isupper()


def _place(definition: Definition, stack: list[Definition], top: list[Definition]) -> bool:
    """Hang a definition where it belongs: in the nearest scope around it that counts. Whether it is a scope itself."""
    if definition.kind in ("barrier", "outer"):
        return True
    for outer in reversed(stack):
        if outer.kind == "outer" and not outer.widened:
            outer.widened = True
            definition.first = min(definition.first, outer.first)
            definition.last = max(definition.last, outer.last)
            continue
        if outer.kind in ("barrier", "outer"):
            continue
        if definition.end <= outer.end:
            break
    owner = next((outer for outer in reversed(stack) if outer.kind not in ("barrier", "outer")), None)
    if owner is not None and owner.node.type == "type_definition" and definition.kind in CONTAINERS:
        if definition.name == owner.name:  # typedef struct name { } name;
            return False
    elif owner is not None and owner.symbol and definition.symbol:
        definition.symbol = f"{owner.symbol}.{definition.symbol}"
    elif owner is not None:
        definition.symbol = owner.symbol or definition.symbol
    while owner is not None and owner.kind == "namespace":  # its members stand where it stands
        owner = owner.parent
    definition.parent = owner
    if definition.kind == "function" and owner is not None and owner.kind in CONTAINERS - {"module", "section"}:
        definition.kind = "method"
    if definition.kind != "namespace":
        (owner.children if owner is not None else top).append(definition)
    return True


def _sections(headings: list[Definition], last: int) -> list[Definition]:
    """Headings as sections: each ends where one of its level or above begins."""
    top: list[Definition] = []
    stack: list[tuple[int, Definition]] = []
    for heading in headings:
        level = int(heading.kind.rpartition(".")[2]) if heading.kind.startswith("heading.") else 7
        heading.kind = "section"
        while stack and stack[-1][0] >= level:
            stack.pop()[1].last = heading.first - 1
        owner = stack[-1][1] if stack else None
        heading.parent = owner
        if owner is not None:
            heading.symbol = f"{owner.symbol}.{heading.name}"
        heading.last = last
        (owner.children if owner is not None else top).append(heading)
        stack.append((level, heading))
    return top
