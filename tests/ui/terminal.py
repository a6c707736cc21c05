"""A program in a pseudo-terminal, its output replayed through a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 30.0
COLOURS = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
FORBIDDEN = {
    "alternate screen": re.compile(rb"\x1b\[\?(?:1049|1047|47)h"),
    "clear screen": re.compile(rb"\x1b\[[23]J"),
    "scroll region": re.compile(rb"\x1b\[[0-9]*;?[0-9]*r"),
    "cursor position request": re.compile(rb"\x1b\[6n"),
}


class Terminal:
    """`wait` blocks on the program's output until the screen shows what is expected."""

    def __init__(self, child: pexpect.spawn[bytes], columns: int, rows: int) -> None:
        self.child = child
        self.raw = b""
        self.screen = pyte.HistoryScreen(columns, rows, history=20_000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def wait(self, expected: str | Callable[[], bool]) -> None:
        """Read until the screen holds the text (or the condition holds)."""
        seen = (lambda: expected in self.text) if isinstance(expected, str) else expected
        deadline = time.monotonic() + TIMEOUT
        while not seen():
            assert time.monotonic() < deadline, f"waited in vain for {expected!r}; the screen:\n{self.text}"
            self._read()

    def wait_exit(self) -> int:
        deadline = time.monotonic() + TIMEOUT
        while self._read():
            assert time.monotonic() < deadline, f"no exit; the screen:\n{self.text}"
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0)

    def release(self) -> None:
        self.child.kill(signal.SIGUSR1)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    @property
    def display(self) -> list[str]:
        """The window's lines, without the empty ones at the end."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.display)

    @property
    def scrollback(self) -> list[str]:
        """Everything: the lines above the window and the window."""
        above = [
            "".join(line[column].data for column in range(self.screen.columns)).rstrip() for line in self.screen.history.top
        ]
        return [*above, *self.display]

    @property
    def idle(self) -> bool:
        """The status line is there and says nothing of a run."""
        lines = self.display
        return bool(lines) and "context" in lines[-1] and "Esc" not in lines[-1] and "ing " not in lines[-1]

    def _read(self) -> bool:
        try:
            data = self.child.read_nonblocking(65536, timeout=0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def assert_calm(self) -> None:
        """Nothing that flickers or loses scrollback was written."""
        for what, pattern in FORBIDDEN.items():
            assert not pattern.search(self.raw), what


@contextmanager
def terminal(*words: str, columns: int = 80, rows: int = 24, environ: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """The scripted shell in a terminal, waited for until its first frame is there."""
    variables = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "PROMPT_TOOLKIT_COLOR_DEPTH"}}
    variables |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "TZ": "UTC", **(environ or {})}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "tests.ui.program", *words],
        cwd=str(ROOT),
        env=variables,
        dimensions=(rows, columns),
        timeout=TIMEOUT,
    )
    child.delaybeforesend = None
    shown = Terminal(child, columns, rows)
    try:
        shown.wait("context")
        yield shown
    finally:
        child.close(force=True)
