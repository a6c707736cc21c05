"""Looks a repository over once it is indexed for the first time, so that the agent knows its shape without being asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, ClassVar

from lcode.git.repository import Place
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Turn

if TYPE_CHECKING:
    from lcode.index.open import IndexDatabase


class Learn:
    """The worker's job. It is done once for an agent; `lcode init` does it again."""

    name = "learn"
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, paths: AgentPaths, index: IndexDatabase) -> None:
        self._paths = paths
        self._index = index
        self._done = False

    def run(self, place: Place, turn: Turn) -> bool:
        from lcode.config import load
        from lcode.memory.blocks import Limits
        from lcode.memory.learning import SUBJECT, keep, look_over
        from lcode.memory.store import Store

        if self._done:
            return False
        with closing(Store(os.environ)) as store:
            agent = next((row for row in store.agents.list() if row.id == self._paths.folder.name), None)
            if agent is None:
                return False
            settings = load(None, os.environ, {})
            limits = Limits(settings.block_limit, settings.core_memory_tokens)
            memory = store.memory(store.open(agent), place, limits)
            if not memory.archival.about(SUBJECT):
                turn.progress(0)
                found = look_over(self._index, place)
                if found is None:
                    return False
                keep(memory, found, place)
                self._done = True
                return True
        self._done = True
        return False
