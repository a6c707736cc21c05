"""How far a long work is, on standard error: a bar for a person's terminal, a line now and then for a pipe or a dumb one."""

from __future__ import annotations

import os
import shutil
import sys

from lcode import clock
from lcode.cli.output import Styled, plural, say

_BAR, _PIPE = 0.1, 2.0  # seconds between two frames, and between two lines
_CELLS = 24


class Progress:
    """`show` as often as there is news; `close` when done, which leaves nothing of the bar behind."""

    def __init__(self, noun: str = "file", *, quiet: bool = False) -> None:
        self._noun = noun
        self._quiet = quiet
        self._drawn = False
        self._bar = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._phase = ""
        self._began = self._shown_at = clock.monotonic()
        self._first = 0

    def show(self, phase: str, done: int, total: int) -> None:
        """`done` of `total` of this phase; a `total` of 0 is one that is not known."""
        now = clock.monotonic()
        if phase != self._phase:
            self._phase, self._began, self._first = phase, now, done
            if self._bar:
                self._shown_at = 0.0
        if self._quiet or now - self._shown_at < (_BAR if self._bar else _PIPE):
            return
        self._shown_at = now
        words = self._words(done, total, now - self._began)
        if self._bar:
            self._draw(words, done / total if total else 0.0)
        else:
            say(words, err=True)
            sys.stderr.flush()

    def _words(self, done: int, total: int, seconds: float) -> str:
        if not done and not total:
            return f"{self._phase} …"
        count = f"{done:,} of {total:,} {self._noun}s" if total else plural(done, self._noun)
        rate = (done - self._first) / seconds if seconds > 0.3 else 0.0
        parts = [f"{self._phase}: {count}"]
        if rate > 0:
            parts.append(f"{rate:,.0f}/s")
            if total > done:
                parts.append(f"{duration((total - done) / rate)} left")
        return ", ".join(parts)

    def _draw(self, words: str, share: float) -> None:
        columns = shutil.get_terminal_size().columns
        full = round(min(1.0, share) * _CELLS)
        bar = f"{'█' * full}{'░' * (_CELLS - full)} " if columns > _CELLS + len(words) + 2 else ""
        if (sys.stderr.encoding or "").lower().replace("-", "") != "utf8":
            bar = ""
        sys.stderr.write(f"\r\x1b[K{bar}{words[: columns - 1]}")
        sys.stderr.flush()
        self._drawn = True

    def close(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def tell(self, text: str) -> None:
        """A line of its own between the frames."""
        self.close()
        if not self._quiet:
            say(Styled(text, "dim"), err=True)


def duration(seconds: float) -> str:
    """`8 s`, `3:05 min`, `1:02 h`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
