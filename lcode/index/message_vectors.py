"""Vectors of what memory holds in words, messages and passages, and which of them are nearest to a question.

Each row of memory has at most one vector, with the model that made it and the form of the text that it was made of: what two
models made is never compared, and a question is put to the rows of one model alone. All rows are first gone through by the
signs of their numbers, 32 bytes instead of 256, by sqlite-vec or, where that is not there, in Python, both without numpy; those
with most signs in common are then compared exactly. That misses 1 to 3 of 100 of the nearest ten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import NamedTuple

import apsw

from lcode.index.vectors import cosines, is_missing
from lcode.store.database import fetch_all, fetch_one, scalar

MESSAGES, PASSAGES = "message", "passage"
_LOOKED_AT = 2_000  # rows that are compared exactly, at the least
_OVER = 20  # times as many as are asked for
_FEW = 4_000  # rows that are compared exactly at once
_ROOM = 48  # bits beside a distance that hold a row's number
_MOST = (1 << _ROOM) - 1
_POSITIVE = bytes(ord("1") if 0 < byte < 128 else ord("0") for byte in range(256))


class Model(NamedTuple):
    """What made vectors: an embedding by its name, and the form of the texts that it was given."""

    name: str
    form: str


@dataclass(frozen=True)
class Held:
    """A model of which there are vectors."""

    id: int
    model: Model


def signs(vector: bytes) -> bytes:
    """A bit for each number of a vector: whether it is over zero."""
    return int(vector.translate(_POSITIVE) or b"0", 2).to_bytes((len(vector) + 7) // 8, "big")


# -- writing ----------------------------------------------------------------------------------------------------------


def write(
    connection: apsw.Connection, kind: str, model: Model, vectors: Sequence[tuple[int, bytes]], last: tuple[int, str]
) -> None:
    """Keep vectors by the numbers of their rows; an empty one says that there is nothing to go by. `last` is the number and
    the id of the newest row that memory has."""
    size = max((len(vector) for _, vector in vectors), default=0)
    model_id = _model_id(connection, model, size)
    connection.executemany(
        f"INSERT OR REPLACE INTO {kind}_vectors VALUES (?, ?, ?)", [(seq, model_id, vector) for seq, vector in vectors]
    )
    connection.executemany(
        f"INSERT OR REPLACE INTO {kind}_signs VALUES (?, ?, ?)", [(seq, model_id, signs(vector)) for seq, vector in vectors]
    )
    sql = "INSERT INTO marks VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, row_id = excluded.row_id"
    connection.execute(sql, (kind, *last))


def _model_id(connection: apsw.Connection, model: Model, size: int) -> int:
    sql = (
        "INSERT INTO models (name, form, dimension) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET dimension = max(dimension, ?)"
        " RETURNING id"
    )
    return int(fetch_all(connection, sql, (*model, size, size))[0][0])


def forget(connection: apsw.Connection, kind: str, some: int) -> bool:
    """Remove vectors of a kind, `some` at a time; whether none is left."""
    for table in (f"{kind}_vectors", f"{kind}_signs"):
        connection.execute(f"DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} LIMIT ?)", (some,))
    if fetch_one(connection, f"SELECT 1 FROM {kind}_vectors LIMIT 1"):
        return False
    connection.execute("DELETE FROM marks WHERE kind = ?", (kind,))  # until now it told that they are of another memory
    return True


# -- how far it is ----------------------------------------------------------------------------------------------------


def mark(connection: apsw.Connection, kind: str) -> tuple[int, str]:
    """The number and the id of the newest row that memory had when its vectors were last made; (0, '') for none."""
    row = fetch_one(connection, "SELECT seq, row_id FROM marks WHERE kind = ?", (kind,))
    return (int(row[0]), str(row[1])) if row else (0, "")


def held(connection: apsw.Connection, kind: str) -> list[Held]:
    """The models of which there are vectors, the one with the most first. Rows are made anew from the newest to the oldest, so
    that the one in the middle tells of which model most are."""
    table, found = f"{kind}_signs", dict[int, Held]()
    middle = f"((SELECT min(seq) FROM {table}) + (SELECT max(seq) FROM {table})) / 2"
    for which in (f"seq >= {middle} ORDER BY seq", "1 ORDER BY seq DESC", "1 ORDER BY seq"):
        sql = f"SELECT id, name, form FROM models WHERE id = (SELECT model_id FROM {table} WHERE {which} LIMIT 1)"
        for row in fetch_all(connection, sql):
            found.setdefault(row[0], Held(row[0], Model(row[1], row[2])))
    return list(found.values())


def done(connection: apsw.Connection, kind: str, model: Model, after: int, upto: int) -> list[int]:
    """The numbers behind `after`, up to and with `upto`, of the rows that have a vector of this model."""
    of_model = "(SELECT id FROM models WHERE name = ? AND form = ?)"
    sql = f"SELECT seq FROM {kind}_signs WHERE model_id = {of_model} AND seq > ? AND seq <= ?"
    return [int(row[0]) for row in fetch_all(connection, sql, (*model, after, upto))]


def count(connection: apsw.Connection, kind: str, model: Model) -> int:
    """How many rows have a vector of this model."""
    models = held(connection, kind)
    if [one.model for one in models] == [model]:
        return int(scalar(connection, f"SELECT count(*) FROM {kind}_signs"))
    of_model = "(SELECT id FROM models WHERE name = ? AND form = ?)"
    return int(scalar(connection, f"SELECT count(*) FROM {kind}_signs WHERE model_id = {of_model}", model))


# -- questions --------------------------------------------------------------------------------------------------------


def similarities(
    connection: apsw.Connection, kind: str, model_id: int, query: bytes, numbers: Collection[int]
) -> dict[int, float]:
    """The cosine of the angle between `query` and each of these rows that has a vector of this model."""
    return cosines(connection, query, f"{kind}_vectors", "seq", numbers, f" AND model_id = {model_id:d}")


def nearest(
    connection: apsw.Connection, kind: str, model_id: int, query: bytes, limit: int, among: Collection[int] | None = None
) -> list[tuple[int, float]]:
    """The rows (those `among` them alone) that are nearest to `query`, with the cosine of the angle, best first."""
    if not query or limit < 1:
        return []
    numbers = among
    if numbers is None or len(numbers) > _FEW:
        numbers = _alike(connection, kind, model_id, signs(query), max(_LOOKED_AT, _OVER * limit), among)
    found = similarities(connection, kind, model_id, query, numbers)
    return sorted(found.items(), key=lambda one: (-one[1], -one[0]))[:limit]


def _alike(
    connection: apsw.Connection, kind: str, model_id: int, wanted: bytes, limit: int, among: Collection[int] | None
) -> list[int]:
    """The rows that have most signs in common with these."""
    chosen = " AND seq IN (SELECT value FROM json_each(?3))" if among is not None else ""
    source = f"FROM {kind}_signs WHERE model_id = ?1 AND length(signs) = length(?2){chosen}"
    bindings = (model_id, wanted, *([json.dumps(list(among))] if among is not None else []))
    try:
        apart = "vec_distance_hamming(vec_bit(signs), vec_bit(?2))"
        sql = f"SELECT seq {source} ORDER BY {apart}, seq DESC LIMIT {limit:d}"
        return [int(row[0]) for row in fetch_all(connection, sql, bindings)]
    except apsw.SQLError as error:
        if not is_missing(error):
            raise
    bits = int.from_bytes(wanted, "big")
    rows = connection.execute(f"SELECT seq, signs {source}", bindings)
    distances = ((int.from_bytes(its, "big") ^ bits).bit_count() << _ROOM | (_MOST - seq) for seq, its in rows)
    return [_MOST - (distance & _MOST) for distance in nsmallest(limit, distances)]
