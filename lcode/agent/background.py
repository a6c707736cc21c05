"""What a session sees of the work in the background: the code index as it is now, and how far the worker is with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode import clock
from lcode.errors import LcodeError
from lcode.index.reader import CodeReader, Standing
from lcode.memory.meaning import Meaning
from lcode.path_text import path_text

if TYPE_CHECKING:
    from lcode.config import Settings
    from lcode.index.embedding import Embedder
    from lcode.store.database import Database
    from lcode.store.paths import AgentPaths
    from lcode.worker.status import CheckoutStatus, WorkerStatus

_LOOK = 1.0  # seconds between two looks at the worker's word
_JOBS = {"files": "indexing", "vectors": "vectors of", "history": "reading past commits"}  # what a person may care for


class Background:
    """`code` is the index, `meaning` the vectors of what memory holds; nothing is opened before somebody asks. `mend`: damage
    that is met is put right; `memory` is the agent's own. `close` it when done."""

    def __init__(
        self,
        paths: AgentPaths,
        root: Path,
        settings: Settings,
        environ: Mapping[str, str] = os.environ,
        *,
        mend: bool = False,
        memory: Callable[[], Database] | None = None,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._environ = environ
        self.code = CodeReader(
            paths, root, embedder=self.embedder, total=self.total, coming=self.coming, mend=mend, tell=lambda _: self.nudge()
        )
        self.meaning = Meaning(lambda: self.code.database, self.embedder)
        self._paths = paths
        self._root = root
        self._embedder: Embedder | None = None
        self._line = ""
        self._looked_at = float("-inf")

    def line(self) -> str:
        """What the worker does for this checkout, in a few words; '' for nothing. Cheap: may be asked at each frame."""
        now = clock.monotonic()
        if now - self._looked_at >= _LOOK:
            self._looked_at, self._line = now, self._look()
        return self._line

    def embedder(self) -> Embedder:
        """The one that the settings name, for code and for questions. Raises ConfigError."""
        from lcode.index.embedders import embedder_for

        if self._embedder is None:
            self._embedder = embedder_for(self._settings, self._environ)
        return self._embedder

    def total(self) -> int:
        """How many files the worker is indexing; 0 where it is not, or does not know."""
        checkout = self._checkout()
        return checkout.total if checkout is not None and checkout.job == "files" else 0

    def coming(self, standing: Standing) -> bool:
        """Whether a worker has what words do not find yet in a matter of seconds: it is at it, or about to, and the files are
        few."""
        from lcode.index.size import FILES

        if standing.settled or standing.total > FILES:
            return False
        worker = self._worker()
        checkout = worker.of(path_text(self._root)) if worker is not None else None
        if checkout is None:
            return worker is not None and not worker.checkouts  # it has just begun
        return not {"files", "history"}.isdisjoint((checkout.job, *checkout.waiting))

    def nudge(self) -> None:
        """Have the worker look at this checkout, the one that lives or the next: the index was emptied, and not by it."""
        from lcode.worker import nudge

        with suppress(LcodeError, OSError):
            nudge.drop(self._paths, self._root)

    def _checkout(self) -> CheckoutStatus | None:
        """What the worker says of this checkout."""
        worker = self._worker()
        return worker.of(path_text(self._root)) if worker is not None else None

    def _worker(self) -> WorkerStatus | None:
        from lcode.worker import status

        with suppress(LcodeError, OSError):
            return status.read(self._paths)
        return None

    def _look(self) -> str:
        checkout = self._checkout()
        if checkout is None or checkout.job not in _JOBS:
            return ""
        share = f" {checkout.done:,} of {checkout.total:,} files" if checkout.total else ""
        return f"{_JOBS[checkout.job]}{share}"

    def report(self) -> list[tuple[str, str]]:
        """What there is to know of the store, the index, the vectors of what was said and the worker: pairs of a name and a
        line."""
        from lcode.memory.meaning import words as of_texts
        from lcode.worker import status

        try:
            standing = self.code.standing()
            size = f"{standing.files:,} files, {standing.chunks:,} chunks: " if standing.exists else ""
            index = f"{size}{standing.words or 'complete'}"
        except LcodeError as error:
            index = str(error)
        words = status.words(self._worker(), path_text(self._root))
        found = [("store", path_text(self._paths.folder)), ("index", index), ("worker", words)]
        if self._memory is not None:
            waiting = of_texts(self.meaning.lacking(self._memory()))
            told = f"{waiting} to come: found by words alone" if waiting else "all that was said has them"
            found.insert(2, ("vectors", told))
        return found

    def files(self) -> Sequence[str]:
        """The paths of the checkout's files, as the index knows them; none where there is no index."""
        try:
            return self.code.files()
        except LcodeError:
            return []

    def definitions(self, beginning: str, limit: int = 8) -> Sequence[tuple[str, str]]:
        """Files that define a name with this beginning, each with the name; none where there is no index."""
        try:
            return self.code.definitions(beginning, limit)
        except LcodeError:
            return []

    def close(self) -> None:
        self.code.close()
