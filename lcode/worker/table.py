"""The worker's jobs in the order in which they are done, each a plain class; and what takes up a save, beside them.

All of them share the agent's index, which is opened once for each of the two threads: a long look of the one does not hold up
the other's short writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

from lcode.git.repository import Place
from lcode.path_text import path_text
from lcode.store.paths import AgentPaths
from lcode.worker.digest import Commits
from lcode.worker.jobs import Busy, Failed, Job, Stopped, Turn
from lcode.worker.learn import Learn
from lcode.worker.texts import Texts

if TYPE_CHECKING:
    from lcode.config import Settings
    from lcode.index.build import CodeIndex
    from lcode.index.embedding import Embedder
    from lcode.index.open import IndexDatabase
    from lcode.index.progress import Progress, Report

CACHE = 512_000_000  # bytes of index from which on contents that no checkout has any more are forgotten


class Table:
    """`jobs` in their order, `polls` of those of which nothing tells that they are due, and `save`, which takes up what was
    saved. `close` when done."""

    def __init__(self, paths: AgentPaths) -> None:
        from lcode.index.open import open_index

        self._saves = open_index(paths)
        self._jobs = open_index(paths)
        self._building = threading.Event()  # a job of ours is indexing, and so keeps other processes out
        models = Models()
        texts = Texts(paths, self._jobs, models.now)
        self.polls: dict[str, Callable[[], bool]] = {texts.name: texts.due}
        self._commits = Commits(paths)
        self.jobs: list[Job] = [
            Files(self._jobs, self._building), History(self._jobs), Graph(self._jobs), Learn(paths, self._jobs), self._commits,
            texts, Vectors(self._jobs, self._building, models), Collection(self._jobs),
        ]  # fmt: skip

    def save(self, place: Place, paths: frozenset[str]) -> None:
        """Index these files, and nothing else. Raises Busy, Failed."""
        if self._building.is_set():
            _beside(self._saves, place, sorted(paths))
        else:
            _check(_index(self._saves, place).update(paths=sorted(paths), vectors=False))

    def close(self) -> None:
        self._saves.close()
        self._jobs.close()
        self._commits.close()


class Files:
    """Looks whether any file changed; if so, brings full text to what the files are now."""

    name = "files"
    then: ClassVar[Mapping[str, float]] = {"vectors": 0.3, "graph": 5.0, "collection": 60.0}

    def __init__(self, database: IndexDatabase, building: threading.Event) -> None:
        self._database = database
        self._building = building

    def run(self, place: Place, turn: Turn) -> bool:
        index = _index(self._database, place)
        with _set(self._building):
            if index.no_change():
                return False
            _check(index.update(_teller(turn), vectors=False, stop=turn.stopped), turn)
        turn.vectors(index.status().to_embed)
        return True


class History:
    """Reads the commits that are new, and which living files they touched."""

    name = "history"
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def run(self, place: Place, turn: Turn) -> bool:
        from lcode.index.history import update_history

        if not place.common_dir or place.is_bare:
            return False
        return update_history(self._database, place.git(), path_text(place.root)) > 0


class Graph:
    """Works out which file uses which."""

    name = "graph"
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def run(self, place: Place, turn: Turn) -> bool:
        from lcode.index.graph import update_graph

        return update_graph(self._database, path_text(place.root))


class Vectors:
    """Gives what full text has, and vectors have not yet, its vectors."""

    name = "vectors"
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, database: IndexDatabase, building: threading.Event, models: Models) -> None:
        self._database = database
        self._building = building
        self._models = models

    def run(self, place: Place, turn: Turn) -> bool:
        index = _index(self._database, place, self._models.now())
        with _set(self._building):
            report = index.update(_teller(turn), (), stop=turn.stopped)
        _check(report, turn)
        turn.vectors(0)
        return report.vectors > 0


class Collection:
    """Forgets checkouts that are gone, and what no checkout has any more."""

    name = "collection"
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, database: IndexDatabase) -> None:
        self._database = database

    def run(self, place: Place, turn: Turn) -> bool:
        return _index(self._database, place).collect(CACHE) > 0


class Models:
    """The embedding that the user's settings name. They are read at each job: the worker outlives sessions."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._embedder: Embedder | None = None

    def now(self) -> Embedder:
        """The same one for as long as the settings are the same. Raises ConfigError."""
        import os

        from lcode.config import load
        from lcode.index.embedders import embedder_for

        settings = load(None, os.environ, {})
        if self._embedder is None or settings != self._settings:
            self._embedder, self._settings = embedder_for(settings, os.environ), settings
        return self._embedder


def _index(database: IndexDatabase, place: Place, embedder: Embedder | None = None) -> CodeIndex:
    from lcode.index.build import CodeIndex

    return CodeIndex(database, place.root, embedder=embedder)


def _beside(database: IndexDatabase, place: Place, paths: Sequence[str]) -> None:
    """Index these files while a job of ours goes through all. Whatever that does to them is put right by the next save, which
    the worker sees to."""
    from lcode.index import code_rows
    from lcode.index.progress import Ended
    from lcode.index.scan import FileScan

    checkout = database.read(lambda connection: code_rows.checkout(connection, path_text(place.root)))
    if checkout is None:
        return  # the job has not begun to write: it comes to them
    with closing(FileScan(database, place.root, checkout.id)) as scan, suppress(Ended):
        if not scan.touches_rules(paths):
            scan.some(paths)


@contextmanager
def _set(flag: threading.Event) -> Iterator[None]:
    flag.set()
    try:
        yield
    finally:
        flag.clear()


def _teller(turn: Turn) -> Callable[[Progress], None]:
    return lambda progress: turn.tell(progress.done, progress.total)


def _check(report: Report, turn: Turn | None = None) -> None:
    """Raise what a report says that is not complete."""
    if report.complete:
        return
    if turn is not None and turn.stopped():
        raise Stopped
    if report.busy:
        raise Busy
    raise Failed(report.problem)
