"""The context window of one session: how full it is, and how room is made in it, in the order in which that is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lcode.agent import compaction
from lcode.agent.conversation import to_messages, user_parts
from lcode.events import Compacted, Emit, Usage
from lcode.llm.providers import context_window
from lcode.memory.model import Actor, MessageRow, Source, Trust
from lcode.tokens import approximate_tokens

if TYPE_CHECKING:
    from lcode.agent.session import Session

_SHORTEST_RESULT, _LONGEST_RESULT = 4_000, 60_000  # characters
_TOOLS = 2_500  # tokens of the tools' schemas, about


class Context:
    """`tokens` is what the newest request and its reply took, as the provider reported it, or an estimate."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tokens = 0

    @property
    def window(self) -> int:
        """Tokens that fit into one request and its reply."""
        environment = self._session.environment
        return context_window(self._session.provider.name, environment.providers, environment.window_override)

    def result_room(self) -> int:
        """Characters that one result of a call may have: about an eighth of the window, or more than any tool gives."""
        return min(max(self.window // 2, _SHORTEST_RESULT), _LONGEST_RESULT)

    def note_usage(self, usage: Usage) -> None:
        self.tokens = usage.input + usage.output or self.estimate()

    def estimate(self) -> int:
        """Tokens of the next request, about."""
        session = self._session
        return approximate_tokens(session.prompt.system) + sum(map(compaction.row_tokens, session.rows)) + _TOOLS

    async def make_room(self, emit: Emit) -> None:
        """Compact when the window is nearly full."""
        if max(self.tokens, self.estimate()) > self.window * compaction.TRIGGER:
            await self.compact(emit)

    async def compact(self, emit: Emit) -> bool:
        """Replace old messages by a summary; False if there is nothing that could go."""
        session = self._session
        recall, outbox = session.memory.recall, session.outbox
        saved = await outbox.flush()
        before = max(self.tokens, self.estimate())
        cut = compaction.choose_cut(session.rows, min(self.window, before), before)
        if not cut.evicted or all(row.kind == "summary" for row in cut.evicted):
            return False
        request = await session.request()
        last = max(row.seq for row in cut.evicted if row.kind != "summary")
        said = await session.memory.run(recall.messages, session.id) if saved else session.rows
        words = [row.text for row in said if row.kind == "user" and row.seq <= last]
        text = await compaction.summarise(session.provider, request, cut.evicted, to_messages(cut.evicted), words)
        by = session.memory.provenance(Actor.AGENT, Source.INFERRED, trust=Trust.UNVERIFIED)

        def work() -> MessageRow:
            row = recall.add_message("user", "summary", user_parts(text, ""), text, by)
            if saved:  # else only here: the store gets everything that was said, and a later resume compacts it again
                recall.update_session(session.id, context_from=last)
            return row

        summary: MessageRow = await outbox.write(work)
        session.rows = [summary, *cut.kept]
        if saved:
            session.memory.in_context = (session.id, last)
        session.prompt.stale = "compaction"
        self.tokens = self.estimate()
        emit(Compacted(len(cut.evicted), before, self.tokens))
        return True
