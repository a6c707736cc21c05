"""A session: one conversation thread of an agent, live in this process alone.

It holds the prompt as it was rendered, the messages in context, the model, the permissions given; `run` answers a
message. Everything that later processes need is in the store before the next thing happens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from lcode import clock
from lcode.agent import attempts, compaction, guidance, memory_watch, prompt, recovery
from lcode.agent.calls import CallRunner
from lcode.agent.conversation import to_messages, user_parts
from lcode.agent.loop import Run
from lcode.agent.outbox import NOT_NOW, Outbox
from lcode.errors import StoreError, UserError
from lcode.events import Compacted, Emit, RunFinished, StopReason, Usage
from lcode.ids import new_id
from lcode.llm.protocol import Provider, Request, ToolResult, ToolSpec
from lcode.llm.providers import context_window
from lcode.memory.changes import Told, told_now
from lcode.memory.model import Actor, Block, MessageRow, Provenance, Source, Trust
from lcode.memory.session_memory import SessionMemory
from lcode.provider_settings import ProviderSettings
from lcode.safety.permission import Mode
from lcode.store.locks import NamedLock
from lcode.tokens import approximate_tokens
from lcode.tools.seen import Seen

T = TypeVar("T")
News = Callable[[str], tuple[str, list[str]]]  # from the place last told of ('': none yet) to the place now, and the lines


@dataclass
class Environment:
    """What a session takes from the process that opened it. `render_system` makes the system text anew, `news` the lines
    for the next user message, `resolve` a provider by its name, `end_note` the note that is kept at the end; `answered` is
    called after each answer, `requested` once a request was sent."""

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
    context_tokens: int = 0
    failure: UserError | None = None
    broken: bool = False  # the last run ended in the middle of a step
    unsaved: str = ""  # in a line: what is not in the store after `close`
    closed: bool = False  # with everything in the store: whoever resumes it now is another
    _where: str = ""
    _system: str = ""
    _specs: tuple[ToolSpec, ...] = ()
    _api: str = ""
    _stale: str = "new"
    _run: Run | None = None
    _task: asyncio.Task[RunFinished] | None = None
    _keeping: list[asyncio.Task[None]] = field(default_factory=list)  # what runs taught, on its way to archival memory
    forked_from: str = ""
    told: dict[str, Told] = field(default_factory=dict)  # up to where the model knows of each block, by label
    heard: tuple[int, int] = (-1, -1)  # the databases' versions up to which others' changes were told

    def __post_init__(self) -> None:
        self.outbox.saved = self._number_rows

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
        return context_window(self.provider.name, self.environment.providers, self.environment.window_override)

    async def run(self, text: str, emit: Emit, typed: str = "") -> RunFinished:
        """Answer `text`, of which the user `typed` a part where the rest was piped in. Every end is in the RunFinished; raises
        only if a run is under way already."""
        if self.running:
            raise UserError("this session is already answering a message", "wait for it, or interrupt it")
        self.failure = None
        self.outbox.listen(emit)
        self._run = Run(self, text, emit, typed)
        self._task = asyncio.ensure_future(self._run.execute())
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self.interrupt()
            await self._task
            raise

    def interrupt(self) -> None:
        """Stop the step at once; what was done and said is kept. Idempotent; a run that is ending ends."""
        if self.running and self._task is not None and self._run is not None and not self._run.ending:
            self._task.cancel()

    async def set_model(self, name: str) -> None:
        """Go on with another model. Raises UserError; then nothing changed."""
        provider = self.environment.resolve(name)
        old, self.provider = self.provider, provider
        await old.close()
        if provider.api != self._api:
            self._stale = "model api"
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
        header = prompt.context_header(news)
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
        self._seen.asked(text, typed, news)
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

    def take(self, results: Sequence[ToolResult]) -> None:
        """The results of a step are stored; have them in context too."""
        self.rows += sorted(self.calls.rows, key=lambda row: row.seq)
        self.calls.rows.clear()
        for result in results:
            self._seen.output(result.text)

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

    def note_usage(self, usage: Usage) -> None:
        self.context_tokens = usage.input + usage.output or self._estimate()

    def _estimate(self) -> int:
        return approximate_tokens(self._system) + sum(map(compaction.row_tokens, self.rows)) + 2_500

    # -- the prompt -------------------------------------------------------------------------------------------------

    def mark_stale(self, reason: str) -> None:
        """Have the prompt rendered anew before the next request."""
        self._stale = reason

    def restore_prompt(self, last_message: str, same_place: bool) -> None:
        """Take the stored prompt up again if the provider may still have it in its cache and it is about this branch and
        worktree; else it is rendered anew."""
        stored = self.memory.recall.prompt(self.id)
        if stored is None:
            return
        self._api, self._system, specs = stored
        self._read_guidance()
        self._specs = prompt.specs_from_json(specs)
        fresh = clock.now() - clock.parse(last_message) < timedelta(seconds=prompt.CACHE_LIFETIME)
        same_tools = self._specs == tuple(prompt.offered(list(self.calls.tools.values()), ephemeral=self.memory.ephemeral))
        self._stale = "" if fresh and same_place and same_tools and self._api == self.provider.api else "resume"
        told = json.loads(self.memory.recall.session_value(self.id, "memory_told") or "{}")
        self.told = {label: (block_id, version) for label, (block_id, version) in told.items()}

    async def request(self) -> Request:
        """What is sent next: the stored prompt and every message in context."""
        if self._stale:
            await self._render()
        return Request(
            self.provider.name.partition("/")[2] or self.provider.name,
            self._system,
            self._specs,
            to_messages(self.rows),
            self.environment.max_tokens,
            self.environment.thinking,  # type: ignore[arg-type]
            self.forked_from or self.id,  # a fork begins with what its original's cache holds
        )

    @property
    def _seen(self) -> Seen:
        return self.calls.make_context("", "").seen

    def _read_guidance(self) -> None:
        """What the instruction files direct stays theirs, and is no rule of core memory."""
        self._seen.origins.read(guidance.guidance_in(self._system), "an instruction file of the project", Source.FILE)

    async def _render(self) -> None:
        memory = self.memory

        def read() -> tuple[list[Block], str]:
            blocks = memory.blocks.list()
            return blocks, memory.recall.redacted(self.environment.render_system(blocks))

        blocks, self._system = await memory.run(read)
        self._read_guidance()
        self._specs = tuple(prompt.offered(list(self.calls.tools.values()), ephemeral=memory.ephemeral))
        self._api = self.provider.api
        memory.known_versions.clear()
        memory.known_versions.update({block.label: block.version for block in blocks})
        self.told = told_now(blocks)
        specs = prompt.specs_to_json(self._specs)

        def work() -> None:
            memory.recall.save_prompt(self.id, api=self._api, system=self._system, tools=specs, reason=self._stale)
            memory.save_known_versions()
            memory.recall.update_session(self.id, memory_told=json.dumps(self.told))

        await self.outbox.write(work)
        self._stale = ""

    # -- what others did --------------------------------------------------------------------------------------------

    async def hear_of_others(self, emit: Emit) -> None:
        """If another session (or the user) changed blocks that this prompt shows, say so in one appended message."""
        if not self._stale:
            await memory_watch.tell_of_others(self, emit)

    # -- room -------------------------------------------------------------------------------------------------------

    async def make_room(self, emit: Emit) -> None:
        """Compact when the window is nearly full."""
        if max(self.context_tokens, self._estimate()) > self.context_window * compaction.TRIGGER:
            await self.compact(emit)

    async def compact(self, emit: Emit) -> bool:
        """Replace old messages by a summary; False if there is nothing that could go."""
        saved = await self.outbox.flush()
        before = max(self.context_tokens, self._estimate())
        cut = compaction.choose_cut(self.rows, min(self.context_window, before), before)
        if not cut.evicted or all(row.kind == "summary" for row in cut.evicted):
            return False
        request = await self.request()
        last = max(row.seq for row in cut.evicted if row.kind != "summary")
        said = await self.memory.run(self.memory.recall.messages, self.id) if saved else self.rows
        words = [row.text for row in said if row.kind == "user" and row.seq <= last]
        text = await compaction.summarise(self.provider, request, cut.evicted, to_messages(cut.evicted), words)
        by = self.memory.provenance(Actor.AGENT, Source.INFERRED, trust=Trust.UNVERIFIED)

        def work() -> MessageRow:
            row = self.memory.recall.add_message("user", "summary", user_parts(text, ""), text, by)
            if saved:  # else only here: the store gets everything that was said, and a later resume compacts it again
                self.memory.recall.update_session(self.id, context_from=last)
            return row

        summary: MessageRow = await self.outbox.write(work)
        self.rows = [summary, *cut.kept]
        if saved:
            self.memory.in_context = (self.id, last)
        self._stale = "compaction"
        self.context_tokens = self._estimate()
        emit(Compacted(len(cut.evicted), before, self.context_tokens))
        return True
