"""The context window of one session: how full it is, and how room is made in it, in the order in which that is tried.

At PRESSURE of the budget the agent is told, once, and has a step to save what matters; at EVICT old results are taken out; at
COMPACT, where that was too little, old messages are summarised. Never twice without a reply of the model between: what one
compaction did not free, the next would not either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lcode import clock
from lcode.agent import eviction
from lcode.errors import UserError
from lcode.events import Compacted, CompactionStarted, Emit, Notice, Usage
from lcode.llm.providers import context_window
from lcode.memory.compactions import Compaction, compactions, in_force, rows_before
from lcode.memory.dates import local
from lcode.memory.model import MessageRow
from lcode.tokens import content_tokens

if TYPE_CHECKING:
    from lcode.agent.compaction import Cut
    from lcode.agent.session import Session

_SHORTEST_RESULT, _LONGEST_RESULT = 4_000, 60_000  # characters
PRESSURE, AGAIN, EVICT, COMPACT = 0.75, 0.6, 0.85, 0.9  # of the budget; below AGAIN it may fill, and be told of, anew
_FORGOTTEN = 3_600  # seconds after which no provider keeps a prompt by itself
_NOTHING = "the context window is nearly full and nothing more can be taken out of it: {tokens:,} of {window:,} tokens"
_FULL_AGAIN = "; that is too full: the next message compacts again, or `/compact [what to keep]` now, or a larger window"


class Context:
    """`tokens` is what the newest request and its reply took, as the provider reported it, or an estimate."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tokens = 0
        self.marks: tuple[int, ...] = ()  # where the next request's prompt is as it was, and where it will change again
        self.made: Compaction | None = None  # the last one of this process
        self._told_stuck = False
        self._heard: float | None = None  # when the last reply came

    @property
    def window(self) -> int:
        """Tokens that fit into one request and its reply."""
        environment = self._session.environment
        override, models = environment.window_override, environment.spending.models
        return context_window(self._session.provider.name, environment.providers, override, models)

    def result_room(self) -> int:
        """Characters that one result of a call may have: about an eighth of the window, or more than any tool gives."""
        return min(max(self.window // 2, _SHORTEST_RESULT), _LONGEST_RESULT)

    @property
    def budget(self) -> int:
        """Tokens that a request may have, so that a reply still fits."""
        return self._session.meter.budget

    def note_usage(self, usage: Usage) -> None:
        self._heard, self.marks = clock.monotonic(), ()
        self._session.meter.note(usage)
        self.tokens = self.used()

    def estimate(self) -> int:
        """Tokens of the next request by the plain estimate, which `row_tokens` are of too."""
        return self._session.meter.estimate()

    def used(self) -> int:
        """Tokens of the next request as its provider counts: as reported of the newest one, with what came and went since."""
        return self._session.meter.used()

    # -- making room ------------------------------------------------------------------------------------------------

    async def make_room(self, emit: Emit) -> bool:
        """Before each request: tell the agent that the window fills, take results out, or compact; whether anything left the
        prompt. Steps are whole then: calls have results."""
        await self._session.meter.prepare()
        await self._session.prompt.prepare()
        used, budget = self.used(), self.budget
        freed = 0
        if used >= eviction.COLD * budget and self._cold():
            freed = await eviction.make_room(self._session, used, budget, emit, cold=True)
            used -= freed
        if used < PRESSURE * budget:
            self._told_stuck = False
            return freed > 0
        from lcode.agent import pressure  # as what else makes room: not on the way to the first request

        if not self._told_of_pressure():
            cut = self._cut()
            if self._saves_itself and used < budget and cut.possible:
                await self._session.add_notice(pressure.notice(cut, used, budget))
                return freed > 0
            if self._saves_itself or used >= COMPACT * budget:  # without a model: once, before what compacts
                await pressure.save_extract(self._session, cut)
        if used >= EVICT * budget and await eviction.make_room(self._session, used, budget, emit):
            return True
        return used >= COMPACT * budget and self._replied() and await self.compact(emit)

    def _cold(self) -> bool:
        """Whether the provider has not kept the prompt: the session is taken up later, or nothing was asked for long."""
        forgotten = self._heard is not None and clock.monotonic() - self._heard > _FORGOTTEN
        return forgotten or self._session.prompt.stale in ("resume", "model api")

    @property
    def _saves_itself(self) -> bool:
        """Whether there is a model that can save something, and memory to save it in."""
        return self._session.provider.api != "offline" and not self._session.memory.ephemeral

    def _told_of_pressure(self) -> bool:
        """Whether the notice stands in the prompt, and the window was not much emptier since."""
        from lcode.agent import pressure

        size = self.estimate()
        for row in reversed(self._session.rows):
            if pressure.is_notice(row):
                return self._session.meter.calibrated(size) >= AGAIN * self.budget
            size -= content_tokens(row.content)
        return False

    def _replied(self) -> bool:
        """Whether the model answered since the last compaction."""
        rows = self._session.rows
        if not rows or rows[0].kind != "summary":
            return True
        return any(row.role == "assistant" and row.seq > rows[0].seq for row in rows)

    def _cut(self) -> Cut:
        from lcode.agent.compaction import choose_cut

        return choose_cut(self._session.rows, self.budget, self.estimate())

    async def overflowed(self, emit: Emit) -> bool:
        """The provider says that the request is too long: whether it was made shorter. The first time by a compaction, after
        that by taking the same one further."""
        if self._replied():
            return await self.compact(emit, trigger="overflow")
        from lcode.agent import further

        before = self.used()
        made = await further.take(self._session, self.made)
        if made is not None:
            self.made = made
        elif not await eviction.cut_newest(self._session):
            return False
        self.tokens = self.used()
        emit(Notice(f"still too long for the model: made shorter, {before:,} to {self.tokens:,} tokens"))
        return True

    # -- compaction -------------------------------------------------------------------------------------------------

    async def compact(self, emit: Emit, *, trigger: str = "budget", keep: str = "") -> bool:
        """Replace old messages by a summary; False, and said once, if there is nothing that could go."""
        from lcode.agent import compaction

        session = self._session
        await session.meter.prepare()
        await session.prompt.prepare()
        before, cut = self.used(), self._cut()
        await session.outbox.flush()
        if not cut.possible:
            return self._stuck(emit, trigger)
        emit(CompactionStarted(len(cut.evicted), before))
        made = await compaction.compact(session, cut, trigger=trigger, keep=keep, before=before)
        if made is None:
            return self._stuck(emit, trigger)
        await session.prompt.render()
        self.made, self.tokens, self.marks = made, made.tokens_after, eviction.marks(session)
        number = (
            len(await session.memory.run(session.memory.recall.ask, compactions, session.id))
            if not session.outbox.waiting
            else 1
        )
        emit(Compacted(made.messages, before, made.tokens_after, made.duration_ms / 1_000, trigger, made.method, number))
        return True

    def _stuck(self, emit: Emit, trigger: str) -> bool:
        if trigger == "user":
            emit(Notice("nothing was taken out of the prompt: there is too little that could go"))
        elif not self._told_stuck:
            self._told_stuck = True
            emit(Notice(_NOTHING.format(tokens=self.used(), window=self.window), "warning"))
        return False

    async def uncompact(self, emit: Emit) -> Compaction:
        """Take back the last compaction that stands: its messages are in the prompt again. Raises UserError: there is none, or
        they do not fit."""
        session, recall = self._session, self._session.memory.recall
        if not await session.outbox.flush():
            raise UserError(f"memory cannot be written now: {session.outbox.reason}", "try again in a while")
        made: Compaction | None = await session.memory.run(recall.ask, in_force, session.id)
        if made is None:
            raise UserError("there is no compaction to take back in this session", "`/status` counts them")
        await session.meter.prepare()
        await session.prompt.prepare()
        rows = await session.memory.run(recall.ask, rows_before, session.id)
        more = _tokens(rows) - _tokens(session.rows)
        needed = self.used() + session.meter.calibrated(more)
        if needed > self.window:
            raise UserError(
                f"what was taken out does not fit: {needed:,} tokens, of which {self.window:,} fit",
                "conversation_search and `lcode recall` find it; a model with a larger window takes it",
            )
        before = self.used()
        await session.outbox.write(lambda: recall.undo_compaction(made.id))
        session.rows = await session.memory.run(recall.context, session.id)
        await session.memory.run(self.locate)
        session.prompt.stale = "compaction undone"
        self.tokens = self.used()
        full = _FULL_AGAIN if self.tokens >= COMPACT * self.budget else ""
        emit(Notice(f"the compaction of {local(made.created_at)} is taken back: {before:,} to {self.tokens:,} tokens{full}"))
        return made

    def locate(self) -> None:
        """Note after which of the session's messages the prompt begins, so that a search prefers what is not in it."""
        memory = self._session.memory
        cut = int(memory.recall.session_value(self._session.id, "context_from") or 0)
        memory.in_context = (self._session.id, cut)


def _tokens(rows: Sequence[MessageRow]) -> int:
    return sum(content_tokens(row.content) for row in rows)
