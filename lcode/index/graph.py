"""Which file uses which: edges between the files of a checkout, by the names that one uses and another defines.

A name that few files define and that is used often weighs most; one that many define says nothing. The edges are what the map
draws, and by them search finds what stands beside a place. All of them are worked out from the index alone, when it changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lcode.index.code_rows import unpack_references
from lcode.store.database import fetch_all, fetch_one

if TYPE_CHECKING:
    import apsw

    from lcode.store.database import Database

DEFINERS = 5  # files that define a name: with more of them it is nobody's
SHORTEST = 3  # characters of a name
LINKS = 60  # files that one uses, the strongest
_KINDS = ("source", "test", "large")
_BATCH = 2_000
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
    edges = database.read(lambda connection: list(_edges(connection, checkout)))
    database.write(lambda connection: _clear(connection, checkout))
    for start in range(0, len(edges), _BATCH):
        batch = edges[start : start + _BATCH]
        database.write(lambda connection, batch=batch: _insert(connection, batch))  # type: ignore[misc]
    database.write(lambda connection: _keep(connection, checkout, state))
    return True


def neighbours(connection: apsw.Connection, checkout: int, scores: dict[int, float]) -> dict[int, float]:
    """What files one step from those in `scores` get: each gives of its own to those it uses, and those that use it."""
    import json

    sql = (
        "SELECT source_file, target_file, weight FROM edges WHERE checkout_id = ?1"
        " AND {side} IN (SELECT value FROM json_each(?2)) ORDER BY source_file, target_file"
    )
    ids = json.dumps(sorted(scores))
    given: dict[int, float] = {}
    for side, own, other in (("source_file", 0, 1), ("target_file", 1, 0)):
        rows = fetch_all(connection, sql.format(side=side), (checkout, ids))
        totals: dict[int, float] = {}
        for row in rows:
            totals[row[own]] = totals.get(row[own], 0.0) + row[2]
        for row in rows:
            given[row[other]] = given.get(row[other], 0.0) + scores[row[own]] * row[2] / totals[row[own]]
    return given


def _edges(connection: apsw.Connection, checkout: int) -> Iterator[tuple[int, int, int, float]]:
    marks = ",".join("?" * len(_KINDS))
    files = fetch_all(
        connection,
        f"SELECT id, content_id FROM files WHERE checkout_id = ? AND content_id IS NOT NULL AND kind IN ({marks}) ORDER BY id",
        (checkout, *_KINDS),
    )
    of_content: dict[int, list[int]] = {}
    for file, content in files:
        of_content.setdefault(content, []).append(file)
    definers = _definers(connection, of_content)
    for content, users in of_content.items():
        row = fetch_one(connection, 'SELECT "references" FROM contents WHERE id = ?', (content,))
        links: dict[int, float] = {}
        for name, count in unpack_references(row[0] if row else b"").items():
            owners = definers.get(name)
            if owners and content not in owners:
                for owner in owners:
                    links[owner] = links.get(owner, 0.0) + math.sqrt(count) / len(owners)
        strongest = sorted(links.items(), key=lambda link: (-link[1], link[0]))[:LINKS]
        for user in users:
            for owner, weight in strongest:
                yield checkout, user, of_content[owner][0], round(weight, 4)


def _definers(connection: apsw.Connection, contents: dict[int, list[int]]) -> dict[str, list[int]]:
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


def _insert(connection: apsw.Connection, edges: list[tuple[int, int, int, float]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO edges VALUES (?, ?, ?, ?)", edges)


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
