"""The commands of the terminal: one row each, added with `@command`. A command talks to the shell through `ShellPort`."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from lcode import clock
from lcode.errors import SessionBusy, UserError
from lcode.events import Event
from lcode.memory.compactions import Compaction
from lcode.memory.model import Block, SessionRow
from lcode.sanitize import clean
from lcode.ui.plain import one_line
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell.cells import width
from lcode.ui.shell.status import context_share
from lcode.ui.shell.theme import SEPARATOR, Row


class ShellPort(Protocol):
    """What a command may do with the terminal it was typed in."""

    @property
    def runtime(self) -> RuntimePort: ...
    @property
    def session(self) -> SessionPort: ...
    def say(self, rows: Sequence[Row]) -> None: ...
    def emit(self, event: Event) -> None: ...
    def busy(self) -> AbstractContextManager[None]: ...
    async def switch(self, session: SessionPort, *, resumed: bool) -> None: ...
    def exit(self) -> None: ...


Handler = Callable[[ShellPort, str], Awaitable[None]]


@dataclass(frozen=True)
class Command:
    """`while_running` says whether it may be used during a run; else the user is told to stop it first."""

    name: str
    argument: str
    summary: str
    run: Handler
    while_running: bool
    hidden: bool = False


COMMANDS: dict[str, Command] = {}


def command(
    name: str, summary: str, *, argument: str = "", while_running: bool = False, alias: str = ""
) -> Callable[[Handler], Handler]:
    """Add a row to the table. `alias` is a second name that lists do not show."""

    def add(handler: Handler) -> Handler:
        COMMANDS[name] = Command(name, argument, summary, handler, while_running)
        if alias:
            COMMANDS[alias] = Command(alias, argument, summary, handler, while_running, hidden=True)
        return handler

    return add


def shown() -> list[Command]:
    """The commands that lists show."""
    return [row for row in COMMANDS.values() if not row.hidden]


async def dispatch(shell: ShellPort, text: str, *, running: bool) -> None:
    """Run the command that `text` (which begins with a slash) names. Raises UserError."""
    name, _, argument = text[1:].strip().partition(" ")
    row = COMMANDS.get(name)
    if row is None:
        raise UserError(f"no command /{one_line(clean(name), 40)}", suggestion(name))
    if running and not row.while_running:
        raise UserError(f"/{row.name} has to wait until the answer is there", "Esc stops it")
    await row.run(shell, argument.strip())


def suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    return f"did you mean /{near[0]}?" if near else "/help lists the commands"


@command("help", "what can be typed here", while_running=True)
async def show_help(shell: ShellPort, argument: str) -> None:
    usage = [(f"/{row.name} {row.argument}".rstrip(), row.summary) for row in shown()]
    keys = [
        ("@path", "name a file"),
        ("Enter", "send; while an answer is on its way: queue (Up takes it back)"),
        ("Alt-Enter, Ctrl-J", "a new line"),
        ("Esc, Ctrl-C", "stop what runs"),
        ("Ctrl-R", "search what was typed before"),
        ("Ctrl-D", "leave"),
    ]
    shell.say([*_table(usage), [("", "")], *_table(keys)])


@command("memory", "the blocks of core memory, or one of them", argument="[label]", while_running=True)
async def show_memory(shell: ShellPort, argument: str) -> None:
    blocks = await shell.runtime.blocks()
    if not argument:
        table = [(clean(row.label), _size(row), one_line(clean(row.description))) for row in blocks]
        shell.say(_table(table) or [[("dim", "core memory is empty")]])
        return
    block = next((row for row in blocks if row.label == argument), None)
    if block is None:
        names = ", ".join(clean(row.label) for row in blocks)
        raise UserError(f"no block {one_line(clean(argument), 40)}", f"blocks: {names}")
    facts = SEPARATOR.join([_size(block), f"version {block.version}", block.scope.value, block.trust.value])
    shell.say([[("bold", clean(block.label)), ("dim", f"  {facts}")], *_text(block.value or "(empty)")])


@command("recall", "search what was said in all sessions (shown to you alone)", argument="query", while_running=True)
async def recall(shell: ShellPort, argument: str) -> None:
    from lcode.ui.shell.moments import rows_of

    if not argument:
        raise UserError("what is to be found?", "/recall why did we drop redis last week")
    shell.say(rows_of(await shell.runtime.recall(argument)))


@command("sessions", "the sessions of this agent, newest first", while_running=True)
async def show_sessions(shell: ShellPort, argument: str) -> None:
    rows = await shell.runtime.sessions(15)
    table = [
        (short_id(row.id), local_time(row.updated_at), f"{row.messages} messages", _title(row, shell.session.id))
        for row in rows
    ]
    shell.say(_table(table) or [[("dim", "no sessions yet")]])


@command("resume", "continue an earlier session (the newest, or by its id or title)", argument="[id]")
async def resume(shell: ShellPort, argument: str) -> None:
    if argument and argument in {shell.session.id, short_id(shell.session.id)}:
        raise UserError("this session is open here")
    try:
        session = await shell.runtime.resume_session(argument or None)
    except SessionBusy as error:
        copy = f"/fork {short_id(error.session_id)} goes on with a copy of it; " if error.session_id else ""
        raise UserError(error.message, f"{copy}/sessions lists the others") from error
    await shell.switch(session, resumed=True)


@command("fork", "go on in a copy of this session, or of another one", argument="[id]")
async def fork(shell: ShellPort, argument: str) -> None:
    here = not argument or argument in {shell.session.id, short_id(shell.session.id)}
    given = {"model": shell.session.model} if here else {}
    session = await shell.runtime.fork_session(shell.session.id if here else argument, mode=shell.session.mode, **given)
    await shell.switch(session, resumed=not here)


@command("new", "start a new session")
async def new(shell: ShellPort, argument: str) -> None:
    session = await shell.runtime.new_session(model=shell.session.model, mode=shell.session.mode)
    await shell.switch(session, resumed=False)


@command("status", "this session, its model, agent and store, the code index and the worker", while_running=True)
async def show_status(shell: ShellPort, argument: str) -> None:
    from asyncio import to_thread

    from lcode.ui.accounts import session_cost

    session, runtime = shell.session, shell.runtime
    told = [
        ("session", SEPARATOR.join(filter(None, [short_id(session.id), session.title]))),
        ("model", SEPARATOR.join(filter(None, [session.model, str(session.mode), context_share(session)]))),
        ("context", compactions_line(await session.compactions())),
        ("cost", session_cost(await session.model_calls())[0]),
        ("agent", SEPARATOR.join([runtime.agent.name, runtime.agent.id])),
        ("where", SEPARATOR.join(filter(None, [str(runtime.root), runtime.branch]))),
        *await to_thread(runtime.background.report),
    ]
    shell.say(_table([(name, one_line(clean(text), 400)) for name, text in told]))


@command("compact", "summarise what is oldest now, and keep what you name", argument="[what to keep]")
async def compact(shell: ShellPort, argument: str) -> None:
    with shell.busy():
        await shell.session.compact(argument, shell.emit)


@command("uncompact", "have what the last compaction took out in the prompt again")
async def uncompact(shell: ShellPort, argument: str) -> None:
    with shell.busy():
        await shell.session.uncompact(shell.emit)


@command("context", "what stands in the context window, part by part", while_running=True)
async def show_context(shell: ShellPort, argument: str) -> None:
    from lcode.ui.accounts import aligned, bar, parts_table, window_line

    found = await shell.session.accounting()
    lines = [bar(found), *aligned(parts_table(found)), compactions_line(await shell.session.compactions())]
    shell.say([[("dim", clean(window_line(found)))], *([("", clean(line))] for line in lines)])


@command("cost", "what this session cost: by model, and the newest answer", while_running=True)
async def show_cost(shell: ShellPort, argument: str) -> None:
    from lcode.ui.accounts import session_cost

    lines = session_cost(await shell.session.model_calls())
    shell.say([[("", clean(line))] for line in lines])


@command("model", "show or change the model", argument="[name]")
async def model(shell: ShellPort, argument: str) -> None:
    if argument:
        await shell.session.set_model(argument)
    shell.say([[("dim", "model: "), ("", clean(shell.session.model))]])


@command("mode", "show or change what runs without asking", argument="[ask|accept-edits|plan|yolo]", while_running=True)
async def mode(shell: ShellPort, argument: str) -> None:
    if argument:
        from lcode.safety.permission import Mode

        try:
            chosen = Mode(argument)
        except ValueError as error:
            raise UserError(f"no mode {one_line(clean(argument), 40)}", "modes: " + ", ".join(Mode)) from error
        shell.session.set_mode(chosen)
    shell.say([[("dim", "mode: "), ("", str(shell.session.mode))]])


@command("exit", "leave; the session can be resumed", while_running=True, alias="quit")
async def leave(shell: ShellPort, argument: str) -> None:
    shell.exit()


def compactions_line(made: Sequence[Compaction]) -> str:
    """How many there were, and of the last one when, what it freed and how long it took."""
    if not made:
        return "not compacted yet"
    last, times = made[-1], "once" if len(made) == 1 else f"{len(made)} times, the last"
    undone = ", taken back since" if last.undone_at else ""
    return (
        f"compacted {times} {local_time(last.created_at)}: {last.messages:,} messages, {last.tokens_before:,} to"
        f" {last.tokens_after:,} tokens in {last.duration_ms / 1_000:.1f} s{undone}"
    )


def short_id(session_id: str) -> str:
    """Enough of an id to name the session by: its first hexadecimal digits."""
    return clean(session_id.rpartition("session-")[2][:8])


def local_time(stamp: str) -> str:
    try:
        return clock.parse(stamp).astimezone(clock.local_zone()).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return clean(stamp)


def _size(block: Block) -> str:
    return f"{len(block.value):,}/{block.limit:,} characters"


def _title(row: SessionRow, here: str) -> str:
    title = one_line(clean(row.title), 60) or "untitled"
    if row.id == here:
        return f"{title} (this one)"
    holder = f"process {row.pid}" + (f" on {clean(row.terminal)}" if row.terminal else "") if row.pid else "elsewhere"
    doing = f", {one_line(clean(row.activity), 60)}" if row.activity else ""
    return f"{title} (open: {holder}{doing})" if row.live else title


def _table(rows: Sequence[tuple[str, ...]]) -> list[Row]:
    """Columns, aligned: the first stands out, the last is not padded."""
    widths = [max(map(width, column)) + 2 for column in zip(*rows, strict=True)]
    return [
        [
            ("accent" if index == 0 else "dim", text if index == len(row) - 1 else text + " " * (widths[index] - width(text)))
            for index, text in enumerate(row)
        ]
        for row in rows
    ]


def _text(text: str) -> list[Row]:
    return [[("", f"  {line}")] for line in clean(text).split("\n")]
