"""Which rows stand at the bottom of the terminal now, and how many: the whole never takes more than the window has.

The live area (the end of the answer, running tools, queued messages, or a question in their place) gets at most four
rows less than the window.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from prompt_toolkit.buffer import Buffer

from lcode.sanitize import clean
from lcode.ui.ports import RuntimePort, SessionPort
from lcode.ui.shell import cells
from lcode.ui.shell.layout import Panes, input_rows
from lcode.ui.shell.panels import ApprovalPanel
from lcode.ui.shell.status import Spinner, status_row
from lcode.ui.shell.theme import QUEUED, SEPARATOR, Row
from lcode.ui.shell.transcript import Transcript

MENU_ROWS = 6
QUEUE_ROWS = 3
TAIL_ROWS = 6
WIDE = 60  # columns from which the status line has room for hints


class Shown(Protocol):
    """The state that is drawn."""

    @property
    def runtime(self) -> RuntimePort: ...
    @property
    def session(self) -> SessionPort: ...
    @property
    def input(self) -> Buffer: ...
    @property
    def panel(self) -> ApprovalPanel | None: ...
    @property
    def running(self) -> bool: ...
    @property
    def queue(self) -> deque[str]: ...
    @property
    def hint(self) -> str: ...


class Composer:
    def __init__(self, shown: Shown, panes: Panes, transcript: Transcript, spinner: Spinner) -> None:
        self._shown = shown
        self._panes = panes
        self._transcript = transcript
        self._spinner = spinner

    def compose(self, columns: int, rows: int) -> None:
        """Bring the rows that the layout draws up to date."""
        drawn = self._panes.rows
        panel = self._shown.panel
        room = rows - 4
        if panel is not None:
            drawn.menu = []
            live = panel.rows(columns, room - panel.asking_word)
        else:
            drawn.menu = self._panes.menu_rows(columns, min(MENU_ROWS, rows // 3))
            queue = self._queue(columns)
            room = max(0, room - len(queue) - len(drawn.menu) - self._draft_rows(columns, rows) + 1)
            live = [*self._transcript.live(columns, room, min(TAIL_ROWS, rows // 3)), *queue]
        joined = self._transcript.continuing and panel is None and bool(live)
        above: list[Row] = [] if joined else [[("", "")]]
        drawn.live = [*above, *live, [("", "")]] if live else above
        drawn.status = [self._status(columns)]

    def _status(self, columns: int) -> Row:
        shown = self._shown
        self._spinner.follow(shown.runtime.background.line)
        return status_row(shown.runtime, shown.session, columns, lead=self._lead(columns), hint=shown.hint)

    def _lead(self, columns: int) -> Row:
        if self._shown.panel is not None:
            return [("warning", "? "), ("", "1 to 4, or arrows and Enter")]
        if not self._shown.running:
            return []
        stop = f"{SEPARATOR}Esc stops  " if columns >= WIDE else ""
        return [("accent", f"{self._spinner.cell} "), ("", self._transcript.activity or "waiting"), ("dim", stop)]

    def _queue(self, columns: int) -> list[Row]:
        queue = list(self._shown.queue)
        shown: list[Row] = [
            cells.fit_row([("accent", f"{QUEUED} "), ("dim", " ".join(clean(text).split()))], columns)
            for text in queue[:QUEUE_ROWS]
        ]
        more = len(queue) - QUEUE_ROWS
        return [*shown, [("dim", f"  … {more} more queued")]] if more > 0 else shown

    def _draft_rows(self, columns: int, rows: int) -> int:
        lines = self._shown.input.text.split("\n")
        needed = sum(1 + cells.width(line) // max(1, columns - 2) for line in lines)
        return min(needed, input_rows(rows))
