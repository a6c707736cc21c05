"""The interactive terminal: one session at a time, its runs, its queue, its questions.

Holds the state between keys, events and rows; what is drawn, what keys mean and what commands do stand in the modules
beside it. A fault in any handler costs one line on the screen, never the session.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcode import clock
from lcode.errors import EXIT_INTERRUPTED, EXIT_OK, UserError
from lcode.events import Answer, ApprovalRequested, Decision, Event, RunFinished, StopReason
from lcode.sanitize import clean
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell import banner, cells, keys, slash
from lcode.ui.shell.complete import completer_for
from lcode.ui.shell.compose import Composer
from lcode.ui.shell.faults import BugHandler
from lcode.ui.shell.history import open_history
from lcode.ui.shell.layout import Panes
from lcode.ui.shell.panels import ApprovalPanel
from lcode.ui.shell.render import Renderer
from lcode.ui.shell.screen import Screen
from lcode.ui.shell.signals import ending
from lcode.ui.shell.status import Spinner
from lcode.ui.shell.theme import Row, from_environ
from lcode.ui.shell.transcript import Transcript

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

HINT_SECONDS = 2.0
TYPING_SECONDS = 1.0
LEAVE_SECONDS = 10.0

log = logging.getLogger(__name__)


class Shell:
    """The face of one terminal. `emit` takes a run's events; the rest are the actions of keys and commands."""

    interactive = True

    def __init__(
        self,
        runtime: RuntimePort,
        session: SessionPort,
        *,
        environ: Mapping[str, str],
        history: Path | None = None,
        redact: Callable[[str], str] = str,
        vi_mode: bool = False,
        terminal: tuple[Input, Output] | None = None,
    ) -> None:
        self.runtime = runtime
        self.session = session
        self.panel: ApprovalPanel | None = None
        self.queue: deque[str] = deque()
        self._work: asyncio.Task[None] | None = None
        self._warm: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions: deque[ApprovalRequested] = deque()
        self.running = self._leaving = self._signalled = False
        self._spoken = False  # something was asked in this session
        self.hint = ""
        self._last_fault = ""
        self._typed_at = float("-inf")
        theme = from_environ(environ)
        self._panes = Panes(
            open_history(history, redact),
            completer_for([(row.name, row.summary) for row in slash.shown()], runtime),
            asking=lambda: self.panel is not None,
            asking_word=lambda: self.panel is not None and self.panel.asking_word,
        )
        self.input = self._panes.input
        self.input.on_text_changed += lambda _: self._on_typed()
        self.screen = Screen(
            self._panes.layout,
            keys.build(self),
            theme,
            lambda: self._composer.compose(self.screen.columns, self.screen.rows),
            vi_mode=vi_mode,
            terminal=terminal,
        )
        self._renderer = Renderer(theme, lambda: self.screen.columns)
        self._transcript = Transcript(self.screen.commit, self._renderer, theme)
        self.screen.app.after_render += lambda _: self.runtime.prompted()
        self._spinner = Spinner(self.screen.redraw)
        self._composer = Composer(self, self._panes, self._transcript, self._spinner)

    # -- lifecycle

    async def run(self, first_prompt: str | None = None) -> int:
        """Serve the terminal until the user leaves; the exit code."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(self._on_loop_error)
        try:
            with ending(self._on_signal):
                await self._greet()
                if first_prompt:
                    self._start(first_prompt)
                await self.screen.app.run_async(set_exception_handler=False)
        except (EOFError, OSError):
            log.info("the terminal is gone")
        finally:
            await self._close()
            loop.set_exception_handler(before)
        return EXIT_INTERRUPTED if self._signalled else EXIT_OK

    def _on_signal(self) -> None:
        self._signalled = True
        self.exit()

    async def _greet(self) -> None:
        self.say(await banner.rows(self.runtime, self.session))
        for notice in self.runtime.notices:
            self.say([[("dim" if notice.level == "info" else "warning", "! "), ("", clean(notice.text))]])
        self._transcript.past(await self.session.transcript(50))

    async def _close(self) -> None:
        self._leaving = True
        await self._stop_work()
        for task in list(self._tasks):
            task.cancel()
        self._spinner.stop()
        await self.session.close()
        if self._spoken:
            self.say([[("dim", f"lcode --resume {slash.short_id(self.session.id)} continues this session")]])
        self.screen.flush()

    async def _stop_work(self) -> None:
        """Stop the run, if there is one, and wait until it has kept what it did."""
        self.queue.clear()
        if self._work is not None and not self._work.done():
            self.session.interrupt()
            done, _ = await asyncio.wait({self._work}, timeout=LEAVE_SECONDS)
            if not done:
                self._work.cancel()

    # -- what keys do

    def guarded(self, action: Callable[[], None]) -> None:
        """Run a handler; a fault in it is logged and shown in one line."""
        try:
            action()
        except Exception as error:
            log.exception("a key handler failed")
            self._fault(error)

    def submit(self) -> None:
        """Take what is in the input: a command, a message, or while a run is on its way one for the queue."""
        text = self.input.text.strip()
        if not text:
            return
        self.input.append_to_history()
        self.input.reset()
        self._typed_at = float("-inf")  # what was being typed is sent
        self._last_fault = ""
        self._start(text)

    def interrupt(self) -> None:
        if self.running:
            self._transcript.activity = "stopping"
            self.session.interrupt()

    def cancel(self) -> None:
        """Ctrl-C: stop the run, else clear the input, else leave at the second time."""
        if self.running:
            self.interrupt()
        elif self.input.text:
            self.input.reset()
        elif self.hint:
            self.exit()
        else:
            self.hint = "Ctrl-C again to leave"
            asyncio.get_running_loop().call_later(HINT_SECONDS, self._clear_hint)

    def exit(self) -> None:
        if not self._leaving:
            self._leaving = True
            self._spawn(self._leave())

    def take_back(self) -> None:
        """Bring the newest queued message back into the input."""
        self.input.text = self.queue.pop()
        self.input.cursor_position = len(self.input.text)

    def choose(self, choice: int) -> None:
        if self.panel is not None:
            self._answered(self.panel.choose(choice))

    def move(self, by: int) -> None:
        if self.panel is not None:
            self.panel.move(by)

    def say_why(self) -> None:
        if self.panel is not None:
            self._answered(self.panel.answer(Answer(Decision.NO, self._panes.word.text.strip())))

    def back(self) -> None:
        """From the word of a refusal to the choices."""
        if self.panel is not None:
            self.panel.asking_word = False
            self._panes.word.reset()
            self._panes.layout.focus(self._panes.question)

    # -- what commands do

    def say(self, rows: Sequence[Row]) -> None:
        self._transcript.say(rows, "said")

    async def switch(self, session: SessionPort, *, resumed: bool) -> None:
        """Put another session in this terminal; the one before it is closed."""
        previous, self.session, self._spoken = self.session, session, resumed
        await previous.close()
        self.say([banner.session_row(session, "continued" if resumed else "new")])
        if resumed:
            self._transcript.past(await session.transcript(50))

    # -- runs

    def _start(self, text: str) -> None:
        row = slash.COMMANDS.get(text[1:].split(None, 1)[0]) if text.startswith("/") and text[1:].strip() else None
        if text.startswith("/") and (row is None or row.while_running or self.running):
            self._spawn(self._command(text))
            return
        self.queue.append(text)
        if self._work is None or self._work.done():
            self._work = self._spawn(self._drain())

    async def _drain(self) -> None:
        while self.queue and not self._leaving:
            text = self.queue.popleft()
            if text.startswith("/"):
                await self._command(text)
            else:
                await self._answer(text)
        self.screen.redraw()

    async def _answer(self, text: str) -> None:
        """One run. After an interrupt or an error what is queued does not follow it."""
        self._transcript.user(text)
        self._spoken = True
        if self._warm is None:
            self._warm = asyncio.get_running_loop().run_in_executor(None, self._renderer.warm_up)
        with self.busy():
            finished: RunFinished = await self.session.run(text, self.emit)
            if finished.stop_reason is StopReason.CANCELLED or finished.error:
                self._return_queue()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.running = True
        self._spinner.start()
        try:
            yield
        finally:
            self.running, self._transcript.activity = False, ""
            self._spinner.stop()
            self.screen.redraw()

    def _return_queue(self) -> None:
        """The user decides anew what to send."""
        texts = [*self.queue, self.input.text] if self.input.text else list(self.queue)
        self.queue.clear()
        if texts:
            self.input.text = "\n".join(texts)
            self.input.cursor_position = len(self.input.text)

    async def _command(self, text: str) -> None:
        self._transcript.command(text)
        try:
            await slash.dispatch(self, text, running=self.running)
        except UserError as error:
            self._transcript.error(error.message, error.hint)
            if not self.input.text:
                self.input.text = text
                self.input.cursor_position = len(text)

    async def _leave(self) -> None:
        await self._stop_work()
        if self.screen.app.is_running and not self.screen.app.is_done:
            self.screen.app.exit()

    # -- events

    def emit(self, event: Event) -> None:
        """Take one event of the run."""
        if isinstance(event, ApprovalRequested):
            self._questions.append(event)
            event.answer.add_done_callback(lambda _: self._next_question())
            self._next_question()
        else:
            if self.running and self.panel is None and not isinstance(event, RunFinished):
                self._spinner.touch()
            self._transcript.handle(event)
        self.screen.redraw()

    def _answered(self, line: Row | None) -> None:
        if line is None:
            self._panes.word.reset()
            self._panes.layout.focus(self._panes.word)
        else:
            panel = self.panel
            if panel is not None and panel.event.answer.done() and panel.event.answer.result().decision is Decision.NO:
                self._transcript.refused(panel.event.call_id)
            self._transcript.say([cells.fit_row(line, self.screen.columns)], "tool")
            self._next_question()

    def _next_question(self) -> None:
        """Show the first question that is still open, or give the keys back to the input."""
        while self._questions and self._questions[0].answer.done():
            self._questions.popleft()
        event = self._questions[0] if self._questions else None
        if event is not None and (self.panel is None or self.panel.event is not event):
            self._spinner.stop()  # nothing moves while the user is asked
            typing = clock.monotonic() - self._typed_at < TYPING_SECONDS
            self.panel = ApprovalPanel(event, typing=typing)
            self._panes.layout.focus(self._panes.question)
        elif event is None and self.panel is not None:
            self.panel = None
            self._panes.layout.focus(self.input)
            if self.running:
                self._spinner.start()
        self.screen.redraw()

    # -- small things

    def _on_typed(self) -> None:
        self._typed_at = clock.monotonic()
        self.hint = ""

    def _clear_hint(self) -> None:
        self.hint = ""
        self.screen.redraw()

    # -- faults

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._shielded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _shielded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            log.exception("a task of the terminal failed")
            self._fault(error)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("in the event loop: %s", context.get("message"), exc_info=error)
        if error is not None:
            self._fault(error)

    def _fault(self, error: BaseException) -> None:
        words = f"a fault in the terminal: {type(error).__name__}: {error}"
        if words != self._last_fault:  # a fault in drawing comes again with every frame
            self._last_fault = words
            self._transcript.error(words, "the log has the trace")


async def run_shell(
    runtime: RuntimePort,
    session: SessionPort,
    *,
    environ: Mapping[str, str],
    first_prompt: str | None = None,
    history: Path | None = None,
    redact: Callable[[str], str] = str,
    vi_mode: bool = False,
) -> int:
    """Serve the terminal until the user leaves; the exit code. Closes the session that is then open (not the runtime).

    `history` is the file of the input history (None: kept in memory), `redact` what each entry passes before it is written.
    """
    logger = logging.getLogger("lcode")
    logger.propagate = False  # nothing but the shell writes to the screen
    handler = BugHandler(runtime.log_bug)
    logger.addHandler(handler)
    shell = Shell(runtime, session, environ=environ, history=history, redact=redact, vi_mode=vi_mode)
    try:
        return await shell.run(first_prompt)
    finally:
        logger.removeHandler(handler)
