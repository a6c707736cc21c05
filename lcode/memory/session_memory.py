"""Memory as one session sees it: the three tiers, bound to its session, branch and worktree."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, Provenance, Source, Trust
from lcode.memory.recall import Recall
from lcode.path_text import text_path
from lcode.store.database import Database

if TYPE_CHECKING:
    from lcode.memory.grounded import Grounding

T = TypeVar("T")


class CodeNames(Protocol):
    """What the code index knows of names."""

    def defining(self, name: str) -> Sequence[str] | None:
        """The files that define a name; None where that is not known."""

    def crashed(self) -> Collection[str]:
        """The files over which a parser crashed."""


@dataclass
class SessionMemory:
    """`blocks`, `recall` and `archival` are plain; from async code call them through `run`.

    `in_context` is the session and the sequence number after which its messages are in the prompt: no search need find
    them. `known_versions` is the version of each block that the model last saw: a rewrite is based on it. `code` is what
    the code index knows.
    """

    database: Database
    user: Database
    blocks: Blocks
    recall: Recall
    archival: Archival
    session_id: str = ""
    worktree: str = ""
    commit: str = ""
    ephemeral: bool = False
    in_context: tuple[str, int] = ("", 0)
    known_versions: dict[str, int] = field(default_factory=dict)
    code: CodeNames | None = None

    @cached_property
    def grounding(self) -> Grounding:
        """How memories stand in this worktree."""
        from lcode.memory.grounded import Grounding

        return Grounding(self.database, text_path(self.worktree), self.code)

    async def run(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """`function(...)` on the store's thread, so that the event loop never waits for a disk."""
        return await self.database.run(function, *arguments, **named)

    def save_known_versions(self, known: dict[str, int] | None = None) -> None:
        """Keep which versions the model has seen with the session, so that a resume tells it of later ones only."""
        self.recall.update_session(self.session_id, memory_seen=json.dumps(self.known_versions | (known or {})))

    def load_known_versions(self) -> None:
        self.known_versions.update(json.loads(self.recall.session_value(self.session_id, "memory_seen") or "{}"))

    def data_version(self) -> tuple[int, int]:
        """Changes when another process has written to the agent's or the user's database."""
        return self.database.data_version(), self.user.data_version()

    def provenance(
        self, actor: Actor, source: Source, *, operation_id: str = "", step_id: str = "", trust: Trust = Trust.TRUSTED
    ) -> Provenance:
        """Who writes, from what, in this session."""
        made = Provenance(actor, source, self.session_id, step_id, self.commit, self.worktree, trust)
        return made if not operation_id else Provenance(
            actor, source, self.session_id, step_id, self.commit, self.worktree, trust, operation_id
        )  # fmt: skip
