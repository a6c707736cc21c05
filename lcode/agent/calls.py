"""The tool calls of one step: checked, permitted, stored as started, run, stored as finished.

Reads that need no question run in parallel, everything else one after the other in the model's order. Whatever happens
to a call, it gets exactly one stored result; a result is what the store gave back (redacted), and only that is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from lcode.agent.limits import Limits
from lcode.agent.outbox import NOT_NOW, Outbox
from lcode.agent.pushed import Pushed
from lcode.agent.recovery import BY_USER, landed, settle_calls, stop_if_asked, store_result
from lcode.agent.symbols import changed_symbols
from lcode.errors import StoreError, UserError
from lcode.events import Answer, ApprovalRequested, Decision, Emit, MemoryChanged, ToolFinished, ToolStarted
from lcode.ids import new_id
from lcode.llm.protocol import ToolCall, ToolResult
from lcode.llm.wire import part_from_json, parts_from_json
from lcode.memory.model import MessageRow, PendingCall
from lcode.memory.render import diff_values
from lcode.memory.session_memory import SessionMemory
from lcode.safety.permission import Permission, Verdict
from lcode.tools import kept, schema
from lcode.tools.base import Effect, Preview, Tool, ToolContext, ToolError, ToolOutput, moved
from lcode.tools.seen import came_from

PARALLEL = 8
_MOST = 60_000  # characters of one result, more than any tool gives
ONCE_ONLY = "nothing: while memory cannot be written each call is asked about"
NOT_KEPT = (
    "Memory cannot be written now ({reason}). Nothing was kept. Go on with the work; you are told when it can be written again."
)
HEADLESS = (
    "Refused: this needs the user's permission and nobody is there to give it. Do not try another way around it; finish what"
    " you can without it and say plainly what was not done and why."
)


@dataclass
class Prepared:
    """A call that was looked at: a tool with checked arguments, or the fault to answer it with."""

    call: ToolCall
    operation_id: str
    tool: Tool | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    beside: str = ""  # what memory has to say to the result

    @property
    def effect(self) -> Effect:
        return self.tool.effect if self.tool else Effect.READ

    def pending(self, step_id: str, number: int) -> PendingCall:
        return PendingCall(
            self.operation_id,
            step_id,
            self.call.id,
            number,
            self.call.name,
            self.call.arguments or {},
            self.effect.value,
            "asked",
        )


@dataclass
class CallRunner:
    """Runs the calls of a session's steps. `make_context` gives a call what it may use."""

    tools: dict[str, Tool]
    memory: SessionMemory
    outbox: Outbox
    permission: Permission
    make_context: Callable[[str, str], ToolContext]
    log_bug: Callable[[BaseException], str]
    interactive: bool = False
    result_room: Callable[[], int] = lambda: _MOST  # characters that one result may have
    refused: int = 0
    rows: list[MessageRow] = field(default_factory=list)  # stored results that the session has not taken yet
    ask_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    pushed: Pushed = field(init=False)
    _results: dict[str, ToolResult] = field(default_factory=dict)  # of this step, by operation
    _storing: set[asyncio.Task[ToolResult]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pushed = Pushed(self.memory)

    def prepare(self, calls: Sequence[ToolCall], limits: Limits) -> list[Prepared]:
        """Find the tool of each call and check its arguments; a faulty call is answered, not run."""
        return [self._prepare(call, limits) for call in calls]

    def _prepare(self, call: ToolCall, limits: Limits) -> Prepared:
        prepared = Prepared(call, new_id("op"))
        tool = self.tools.get(call.name)
        if tool is None:
            near = get_close_matches(call.name, list(self.tools), 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            prepared.fault = f"There is no tool '{call.name}'.{hint} Tools are: {', '.join(sorted(self.tools))}."
        elif call.arguments is None:
            prepared.fault = (
                f"The arguments of {call.name} were not usable: {call.problem or 'not a JSON object'}. Nothing was"
                " run. Send the call"
                " again, whole" + (" and in smaller pieces." if "cut" in call.problem or "length" in call.problem else ".")
            )
        else:
            try:
                prepared.arguments = schema.arguments(tool, call.arguments)
                prepared.tool = tool
                prepared.fault = limits.repeated(call.name, prepared.arguments, changes=tool.effect is not Effect.READ)
            except ToolError as error:
                prepared.fault = str(error)
        return prepared

    async def run(self, prepared: Sequence[Prepared], run_id: str, step_id: str, emit: Emit) -> list[ToolResult]:
        """The result of every call, in order. Cancelled: stores an honest result for each call that has none, then raises."""
        self._results.clear()
        try:
            stop_if_asked()
            for group in self._groups(prepared, step_id):
                ends = await asyncio.gather(*(self._one(item, run_id, step_id, emit) for item in group), return_exceptions=True)
                for failure in (end for end in ends if isinstance(end, BaseException)):
                    raise failure
        except asyncio.CancelledError:
            await self._settle(prepared, emit)
            raise
        return [self._results[item.operation_id] for item in prepared]

    async def _settle(self, prepared: Sequence[Prepared], emit: Emit) -> None:
        """After an interrupt: every call that has no result gets one, and is told of."""
        if self._storing:
            await asyncio.wait(self._storing)
        await self.outbox.settled()
        if await self.outbox.flush():
            rows = await self.memory.run(settle_calls, self.memory, self.memory.session_id, BY_USER)
        else:  # the store does not know of these calls yet
            rows = [await self._settled(item) for item in prepared if item.operation_id not in self._results]
        self.rows += rows
        told = {part.call_id: part for row in rows for part in parts_from_json(row.content) if isinstance(part, ToolResult)}
        for item in prepared:
            if item.operation_id not in self._results and (result := told.get(item.call.id)):
                emit(ToolFinished(item.call.id, item.call.name, result.is_error, "interrupted", result.text))

    async def _settled(self, item: Prepared) -> MessageRow:
        """What is told of an interrupted call while the store cannot be asked about it."""
        harmless = item.effect in (Effect.READ, Effect.MEMORY)
        text = BY_USER.head + ("; nothing was changed by it" if harmless else "; it may have had an effect, so check first")
        result = ToolResult(item.call.id, item.call.name, text, True)
        return await self.outbox.write(
            lambda: store_result(self.memory, item.operation_id, result, "", "", "interrupted", "interrupted")
        )

    def _groups(self, prepared: Sequence[Prepared], step_id: str) -> list[list[Prepared]]:
        """Neighbouring calls that may run at once; each other call alone."""
        groups: list[list[Prepared]] = []
        parallel = False
        for item in prepared:
            reads = bool(item.fault) or (item.effect is Effect.READ and self._verdict(item, step_id)[0] is Verdict.ALLOW)
            if reads and parallel and len(groups[-1]) < PARALLEL:
                groups[-1].append(item)
            else:
                groups.append([item])
            parallel = reads
        return groups

    def _verdict(
        self, item: Prepared, step_id: str, grant: str = "", context: ToolContext | None = None
    ) -> tuple[Verdict, str]:
        assert item.tool is not None
        context = context or self.make_context(item.operation_id, step_id)
        verdict, why = self.permission.decide(item.effect.value, item.tool.paths(context, item.arguments), context.root, grant)
        if self.outbox.waiting and item.effect is not Effect.READ and verdict is not Verdict.REFUSE:
            return Verdict.ASK, "; ".join(filter(None, ("memory cannot be written now", why)))
        return verdict, why

    async def _one(self, item: Prepared, run_id: str, step_id: str, emit: Emit) -> ToolResult:
        if item.fault or item.tool is None:
            return await self._finish(
                item, run_id, step_id, ToolOutput(item.fault, item.fault.split(". ")[0], is_error=True), "error", emit
            )
        context = self.make_context(item.operation_id, step_id)
        try:
            refusal = await self._begin(item, item.tool, context, step_id, emit)
            if refusal:
                return await self._finish(item, run_id, step_id, ToolOutput(refusal, "refused", is_error=True), "refused", emit)
            stop_if_asked()
            emit(ToolStarted(item.call.id, item.call.name, item.arguments, item.tool.summary(context, item.arguments)))
            before = await self._blocks() if item.effect is Effect.MEMORY else {}
            stood = await self.pushed.before(context, item.tool.name, item.arguments)
            output = await item.tool.run(context, **item.arguments)
            item.beside = await self.pushed.beside(context, item.tool.name, item.arguments, output, stood)
            outcome = "error" if output.is_error else "ok"
            with suppress(*NOT_NOW):  # the edit landed; only its telling would be missing
                for label, (old, new) in _differences(before, await self._blocks() if before else {}).items():
                    emit(MemoryChanged(label, "", diff_values(label, old, new)))
        except ToolError as error:
            output, outcome = ToolOutput(str(error), str(error).split("\n", 1)[0], is_error=True), "error"
        except NOT_NOW as error:
            if not self.outbox.interactive:
                raise
            output, outcome = await self._not_kept(item, error), "error"
        except StoreError:
            raise
        except UserError as error:
            output, outcome = ToolOutput(f"{error.message}\n{error.hint}".strip(), error.message, is_error=True), "error"
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the user's run
            where = self.log_bug(error)
            output, outcome = (
                ToolOutput(
                    f"{item.call.name} failed inside lcode: {type(error).__name__}: {error}",
                    f"a bug: see {where}",
                    is_error=True,
                ),
                "error",
            )
        return await self._finish(item, run_id, step_id, output, outcome, emit)

    async def _begin(self, item: Prepared, tool: Tool, context: ToolContext, step_id: str, emit: Emit) -> str:
        """'' when the call is permitted and stored as started, else what the model is told. What was permitted while memory
        could be written is asked about where that no longer holds."""
        while True:
            trouble = not await self.outbox.flush()
            if trouble and item.effect is Effect.MEMORY:
                self.outbox.refused = True
                return NOT_KEPT.format(reason=self.outbox.reason)
            if refusal := await self._permit(item, tool, context, step_id, emit):
                return refusal
            await self.outbox.write(lambda: self.memory.recall.start_call(item.operation_id))
            if trouble or not self.outbox.waiting or item.effect is Effect.READ:
                return ""

    async def _not_kept(self, item: Prepared, error: UserError) -> ToolOutput:
        """The answer to a call that the store failed: what it was to write may have landed before the store said so."""
        if item.effect is not Effect.MEMORY:
            return ToolOutput(f"Memory cannot be read now: {error.message}", error.message, is_error=True)
        with suppress(*NOT_NOW):
            if await self.memory.run(landed, self.memory, item.operation_id):
                return ToolOutput("It was written, though memory then failed: " + error.message, "written")
        self.outbox.refused = True
        return ToolOutput(NOT_KEPT.format(reason=error.message), error.message, is_error=True)

    async def _permit(self, item: Prepared, tool: Tool, context: ToolContext, step_id: str, emit: Emit) -> str:
        """'' if the call may run, else what the model is told. Raises ToolError where the call could not work anyway."""
        verdict, reason = self._verdict(item, step_id, context=context)  # the context holds the call to the paths of now
        if verdict is Verdict.ALLOW:
            return ""
        if verdict is Verdict.REFUSE:
            self.refused += 1
            return f"Refused: {reason}"
        preview = await tool.preview(context, item.arguments)
        verdict, reason = self._verdict(item, step_id, preview.grant, context)
        if verdict is Verdict.ALLOW:
            return ""
        if not self.interactive:
            self.refused += 1
            return f"{HEADLESS} ({reason})"
        paths = tool.paths(context, item.arguments)
        answer = await self._ask(item, preview, reason, emit)
        if answer.decision is Decision.NO:
            return "The user said no." + (
                f" Their word: {answer.word}" if answer.word else " Ask what they want instead, or go on without it."
            )
        if tool.paths(context, item.arguments) != paths:
            raise moved(str(item.arguments.get("path") or item.call.name))
        if answer.decision is Decision.SESSION and not self.outbox.waiting:
            self.permission.remember(item.effect.value, paths, context.root, preview.grant)
        return ""

    async def _ask(self, item: Prepared, preview: Preview, reason: str, emit: Emit) -> Answer:
        async with self.ask_lock:
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            trouble = self.outbox.waiting
            title = f"{preview.title} ({reason})" if reason and (preview.kind == "path" or trouble) else preview.title
            grant = ONCE_ONLY if trouble else preview.grant_label
            await self.outbox.write(lambda: self.memory.recall.ask_call(item.operation_id))
            emit(ApprovalRequested(item.call.id, item.call.name, title, preview.kind, preview.detail, grant, future))
            return await future

    async def _blocks(self) -> dict[str, str]:
        return {block.label: block.value for block in await self.memory.run(self.memory.blocks.list)}

    async def _finish(
        self, item: Prepared, run_id: str, step_id: str, output: ToolOutput, outcome: str, emit: Emit
    ) -> ToolResult:
        """Store what came out and tell of it; once begun, this is not interrupted."""
        storing = asyncio.ensure_future(self._stored(item, run_id, step_id, output, outcome, emit))
        self._storing.add(storing)
        storing.add_done_callback(self._is_stored)
        return await asyncio.shield(storing)

    def _is_stored(self, storing: asyncio.Task[ToolResult]) -> None:
        self._storing.discard(storing)
        if not storing.cancelled():
            storing.exception()  # taken: after an interrupt nobody else asks for it

    async def _stored(
        self, item: Prepared, run_id: str, step_id: str, output: ToolOutput, outcome: str, emit: Emit
    ) -> ToolResult:
        room, context = self.result_room(), self.make_context(item.operation_id, step_id)
        shown = kept.shortened(context, output.text or "(no output)", room // 3, room - room // 3)
        whole = kept.whole_of(context, shown)
        text = "\n\n".join(filter(None, [shown, item.beside]))
        result = ToolResult(item.call.id, item.call.name, text, output.is_error)
        detail = _detail(output, item, context) if outcome == "ok" else output.summary
        row = await self.outbox.write(
            lambda: store_result(
                self.memory,
                item.operation_id,
                result,
                run_id,
                step_id,
                outcome,
                detail,
                item.arguments.get("path"),
                whole,
            )
        )
        self.rows.append(row)
        stored = part_from_json(row.content[0])
        assert isinstance(stored, ToolResult)
        self._results[item.operation_id] = stored
        if item.tool is not None and item.tool.recalls:
            self.pushed.note(stored.text)
        elif item.tool is not None:
            own = stored.text.removesuffix(item.beside)
            self.make_context("", "").seen.origins.read(own, *came_from(item.call.name, item.arguments))
        emit(ToolFinished(item.call.id, item.call.name, output.is_error, output.summary or outcome, stored.text, output.diff))
        return stored


def _detail(output: ToolOutput, item: Prepared, context: ToolContext) -> str:
    """The fact that a session's note is made of: the symbols an edit touched, the exit code of a command."""
    if output.diff:
        path = item.arguments.get("path")
        text = context.seen.content(context.resolve(str(path))) if path else None
        return " ".join(changed_symbols(output.diff, text or ""))
    return output.summary


def _differences(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    labels = sorted(set(before) | set(after))
    return {label: (before.get(label, ""), after.get(label, "")) for label in labels if before.get(label) != after.get(label)}
