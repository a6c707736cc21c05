"""Real stores in temporary folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, Provenance, Source, Trust
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database


class Tiers:
    """Two databases and the three tiers over them."""

    def __init__(self, home: Path) -> None:
        self.memory = Database(home / "memory.db", migrations.MEMORY, lock=home / "memory.lock")
        self.user = Database(home / "user.db", migrations.USER, lock=home / "user.lock")
        self.redactor = Redactor({"SECRET_TOKEN": "correct-horse-battery"})
        self.blocks = self.blocks_of()
        self.recall = Recall(self.memory, self.memory, self.redactor)
        self.archival = Archival(self.memory, self.redactor)

    def blocks_of(self, worktree: str = "/repo", branch: str = "main") -> Blocks:
        return Blocks(self.memory, self.user, self.redactor, worktree=worktree, branch=branch)

    def close(self) -> None:
        self.memory.close()
        self.user.close()


def by(
    actor: Actor = Actor.AGENT, source: Source = Source.INFERRED, session: str = "", trust: Trust = Trust.TRUSTED
) -> Provenance:
    return Provenance(actor, source, session, trust=trust)


@pytest.fixture
def tiers(tmp_path: Path):
    made = Tiers(tmp_path)
    yield made
    made.close()
