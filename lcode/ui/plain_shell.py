"""The session for dumb terminals, pipes and screen readers: a line in, an answer out, no cursor movement, no colours.

Uses the commands of the terminal, and asks for approvals by typed answers where standard input is a terminal.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from lcode.errors import EXIT_INTERRUPTED, EXIT_OK, StoreError, UserError
from lcode.events import Answer, ApprovalRequested, Decision, Event, RunFinished, ToolFinished
from lcode.ui.plain import PlainFace, told, write
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell import banner, slash
from lcode.ui.shell.diff import diff_rows
from lcode.ui.shell.theme import Row

DETAIL_LINES = 40


class LineReader:
    """Reads lines in a daemon thread, so that waiting for one never holds the exit."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def read(self) -> str | None:
        """The next line without its end; None at the end of the input."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[str | None] = loop.create_future()

        def deliver(line: str) -> None:
            if not result.done():
                result.set_result(line.rstrip("\r\n") if line else None)

        def work() -> None:
            try:
                line = self._stream.readline()
            except (OSError, ValueError):
                line = ""
            if not loop.is_closed():
                loop.call_soon_threadsafe(deliver, line)

        threading.Thread(target=work, daemon=True, name="read-line").start()
        return await result


class PlainShell:
    """One plain session. `emit` takes a run's events; the other names are what commands use."""

    def __init__(self, runtime: RuntimePort, session: SessionPort, source: TextIO, out: TextIO) -> None:
        self.runtime = runtime
        self.session = session
        self.interactive = source.isatty()
        self.running = False
        self._source = source
        self._out = out
        self._reader = LineReader(source)
        self._face = PlainFace(out, out, progress=True)
        self._left = False
        self._code = EXIT_OK
        self._asks: set[asyncio.Task[None]] = set()

    async def run(self, first_prompt: str | None = None) -> int:
        self.say(await banner.rows(self.runtime, self.session))
        self.say([[("", f"! {notice.text}")] for notice in self.runtime.notices])
        text = first_prompt
        while not self._left:
            if text is None:
                self._prompt("> ")
                self.runtime.prompted()
                text = await self._reader.read()
                if text is None:
                    break
            await self._take(text.strip())
            text = None
        await self.session.close()
        return self._code

    def say(self, rows: Sequence[Row]) -> None:
        for row in rows:
            write(self._out, "".join(text for _, text in row) + "\n")

    async def switch(self, session: SessionPort, *, resumed: bool) -> None:
        previous, self.session = self.session, session
        await previous.close()
        self.say([banner.session_row(session, "continued" if resumed else "new")])

    def exit(self) -> None:
        self._left = True

    def emit(self, event: Event) -> None:
        if isinstance(event, ApprovalRequested) and self.interactive:
            task = asyncio.get_running_loop().create_task(self._ask(event))
            self._asks.add(task)
            task.add_done_callback(self._asks.discard)
            event.answer.add_done_callback(lambda _: task.cancel() if event.answer.cancelled() else None)
        else:
            self._face.emit(event)
            if isinstance(event, ToolFinished) and event.diff:
                self.say(diff_rows(event.diff, DETAIL_LINES))

    async def _take(self, text: str) -> None:
        if not text:
            return
        try:
            if text.startswith("/"):
                await slash.dispatch(self, text, running=False)
            else:
                await self._answer(text)
                failure = getattr(self.session, "failure", None)
                if isinstance(failure, StoreError) and not self.interactive:  # nobody to be told: nothing more is tried
                    self._left, self._code = True, failure.exit_code
        except UserError as error:
            write(self._out, told(error.message, error.hint))

    async def _answer(self, text: str) -> RunFinished:
        with self.busy():
            return await self.session.run(text, self.emit)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While the session works, Ctrl-C stops it."""
        self.running = True
        try:
            yield
        finally:
            self.running = False

    async def _ask(self, event: ApprovalRequested) -> None:
        title: Row = [("", f"? {event.title}")]
        detail: list[Row] = [[("", f"  {line}")] for line in event.detail.splitlines()]
        self.say([title, *(diff_rows(event.detail, DETAIL_LINES) if event.kind == "diff" else detail)])
        self.say([[("", f"1 yes  2 yes, this session: {event.grant}  3 no  4 no, and say why")]])
        answer: Answer | None = None
        while answer is None:
            self._prompt("1-4: ")
            typed = await self._reader.read()
            if typed is None:
                answer = Answer(Decision.NO)
            elif typed.strip() == "4":
                self._prompt("why: ")
                answer = Answer(Decision.NO, (await self._reader.read() or "").strip())
            else:
                decision = {"1": Decision.ONCE, "2": Decision.SESSION, "3": Decision.NO}.get(typed.strip())
                answer = Answer(decision) if decision else None
        if not event.answer.done():
            event.answer.set_result(answer)

    def _prompt(self, text: str) -> None:
        if self.interactive:
            write(self._out, text)


async def run_plain_shell(
    runtime: RuntimePort,
    session: SessionPort,
    *,
    source: TextIO | None = None,
    out: TextIO | None = None,
    first_prompt: str | None = None,
) -> int:
    """Serve lines from `source` (standard input) until its end; the exit code. Closes the session that is then open.

    Ctrl-C stops a run; without one it ends the session.
    """
    shell = PlainShell(runtime, session, source or sys.stdin, out or sys.stdout)
    loop = asyncio.get_running_loop()
    work = loop.create_task(shell.run(first_prompt))

    def on_interrupt() -> None:
        if shell.running:
            shell.session.interrupt()
        else:
            work.cancel()

    handled = sys.platform != "win32" and threading.current_thread() is threading.main_thread()
    if handled:
        loop.add_signal_handler(signal.SIGINT, on_interrupt)
    try:
        return await work
    except asyncio.CancelledError:
        await shell.session.close()
        return EXIT_INTERRUPTED
    finally:
        if handled:
            loop.remove_signal_handler(signal.SIGINT)
