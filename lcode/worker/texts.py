"""Gives messages and passages their vectors: the newest first, a few at a time, so that nothing waits for it and nothing
starves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from lcode import clock
from lcode.git.repository import Place
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Turn

if TYPE_CHECKING:
    from lcode.index.embedding import Embedder
    from lcode.index.message_vectors import Model
    from lcode.index.open import IndexDatabase
    from lcode.store.database import Database

_AT_ONCE = 128  # rows in one transaction
_WINDOW = 50_000  # rows that are looked at together for whether they have one
_FORGOTTEN = 2_000
_SLICE = 3.0  # seconds after which other jobs have their turn


class _Whole(NamedTuple):
    """Up to which row all have vectors: of this model, in this making of the index."""

    generation: str
    model: Model
    seq: int


class Texts:
    """The worker's job. It is done for the agent, whichever checkout it is asked for. `embedder` gives the one that the
    settings name; it may raise ConfigError."""

    name = "texts"
    then: ClassVar[Mapping[str, float]] = {"texts": 0.1}  # once more: there may be more than a slice

    def __init__(self, paths: AgentPaths, index: IndexDatabase, embedder: Callable[[], Embedder]) -> None:
        self._paths = paths
        self._index = index
        self._embedder = embedder
        self._whole: dict[str, _Whole] = {}
        self._state: list[tuple[int, int]] = []

    def due(self) -> bool:
        """Whether memory was written to since this was last asked."""
        path = self._paths.memory_db
        before, self._state = self._state, [_state(path), _state(path.with_name(f"{path.name}-wal"))]
        return before != self._state

    def run(self, place: Place, turn: Turn) -> bool:
        from lcode.index.message_vectors import Model
        from lcode.index.schema import TEXTS
        from lcode.memory.embedded_text import FORM
        from lcode.store import migrations
        from lcode.store.database import Database

        if not self._paths.memory_db.exists() or self._index.stand_in():
            return False
        embedder = self._embedder()
        model = Model(embedder.name, FORM)
        until = clock.monotonic() + _SLICE
        with closing(Database(self._paths.memory_db, migrations.MEMORY, read_only=True)) as memory:
            return sum(self._bring(memory, kind, embedder, model, turn, until) for kind in TEXTS) > 0

    def _bring(self, memory: Database, kind: str, embedder: Embedder, model: Model, turn: Turn, until: float) -> int:
        """Make vectors of one kind that are wanting; how many rows got theirs."""
        from lcode.index import schema
        from lcode.memory import meaning

        self._keep_to(memory, kind, turn)
        generation = self._index.read(schema.generation)
        newest = memory.read(lambda connection: meaning.newest(connection, kind))
        whole = self._whole.get(kind)
        after = whole.seq if whole is not None and whole[:2] == (generation, model) else 0
        done, upto = 0, newest[0]
        while upto > after:
            low = max(after, upto - _WINDOW)
            missing = self._missing(memory, kind, model, low, upto)
            for at in range(0, len(missing), _AT_ONCE):
                turn.progress(done)
                some = missing[at : at + _AT_ONCE]
                self._embed(memory, kind, embedder, model, some, newest)
                done += len(some)
                if clock.monotonic() > until:
                    return done
            upto = low
        self._whole[kind] = _Whole(generation, model, newest[0])
        return done

    def _keep_to(self, memory: Database, kind: str, turn: Turn) -> None:
        """Forget vectors of rows that there are no more: memory may have gone back, as by a restore."""
        from lcode.index import message_vectors as vectors
        from lcode.memory import meaning

        mark = self._index.read(lambda connection: vectors.mark(connection, kind))
        if not mark[1] or memory.read(lambda connection: meaning.is_of(connection, kind, mark)):
            return
        self._whole.pop(kind, None)
        while not self._index.write(lambda connection: vectors.forget(connection, kind, _FORGOTTEN)):
            turn.progress(0)

    def _missing(self, memory: Database, kind: str, model: Model, after: int, upto: int) -> list[int]:
        """The rows behind `after`, up to and with `upto`, that have no vector of this model, the newest first."""
        from lcode.index import message_vectors as vectors
        from lcode.memory import meaning

        done = self._index.read(lambda connection: set(vectors.done(connection, kind, model, after, upto)))
        there = memory.read(lambda connection: meaning.numbers(connection, kind, after, upto))
        return [seq for seq in reversed(there) if seq not in done]

    def _embed(
        self, memory: Database, kind: str, embedder: Embedder, model: Model, chosen: Sequence[int], newest: tuple[int, str]
    ) -> None:
        from lcode.index import message_vectors as vectors
        from lcode.memory import meaning

        found = memory.read(lambda connection: meaning.texts(connection, kind, chosen))
        made = embedder.documents([text for _, text in found])
        rows = [(seq, vector) for (seq, _), vector in zip(found, made, strict=True)]
        self._index.write(lambda connection: vectors.write(connection, kind, model, rows, newest))


def _state(path: Path) -> tuple[int, int]:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size
    return 0, 0
