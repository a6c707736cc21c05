"""How near the vectors of chunks are to that of a question: by sqlite-vec's functions, or without them to the same figures.

The vectors are blobs of signed bytes in `chunks.vector`, compared by their angle. Where the extension is not on the
connection (it has no build for some systems) the same sums are done here: by numpy when it is there or the whole checkout
is gone through, by plain Python otherwise. Every sum is of whole numbers and the result is rounded as sqlite-vec rounds it,
so that the ranking is the same whichever does it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lcode.index.signals import Scope

_SUFFIXES = (".so", ".dylib", ".dll")
_BLOCK = 4_096  # vectors that numpy holds at once

_AMONG = "FROM {table} WHERE {key} IN (SELECT value FROM json_each(?2)) AND length(vector) = length(?1)"
_OF_CHECKOUT = (
    "FROM (SELECT DISTINCT content_id AS live FROM files WHERE checkout_id = ?2{inside})"
    " JOIN chunks ON chunks.content_id = live WHERE length(vector) = length(?1){kind}"
)
_DISTANCE = "vec_distance_cosine(vec_int8(vector), vec_int8(?1))"


def extension_path() -> Path | None:
    """The file of sqlite-vec, found without importing its package, which would import numpy; None where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("sqlite_vec")
    if spec is None or spec.origin is None:
        return None
    files = (Path(spec.origin).with_name(f"vec0{suffix}") for suffix in _SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def similarities(connection: apsw.Connection, query: bytes, chunk_ids: Iterable[int]) -> dict[int, float]:
    """The cosine of the angle between `query` and each of these chunks that has a vector of its dimension."""
    return cosines(connection, query, "chunks", "id", chunk_ids)


def cosines(
    connection: apsw.Connection, query: bytes, table: str, key: str, numbers: Iterable[int], only: str = ""
) -> dict[int, float]:
    """The same for the rows of any table with a `vector`, by their `key`; `only` is SQL that they must fulfil too."""
    if not query:
        return {}
    among = _AMONG.format(table=table, key=key) + only
    bindings = (query, json.dumps(list(numbers)))
    try:
        found = connection.execute(f"SELECT {key}, {_DISTANCE} {among}", bindings)
        return {number: 1 - distance for number, distance in found}
    except apsw.SQLError as error:
        if not is_missing(error):
            raise
    rows: list[tuple[int, bytes]] = connection.execute(f"SELECT {key}, vector {among}", bindings).fetchall()  # type: ignore[assignment]
    distances = _by_numpy if "numpy" in sys.modules else _by_python
    return {chunk: 1 - distance for distance, chunk in distances(query, rows)}


def nearest(
    connection: apsw.Connection, checkout_id: int, query: bytes, limit: int, scope: Scope | None = None
) -> list[tuple[int, float]]:
    """The chunks of a checkout (inside `scope`) that are nearest to `query`, with the cosine of the angle, best first. It goes
    through all of them."""
    if not query:
        return []
    source = _OF_CHECKOUT.format(
        inside=f" AND {scope.of_files}" if scope and scope.of_files else "",
        kind=" AND chunks.kind = ?" if scope and scope.kind else "",
    )
    bindings = (query, checkout_id, *(scope.values if scope else ()))
    try:
        sql = f"SELECT chunks.id, {_DISTANCE} AS distance {source} ORDER BY distance, chunks.id LIMIT ?"
        return [(chunk, 1 - distance) for chunk, distance in connection.execute(sql, (*bindings, limit))]
    except apsw.SQLError as error:
        if not is_missing(error):
            raise
    rows = connection.execute(f"SELECT chunks.id, vector {source}", bindings)
    best: list[tuple[float, int]] = []
    while block := list(islice(rows, _BLOCK)):
        best = sorted(best + _by_numpy(query, block))[:limit]
    return [(chunk, 1 - distance) for distance, chunk in best]


def is_missing(error: apsw.SQLError) -> bool:
    """Whether the extension is not there."""
    return "no such function" in str(error)


def _by_python(query: bytes, rows: Sequence[tuple[int, bytes]]) -> list[tuple[float, int]]:
    from array import array
    from math import sqrt
    from operator import mul

    wanted = array("b", query)
    length = sqrt(sum(map(mul, wanted, wanted)))
    exact = array("f")
    for _, vector in rows:
        its = array("b", vector)
        exact.append(1 - sum(map(mul, wanted, its)) / (length * sqrt(sum(map(mul, its, its)))))
    return [(distance, chunk) for distance, (chunk, _) in zip(exact, rows, strict=True)]


def _by_numpy(query: bytes, rows: Sequence[tuple[int, bytes]]) -> list[tuple[float, int]]:
    import numpy as np

    wanted = np.frombuffer(query, np.int8).astype(np.float32)
    vectors = np.frombuffer(b"".join(vector for _, vector in rows), np.int8).reshape(-1, len(wanted)).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors).astype(np.float64))
    length = np.sqrt(float(wanted @ wanted))
    distances: NDArray[np.float32] = (1 - (vectors @ wanted) / (length * lengths)).astype(np.float32)
    return [(float(distance), chunk) for distance, (chunk, _) in zip(distances, rows, strict=True)]
