"""The system text and tool schemas of one session: rendered, stored, and sent verbatim until there is a reason to render anew.

Reasons are a new session, a compaction, another model API, other tools, and a resume after the provider's cache has expired.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from lcode import clock
from lcode.agent import guidance, prompt
from lcode.llm.protocol import ToolSpec
from lcode.memory.changes import told_now
from lcode.memory.model import Block, Source

if TYPE_CHECKING:
    from lcode.agent.session import Session


class SentPrompt:
    """`system` and `specs` as they are sent; `stale` says why they are to be rendered anew ('': they are not)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.system = ""
        self.specs: tuple[ToolSpec, ...] = ()
        self.api = ""
        self.stale = "new"

    def restore(self, last_message: str, same_place: bool) -> None:
        """Take the stored prompt up again if the provider may still have it in its cache and it is about this branch and
        worktree; else it is rendered anew."""
        session = self._session
        stored = session.memory.recall.prompt(session.id)
        if stored is None:
            return
        self.api, self.system, specs = stored
        self._read_guidance()
        self.specs = prompt.specs_from_json(specs)
        fresh = clock.now() - clock.parse(last_message) < timedelta(seconds=prompt.CACHE_LIFETIME)
        same_tools = self.specs == self._offered()
        self.stale = "" if fresh and same_place and same_tools and self.api == session.provider.api else "resume"
        told = json.loads(session.memory.recall.session_value(session.id, "memory_told") or "{}")
        session.told = {label: (block_id, version) for label, (block_id, version) in told.items()}

    def _read(self) -> tuple[list[Block], str]:
        """The blocks as they are now, and the system text with them."""
        memory = self._session.memory
        blocks = memory.blocks.list()
        return blocks, memory.recall.redacted(self._session.environment.render_system(blocks))

    async def shown(self) -> tuple[str, tuple[ToolSpec, ...]]:
        """System text and tools as they are sent, or would be where nothing was sent yet."""
        if self.system:
            return self.system, self.specs
        _, system = await self._session.memory.run(self._read)
        return system, self._offered()

    async def prepare(self) -> None:
        """Have it there, so that it is counted: in a new session, and after another process compacted or took that back."""
        if not self.system:
            await self.render()

    async def render(self) -> None:
        """Make both anew from the instructions, the project's files and core memory as they are now, and store them."""
        session, memory = self._session, self._session.memory
        blocks, self.system = await memory.run(self._read)
        self._read_guidance()
        self.specs = self._offered()
        self.api = session.provider.api
        memory.known_versions.clear()
        memory.known_versions.update({block.label: block.version for block in blocks})
        session.told = told_now(blocks)
        specs = prompt.specs_to_json(self.specs)

        def work() -> None:
            memory.recall.save_prompt(session.id, api=self.api, system=self.system, tools=specs, reason=self.stale)
            memory.save_known_versions()
            memory.recall.update_session(session.id, memory_told=json.dumps(session.told))

        await session.outbox.write(work)
        session.meter.cache.expect(f"the prompt was rendered anew, {self.stale}")
        self.stale = ""

    def _offered(self) -> tuple[ToolSpec, ...]:
        session = self._session
        return tuple(prompt.offered(list(session.calls.tools.values()), ephemeral=session.memory.ephemeral))

    def _read_guidance(self) -> None:
        """What the instruction files direct stays theirs, and is no rule of core memory."""
        self._session.seen.origins.read(guidance.guidance_in(self.system), "an instruction file of the project", Source.FILE)
