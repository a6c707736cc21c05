"""Building the code index in the foreground, in the worker's order: files, past commits, who uses whom, vectors; then what
nobody has any more goes. A bar says how far it is."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lcode.cli.output import plural
from lcode.cli.progress import Progress, duration
from lcode.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.index.embedding import Embedder
    from lcode.index.open import IndexDatabase
    from lcode.index.progress import Report, Tell
    from lcode.worker.status import CheckoutStatus

_STAGES = {"files": "indexing", "vectors": "making vectors"}
_LOOK = 0.3  # seconds between two looks at another's work


@dataclass(frozen=True)
class Done:
    """What a build came to. `busy`: another process was at it and did not come to its end while we waited. `lacking`: why there
    are no vectors, or not all, where the rest is complete."""

    report: Report
    commits: int
    total: int  # files that the index knows now
    busy: bool = False
    lacking: str = ""

    @property
    def problem(self) -> str:
        return self.report.problem or self.lacking

    def line(self, name: str) -> str:
        """One line for people."""
        did = self.report
        if did.problem:
            return f"the index of {name} is not complete: {did.problem}"
        parts = [f"{plural(did.files, 'file')} indexed"] if did.files else []
        parts += [f"{did.removed:,} removed"] if did.removed else []
        parts += [f"{plural(self.commits, 'commit')} read"] if self.commits else []
        parts += [f"{plural(did.vectors, 'vector')} made"] if did.vectors and not did.files else []
        what = ", ".join(parts) or ("nothing had changed" if self.total else "there are no files to index")
        took = f" in {duration(did.seconds)}" if did.seconds >= 1 else ""
        lacks = f"; found by words alone, vectors are missing: {self.lacking}" if self.lacking else ""
        return f"{name}: {what}{took}; {plural(self.total, 'file')} in the index{lacks}"

    def shown(self) -> dict[str, Any]:
        values = asdict(self.report)
        return {"indexed": values["files"], "removed": values["removed"], "commits": self.commits, "problem": self.problem}


def build(runtime: Runtime, database: IndexDatabase, *, quiet: bool = False, vectors: bool = True) -> Done:
    """Bring the index to what the files are now. Where another process is at it, its work is shown, then the rest done. Without
    `vectors` those that are wanting are left to the worker."""
    from lcode.index.build import CodeIndex
    from lcode.worker.table import CACHE

    progress = Progress(quiet=quiet)
    index = CodeIndex(database, runtime.root)
    commits, lacking = 0, ""
    try:
        while True:
            report = index.update(progress=_shown(progress), vectors=False)
            if not (report.busy and _follow(runtime, progress)):
                break
        if not report.problem:
            commits = _history(runtime, database, progress)
            lacking = _vectors(runtime, database, progress, report) if vectors else ""
            with suppress(StoreError):
                index.collect(CACHE)
    finally:
        progress.close()
    return Done(report, commits, index.status().files, report.busy, lacking)


def _shown(progress: Progress) -> Tell:
    return lambda at: progress.show(_STAGES.get(at.stage, at.stage), at.done, at.total)


def _vectors(runtime: Runtime, database: IndexDatabase, progress: Progress, report: Report) -> str:
    """Make the vectors that are wanting; why they are not all there. What was done is added to `report`."""
    from lcode.index.build import CodeIndex

    try:
        embedder = runtime.background.embedder()
    except ConfigError as error:
        return error.message
    index = CodeIndex(database, runtime.root, embedder=embedder)
    while True:
        found = index.update(progress=_shown(progress), paths=())
        report.vectors += found.vectors
        report.seconds += found.seconds
        if not (found.busy and _follow(runtime, progress)):
            break
    return found.problem or _texts(runtime, database, embedder, progress)


def _texts(runtime: Runtime, database: IndexDatabase, embedder: Embedder, progress: Progress) -> str:
    """The same of what memory holds."""
    from lcode.errors import LcodeError
    from lcode.worker.jobs import Turn
    from lcode.worker.texts import Texts

    if not runtime.agent.id:
        return ""
    progress.show("making vectors of what was said", 0, 0)
    job = Texts(runtime.store.agent_paths(runtime.agent), database, lambda: embedder)
    try:
        while job.run(runtime.place, Turn(lambda done, total: None, lambda: False, lambda count: None)):
            pass
    except LcodeError as error:
        return str(error)
    return ""


def _history(runtime: Runtime, database: IndexDatabase, progress: Progress) -> int:
    """Past commits, and the graph of files; how many commits were read."""
    from lcode.git.command import GitError
    from lcode.index.graph import update_graph
    from lcode.index.history import update_history
    from lcode.path_text import path_text

    root = path_text(runtime.root)
    count = 0
    if runtime.place.common_dir and not runtime.place.is_bare:
        progress.show("reading past commits", 0, 0)
        with suppress(GitError, StoreError):
            count = update_history(database, runtime.place.git(), root)
    progress.show("seeing which file uses which", 0, 0)
    with suppress(StoreError):
        update_graph(database, root)
    return count


def _follow(runtime: Runtime, progress: Progress) -> bool:
    """Show what the process that is indexing does until it is done; False where nobody is."""
    from lcode.path_text import path_text
    from lcode.store.locks import NamedLock
    from lcode.worker import status

    paths = runtime.store.agent_paths(runtime.agent)
    lock = NamedLock(paths.locks / "index-build.lock")
    followed = False
    while lock.owner() is not None:
        followed = True
        worker = status.read(paths)
        checkout: CheckoutStatus | None = worker.of(path_text(runtime.root)) if worker is not None else None
        if checkout is not None and checkout.job:
            progress.show(f"the worker: {status.WORDS.get(checkout.job, checkout.job)}", checkout.done, checkout.total)
        else:
            progress.show("waiting for another process that is indexing", 0, 0)
        time.sleep(_LOOK)
    return followed
