"""One run: a user message answered in steps, each a model call and the tool calls it asks for.

What is about to happen is stored before it happens: the user's message before the model is called, the reply and its
calls before a tool runs, a result before the next request. A tool call continues the run, a reply without one ends it.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from lcode import clock
from lcode.agent.calls import Prepared
from lcode.agent.conversation import reply_text
from lcode.agent.limits import Limits
from lcode.agent.meter import Spent
from lcode.agent.recovery import stop_if_asked
from lcode.errors import CostLimit, ProviderError, StoreError, UserError
from lcode.events import (
    Emit,
    ReplyFinished,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    StopReason,
    StreamRestarted,
    TextDelta,
    ThinkingDelta,
)
from lcode.ids import new_id
from lcode.llm.protocol import Reply, Restart, Text, TextPiece, ThinkingPiece, ToolCall
from lcode.llm.wire import parts_to_json
from lcode.memory.model import Actor, Source

if TYPE_CHECKING:
    from lcode.agent.session import Session

_EMPTY = "Your last reply was empty: neither words nor a tool call. Answer the user, or call a tool."
_OVERFLOWS = 3  # compactions in answer to a provider that says the request is too long


class Run:
    """Answers one message of the user in `session`."""

    def __init__(self, session: Session, text: str, emit: Emit, typed: str = "") -> None:
        self.session = session
        self.text = text
        self.typed = typed
        self.emit = emit
        self.run_id = ""
        self.steps = 0
        self.answer = ""
        self.ending = False  # what is left is to be done whole: no interrupt any more
        self._heard_nothing = True  # of the model
        self._partial: list[str] = []
        self._limits = Limits()

    async def execute(self) -> RunFinished:
        """Run to the end, whatever end that is. Emits everything; the last event is what is returned."""
        error = hint = ""
        self.session.calls.refused = 0
        self.session.meter.spent = Spent()
        try:
            self.run_id = await self.session.begin_run(self.text, self.typed)
            self.emit(RunStarted(self.run_id, self.session.id, self.text))
            reason = await self._steps()
        except asyncio.CancelledError:
            self.ending = True
            reason = StopReason.CANCELLED
            try:
                await self._keep_partial()
            except StoreError as failure:
                error, hint = failure.message, failure.hint
                self.session.failure = failure
        except CostLimit as limit:
            reason, error, hint = StopReason.MAX_COST, limit.message, limit.hint
        except ProviderError as failure:
            reason = StopReason.CONTEXT_OVERFLOW if failure.overflow else StopReason.LLM_API_ERROR
            error, hint = failure.message, failure.hint
            self.session.failure = failure
        except UserError as failure:
            reason, error, hint = StopReason.ERROR, failure.message, failure.hint
            self.session.failure = failure
        except Exception as failure:  # noqa: BLE001 - a fault of ours ends the run, not the session
            reason, error = StopReason.ERROR, f"a bug in lcode: {type(failure).__name__}: {failure}"
            hint = f"its trace is in {self.session.log_bug(failure)}"
            self.session.failure = UserError(error, hint)
        return await self._finish(reason, error, hint)

    async def _finish(self, reason: StopReason, error: str, hint: str) -> RunFinished:
        self.ending = True
        self.session.broken = self.session.failure is not None
        if self.run_id:
            try:
                await self.session.end_run(self.run_id, reason, error)
            except StoreError as failure:
                error, hint = error or failure.message, hint or failure.hint
                self.session.failure = self.session.failure or failure
        if not error and reason in _EXPLAINED:
            error = _EXPLAINED[reason].format(steps=self.steps)
        spent = self.session.meter.spent
        finished = RunFinished(
            self.run_id, reason, self.answer, spent.usage, self.steps, self.session.calls.refused, error, hint,
            spent.cost, spent.unpriced,
        )  # fmt: skip
        self.session.usage += spent.usage
        self.emit(finished)
        return finished

    async def _steps(self) -> StopReason:
        session = self.session
        for number in range(1, session.max_steps + 1):
            stop_if_asked()
            self.steps = number
            step_id = new_id("step")
            self.emit(StepStarted(step_id, number))
            await session.hear_of_others(self.emit)
            if await session.context.make_room(self.emit):
                self._limits.out_of_sight()
            reply, latency = await self._reply()
            prepared = session.calls.prepare(reply.calls, self._limits)
            await self._store(reply, prepared, step_id, number, latency)
            if not reply.calls:
                if end := await self._ended(reply):
                    return end
                continue
            results = await session.calls.run(prepared, self.run_id, step_id, self.emit)
            session.take(results)
            faulty = sum(1 for item in prepared if item.fault)
            if self._limits.step(len(prepared), faulty):
                return StopReason.INVALID_TOOL_CALL
        return StopReason.MAX_STEPS

    async def _ended(self, reply: Reply) -> StopReason | None:
        """Why a reply without a call ends the run; None if the model is asked once more."""
        if reply.text.strip():
            self.answer = reply.text
            return StopReason.MAX_TOKENS if reply.finish == "length" else StopReason.END_TURN
        if reply.finish == "length":
            return StopReason.MAX_TOKENS
        if self._limits.empty():
            return StopReason.INVALID_LLM_RESPONSE
        await self.session.add_notice(_EMPTY)
        return None

    async def _reply(self) -> tuple[Reply, float]:
        """The model's whole reply and its latency in seconds; a request that is too long is made shorter and sent again."""
        for attempt in range(_OVERFLOWS + 1):
            start = clock.monotonic()
            try:
                return await self._stream(), clock.monotonic() - start
            except ProviderError as error:
                if not error.overflow or attempt == _OVERFLOWS or not await self.session.context.overflowed(self.emit):
                    raise
        raise AssertionError

    async def _stream(self) -> Reply:
        self._partial.clear()
        request = await self.session.request()
        stop_if_asked()
        async with aclosing(self.session.meter.stream(request)) as stream:
            async for delta in stream:
                if self._heard_nothing and self.session.environment.requested is not None:
                    self.session.environment.requested()
                    self._heard_nothing = False
                if isinstance(delta, TextPiece):
                    self._partial.append(delta.text)
                    self.emit(TextDelta(delta.text))
                elif isinstance(delta, ThinkingPiece):
                    self.emit(ThinkingDelta(delta.text))
                elif isinstance(delta, Restart):
                    self._partial.clear()
                    self.emit(StreamRestarted(delta.reason, delta.attempt, delta.wait))
                else:
                    self._partial.clear()
                    return delta
        raise ProviderError("the model's stream ended without a reply", retryable=True)

    async def _store(self, reply: Reply, prepared: list[Prepared], step_id: str, number: int, latency: float) -> None:
        session = self.session
        parts = [part for part in reply.parts if not isinstance(part, Text) or part.text.strip()]
        calls = [item.pending(step_id, at) for at, item in enumerate(prepared)]
        by = session.memory.provenance(Actor.AGENT, Source.INFERRED, step_id=step_id)
        made = session.meter.call(reply, step_id, self.run_id)

        def work() -> None:
            recall = session.memory.recall
            recall.add_step(
                step_id,
                self.run_id,
                number,
                model=reply.model or session.model,
                usage=reply.usage,
                latency=latency,
                stop_reason=reply.finish,
            )
            recall.add_model_call(made)
            if any(isinstance(part, Text | ToolCall) for part in parts):
                row = recall.add_message("assistant", "assistant", parts_to_json(parts), reply_text, by, run_id=self.run_id)
                session.rows.append(row)
            recall.add_calls(calls, session.id)

        await session.write(work)
        session.context.note_usage(reply.usage)
        self.emit(ReplyFinished(reply.text, len(reply.calls)))
        self.emit(StepFinished(step_id, reply.usage, latency, session.context_tokens, session.context_window))

    async def _keep_partial(self) -> None:
        """What the model had said when it was stopped is kept, and marked."""
        said = "".join(self._partial).rstrip()
        await self.session.sync_rows()
        if said:
            self.answer = said
            await self.session.add_partial(f"{said}\n[stopped by the user]", self.run_id)


_EXPLAINED = {
    StopReason.MAX_STEPS: "stopped after {steps} steps, the limit of one run",
    StopReason.MAX_TOKENS: "the answer was cut by the output limit",
    StopReason.INVALID_TOOL_CALL: "stopped: the model kept sending calls that cannot be run",
    StopReason.INVALID_LLM_RESPONSE: "stopped: the model kept sending empty replies",
}
