"""What a search is narrowed to: a path, a language, a kind; and what of files and chunks is inside of that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import apsw

from lcode.index.files import read_regular
from lcode.index.signals import File, Place, Scope
from lcode.store.database import fetch_all, fetch_one

CAP = 1_000_000  # bytes of a file that are shown

FILE_KINDS = frozenset(
    {"source", "test", "docs", "config", "generated", "vendored", "minified", "lock", "binary", "large", "sensitive"}
)
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
    path = path.strip().removeprefix("./").rstrip("/")
    if any(mark in path for mark in "*?["):
        patterns = sorted({path, path.replace("**/", ""), path.replace("**", "*")})
        patterns += [] if "/" in path else [f"*/{path}"]
        where.append("(" + " OR ".join("files.path GLOB ?" for _ in patterns) + ")")
        bindings += patterns
    elif path and path != ".":
        where.append("(files.path = ? OR files.path > ? AND files.path < ?)")
        bindings += [path, f"{path}/", f"{path}0"]
    if language := language.strip().lower():
        where.append("contents.language = ?")
        bindings.append(_LANGUAGES.get(language, language))
    if kind := kind.strip().lower():
        where.append("files.kind = ?" if kind in FILE_KINDS else "chunks.kind = ?")
        bindings.append(kind)
    return Scope(" AND ".join(where), tuple(value.encode("utf-8", "replace").decode() for value in bindings))


_FROM = (
    "FROM files JOIN contents ON contents.id = files.content_id JOIN chunks ON chunks.content_id = contents.id"
    " WHERE {inside} IN (SELECT value FROM json_each(?))"
)


def allowed(connection: apsw.Connection, scope: Scope, files: Iterable[int]) -> set[int]:
    """Those of `files` that have anything inside `scope`."""
    if not scope.where:
        return set(files)
    sql = f"SELECT DISTINCT files.id {_FROM.format(inside='files.id')} AND {scope.where}"
    return {row[0] for row in fetch_all(connection, sql, (json.dumps(sorted(files)), *scope.bindings))}


def places(connection: apsw.Connection, checkout: int, scope: Scope, chunks: Mapping[int, float]) -> list[Place]:
    """Where in the checkout these chunks stand, inside `scope`."""
    inside = f" AND {scope.where}" if scope.where else ""
    sql = f"SELECT files.id, chunks.id {_FROM.format(inside='chunks.id')} AND files.checkout_id = ?{inside} ORDER BY 1, 2"
    return [Place(*row) for row in fetch_all(connection, sql, (json.dumps(sorted(chunks)), checkout, *scope.bindings))]


def first_chunks(connection: apsw.Connection, scope: Scope, files: Iterable[int]) -> list[Place]:
    """The first chunk inside `scope` of each of these files."""
    inside = f" AND {scope.where}" if scope.where else ""
    sql = f"SELECT files.id, min(chunks.id) {_FROM.format(inside='files.id')}{inside} GROUP BY files.id ORDER BY 1"
    return [Place(*row) for row in fetch_all(connection, sql, (json.dumps(sorted(files)), *scope.bindings))]


def read_now(connection: apsw.Connection, root: Path, file: File) -> tuple[list[str], bool]:
    """The lines of a file as it is, and whether that is not what was indexed; no lines where it is gone. Its content is
    compared only where its time or size is another: that needs the rules by which it was cut."""
    found = read_regular(f"{root}/{file.path}", CAP)
    if found is None:
        return [], True
    data, now = found
    lines = data.decode("utf-8", "replace").split("\n")
    sql = "SELECT size, mtime_ns, hash FROM files LEFT JOIN contents ON contents.id = content_id WHERE files.id = ?"
    row = fetch_one(connection, sql, (file.id,))
    if row is None:
        return lines, True
    size, time, hash_ = row
    if now.st_size == size and time in (-1, now.st_mtime_ns):
        return lines, False
    from lcode.index.prepare import read

    source = read(f"{root}/", file.path, 0)
    return lines, source is None or source.hash != (hash_ or b"")
