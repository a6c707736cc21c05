"""The shape of a checkout as the index knows it: its files, who uses whom, and which names others use most. Reads alone.

Everything is in the order of paths, so that the same index gives the same shape.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import apsw

from lcode.index.code_rows import unpack_references
from lcode.index.order import USERS
from lcode.store.database import fetch_all, fetch_one

IMPORTERS = 40  # files whose references are looked at for the names of one
Links = dict[str, float]  # the other files, and how strongly
_OUTER = frozenset({"test", "docs", "config", "generated", "vendored", "minified", "binary", "large", "sensitive"})


class FileShape(NamedTuple):
    """A file of the checkout. `kind` is source, test, docs, config, …"""

    id: int
    path: str
    content_id: int | None
    kind: str
    language: str
    lines: int


class Symbol(NamedTuple):
    """A definition in a file; `users` is in how many of the files that use this one its name stands. `line` and
    `end` are those of its chunk, which may begin with what stands before it."""

    name: str
    kind: str
    line: int
    users: int
    end: int = 0


@dataclass
class Shape:
    """`uses` and `used_by` hold for each file the others with the weight of the link; `inner` are paths that were asked for."""

    files: dict[str, FileShape] = field(default_factory=dict)
    inner: list[str] = field(default_factory=list)
    uses: dict[str, Links] = field(default_factory=dict)
    used_by: dict[str, Links] = field(default_factory=dict)

    def rank(self, path: str) -> float:
        """How central a file is: by how many others use it, those that are no tests counting in full."""
        if self.files[path].kind in _OUTER:
            return 0.0
        users = self.used_by.get(path, {})
        shares = (
            (1.0 if self.files[user].kind == "source" else 0.2) * math.sqrt(min(weight, 8.0)) for user, weight in users.items()
        )
        return math.fsum(shares)

    def central(self) -> list[str]:
        """The source files that were asked for, the most central first."""
        sources = [path for path in self.inner if self.files[path].kind == "source" and self.files[path].language != "text"]
        return sorted(sources, key=lambda path: (-self.rank(path), -self.files[path].lines, path))


def read_shape(connection: apsw.Connection, root: str, path: str = "") -> Shape | None:
    """The shape of the checkout at `root`, of what lies below `path` in it; None where the index does not know it."""
    row = fetch_one(connection, "SELECT id FROM checkouts WHERE root = ?", (root,))
    if row is None:
        return None
    rows = fetch_all(
        connection,
        "SELECT files.id, path, content_id, kind, coalesce(language, ''), coalesce(lines, 0) FROM files"
        " LEFT JOIN contents ON contents.id = content_id WHERE checkout_id = ? ORDER BY path",
        row,
    )
    shape = Shape({found[1]: FileShape(*found) for found in rows})
    below = f"{path.rstrip('/')}/" if path else ""
    shape.inner = [name for name in shape.files if not path or name == path or name.startswith(below)]
    names = {file.id: file.path for file in shape.files.values()}
    wanted = set(shape.inner)
    edges = "SELECT source_file, target_file, weight FROM edges WHERE checkout_id = ? AND certain"
    for source_id, target_id, weight in connection.execute(edges, row):
        source, target = names.get(source_id), names.get(target_id)
        if source and target and source != target and (source in wanted or target in wanted):
            if _is_user(shape.files[target]) and not _is_user(shape.files[source]):
                continue  # a name that tests and examples happen to define too
            shape.uses.setdefault(source, {})[target] = weight
            shape.used_by.setdefault(target, {})[source] = weight
    return shape


def _is_user(file: FileShape) -> bool:
    """Whether a file is there to use others: a test, an example."""
    return file.kind in _OUTER or USERS.search(file.path) is not None


def read_outline(connection: apsw.Connection, file: FileShape) -> list[Symbol]:
    """All definitions of a file, also those inside of others, in their order."""
    columns = "symbol, kind, start_line, end_line - start_line"
    sql = f"SELECT {columns} FROM chunks WHERE content_id = ? AND symbol <> '' ORDER BY number"
    return sorted(_ordered(fetch_all(connection, sql, (file.content_id,)), {}), key=lambda symbol: symbol.line)


def read_symbols(connection: apsw.Connection, shape: Shape, paths: Iterable[str]) -> dict[str, list[Symbol]]:
    """The definitions at the top of each of these files, those that others use most first."""
    cache: dict[int | None, frozenset[str]] = {}
    found = {}
    for path in paths:
        file = shape.files[path]
        users = shape.used_by.get(path, {})
        importers = sorted(users, key=lambda user: (-users[user], user))[:IMPORTERS]
        counts: Counter[str] = Counter()
        for importer in importers:
            counts.update(_references(connection, shape.files[importer].content_id, cache))
        rows = fetch_all(
            connection,
            "SELECT symbol, kind, start_line, end_line - start_line FROM chunks WHERE content_id = ? AND symbol <> ''"
            " AND instr(symbol, '.') = 0 ORDER BY number",
            (file.content_id,),
        )
        found[path] = _ordered(rows, counts)
    return found


def _ordered(rows: Iterable[tuple[str, str, int, int]], counts: Mapping[str, int]) -> list[Symbol]:
    """Each name once, by its first chunk."""
    first: dict[str, tuple[str, int, int]] = {}
    sizes: Counter[str] = Counter()
    for name, kind, line, size in rows:
        first.setdefault(name, (kind, line, line + size))
        sizes[name] += size
    symbols = [Symbol(name, kind, line, counts.get(name, 0), end) for name, (kind, line, end) in first.items()]
    return sorted(symbols, key=lambda symbol: (-symbol.users, symbol.name.startswith("_"), -sizes[symbol.name], symbol.line))


def _references(connection: apsw.Connection, content_id: int | None, cache: dict[int | None, frozenset[str]]) -> frozenset[str]:
    """The names that a file uses and does not define."""
    if content_id not in cache:
        row = fetch_one(connection, 'SELECT "references" FROM contents WHERE id = ?', (content_id,))
        cache[content_id] = frozenset(unpack_references(row[0])) if row else frozenset()
    return cache[content_id]


def read_definitions(connection: apsw.Connection, root: str, beginning: str, limit: int) -> list[tuple[str, str]]:
    """Files of the checkout at `root` that define a name with this beginning, each with its shortest one: short names first."""
    sql = (
        "SELECT path, name FROM (SELECT files.path, files.kind, definitions.name, min(length(definitions.name)) AS size"
        " FROM definitions CROSS JOIN files ON files.content_id = definitions.content_id"
        " WHERE definitions.name >= ?1 AND definitions.name < ?2"
        " AND files.checkout_id = (SELECT id FROM checkouts WHERE root = ?3)"
        " GROUP BY files.path) ORDER BY size, kind <> 'source', path LIMIT ?4"
    )
    return list(connection.execute(sql, (beginning, beginning + chr(sys.maxunicode), root, limit)))


def read_paths(connection: apsw.Connection, root: str) -> list[str]:
    """The paths of all files of the checkout at `root`."""
    sql = "SELECT path FROM files WHERE checkout_id = (SELECT id FROM checkouts WHERE root = ?)"
    return [path for (path,) in connection.execute(sql, (root,))]
