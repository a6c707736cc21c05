"""Gives chunks their vectors, after they can already be found by their words: a few contents at a time, in short transactions.

The text is read from a file that has it. A file that has changed since is passed over: it is about to be indexed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from lcode.index import code_rows as rows
from lcode.index.embedding import Embedder
from lcode.index.prepare import documents, read
from lcode.index.progress import Ended, Meter, Report, Stop, Tell
from lcode.store.database import Database

_AT_ONCE = 32  # contents
_WRITTEN = 200  # vectors in one transaction
_FORGOTTEN = 50  # contents

Vectors = tuple[int, list[tuple[int, bytes]]]  # a content, and vectors that its chunks are without, each after its chunk


def embed_backlog(
    database: Database,
    root: Path,
    checkout: int,
    embedder: Embedder | None,
    report: Report,
    tell: Tell | None,
    stop: Stop,
) -> None:
    """Make the vectors that are wanting. Raises Ended."""
    model = embedder or _default()
    _keep_model(database, model.name)
    waiting = database.read(lambda connection: rows.backlog_size(connection, checkout))
    if not waiting:
        return
    meter = Meter(tell, "vectors", waiting)
    after = done = 0
    while True:
        if stop():
            raise Ended("stopped")
        batch = database.read(
            lambda connection, at=after: rows.backlog(connection, checkout, at, _AT_ONCE)  # type: ignore[misc]
        )
        if not batch:
            break
        after = batch[-1][0]
        _embed(database, f"{root}/", model, batch, report)
        done += len(batch)
        meter.at(done)
    meter.at(done, last=True)


@cache
def _default() -> Embedder:
    """One for the whole process: reading its table costs more than the vectors of a file."""
    from lcode.index.embedding import StaticEmbedder

    return StaticEmbedder()


def _keep_model(database: Database, name: str) -> None:
    """Vectors of another model do not compare: none of them is kept, and until all are gone none is searched."""
    if database.read(lambda connection: rows.meta(connection, "embedder")) == name:
        return
    database.write(lambda connection: rows.set_meta(connection, "embedder", ""))
    after = 0
    while some := database.read(
        lambda connection, at=after: rows.with_vectors(connection, at, _FORGOTTEN)  # type: ignore[misc]
    ):
        after = some[-1]
        database.write(lambda connection, ids=some: rows.forget_vectors(connection, ids))  # type: ignore[misc]
    database.write(lambda connection: rows.set_meta(connection, "embedder", name))


def _embed(database: Database, base: str, model: Embedder, batch: Sequence[tuple[int, bytes, str]], report: Report) -> None:
    texts: list[str] = []
    wanting: list[tuple[int, list[int]]] = []  # contents and their chunks
    for content, hash_, path in batch:
        source = read(base, path, 0)
        if source is None or source.hash != hash_:
            continue
        found = database.read(lambda connection, one=content: rows.without_vector(connection, one))  # type: ignore[misc]
        texts += documents((chunk for _, chunk in found), source.data)
        wanting.append((content, [chunk for chunk, _ in found]))
    vectors = iter(model.documents(texts))
    waiting: list[Vectors] = []
    size = 0
    for content, chunks in wanting:
        waiting.append((content, list(zip(chunks, vectors, strict=False))))
        size += len(chunks)
        if size >= _WRITTEN:
            _write(database, waiting)
            waiting, size = [], 0
    _write(database, waiting)
    report.vectors += len(texts)


def _write(database: Database, vectors: Sequence[Vectors]) -> None:
    if vectors:
        database.write(lambda connection: rows.write_vectors(connection, vectors))
