"""Which file uses which: edges between the files of a checkout, by the names that one uses and another defines.

A name that few files define and that is used often weighs most; one that many define says nothing. By all edges search finds
what stands beside a place. Those that are `certain` are what the map draws and what is told of who depends on whom: there the
one file imports the other, or sees it without an import as its language has it. They are worked out when the index changed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lcode.index.code_rows import unpack_references
from lcode.index.files import read_regular
from lcode.index.import_targets import OPEN_FOLDERS, Targets
from lcode.index.imports import LANGUAGES, imports
from lcode.index.prepare import CAP, content_hash
from lcode.index.text import read_whole
from lcode.path_text import text_path
from lcode.store.database import fetch_all, fetch_one

if TYPE_CHECKING:
    import apsw

    from lcode.store.database import Database

DEFINERS = 5  # files that define a name: with more of them it is nobody's
SHORTEST = 3  # characters of a name
LINKS = 60  # files that one uses, the strongest
IMPORTED = 0.3  # the weight of an import of whose names none is used
_KINDS = ("source", "test", "large")
_BATCH = 2_000
_READ = 200  # files in one transaction
_STATE = "graph_of_"


def update_graph(database: Database, root: str) -> bool:
    """Work out the edges of the checkout at `root` anew if its files changed; whether they did."""
    found = database.read(lambda connection: fetch_one(connection, "SELECT id FROM checkouts WHERE root = ?", (root,)))
    if found is None:
        return False
    checkout = int(found[0])
    state = database.read(lambda connection: _state(connection, checkout))
    if state == database.read(lambda connection: _known(connection, checkout)):
        return False
    _read_imports(database, checkout, text_path(root))
    edges = database.read(lambda connection: list(_edges(connection, checkout, text_path(root))))
    database.write(lambda connection: _clear(connection, checkout))
    for start in range(0, len(edges), _BATCH):
        batch = edges[start : start + _BATCH]
        database.write(lambda connection, batch=batch: _insert(connection, batch))  # type: ignore[misc]
    database.write(lambda connection: _keep(connection, checkout, state))
    return True


class Edges(NamedTuple):
    """What one file uses, or what uses it: the other files, how much each, and the sum of that."""

    others: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    total: float = 0.0


def neighbours(
    connection: apsw.Connection, checkout: int, scores: Mapping[int, float], known: dict[tuple[str, int], Edges]
) -> dict[int, float]:
    """What files one step from those in `scores` get: each gives of its own to those it uses, and those that use it. `known` is
    remembered for as long as nothing was written: the same few files are what most others use."""
    given: dict[int, float] = {}
    get = given.get
    files = sorted(scores)
    for side in ("source_file", "target_file"):
        _load(connection, checkout, known, side, files)
        for file in files:
            score = scores[file]
            others, weights, total = known[side, file]
            for to, weight in zip(others, weights, strict=True):
                given[to] = get(to, 0.0) + score * weight / total
    return given


def _load(
    connection: apsw.Connection, checkout: int, known: dict[tuple[str, int], Edges], side: str, files: Iterable[int]
) -> None:
    """Have the edges of these files, on one side of them, in `known`."""
    if side == "source_file":
        sql = "SELECT target_file, weight FROM edges WHERE checkout_id = ? AND source_file = ? ORDER BY target_file"
    else:  # by itself SQLite would go through all edges, because they lie in this order
        table = "edges INDEXED BY edges_by_target"
        sql = f"SELECT source_file, weight FROM {table} WHERE checkout_id = ? AND target_file = ? ORDER BY source_file"
    for file in files:
        if (side, file) not in known:
            rows = fetch_all(connection, sql, (checkout, file))
            others, weights = zip(*rows, strict=True) if rows else ((), ())
            known[side, file] = Edges(others, weights, sum(weights))


# -- imports ------------------------------------------------------------------------------------------------------------


def _read_imports(database: Database, checkout: int, root: Path) -> None:
    """Find the imports of contents of which they are not known yet, in a file that has the content."""
    marks = ",".join("?" * len(LANGUAGES))
    wanted = database.read(
        lambda connection: fetch_all(
            connection,
            "SELECT contents.id, contents.hash, language, min(path) FROM files JOIN contents ON contents.id = content_id"
            f" WHERE checkout_id = ? AND kind IN ('source', 'test') AND language IN ({marks})"
            " AND NOT EXISTS (SELECT 1 FROM imports WHERE imports.content_id = contents.id) GROUP BY contents.id",
            (checkout, *sorted(LANGUAGES)),
        )
    )
    for start in range(0, len(wanted), _READ):
        made = []
        for content, known, language, path in wanted[start : start + _READ]:
            found = read_regular(str(root / path), CAP)
            data = found[0] if found is not None else b""
            if content_hash(path, data) == known:  # else it was saved meanwhile, and comes again
                made.append((content, "\n".join(imports(language, data))))
        database.write(lambda connection, made=made: _keep_imports(connection, made))  # type: ignore[misc]


def _keep_imports(connection: apsw.Connection, made: list[tuple[int, str]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO imports VALUES (?, ?)", made)


class _File(NamedTuple):
    id: int
    content: int
    path: str
    language: str


def _imported(connection: apsw.Connection, checkout: int, files: list[_File], root: Path) -> dict[int, set[int]]:
    """The files that each file imports."""
    ids = {file.path: file.id for file in files}
    known: dict[int, str] = dict(connection.execute("SELECT content_id, names FROM imports"))
    paths = [row[0] for row in connection.execute("SELECT path FROM files WHERE checkout_id = ?", (checkout,))]
    targets = Targets(paths, lambda path: read_whole(root, path))
    found: dict[int, set[int]] = {}
    for file in files:
        names = known.get(file.content, "")
        meant = {path for name in names.split("\n") if name for path in targets.of(file.path, file.language, name)}
        found[file.id] = {ids[path] for path in meant if path in ids}
    return found


# -- edges --------------------------------------------------------------------------------------------------------------


def _edges(connection: apsw.Connection, checkout: int, root: Path) -> Iterator[tuple[int, int, int, float, bool]]:
    marks = ",".join("?" * len(_KINDS))
    rows = fetch_all(
        connection,
        "SELECT files.id, content_id, path, language FROM files JOIN contents ON contents.id = content_id"
        f" WHERE checkout_id = ? AND kind IN ({marks}) ORDER BY files.id",
        (checkout, *_KINDS),
    )
    files = [_File(*row) for row in rows]
    imported = _imported(connection, checkout, files, root)
    of_content: dict[int, list[_File]] = {}
    for file in files:
        of_content.setdefault(file.content, []).append(file)
    definers = _definers(connection, of_content)
    for content, users in of_content.items():
        row = fetch_one(connection, 'SELECT "references" FROM contents WHERE id = ?', (content,))
        links: dict[int, float] = {}
        sole: set[int] = set()  # those that alone define a name that is used here
        for name, count in unpack_references(row[0] if row else b"").items():
            owners = definers.get(name)
            if owners and content not in owners:
                sole.update(owners if len(owners) == 1 else ())
                for owner in owners:
                    links[owner] = links.get(owner, 0.0) + math.sqrt(count) / len(owners)
        strongest = sorted(links.items(), key=lambda link: (-link[1], link[0]))[:LINKS]
        for user in users:
            left = set(imported[user.id])
            for owner, weight in strongest:
                target = of_content[owner][0]
                certain = target.id in left or (owner in sole and _sees(user, target))
                left.discard(target.id)
                yield checkout, user.id, target.id, round(weight, 4), certain
            for other in sorted(left):
                yield checkout, user.id, other, IMPORTED, True


def _sees(user: _File, target: _File) -> bool:
    """Whether a file may use what another defines without importing it. Where nothing is known of a language's imports, what
    it defines is taken for what is meant."""
    if user.language != target.language:
        return False
    if user.language not in LANGUAGES:
        return True
    return user.language in OPEN_FOLDERS and user.path.rpartition("/")[0] == target.path.rpartition("/")[0]


def _definers(connection: apsw.Connection, contents: Container[int]) -> dict[str, list[int]]:
    """The contents that define each name, for names that tell something."""
    found: dict[str, list[int]] = {}
    for name, content in connection.execute("SELECT DISTINCT name, content_id FROM definitions ORDER BY content_id"):
        if len(name) >= SHORTEST and content in contents:
            owners = found.setdefault(name, [])
            if len(owners) <= DEFINERS and content not in owners:
                owners.append(content)
    return {name: owners for name, owners in found.items() if len(owners) <= DEFINERS}


def _clear(connection: apsw.Connection, checkout: int) -> None:
    connection.execute("DELETE FROM edges WHERE checkout_id = ?", (checkout,))
    _keep(connection, checkout, "")


def _insert(connection: apsw.Connection, edges: list[tuple[int, int, int, float, bool]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO edges VALUES (?, ?, ?, ?, ?)", edges)


def _state(connection: apsw.Connection, checkout: int) -> str:
    """What the edges were made of: every file and its content."""
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    for row in connection.execute("SELECT id, content_id FROM files WHERE checkout_id = ? ORDER BY id", (checkout,)):
        digest.update(f"{row[0]} {row[1]}\n".encode())
    return digest.hexdigest()


def _known(connection: apsw.Connection, checkout: int) -> str:
    row = fetch_one(connection, "SELECT value FROM meta WHERE key = ?", (f"{_STATE}{checkout}",))
    return str(row[0]) if row else ""


def _keep(connection: apsw.Connection, checkout: int, state: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (f"{_STATE}{checkout}", state))
