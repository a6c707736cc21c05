"""What memory holds, found by meaning: the vectors of messages and passages, which stand in the index.

Nothing here harms a search: where the index is missing, damaged, behind or in use, there are fewer vectors, or none, and words
alone decide. The rows to be embedded are read here too; the worker makes the vectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from lcode.errors import LcodeError
from lcode.index import message_vectors as vectors
from lcode.index.message_vectors import MESSAGES, PASSAGES, Held, Model
from lcode.memory.embedded_text import FORM, of_message, of_passage
from lcode.store.database import fetch_all, fetch_one, scalar

if TYPE_CHECKING:
    from lcode.index.embedding import Embedder
    from lcode.index.open import IndexDatabase
    from lcode.store.database import Database

_SPEAKERS = 1_000
_TABLE = {MESSAGES: "messages", PASSAGES: "passages"}


@dataclass(frozen=True)
class Asked:
    """A question as the vector of one model. What it finds is named by the numbers (`seq`) of rows."""

    kind: str
    vector: bytes
    held: Held
    index: IndexDatabase

    def nearest(self, limit: int, among: Collection[int] | None = None) -> list[tuple[int, float]]:
        """The rows that are nearest, best first, with the cosine of the angle between."""
        with suppress(LcodeError, apsw.Error):
            return self.index.read(
                lambda connection: vectors.nearest(connection, self.kind, self.held.id, self.vector, limit, among)
            )
        return []

    def cosines(self, numbers: Collection[int]) -> dict[int, float]:
        """The same of these rows, as far as they have a vector."""
        with suppress(LcodeError, apsw.Error):
            return self.index.read(
                lambda connection: vectors.similarities(connection, self.kind, self.held.id, self.vector, numbers)
            )
        return {}


class Meaning:
    """`index` gives the index when it is first needed, `embedder` the embedding that the settings name."""

    def __init__(self, index: Callable[[], IndexDatabase], embedder: Callable[[], Embedder]) -> None:
        self._index = index
        self._embedder = embedder
        self._embedders: dict[str, Embedder] = {}

    def ask(self, memory: apsw.Connection, kind: str, text: str) -> Asked | None:
        """A question, put to the rows of the model of which there are most among those that are at hand; None where there are
        none, or the question has no vector."""
        try:
            index = self._index()
            if index.path is None:
                return None
            for held in self._models(memory, index, kind):
                embedder = self._at_hand(held.model.name)
                if embedder is not None and (vector := embedder.query(text)):
                    return Asked(kind, vector, held, index)
        except (LcodeError, apsw.Error, OSError):
            pass
        return None

    def waiting(self, memory: apsw.Connection, kind: str) -> int:
        """How many rows have no vector of the model that the settings name."""
        total = total_of(memory, kind)
        with suppress(LcodeError, apsw.Error, OSError):
            model = Model(self._embedder().name, FORM)
            made = self._index().read(lambda connection: vectors.count(connection, kind, model))
            return max(0, total - made)  # a repair may have lost rows whose vectors are still there
        return total

    def lacking(self, memory: Database) -> dict[str, int]:
        """The same for each kind that lacks any."""
        found = {kind: memory.read(lambda connection, one=kind: self.waiting(connection, one)) for kind in _TABLE}  # type: ignore[misc]
        return {kind: count for kind, count in found.items() if count}

    def _models(self, memory: apsw.Connection, index: IndexDatabase, kind: str) -> list[Held]:
        """The models of which there are vectors, if those are of this memory as it is now."""
        if not is_of(memory, kind, index.read(lambda connection: vectors.mark(connection, kind))):
            return []
        return index.read(lambda connection: vectors.held(connection, kind))

    def _at_hand(self, name: str) -> Embedder | None:
        """The embedding of this name: that of the settings, or the one in the package."""
        from lcode.index.embedding import StaticEmbedder

        if not self._embedders:
            embedder = self._embedder()
            self._embedders[embedder.name] = embedder
        if name not in self._embedders and not any(isinstance(one, StaticEmbedder) for one in self._embedders.values()):
            packaged = StaticEmbedder()
            self._embedders[packaged.name] = packaged
        return self._embedders.get(name)


# -- rows to be embedded ----------------------------------------------------------------------------------------------


def is_of(memory: apsw.Connection, kind: str, mark: tuple[int, str]) -> bool:
    """Whether vectors with this mark are of the rows of this memory: it may have gone back, as by a restore."""
    seq, row_id = mark
    row = fetch_one(memory, f"SELECT id FROM {_TABLE[kind]} WHERE seq = ?", (seq,))
    return row is not None and str(row[0]) == row_id


def total_of(memory: apsw.Connection, kind: str) -> int:
    """How many rows there are."""
    return int(scalar(memory, f"SELECT count(*) FROM {_TABLE[kind]}"))


def words(waiting: Mapping[str, int]) -> str:
    """How many rows of each kind wait for their vectors, in words; '' for none."""
    return " and ".join(f"{count:,} {kind}{'s' * (count != 1)}" for kind, count in waiting.items() if count)


def newest(memory: apsw.Connection, kind: str) -> tuple[int, str]:
    """The number and the id of the newest row; (0, '') where there is none."""
    row = fetch_one(memory, f"SELECT seq, id FROM {_TABLE[kind]} ORDER BY seq DESC LIMIT 1")
    return (int(row[0]), str(row[1])) if row else (0, "")


def numbers(memory: apsw.Connection, kind: str, after: int, upto: int) -> list[int]:
    """The numbers of all rows behind `after`, up to and with `upto`, in order."""
    sql = f"SELECT seq FROM {_TABLE[kind]} WHERE seq > ? AND seq <= ? ORDER BY seq"
    return [int(row[0]) for row in fetch_all(memory, sql, (after, upto))]


def texts(memory: apsw.Connection, kind: str, chosen: Sequence[int]) -> list[tuple[int, str]]:
    """What of these rows becomes their vector: '' for those that have none."""
    wanted = f"{_TABLE[kind]}.seq IN (SELECT value FROM json_each(?))"
    values = (json.dumps(list(chosen)),)
    if kind == PASSAGES:
        rows = fetch_all(memory, f"SELECT seq, text FROM passages WHERE {wanted}", values)
        return [(row[0], of_passage(row[1])) for row in rows]
    sql = (
        "SELECT messages.seq, kind, text, copy_of != '', coalesce(name, ''), (SELECT before.text FROM messages AS before"
        " WHERE before.session_id = messages.session_id AND before.seq < messages.seq AND before.kind IN ('user', 'assistant')"
        " AND before.text != '' ORDER BY before.seq DESC LIMIT 1) FROM messages LEFT JOIN message_details USING (seq)"
        f" WHERE {wanted}"
    )
    names = speakers(memory)
    return [
        (row[0], of_message(row[1], row[2], name=row[4], copy=bool(row[3]), previous=row[5] or "", names=names))
        for row in fetch_all(memory, sql, values)
    ]


def speakers(memory: apsw.Connection) -> frozenset[str]:
    """The names of those who spoke, as far as imports name them, by looks into their index."""
    of_next = "(SELECT min(name) FROM message_details WHERE name != '' AND name > {})"
    sql = (
        f"WITH RECURSIVE found (name) AS (SELECT {of_next.format(repr(''))} UNION ALL SELECT {of_next.format('found.name')}"
        f" FROM found WHERE found.name IS NOT NULL) SELECT name FROM found WHERE name IS NOT NULL LIMIT {_SPEAKERS}"
    )
    return frozenset(str(row[0]) for row in fetch_all(memory, sql))
