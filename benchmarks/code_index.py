"""An index of a checkout for the benchmarks of search, made anew, with vectors, history and the graph of symbols."""

from __future__ import annotations

from pathlib import Path

from lcode.git.command import Git
from lcode.index.build import CodeIndex
from lcode.index.graph import update_graph
from lcode.index.history import update_history
from lcode.index.open import IndexDatabase
from lcode.index.search import CodeSearch
from lcode.path_text import path_text


def built(checkout: Path, target: Path | None = None) -> IndexDatabase:
    """An index of `checkout` at `target`, or in memory."""
    if target is not None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
    database = IndexDatabase(target)
    report = CodeIndex(database, checkout).update()
    if not report.complete:
        raise SystemExit(f"{checkout} could not be indexed: {report.problem}")
    if (checkout / ".git").exists():
        update_history(database, Git(checkout), path_text(checkout))
    update_graph(database, path_text(checkout))
    return database


def indexed(checkout: Path, target: Path | None = None) -> CodeSearch:
    return CodeSearch(built(checkout, target), checkout)
