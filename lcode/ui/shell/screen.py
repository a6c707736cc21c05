"""The one owner of the terminal: a single prompt_toolkit application at the bottom, finished text above it.

Finished text is written between two frames: the application's few rows are erased, the text goes out as plain lines,
and the rows are drawn again below it, all inside one synchronized update. (`run_in_terminal` would do the same with a
detached input and a cooked terminal for every piece, which echoes keys typed meanwhile.) No alternate screen, no scroll
region; what was committed is never touched again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from prompt_toolkit.application import Application
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyBindingsBase
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from lcode.ui.shell.theme import Theme

FRAME = 0.07  # seconds between frames, at least
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"

log = logging.getLogger(__name__)


class Screen:
    """Draws `layout` at the bottom and commits text above it. `compose` is called before each frame to bring the rows
    that the layout shows up to date."""

    def __init__(
        self,
        layout: Layout,
        keys: KeyBindingsBase,
        theme: Theme,
        compose: Callable[[], None],
        *,
        vi_mode: bool = False,
        terminal: tuple[Input, Output] | None = None,
    ) -> None:
        source, output = terminal or open_terminal()
        self._compose = compose
        self._pending: list[str] = []
        self._height = 0
        self.app: Application[None] = Application(
            layout=layout,
            key_bindings=keys,
            style=Style.from_dict(theme.rules()),
            include_default_pygments_style=False,
            full_screen=False,
            erase_when_done=True,
            editing_mode=EditingMode.VI if vi_mode else EditingMode.EMACS,
            color_depth=ColorDepth.DEPTH_4_BIT if theme.color else ColorDepth.DEPTH_1_BIT,
            min_redraw_interval=FRAME,
            # A resize arrives as a signal; polling for it would be a timer that never rests.
            terminal_size_polling_interval=0.5 if sys.platform == "win32" else None,
            before_render=lambda _: self._before_frame(),
            after_render=lambda _: self._after_frame(),
            input=source,
            output=output,
        )
        self.app.ttimeoutlen = 0.05  # Esc alone is told from a key sequence after this
        self.app.timeoutlen = 0.15

    @property
    def columns(self) -> int:
        return self.app.output.get_size().columns

    @property
    def rows(self) -> int:
        return self.app.output.get_size().rows

    def commit(self, text: str) -> None:
        """Add `text` (whole lines, no line end after the last) to the scrollback with the next frame."""
        self._pending.append(text)
        self.app.invalidate()

    def redraw(self) -> None:
        self.app.invalidate()

    def flush(self) -> None:
        """Write what is still pending after the application has ended."""
        try:
            self._write_pending()
            self.app.output.flush()
        except OSError:
            log.info("the terminal is gone")

    def _before_frame(self) -> None:
        output = self.app.output
        if isinstance(output, Vt100_Output):
            output.write_raw(_BEGIN)
        try:
            self._compose()
        except Exception:
            log.exception("the live rows could not be made")
        size = output.get_size()
        height = self.app.layout.container.preferred_height(size.columns, size.rows).preferred
        if self._pending or height < self._height:  # a smaller frame is drawn afresh, or its old rows would stay
            self.app.renderer.erase(leave_alternate_screen=False)
            self._write_pending()
        self._height = height

    def _after_frame(self) -> None:
        output = self.app.output
        if isinstance(output, Vt100_Output):
            output.write_raw(_END)
            output.flush()

    def _write_pending(self) -> None:
        if self._pending:
            text = "\n".join(self._pending)
            self._pending.clear()
            self.app.output.write_raw(text.replace("\n", "\r\n") + "\r\n")


def open_terminal() -> tuple[Input, Output]:
    """The process's terminal. Cursor position requests are off: the rows have an exact height, so nothing needs them,
    and a terminal that does not answer would cost a warning and a wait."""
    output = create_output()
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False
    return create_input(), output
