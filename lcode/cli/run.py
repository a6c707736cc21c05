"""`lcode` without a sub-command: answers once (-p), or opens the session of the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.cli.options import UNNAMED, Options
from lcode.cli.output import is_terminal, one_line, plural, say, short, table
from lcode.cli.place import ask_number, choose_agent, directory, in_session, piped, settings_of
from lcode.cli.report import complain
from lcode.errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_STOPPED, SessionBusy, UsageError, UserError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.agent.session import Session
    from lcode.events import RunFinished
    from lcode.ui.jsonl import JsonFace
    from lcode.ui.plain import PlainFace


def run(options: Options) -> int:
    """The exit code of a session or of one answer."""
    import asyncio

    if options.proceed and options.resume is not None:
        raise UsageError("-c and -r exclude each other", "-c continues the newest session, -r the one it names")
    if options.fork and not options.proceed and options.resume is None:
        raise UsageError("--fork says how to continue a session", "add -c for the newest session, or -r ID")
    if options.prompt is not None:
        return asyncio.run(_answer(_open(options), options, _message(options.prompt)))
    if options.output_format != "text":
        raise UsageError("--output-format goes with -p", 'for example lcode -p "…" --output-format json')
    interactive = is_terminal() and sys.stdout.isatty()
    return asyncio.run(_converse(_open(options, interactive=interactive), options, interactive))


def _message(text: str) -> tuple[str, str]:
    """What is asked: the text, and what was piped in behind it; and the text alone where both are given. Raises UsageError
    where both are empty."""
    from lcode.agent.conversation import BY_A_COMMAND

    given = "" if is_terminal() else piped()
    parts = [part.strip("\n") for part in ("" if text == "-" else text, given) if part.strip()]
    if not parts:
        raise UsageError("there is nothing to answer", 'give a text, lcode -p "…", or pipe one in')
    typed = BY_A_COMMAND if in_session() else parts[0] if len(parts) > 1 else ""
    return "\n\n".join(parts), typed


def _open(options: Options, *, interactive: bool = False) -> Runtime:
    from lcode.agent.runtime import Runtime
    from lcode.events import Notice

    record = options.record.absolute() if options.record else None
    settings = settings_of(options)
    runtime = Runtime.open(
        settings, directory(options), agent=options.agent, ephemeral=options.ephemeral,
        choose=choose_agent if interactive else None,
    )  # fmt: skip
    runtime.notices[:0] = [Notice(line, "warning") for line in settings.warnings]
    runtime.interactive = interactive
    runtime.record = record
    return runtime


async def _session(runtime: Runtime, options: Options, *, ask: bool) -> Session:
    if not options.proceed and options.resume is None:
        return await runtime.new_session()
    name = options.resume
    if name == UNNAMED:
        name = await _pick(runtime) if ask else None
    forks = options.fork
    while True:
        try:
            return await (runtime.fork_session(name) if forks else runtime.resume_session(name))
        except SessionBusy as error:
            if not ask or not error.session_id:
                raise
            name, forks = await _instead(runtime, error)


async def _instead(runtime: Runtime, busy: SessionBusy) -> tuple[str | None, bool]:
    """What the person wants in place of a session that is open elsewhere: another one, or (then true) a fork of it."""
    say(f"{busy.message}.")
    say("  1  go on with a copy of it (fork)")
    say("  2  another session")
    say("  0  cancel")
    match ask_number(2):
        case 1:
            return busy.session_id, True
        case 2:
            return await _pick(runtime), False
    raise KeyboardInterrupt


async def _pick(runtime: Runtime) -> str | None:
    """Let the person choose among the recent sessions; None where there is none to choose."""
    rows = await runtime.sessions(10)
    if not rows:
        return None
    from lcode.memory.dates import local

    table(
        ("", "ID", "WHEN", "SIZE", "TITLE"),
        [
            (str(number), short(row.id), local(row.updated_at), plural(row.messages, "message"),
             one_line(row.title or "(untitled)", 70) + (" (open elsewhere)" if row.live else ""))
            for number, row in enumerate(rows, 1)
        ],
    )  # fmt: skip
    at = ask_number(len(rows), default=1)
    if not at:
        raise KeyboardInterrupt
    return rows[at - 1].id


# -- one answer -----------------------------------------------------------------------------------------------------


async def _answer(runtime: Runtime, options: Options, message: tuple[str, str]) -> int:
    text, typed = message
    runtime.show_debug(_show_debug)
    try:
        session = await _session(runtime, options, ask=False)
        face = _face(runtime, session, options)
        for notice in runtime.notices:
            face.emit(notice)
        with _signals(session.interrupt):
            finished = await session.run(text, face.emit, typed)
        return _exit_code(session, finished)
    finally:
        await runtime.close()


def _show_debug(text: str) -> None:
    with suppress(OSError):
        say(f"debug: {text}", err=True)


def _face(runtime: Runtime, session: Session, options: Options) -> PlainFace | JsonFace:
    if options.output_format == "json":
        from lcode.ui.jsonl import JsonFace

        agent = runtime.agent.id
        return JsonFace(sys.stdout, session_id=session.id, agent_id=agent, model=session.model, err=sys.stderr)
    from lcode.ui.plain import PlainFace

    return PlainFace(sys.stdout, sys.stderr, verbose=options.verbose)


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP stops the run and keeps what was done; a second one ends the process at once."""
    import asyncio
    import signal
    import threading

    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

    def stop() -> None:
        interrupt()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _exit_code(session: Session, finished: RunFinished) -> int:
    from lcode.events import StopReason

    reason = finished.stop_reason
    if reason is StopReason.CANCELLED:
        return EXIT_INTERRUPTED
    if reason in (StopReason.MAX_STEPS, StopReason.MAX_TOKENS, StopReason.MAX_COST, StopReason.REQUIRES_APPROVAL):
        return EXIT_STOPPED
    failure = session.failure
    if reason is not StopReason.END_TURN or failure is not None:  # an answer whose end could not be stored is not all well
        return failure.exit_code if isinstance(failure, UserError) else EXIT_ERROR
    if finished.refused:
        calls = plural(finished.refused, "call")
        advice = "--permission-mode accept-edits lets it edit files, yolo also run commands"
        planning = session.mode == "plan"
        complain(f"{calls} refused for want of permission", "leave plan mode: --permission-mode ask" if planning else advice)
        return EXIT_STOPPED
    return EXIT_OK


# -- the terminal ---------------------------------------------------------------------------------------------------


async def _converse(runtime: Runtime, options: Options, interactive: bool) -> int:
    try:
        session = await _session(runtime, options, ask=interactive)
        if options.plain or not interactive or os.environ.get("TERM", "dumb") == "dumb":
            from lcode.ui.plain_shell import run_plain_shell

            runtime.show_debug(_show_debug)
            return await run_plain_shell(runtime, session)
        from lcode.ui.shell.app import run_shell

        return await run_shell(
            runtime, session, environ=os.environ, history=_history(runtime), redact=runtime.store.redactor.redact,
            vi_mode=runtime.settings.vi_mode,
        )  # fmt: skip
    finally:
        await runtime.close()
        for line in runtime.unsaved:
            say(f"lcode: {line}", err=True)


def _history(runtime: Runtime) -> Path | None:
    return None if runtime.ephemeral or not runtime.settings.history else runtime.store.agent_paths(runtime.agent).history
