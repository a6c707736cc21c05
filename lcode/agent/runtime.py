"""What one process has open: the store, the agent of this place, the settings; it opens sessions.

Nothing here waits for the network or a model, and on the path to the first request of a known place no program is run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.agent import live, spool
from lcode.agent.background import Background
from lcode.agent.outbox import Outbox
from lcode.agent.upkeep import Upkeep
from lcode.config import Settings
from lcode.errors import StoreUnwritable, UserError
from lcode.events import Notice, Usage
from lcode.git.repository import Place, find, root_commits, tracked
from lcode.ids import new_id
from lcode.llm.providers import default_model, resolve, secret_names
from lcode.memory.agents import AgentRow, Choose
from lcode.memory.blocks import Limits
from lcode.memory.elisions import elisions
from lcode.memory.model import Block, Recalled, SessionRow
from lcode.memory.model_calls import usage_of_prompt
from lcode.memory.session_memory import SessionMemory
from lcode.memory.store import Store
from lcode.path_text import path_text
from lcode.safety.permission import Mode, Permission
from lcode.store.database import Database
from lcode.store.locks import NamedLock
from lcode.store.probe import free

if TYPE_CHECKING:  # a command that only looks at memory needs none of what makes a session
    from lcode.agent import guidance
    from lcode.agent.session import News, Session
    from lcode.agent.spending import Spending
    from lcode.llm.protocol import Provider
    from lcode.tools.base import ToolContext


class Runtime:
    """Made by `open`; `close` when done."""

    def __init__(
        self, settings: Settings, place: Place, store: Store, agent: AgentRow, database: Database, environ: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.place = place
        self.store = store
        self.agent = agent
        self.notices: list[Notice] = []
        self._environ = environ
        self._database = database
        self._scratch: Database | None = None  # what an ephemeral session says, from its beginning on
        self._sessions: list[Session] = []
        self._upkeep = Upkeep(store, agent, database, environ, place.root, settings)
        paths, mend = store.agent_paths(agent), not store.ephemeral
        self.background = Background(paths, place.root, settings, environ, mend=mend, memory=lambda: self._database)
        self.interactive = False
        self.record: Path | None = None
        self.unsaved: list[str] = []  # what is not in the store after `close`, in lines for the user
        self.cwd = place.root
        self._spending: Spending | None = None

    @classmethod
    def open(
        cls,
        settings: Settings,
        directory: Path,
        *,
        agent: str | None = None,
        ephemeral: bool = False,
        environ: Mapping[str, str] = os.environ,
        choose: Choose | None = None,
    ) -> Runtime:
        """The runtime of `directory`. `agent` names another agent than the place's own. Raises UserError."""
        place = find(directory)
        store = Store(environ, ephemeral=ephemeral)
        try:
            if agent is not None:
                row, fresh, told = store.agents.find(agent), False, ""
            else:
                resolution = store.resolve(place, choose)
                row, fresh, told = resolution.agent, resolution.fresh, resolution.told
            database = store.open(row)
            runtime = cls(settings, place, store, row, database, environ)
            runtime.cwd = directory.resolve()
            runtime._save_waiting()
            if told:
                runtime.notices.append(Notice(told, "warning"))
            runtime.notices += [Notice(line, "warning") for line in runtime._upkeep.notices()]
            if fresh or not row.initialised:
                runtime._look_over() if not database.read_only else None
            elif place.common_dir and not row.roots and place.head:
                store.agents.learn_roots(row.id, root_commits(place)) if not ephemeral else None
            return runtime
        except BaseException:
            store.close()
            raise

    @property
    def root(self) -> Path:
        return self.place.root

    @property
    def branch(self) -> str:
        return self.place.branch

    @property
    def ephemeral(self) -> bool:
        return self.store.ephemeral

    @cached_property
    def _outputs(self) -> Path:
        """Where full outputs of tools are kept; those of an ephemeral session until it ends, away from the store."""
        if not self.ephemeral:
            return self.store.agent_paths(self.agent).outputs
        from tempfile import gettempdir

        return Path(gettempdir()).resolve() / new_id("lcode")

    # -- memory -----------------------------------------------------------------------------------------------------

    def memory(self) -> SessionMemory:
        """The three tiers as this worktree and branch see them, bound to no session."""
        limits = Limits(self.settings.block_limit, self.settings.core_memory_tokens)
        code, meaning = self.background.code, self.background.meaning
        return self.store.memory(self._database, self.place, limits, ephemeral_log=self._scratch, code=code, meaning=meaning)

    def _look_over(self) -> None:
        from lcode.agent.first_look import first_look

        self.notices.append(first_look(self.memory(), self.place))

    async def blocks(self) -> list[Block]:
        memory = self.memory()
        return await memory.run(memory.blocks.list)

    async def recall(self, query: str) -> Recalled:
        """What was said in all sessions that answers `query`."""
        memory = self.memory()
        return await memory.run(memory.recall.search, query, limit=5, context=0)

    # -- sessions ---------------------------------------------------------------------------------------------------

    def _save_waiting(self) -> None:
        """Save what sessions that are gone could not save."""
        if not self.ephemeral:
            paths = self.store.agent_paths(self.agent)
            folders = spool.folders(paths, self._environ)
            found = spool.collect(folders, self.agent.id, paths.locks, self.memory().recall)
            self.notices += [Notice(line, "warning") for line in found]

    def _outbox(self, memory: SessionMemory) -> Outbox:
        paths = self.store.agent_paths(self.agent)
        if self.ephemeral:
            return Outbox(memory, interactive=self.interactive)
        file = spool.Spool(spool.folders(paths, self._environ), self.agent.id, memory.session_id)
        is_free = partial(free, paths.memory_db, paths.locks / "memory.lock")
        return Outbox(memory, interactive=self.interactive, spool=file, free=is_free)

    def _lock(self, session_id: str) -> NamedLock:
        return NamedLock(self.store.agent_paths(self.agent).locks / f"{session_id}.lock")

    def _is_live(self, session_id: str) -> bool:
        return self._lock(session_id).owner() is not None

    async def sessions(
        self, limit: int = 20, *, archived: bool = False, silent: bool = False, imported: bool = False
    ) -> list[SessionRow]:
        """Sessions, newest first, with who holds them; with `silent` also live ones in which nothing was said yet, with
        `imported` also those of other programs."""
        memory = self.memory()
        rows = await memory.run(memory.recall.sessions, limit, archived=archived, imported=imported)
        if silent:
            rows = [*await memory.run(live.silent, memory, self.store.agent_paths(self.agent).locks), *rows]
        return await memory.run(live.with_owners, memory, rows, self._lock)

    async def rename_session(self, session_id: str, title: str) -> None:
        memory = self.memory()
        row = await memory.run(memory.recall.session, session_id)
        await memory.run(memory.recall.update_session, row.id, title=title)

    async def new_session(self, *, model: str | None = None, mode: str | None = None) -> Session:
        """A fresh session, live in this process."""
        provider = self._provider(model)
        self._scratch = self._scratch or (self.store.scratch() if self.ephemeral else None)
        memory = self.memory()
        memory.session_id = new_id("session")
        lock = None if self.ephemeral else live.hold(self._lock(memory.session_id), self.branch)
        outbox, where = self._outbox(memory), path_text(self.root)
        create, named = memory.recall.create_session, {"model": provider.name, "session_id": memory.session_id}
        with live.released_on_error(lock):
            await outbox.write(lambda: create(branch=self.branch, worktree=where, head=self.place.head, **named))
        memory.in_context = (memory.session_id, 0)
        return self._session(memory, provider, mode, lock, outbox)

    async def resume_session(
        self, session_id: str | None = None, *, model: str | None = None, mode: str | None = None
    ) -> Session:
        """Take a session up again: the one named, or the newest that is not live. Raises UserError, SessionBusy."""
        if self.ephemeral:
            raise live.not_ephemeral("take up an earlier one")
        memory = self.memory()
        await memory.run(self._save_waiting)
        row, lock = await live.claim(memory, session_id, self._lock, self.branch)
        return await self._take_up(memory, row, lock, model, mode, row.updated_at)

    async def fork_session(
        self, session_id: str | None = None, *, model: str | None = None, mode: str | None = None
    ) -> Session:
        """A new session that begins as a copy of another, live or not: the one named, or the newest. Raises UserError."""
        from lcode.agent import fork

        if self.ephemeral:
            raise live.not_ephemeral("be a fork")
        memory = self.memory()
        source = await fork.find(memory, session_id)
        for session in self._sessions:
            if session.id == source.id and not await session.outbox.flush():
                raise StoreUnwritable(f"a fork has to be stored, and {session.outbox.reason}")
        shown, lock = self._is_live(source.id), live.hold(self._lock(new_id("session")), self.branch)
        with live.released_on_error(lock):
            row = await memory.run(fork.make, memory, source, lock.path.stem, head=self.place.head, live=shown)
        return await self._take_up(memory, row, lock, model, mode, row.updated_at if shown else source.updated_at)

    async def _take_up(
        self, memory: SessionMemory, row: SessionRow, lock: NamedLock, model: str | None, mode: str | None, last_message: str
    ) -> Session:
        """The session of `row`, held by `lock`; its prompt was last sent at `last_message`."""
        from lcode.agent import recovery

        with live.released_on_error(lock):
            memory.session_id = row.id
            provider = self._provider(model or row.model if model or self._usable(row.model) else None)
            await memory.run(memory.load_known_versions)
            settled = len(await memory.run(recovery.settle, memory, row.id))
            session = self._session(memory, provider, mode, lock, self._outbox(memory))
            session.title, session.forked_from = row.title, row.forked_from
            session.rows = await memory.run(memory.recall.context, row.id)
            await memory.run(session.context.locate)
            cut = memory.in_context[1]
            recalling = {tool.name for tool in session.calls.tools.values() if tool.recalls}
            partial = cut or await memory.run(memory.recall.ask, elisions, row.id)
            earlier = await memory.run(memory.recall.messages, row.id) if partial else []
            session.calls.make_context("", "").seen.again(session.rows, recalling, earlier)
            session.calls.pushed.note("\n".join(message.text for message in session.rows if message.role == "tool"))
            branch, where = (memory.recall.redacted(name) for name in (self.branch, path_text(self.root)))  # as they are kept
            same_place = (row.branch, row.worktree) == (branch, where)
            await memory.run(session.prompt.restore, last_message, same_place)
            usage: Usage | None = await memory.run(usage_of_prompt, memory.recall, row, session.rows)
            session.context.note_usage(usage or Usage())
            if not same_place:
                await memory.run(memory.recall.update_session, row.id, branch=branch, worktree=where)
        self.notices += [Notice(line, "warning") for line in live.cut_off(settled)]
        return session

    def _usable(self, model: str) -> bool:
        """Whether the model of an earlier session still is: not another one chosen since, nor one without a key."""
        if self.settings.origin("model") not in ("", "built-in", "default"):
            return False
        with suppress(UserError):
            self._provider(model)
            return True
        return False

    def _provider(self, model: str | None) -> Provider:
        settings = self.settings
        name = model or settings.model or default_model(self._environ)
        wait, attempts = settings.idle_timeout, settings.retries + 1
        return resolve(
            name, settings.providers, self._environ, record=self.record, redact=self.store.redactor.redact,
            idle_timeout=wait, attempts=attempts,
        )  # fmt: skip

    def _session(
        self, memory: SessionMemory, provider: Provider, mode: str | None, lock: NamedLock | None, outbox: Outbox
    ) -> Session:
        from lcode.agent.calls import CallRunner
        from lcode.agent.session import Environment, Session
        from lcode.agent.spending import Spending
        from lcode.tools.base import Effect
        from lcode.tools.registry import all_tools

        tools = {tool.name: tool for tool in all_tools() if not (self.ephemeral and tool.effect is Effect.MEMORY)}
        permission = Permission(Mode(mode or self.settings.permission_mode), readable=(self._outputs,))
        calls = CallRunner(tools, memory, outbox, permission, self._contexts(memory), self.log_bug, self.interactive)
        settings = self.settings
        self._spending = self._spending or Spending.of(settings.max_cost, settings.models)
        environment = Environment(
            render_system=self._system,
            news=self._news(memory.session_id),
            resolve=self._provider, end_note=self._end, log_bug=self.log_bug,
            answered=self._upkeep.after_answer, requested=self.prompted,
            debug=self._upkeep.debug, spending=self._spending,
            max_steps=settings.max_steps, max_tokens=settings.max_tokens, thinking=settings.thinking,
            window_override=settings.context_window, providers=settings.providers,
        )  # fmt: skip
        session = Session(memory.session_id, memory, provider, calls, environment, outbox, lock)
        self._sessions = [*(other for other in self._sessions if not other.closed), session]
        return session

    def _contexts(self, memory: SessionMemory) -> Callable[[str, str], ToolContext]:
        from lcode.tools.base import ToolContext
        from lcode.tools.seen import Seen

        secret = secret_names(self._environ, self.settings.providers)
        child = {name: value for name, value in self._environ.items() if name not in secret and name != "LCODE_HOME"}
        child["LCODE_IN_SESSION"] = "1"  # some commands are the user's alone
        seen = Seen()

        def make(operation_id: str, step_id: str) -> ToolContext:
            redact = self.store.redactor.redact
            root, timeout, code = self.root, self.settings.shell_timeout, self.background.code
            return ToolContext(root, self.cwd, seen, memory, self._outputs, child, operation_id, step_id, redact, timeout, code)

        return make

    # -- the prompt -------------------------------------------------------------------------------------------------

    def _system(self, blocks: list[Block]) -> str:
        from lcode.agent import prompt

        return prompt.system_text(self._guidance(), blocks, ephemeral=self.ephemeral)

    def _guidance(self) -> list[guidance.GuidanceFile]:
        from lcode.agent import guidance

        return guidance.read_guidance(self.root, self.cwd, lambda names: tracked(self.place, names))

    def _news(self, session_id: str) -> News:
        """What the next user message says besides the user's words: where, and at first where the last sessions stopped."""

        def lines(told: str) -> tuple[str, list[str]]:
            place = find(self.cwd)
            where = str(self.cwd) + (f" (branch {place.branch})" if place.branch else "")
            news = [f"directory: {where}"] if told != where else []
            if not told:
                from lcode.agent.news import at_first

                news += at_first(
                    self.memory(), place, session_id, self.store.redactor, self._guidance, self._is_live, self._end_note
                )
            return where, news

        return lines

    def _end_note(self, session_id: str) -> None:
        from lcode.agent.note import keep_note

        if not self.ephemeral:
            keep_note(self.memory(), self.root, session_id)

    def _end(self, session_id: str) -> None:
        """A session ends here: note where it stopped, and how the checkout is."""
        self._end_note(session_id)
        if not self.ephemeral:
            from lcode.agent import away

            away.keep(self.memory(), self.store.redactor, find(self.root), self._guidance)

    def prompted(self) -> None:
        """A prompt is shown, or a request was sent: now the worker may be started."""
        self._upkeep.worker.start(self.interactive)

    def hand_over(self) -> None:
        """Have the worker take up what was written, while this process ends."""
        self._upkeep.worker.start(interactive=False)
        self._upkeep.worker.leave()

    # -- the end ----------------------------------------------------------------------------------------------------

    def log_bug(self, error: BaseException) -> str:
        """Keep the trace of a fault of ours; the log's path."""
        return self._upkeep.log_bug(error)

    def show_debug(self, show: Callable[[str], None]) -> None:
        """Have the lines that `--debug` logs shown too."""
        self._upkeep.show_debug = show

    async def close(self) -> None:
        self._upkeep.worker.leave()
        self.background.close()
        for session in self._sessions:
            with suppress(UserError):
                await session.close()
        self.unsaved += dict.fromkeys(session.unsaved for session in self._sessions if session.unsaved)
        self.store.close()
        if self.ephemeral and self._outputs.exists():
            from shutil import rmtree

            rmtree(self._outputs, ignore_errors=True)
