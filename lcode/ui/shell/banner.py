"""The lines a terminal session begins with: who answers, which session, what is remembered."""

from __future__ import annotations

from lcode.sanitize import clean
from lcode.ui.plain import one_line
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell.slash import short_id
from lcode.ui.shell.theme import SEPARATOR, Row

_MANY = 100


async def rows(runtime: RuntimePort, session: SessionPort) -> list[Row]:
    """Two lines."""
    blocks = len(await runtime.blocks())
    sessions = len(await runtime.sessions(_MANY))
    count = f"{_MANY} or more" if sessions >= _MANY else str(sessions)
    known = f"remembers {_counted(str(blocks), 'block')} and {_counted(count, 'session')}"
    head: Row = [("bold", "lcode"), ("", "  "), ("accent", one_line(clean(runtime.agent.name)))]
    return [[*head, ("dim", SEPARATOR + _named(session))], [("dim", f"{known}{SEPARATOR}/help lists what can be typed")]]


def session_row(session: SessionPort, word: str) -> Row:
    """One line for a session that was opened from within."""
    return [("dim", f"{word}: {_named(session)}")]


def _named(session: SessionPort) -> str:
    title = one_line(clean(session.title), 60)
    return f"session {short_id(session.id)}" + (f"{SEPARATOR}{title}" if title else "")


def _counted(number: str, noun: str) -> str:
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"
