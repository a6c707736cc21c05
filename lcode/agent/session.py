"""A session: one conversation thread of an agent, live in this process alone.

It holds the messages in context, the model, the permissions given; `run` answers a message. The prompt as it was rendered
and the context window have modules of their own. Everything that later processes need is in the store before the next
thing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, cast

from lcode import clock
from lcode.agent import attempts, memory_watch, recovery
from lcode.agent.calls import CallRunner
from lcode.agent.context import Context
from lcode.agent.conversation import to_messages, user_parts
from lcode.agent.loop import Run
from lcode.agent.meter import Meter
from lcode.agent.outbox import NOT_NOW, Outbox
from lcode.agent.prompt import context_header
from lcode.agent.sent_prompt import SentPrompt
from lcode.agent.spending import Spending
from lcode.agent.window import Accounting
from lcode.errors import StoreError, UserError
from lcode.events import Emit, Notice, RunFinished, StopReason, Usage
from lcode.ids import new_id
from lcode.llm.protocol import Provider, Request, ToolResult
from lcode.memory.changes import Told
from lcode.memory.compactions import Compaction, compactions
from lcode.memory.model import Actor, Block, MessageRow, Provenance, Source
from lcode.memory.model_calls import ModelCall, model_calls
from lcode.memory.session_memory import SessionMemory
from lcode.provider_settings import ProviderSettings
from lcode.safety.permission import Mode
from lcode.store.locks import NamedLock
from lcode.tools.seen import Seen

T = TypeVar("T")
News = Callable[[str], tuple[str, list[str]]]  # from the place last told of ('': none yet) to the place now, and the lines


@dataclass
class Environment:
    """What a session takes from the process that opened it. `render_system` makes the system text anew, `news` the lines
    for the next user message, `resolve` a provider by its name, `end_note` the note that is kept at the end; `answered` is
    called after each answer, `requested` once a request was sent; `spending` is what the process spends on models; `debug`
    takes a line about a decision, which `--debug` shows."""

    render_system: Callable[[list[Block]], str]
    news: News
    resolve: Callable[[str], Provider]
    end_note: Callable[[str], None]
    log_bug: Callable[[BaseException], str]
    answered: Callable[[], Awaitable[None]] | None = None
    requested: Callable[[], None] | None = None
    max_steps: int = 50
    max_tokens: int | None = None
    thinking: str = "off"
    window_override: int | None = None
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    spending: Spending = field(default_factory=Spending)
    debug: Callable[[str], None] = lambda text: None

    def reply_tokens(self, model: str) -> int | None:
        """The user's word on how long a reply may be: for all models, else for this one."""
        own = self.spending.models.get(model)
        return self.max_tokens or (own.max_output if own else None)


@dataclass
class Session:
    """Made by the runtime; `close` frees it."""

    id: str
    memory: SessionMemory
    provider: Provider
    calls: CallRunner
    environment: Environment
    outbox: Outbox
    lock: NamedLock | None
    title: str = ""
    rows: list[MessageRow] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    failure: UserError | None = None
    broken: bool = False  # the last run ended in the middle of a step
    unsaved: str = ""  # in a line: what is not in the store after `close`
    closed: bool = False  # with everything in the store: whoever resumes it now is another
    _where: str = ""
    _run: Run | None = None
    _task: asyncio.Task[Any] | None = None  # the run, or a compaction that the user asked for
    _keeping: list[asyncio.Task[None]] = field(default_factory=list)  # what runs taught, on its way to archival memory
    forked_from: str = ""
    told: dict[str, Told] = field(default_factory=dict)  # up to where the model knows of each block, by label
    heard: tuple[int, int] = (-1, -1)  # the databases' versions up to which others' changes were told

    def __post_init__(self) -> None:
        self.outbox.saved = self._number_rows
        self.prompt = SentPrompt(self)
        self.context = Context(self)
        self.meter = Meter(self)
        self.calls.result_room = self.context.result_room

    # -- what a face may ask ----------------------------------------------------------------------------------------

    @property
    def model(self) -> str:
        return self.provider.name

    @property
    def mode(self) -> Mode:
        return self.calls.permission.mode

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def max_steps(self) -> int:
        return self.environment.max_steps

    @property
    def context_window(self) -> int:
        return self.context.window

    @property
    def context_tokens(self) -> int:
        return self.context.tokens

    async def accounting(self) -> Accounting:
        """What stands in the context window, part by part."""
        return await self.meter.accounting()

    async def model_calls(self) -> list[ModelCall]:
        """What the calls of models in this session took and cost, in order."""
        return await self.memory.run(partial(model_calls, self.memory.recall, session_id=self.id))

    async def run(self, text: str, emit: Emit, typed: str = "") -> RunFinished:
        """Answer `text`, of which the user `typed` a part where the rest was piped in. Every end is in the RunFinished; raises
        only if a run is under way already."""
        self._begin(emit)
        self._run = Run(self, text, emit, typed)
        self._task = asyncio.ensure_future(self._run.execute())
        try:
            return cast(RunFinished, await asyncio.shield(self._task))
        except asyncio.CancelledError:
            self.interrupt()
            await self._task
            raise

    async def compact(self, keep: str, emit: Emit) -> bool:
        """Summarise old messages now, with what the user wants kept; whether any went. Raises UserError."""
        self._begin(emit)
        self._run, self._task = None, asyncio.ensure_future(self.context.compact(emit, trigger="user", keep=keep))
        try:
            return bool(await asyncio.shield(self._task))
        except asyncio.CancelledError:
            if self._task.cancelled():  # stopped by `interrupt`, and not with its caller
                emit(Notice("stopped: nothing was taken out of the prompt"))
                return False
            self.interrupt()
            raise

    async def uncompact(self, emit: Emit) -> None:
        """Have the messages of the last compaction in the prompt again. Raises UserError: none stands, or they do not fit."""
        self._begin(emit)
        await self.context.uncompact(emit)

    async def compactions(self) -> list[Compaction]:
        """All of this session, oldest first; also those that were taken back."""
        return await self.memory.run(self.memory.recall.ask, compactions, self.id)

    def _begin(self, emit: Emit) -> None:
        if self.running:
            raise UserError("this session is already answering a message", "wait for it, or interrupt it")
        self.failure = None
        self.outbox.listen(emit)

    def interrupt(self) -> None:
        """Stop the step at once; what was done and said is kept. Idempotent; a run that is ending ends."""
        if self.running and self._task is not None and not (self._run is not None and self._run.ending):
            self._task.cancel()

    async def set_model(self, name: str) -> None:
        """Go on with another model. Raises UserError; then nothing changed."""
        provider = self.environment.resolve(name)
        old, self.provider = self.provider, provider
        await old.close()
        if provider.api != self.prompt.api:
            self.prompt.stale = "model api"
        await self.outbox.write(lambda: self.memory.recall.update_session(self.id, model=provider.name))

    def set_mode(self, mode: Mode) -> None:
        self.calls.permission.mode = mode

    async def transcript(self, limit: int = 50) -> list[MessageRow]:
        """The newest messages of the session, oldest first."""
        return (await self.memory.run(self.memory.recall.messages, self.id))[-limit:]

    async def close(self) -> None:
        """Keep the note on where the session stopped, and free it; `unsaved` then says what could not be. Idempotent."""
        if self.closed:
            return
        self.interrupt()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        await self.provider.close()
        await asyncio.gather(*self._keeping)
        try:
            self.unsaved = await self.outbox.close()
            if self.rows and not self.unsaved:
                with suppress(*NOT_NOW):  # the next start makes the note
                    await self.memory.run(self._end)
            self.closed = not self.unsaved
        finally:
            if self.lock is not None:
                self.lock.release()
                self.lock = None

    def _end(self) -> None:
        self.environment.end_note(self.id)
        self.memory.save_known_versions()
        self.memory.recall.update_session(self.id, ended_at=clock.stamp())

    # -- what the loop asks -----------------------------------------------------------------------------------------

    def log_bug(self, error: BaseException) -> str:
        return self.environment.log_bug(error)

    async def begin_run(self, text: str, typed: str = "") -> str:
        """Store the user's message, before any model hears of it; the run's id."""
        if self.broken:  # have in context what the store has of the run before
            await self.sync_rows(recovery.BROKEN_OFF)
            self.broken = False
        where, news = await self._news()
        header = context_header(news)
        by = self.memory.provenance(Actor.USER, Source.SAID)
        run_id = new_id("run")

        def work() -> None:
            self.memory.recall.start_run(self.id, run_id)
            self._add("user", "user", text, by, run_id=run_id, context=header, typed=typed)
            if not self.title:
                self.title = self.memory.recall.title(text)
                self.memory.recall.update_session(self.id, title=self.title)

        await self.write(work)
        self._where = where
        self.seen.asked(text, typed, news)
        return run_id

    async def _news(self) -> tuple[str, list[str]]:
        """Where the session is now, and the lines for the next user message; nothing new while memory is out of reach."""
        if not await self.outbox.reachable():
            return self._where, []
        try:
            told: tuple[str, list[str]] = await self.memory.run(self.environment.news, self._where)
        except NOT_NOW:
            if not self.outbox.interactive:
                raise
            return self._where, []
        return told

    async def end_run(self, run_id: str, reason: StopReason, error: str) -> None:
        await self.outbox.write(lambda: self.memory.recall.end_run(run_id, reason.value, error))
        self._keeping.append(asyncio.ensure_future(attempts.keep(self, list(self.rows), run_id)))
        if self.environment.answered is not None:
            await self.environment.answered()

    async def add_notice(self, text: str) -> None:
        """Append a short message of the program, which the model reads as context."""
        by = self.memory.provenance(Actor.PROGRAM, Source.INFERRED)
        await self.write(lambda: self._add("user", "notice", text, by))

    async def add_partial(self, text: str, run_id: str) -> None:
        by = self.memory.provenance(Actor.AGENT, Source.INFERRED)
        await self.write(lambda: self._add("assistant", "assistant", text, by, run_id=run_id))

    def _add(
        self, role: str, kind: str, text: str, by: Provenance, *, run_id: str = "", context: str = "", typed: str = ""
    ) -> None:
        row = self.memory.recall.add_message(role, kind, user_parts(text, context, typed), text, by, run_id=run_id)
        self.rows.append(row)

    async def write(self, work: Callable[[], T]) -> T:
        """`work`, which reads nothing, in one transaction; messages it appended are taken back where that fails or is tried
        again. While the store cannot be written they are kept in the outbox (see `Outbox.write`)."""
        mark = len(self.rows)

        def once() -> T:
            del self.rows[mark:]
            return work()

        try:
            return await self.outbox.write(once)
        except StoreError:
            del self.rows[mark:]
            raise

    def _number_rows(self) -> None:
        """What waited is in the store: have its messages under the numbers that it gave them."""
        for rows in (self.rows, self.calls.rows):
            numbers = self.memory.recall.numbers([row.id for row in rows])
            rows[:] = [replace(row, seq=numbers.get(row.id, row.seq)) for row in rows]
        self.context.locate()

    def take(self, results: Sequence[ToolResult]) -> None:
        """The results of a step are stored; have them in context too."""
        self.rows += sorted(self.calls.rows, key=lambda row: row.seq)
        self.calls.rows.clear()
        for result in results:
            self.seen.output(result.text)

    async def sync_rows(self, cause: recovery.Cause = recovery.BY_USER) -> None:
        """After a run that broke off: settle calls that were stored and not begun, and have in context what the store has: also
        what landed when nobody waited for it any more. While the store lacks something, what is here counts."""
        await self.outbox.settled()
        if not await self.outbox.flush():
            self.rows += self.calls.rows
            self.calls.rows.clear()
            return

        def work() -> None:
            recovery.settle_calls(self.memory, self.id, cause)
            self.rows[:] = self.memory.recall.context(self.id)

        self.calls.rows.clear()
        await self.memory.run(work)

    # -- the prompt -------------------------------------------------------------------------------------------------

    async def request(self) -> Request:
        """What is sent next: the stored prompt and every message in context."""
        if self.prompt.stale:
            await self.prompt.render()
        return Request(
            self.provider.name.partition("/")[2] or self.provider.name,
            self.prompt.system,
            self.prompt.specs,
            to_messages(self.rows),
            self.environment.reply_tokens(self.provider.name),
            self.environment.thinking,  # type: ignore[arg-type]
            self.forked_from or self.id,  # a fork begins with what its original's cache holds
            self.context.marks,
        )

    @property
    def seen(self) -> Seen:
        return self.calls.make_context("", "").seen

    # -- what others did --------------------------------------------------------------------------------------------

    async def hear_of_others(self, emit: Emit) -> None:
        """If another session (or the user) changed blocks that this prompt shows, say so in one appended message."""
        if not self.prompt.stale:
            await memory_watch.tell_of_others(self, emit)
