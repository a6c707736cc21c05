"""Opening the store for a command, and closing it whatever happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.cli.options import Options
from lcode.cli.output import Styled, is_terminal, one_line, say
from lcode.errors import StoreUnwritable, UsageError, UserError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.config import Settings
    from lcode.git.repository import Place
    from lcode.memory.agents import AgentRow
    from lcode.memory.store import Store


def directory(options: Options) -> Path:
    """Where the command works. Raises UserError where that was deleted, or is not to be read."""
    try:
        return (options.directory or Path()).absolute()
    except OSError as error:
        raise UserError(
            f"the current directory cannot be used: {error.strerror or error}", "cd to a folder that exists, or use -C"
        ) from error


def settings_of(options: Options) -> Settings:
    """The settings of the place, with the options of the command line on top."""
    from lcode import config
    from lcode.git.repository import find

    return config.load(find(directory(options)).root, os.environ, options.flags())


def in_session() -> bool:
    """Whether it is the command of a session's shell, and so not what the user says."""
    return bool(os.environ.get("LCODE_IN_SESSION"))


def only_the_user(what: str) -> None:
    """Raises UserError in the command of a session: what it says would pass for the user's own word."""
    if in_session():
        raise UserError(f"only the user can {what}, not a session's command", "run it in a terminal of your own")


@contextmanager
def opened(options: Options, *, writes: bool = False) -> Iterator[Runtime]:
    """The runtime of a command that needs the store alone. A command that only reads makes nothing in a place that has
    no agent yet: it sees what an agent would know at first sight. It also reads a store that cannot be written."""
    _refuse_ephemeral(options, writes)
    settings, where = settings_of(options), directory(options)
    ephemeral = options.ephemeral or not (writes or options.agent is not None or has_agent(where))
    runtime = _runtime(options, settings, where, writes=writes, ephemeral=ephemeral)
    try:
        _tell(settings, runtime, options, writes)
        yield runtime
    finally:
        runtime.store.close()


def _runtime(options: Options, settings: Settings, where: Path, *, writes: bool, ephemeral: bool) -> Runtime:
    from lcode.agent.runtime import Runtime
    from lcode.cli.report import complain

    try:
        return Runtime.open(settings, where, agent=options.agent, ephemeral=ephemeral)
    except StoreUnwritable as error:
        if writes or ephemeral:
            raise
        try:
            runtime = Runtime.open(settings, where, agent=options.agent, ephemeral=True)
        except UserError:  # it cannot be read either
            raise error from None
        complain(f"memory is only read: {error.message}")
        return runtime


def _tell(settings: Settings, runtime: Runtime, options: Options, writes: bool) -> None:
    """What the user must know of this place is said once, whoever reads it; other notices to a person, or with -v."""
    from lcode.cli.report import complain

    ignored = settings.warnings if writes or options.verbose else ()
    for line in [*ignored, *(notice.text for notice in runtime.notices if notice.level != "info")]:
        complain(line)
    if options.verbose or (writes and sys.stderr.isatty()):
        for notice in runtime.notices:
            if notice.level == "info":
                say(Styled(notice.text, "dim"), err=True)


def _refuse_ephemeral(options: Options, writes: bool) -> None:
    if writes and options.ephemeral:
        raise UsageError("--ephemeral does not go with a command that writes", "leave it out")


@contextmanager
def registry(options: Options, *, writes: bool = True) -> Iterator[tuple[Store, Place]]:
    """The registry of agents alone, and the place the command is in."""
    from lcode.git.repository import find
    from lcode.memory.store import Store

    _refuse_ephemeral(options, writes)
    store = Store(os.environ, ephemeral=not writes)
    try:
        yield store, find(directory(options))
    finally:
        store.close()


def has_agent(where: Path) -> bool:
    """Whether the place is known, or is a known repository that was moved here."""
    from lcode.git.repository import find
    from lcode.memory.store import Store

    store = Store(os.environ, ephemeral=True)
    try:
        place = find(where)
        return bool(store.agents.known(place) or store.agents.moved(place))
    finally:
        store.close()


def choose_agent(where: Path, agents: Sequence[AgentRow]) -> AgentRow | None:
    """Ask the person at the terminal about a copy or fork: share an agent, or None for one of its own."""
    from lcode.cli.agents import place_names

    say(f"{where} shares its history with a repository that has an agent already.")
    for number, agent in enumerate(agents, 1):
        say(f"  {number}  share the memory of {agent.name} ({', '.join(place_names(agent.paths)) or agent.id})")
    say("  0  an agent of its own")
    at = ask_number(len(agents))
    return agents[at - 1] if at else None


def ask_number(highest: int, default: int = 0) -> int:
    """A number from 0 to `highest` that is typed; `default` for an empty line."""
    while True:
        sys.stdout.write(f"number [{default}]: ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        typed = line.strip() or str(default)
        if typed.isdecimal() and int(typed) <= highest:
            return int(typed)
        say(f"'{one_line(typed, 40)}' is not one of the choices: type a number from 0 to {highest}")


def given_text(words: Sequence[str], what: str) -> str:
    """The words of the command line, or of standard input where there are none (or `-`). Raises UsageError."""
    if tuple(words) not in ((), ("-",)):
        return " ".join(words)
    if is_terminal() and not words:
        raise UsageError(f"{what} is missing", "give it as words, or pipe it in")
    return piped().rstrip("\n")


MAX_INPUT = 2_000_000  # bytes


def piped() -> str:
    """All of standard input. Raises UsageError where it is too much for any model."""
    if hasattr(sys.stdin, "buffer"):
        _say_that_it_waits()
        data: bytes = sys.stdin.buffer.read(MAX_INPUT + 1)
        text, size = data.decode("utf-8", "replace"), len(data)
    else:
        text = sys.stdin.read()
        size = len(text)
    if size > MAX_INPUT:
        raise UsageError(f"standard input holds more than {MAX_INPUT:,} bytes", "put it into a file and name the file")
    return text.replace("\r\n", "\n")


def _say_that_it_waits() -> None:
    """A pipe that nobody writes to and nobody closes looks like a hang: after two seconds say what is waited for."""
    if sys.platform == "win32" or not sys.stderr.isatty():
        return
    from select import select

    if not select([sys.stdin], [], [], 2.0)[0]:
        say(Styled("reading standard input until its end … (`< /dev/null` if there is none)", "dim"), err=True)
