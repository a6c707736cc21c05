"""Builds the code index of a checkout and keeps it as the files are.

Whatever it costs is done outside of transactions. Each transaction leaves the index right for the files that it has come to,
so that a build may end anywhere and another goes on. One process builds at a time (a named lock); who comes second leaves it
to the first. Full text comes first, vectors follow.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from lcode import clock
from lcode.errors import StoreError, UserError
from lcode.git.repository import find
from lcode.index import code_rows as rows
from lcode.index import prepare
from lcode.index.embedding import Embedder
from lcode.index.files import Listing
from lcode.index.open import IndexDatabase
from lcode.index.progress import Ended, Report, Stop, Tell
from lcode.index.scan import FileScan
from lcode.index.schema import newer
from lcode.index.vector_backlog import embed_backlog
from lcode.path_text import path_text
from lcode.redact import of_process
from lcode.store.database import Database
from lcode.store.locks import NamedLock

_DROPPED = 200  # files of a checkout that are forgotten in one transaction
_COLLECTED = 20  # contents
_LOOKED_UP = 2_000  # contents that may go, at a time


@dataclass(frozen=True)
class Status:
    """What the index holds of a checkout. `state`: new, building, lexical (vectors are to come), ready."""

    state: str = "new"
    files: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    chunks: int = 0
    to_embed: int = 0  # contents that wait for their vectors
    seen_at: int = 0  # seconds since 1970
    bytes: int = 0  # of the whole index
    problem: str = ""
    crashed: list[str] = field(default_factory=list)  # files over which their parser crashed: they are plain text
    embedder: str = ""  # of which the vectors are


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cyclic garbage: many small values are made here, none of them in a cycle, and looking among
    them again and again was measured to take a tenth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class CodeIndex:
    """The code index of the checkout at `root` in `database`, which is the agent's and holds those of other worktrees too."""

    def __init__(self, database: Database, root: Path, *, embedder: Embedder | None = None) -> None:
        self._database = database
        self._root = root
        self._name = path_text(root)
        self._embedder = embedder

    # -- looking -----------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        problem = self._problem()

        def look(connection: apsw.Connection) -> Status:
            found = rows.checkout(connection, self._name)
            used = rows.used_bytes(connection)
            if found is None:
                return Status(bytes=used, problem=problem)
            kinds, chunks, waiting = rows.counts(connection, found.id)
            crashed = rows.crashed_files(connection, found.id)
            model = rows.meta(connection, "embedder")
            return Status(
                found.state, sum(kinds.values()), kinds, chunks, waiting, found.seen_at, used, problem, crashed, model
            )

        return self._database.read(look)

    def no_change(self) -> bool:
        """Whether the files that count are those that are indexed, as they were then. Vectors may still be to come."""
        try:
            found = self._database.read(lambda connection: rows.checkout(connection, self._name))
            if found is None or found.state not in ("lexical", "ready") or self._rules() != prepare.version():
                return False
            known = self._database.read(lambda connection: rows.count_files(connection, found.id))
            scan = FileScan(self._database, self._root, found.id)
            return scan.count_unchanged(Listing(self._root)) == known
        except StoreError:
            return False

    def _problem(self) -> str:
        return self._database.stand_in() if isinstance(self._database, IndexDatabase) else ""

    # -- building ----------------------------------------------------------------------------------------------------

    def update(
        self,
        progress: Tell | None = None,
        paths: Sequence[str] | None = None,
        vectors: bool = True,
        stop: Stop | None = None,
    ) -> Report:
        """Bring the index to what the files are now; with `paths` (relative to the root, with `/`; files or folders) only
        there. Says in the report why it did not come to its end; raises nothing that a user could meet."""
        started = clock.monotonic()
        report = Report()
        lock = self._lock()
        try:
            report.problem = self._problem()
            if report.problem:
                return report
            if lock is not None and not lock.acquire("indexing"):
                report.busy = True
                report.problem = f"{lock.owner() or 'another process'} is indexing"
                return report
            with _uncollected():
                self._update(report, progress, paths, vectors, stop or (lambda: False))
            report.problem = self._problem()
        except Ended as ended:
            report.problem = str(ended)
        except UserError as error:
            report.problem = error.message
        finally:
            if lock is not None:
                lock.release()
            report.seconds = clock.monotonic() - started
        return report

    def _lock(self) -> NamedLock | None:
        path = self._database.path
        return None if path is None else NamedLock(path.parent / "locks" / "index-build.lock")

    def _update(self, report: Report, tell: Tell | None, paths: Sequence[str] | None, vectors: bool, stop: Stop) -> None:
        self._keep_version(prepare.version())
        known = self._database.read(lambda connection: rows.checkout(connection, self._name))
        if known is None:
            now = int(clock.now().timestamp())
            known = self._database.write(lambda connection: rows.make_checkout(connection, self._name, now))
        scan = FileScan(self._database, self._root, known.id, report, tell, stop)
        try:
            complete = known.state in ("lexical", "ready")
            if paths is not None and complete and not (scan.touches_rules(paths) or (scan.wary and paths)):
                scan.some(paths)
            else:
                self._set_state(known.id, "building")
                scan.all(Listing(self._root))
        finally:
            scan.close()
        waiting = self._database.read(lambda connection: rows.backlog_size(connection, known.id))
        if vectors:
            if waiting and paths is None:  # it takes a while, and what is found by its words can be searched
                self._set_state(known.id, "lexical")
            embed_backlog(self._database, self._root, known.id, self._embedder, report, tell, stop)
            waiting = self._database.read(lambda connection: rows.backlog_size(connection, known.id))
        self._set_state(known.id, "lexical" if waiting else "ready")

    def _keep_version(self, version: str) -> None:
        """Files that were cut by other rules are cut anew: all of them, since no search mixes the two. Those of a newer lcode
        stay: it may be running, and the two would undo each other's work for ever."""
        found = self._rules()
        if found == version:
            return
        if newer(found, version):
            raise Ended("the code index was made by a newer version of lcode, and this one leaves it as it is")
        if found and isinstance(self._database, IndexDatabase):
            self._database.reset("the code index was made by other rules")
        self._database.write(lambda connection: rows.set_meta(connection, "chunker", version))

    def _rules(self) -> str:
        return self._database.read(lambda connection: rows.meta(connection, "chunker"))

    def _set_state(self, checkout: int, state: str) -> None:
        place = find(self._root)
        now = int(clock.now().timestamp())
        self._database.write(
            lambda connection: rows.set_checkout(
                connection, checkout, branch=of_process().redact(place.branch), head=place.head, state=state, now=now
            )
        )

    # -- keeping it small --------------------------------------------------------------------------------------------

    def collect(self, limit_bytes: int) -> int:
        """Forget checkouts that are gone and, while the index is larger than `limit_bytes`, contents that no checkout has,
        those used longest ago first; how many contents it was. Raises StoreError."""
        now = int(clock.now().timestamp())
        for checkout, root, _, _ in self._database.read(rows.checkouts):
            if not Path(root).is_dir():
                while not self._database.write(
                    lambda connection, one=checkout: rows.drop_checkout(connection, one, now, _DROPPED)  # type: ignore[misc]
                ):
                    pass
        count = 0
        unused: list[int] = []
        while self._database.read(rows.used_bytes) > limit_bytes:
            unused = unused or self._database.read(lambda connection: rows.unused_contents(connection, _LOOKED_UP))
            some, unused = unused[:_COLLECTED], unused[_COLLECTED:]
            if not some:
                break
            count += self._database.write(lambda connection, ids=some: rows.forget_contents(connection, ids))  # type: ignore[misc]
        return count
