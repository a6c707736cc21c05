"""The status line: who answers, where, with what, how; and the spinner, which turns with a run alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lcode import clock
from lcode.sanitize import clean
from lcode.ui.plain import one_line
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell import cells
from lcode.ui.shell.theme import SEPARATOR, Row

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PERIOD = 0.25
_LATER = 2.0  # seconds between two looks at what goes on beside the run
_REST = 30.0  # seconds without an event after which the spinner stands still


class Spinner:
    """One cell that turns while something runs. `touch` says that something happened."""

    def __init__(self, redraw: Callable[[], None]) -> None:
        self._redraw = redraw
        self._task: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._frame = 0
        self._touched = 0.0

    @property
    def turning(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def cell(self) -> str:
        return FRAMES[self._frame % len(FRAMES)]

    def start(self) -> None:
        self.touch()

    def follow(self, look: Callable[[], str]) -> None:
        """Draw once more when `look`, which tells what goes on beside the run, says something else than now."""
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(_LATER, self._look_again, look, look())

    def _look_again(self, look: Callable[[], str], drawn: str) -> None:
        self._again = None
        if look() == drawn:
            self.follow(look)
        else:
            self._redraw()

    def touch(self) -> None:
        self._touched = clock.monotonic()
        if not self.turning:
            self._task = asyncio.get_running_loop().create_task(self._turn())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._again is not None:
            self._again.cancel()
            self._again = None

    async def _turn(self) -> None:
        while clock.monotonic() - self._touched < _REST:
            await asyncio.sleep(_PERIOD)
            self._frame += 1
            self._redraw()


def status_row(runtime: RuntimePort, session: SessionPort, columns: int, *, lead: Row, hint: str = "") -> Row:
    """The status line in `columns` cells: `lead` (spinner and activity), then what fits of the rest, the least telling
    left out first. A `hint` takes the place of the rest."""
    room = columns - sum(cells.width(text) for _, text in lead) - 2
    if hint:
        return [*lead, ("warning", cells.fit(f"{INDENT}{hint}", room + 2))]
    model = one_line(clean(session.model))
    mode = str(session.mode)
    fields = [
        (2, "dim", one_line(clean(runtime.agent.name))),
        (3, "dim", one_line(clean(runtime.branch))),
        (1, "dim", model if columns >= 60 else model.rpartition("/")[2]),
        (0, "warning" if mode == "yolo" else "dim", mode),
        (1, "dim", context_share(session)),
        (4, "dim", one_line(clean(runtime.background.line()), 60)),
    ]
    fields = [field for field in fields if field[2]]
    while fields and cells.width(SEPARATOR.join(text for _, _, text in fields)) > room:
        fields.remove(max(fields, key=lambda field: field[0]))
    row = [*lead, ("", INDENT)]
    for index, (_, style, text) in enumerate(fields):
        row += [("dim", SEPARATOR if index else ""), (style, text)]
    return row


def context_share(session: SessionPort) -> str:
    """How much of the context window is used; empty where it is not known."""
    if session.context_window <= 0 or session.context_tokens <= 0:
        return ""
    share = 100 * session.context_tokens / session.context_window
    return f"{max(1, round(share))}% context"


INDENT = "  "
