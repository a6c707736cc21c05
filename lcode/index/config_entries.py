"""The keys of a configuration file (JSON, TOML, YAML) at any depth, with where each stands: `tool.ruff.line-length`.

The outline of such a file, which its chunks are made of, has the keys of the first level alone; a citation may name any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tree_sitter

LANGUAGES = frozenset({"json", "toml", "yaml"})
_DEEPEST = 12
_MOST = 20_000
_PAIRS = frozenset({"pair", "block_mapping_pair", "flow_pair"})
_TABLES = frozenset({"table", "table_array_element"})
_LISTS = frozenset({"array", "block_sequence", "flow_sequence"})  # their items have no names


class ConfigKey(NamedTuple):
    symbol: str
    node: tree_sitter.Node


def keys(root: tree_sitter.Node, data: bytes) -> Iterator[ConfigKey]:
    """Every key, outer ones first."""
    left: list[tuple[tree_sitter.Node, str, int]] = [(root, "", 0)]
    count = 0
    while left and count < _MOST:
        node, prefix, depth = left.pop()
        key = None
        if node.type in _PAIRS:
            key = node.child_by_field_name("key") or next(iter(node.named_children), None)
        elif node.type in _TABLES:
            key = next(iter(node.named_children), None)
        if key is not None:
            name = _name(data[key.start_byte : key.end_byte])
            prefix = f"{prefix}.{name}" if prefix else name
            depth += 1
            count += 1
            yield ConfigKey(prefix, node)
        if depth < _DEEPEST and node.type not in _LISTS:
            left.extend((child, prefix, depth) for child in reversed(node.named_children) if child != key)


def _name(text: bytes) -> str:
    parts = text.decode("utf-8", "replace").strip().split(".")
    return ".".join(part.strip().strip("\"'") for part in parts)
