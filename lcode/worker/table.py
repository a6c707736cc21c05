"""The table of the worker's jobs, and what they share: the agent's index, opened once for each of the two threads."""

from __future__ import annotations

from collections.abc import Mapping

from lcode.git.repository import Place
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Job


class Table:
    """`jobs` in their order, and `save`, which takes up what was saved. `close` when done."""

    def __init__(self, paths: AgentPaths, environ: Mapping[str, str]) -> None:
        self._paths = paths
        self._environ = environ
        self.jobs: list[Job] = []

    def save(self, place: Place, paths: frozenset[str]) -> int:
        return 0

    def close(self) -> None:
        return
