"""What a search is narrowed to: a path, a language, a kind; and what of files and chunks is inside of that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import apsw

from lcode.index.signals import EVERYWHERE, Place, Scope
from lcode.store.database import fetch_all

FILE_KINDS = frozenset(
    {"source", "test", "docs", "config", "generated", "vendored", "minified", "lock", "binary", "large", "sensitive"}
)
PATTERN = "*?["  # what makes a pattern of a path
_LANGUAGES = {
    "py": "python",
    "js": "javascript",
    "ts": "typescript",
    "rs": "rust",
    "rb": "ruby",
    "golang": "go",
    "cs": "csharp",
    "c#": "csharp",
    "c++": "cpp",
    "kt": "kotlin",
    "sh": "bash",
    "shell": "bash",
    "md": "markdown",
    "yml": "yaml",
    "hs": "haskell",
}


def scope(path: str = "", language: str = "", kind: str = "") -> Scope:
    """The condition for what lies below `path` or matches it as a pattern, in `language`, of `kind`."""
    where: list[str] = []
    bindings: list[str] = []
    if path := path.strip():
        condition, values = inside("files.path", path)
        where.append(condition)
        bindings += values
    if language := language.strip().lower():
        where.append("(SELECT language FROM contents WHERE contents.id = files.content_id) = ?")
        bindings.append(_LANGUAGES.get(language, language))
    kind = kind.strip().lower()
    if kind in FILE_KINDS:
        where.append("files.kind = ?")
        bindings.append(kind)
        kind = ""
    return Scope(" AND ".join(where), tuple(map(_text, bindings)), _text(kind))


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def inside(column: str, path: str) -> tuple[str, list[str]]:
    """The condition for paths in `column` that are `path`, lie below it or match it as a pattern, and its values."""
    path = path.removeprefix("./").rstrip("/")
    if path in ("", "."):
        return "1", []
    patterns: list[str] = []
    if any(mark in path for mark in PATTERN):
        patterns += sorted({path, path.replace("**/", ""), path.replace("**", "*")})
        patterns += [] if "/" in path else [f"*/{path}"]
    matched = "".join(f" OR {column} GLOB ?" for _ in patterns)  # a path may hold such characters and mean them
    return f"({column} = ? OR {column} > ? AND {column} < ?{matched})", [path, f"{path}/", f"{path}0", *patterns]


_FROM = "FROM files JOIN chunks ON chunks.content_id = files.content_id WHERE {inside} IN (SELECT value FROM json_each(?))"


def allowed(connection: apsw.Connection, scope: Scope, files: Iterable[int]) -> set[int]:
    """Those of `files` that have anything inside `scope`."""
    if scope == EVERYWHERE:
        return set(files)
    sql = (
        "SELECT files.id FROM files WHERE files.id IN (SELECT value FROM json_each(?))"
        f" AND EXISTS (SELECT 1 FROM chunks WHERE chunks.content_id = files.content_id{scope.where})"
    )
    return {row[0] for row in fetch_all(connection, sql, (json.dumps(sorted(files)), *scope.values))}


def places(connection: apsw.Connection, checkout: int, scope: Scope, chunks: Mapping[int, float]) -> list[Place]:
    """Where in the checkout these chunks stand, inside `scope`."""
    sql = f"SELECT files.id, chunks.id {_FROM.format(inside='chunks.id')} AND files.checkout_id = ?{scope.where} ORDER BY 1, 2"
    return [Place(*row) for row in fetch_all(connection, sql, (json.dumps(sorted(chunks)), checkout, *scope.values))]


def first_chunks(connection: apsw.Connection, scope: Scope, files: Iterable[int]) -> list[Place]:
    """The first chunk inside `scope` of each of these files."""
    sql = f"SELECT files.id, min(chunks.id) {_FROM.format(inside='files.id')}{scope.where} GROUP BY files.id ORDER BY 1"
    return [Place(*row) for row in fetch_all(connection, sql, (json.dumps(sorted(files)), *scope.values))]
