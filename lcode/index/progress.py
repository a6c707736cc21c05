"""How a build says how far it has come, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lcode import clock

_TOLD = 0.1  # seconds between two words of how far it has come

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Progress:
    """How far a build has come. `stage`: files, vectors."""

    stage: str
    done: int
    total: int  # 0 where nobody knows
    rate: float  # a second
    left: float | None  # seconds; None where nobody knows


Tell = Callable[[Progress], None]


@dataclass
class Report:
    """What an update did. `problem`: why it is not complete; '' if it is."""

    files: int = 0  # that were written
    removed: int = 0
    chunks: int = 0
    vectors: int = 0
    problem: str = ""
    busy: bool = False  # whether the problem is that another process is at it
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return not self.problem


class Ended(Exception):
    """The build ends before it is done, for the reason given."""


class Meter:
    """Tells how far a stage has come, not too often."""

    def __init__(self, tell: Tell | None, stage: str, total: int) -> None:
        self._tell = tell
        self._stage = stage
        self.total = total
        self._started = clock.monotonic()
        self._told = 0.0

    def at(self, done: int, *, last: bool = False) -> None:
        now = clock.monotonic()
        if self._tell is None or (not last and now - self._told < _TOLD):
            return
        self._told = now
        rate = done / max(now - self._started, 1e-6)
        total = max(self.total, done) if self.total else done if last else 0
        left = (total - done) / rate if total and rate else None
        self._tell(Progress(self._stage, done, total, rate, left))
