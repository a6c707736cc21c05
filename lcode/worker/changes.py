"""What was saved in a checkout and is not indexed yet, gathered until it is worth a look.

A save is taken up when nothing more followed for a moment, and soon in any case. Very many at once (another branch, an
unpacked archive) are not taken one by one: the whole checkout is looked at once instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lcode import clock

QUIET = 0.2  # seconds without a further save
LONGEST = 0.6  # seconds that a save waits at most while others follow
MANY = 200  # files; more are one look at everything
FLOOD_QUIET, FLOOD_LONGEST = 0.4, 3.0  # the same two, while very many files change


@dataclass(frozen=True)
class Batch:
    """What changed: `paths` below the root, with `/`, or all of it; and whether git's own files did."""

    paths: frozenset[str] = frozenset()
    everything: bool = False
    git: bool = False


class Changes:
    """Filled by the threads that watch, emptied by the one that works. `wake` is called when the first change comes."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._paths: set[str] = set()
        self._everything = False
        self._git = False
        self._first = 0.0
        self._last = 0.0

    def save(self, path: str) -> None:
        """The file at `path` was written, made, moved or removed."""
        with self._lock:
            if not self._everything:
                self._paths.add(path)
                if len(self._paths) > MANY:
                    self._paths.clear()
                    self._everything = True
            self._touch()

    def check(self) -> None:
        """Anything may have changed."""
        with self._lock:
            self._paths.clear()
            self._everything = True
            self._touch()

    def git(self) -> None:
        """Git wrote something of its own: the branch or its newest commit may be another."""
        with self._lock:
            self._git = True
            self._touch()

    def _touch(self) -> None:
        self._last = clock.monotonic()
        if not self._first:
            self._first = self._last
            self._wake()

    def due(self) -> float | None:
        """When the changes are to be taken up, on the monotonic clock; None where there are none."""
        with self._lock:
            return self._due()

    def _due(self) -> float | None:
        if not self._first:
            return None
        quiet, longest = (FLOOD_QUIET, FLOOD_LONGEST) if self._everything else (QUIET, LONGEST)
        return min(self._last + quiet, self._first + longest)

    def pending(self) -> int:
        """How many files wait; where everything is to be looked at, that is not known and counts as none."""
        with self._lock:
            return len(self._paths)

    def take(self) -> Batch | None:
        """What is to be taken up now; None while it is not due."""
        with self._lock:
            due = self._due()
            if due is None or due > clock.monotonic():
                return None
            batch = Batch(frozenset(self._paths), self._everything, self._git)
            self._clear()
            return batch
