"""What the worker does for a checkout, in the order in which it is done. A job is a plain class in the table below.

A job does what is left to do and returns; where nothing is, that takes it a moment. It may be stopped at any call of
`turn.progress`, and is then done again from where it stood. It runs in a thread of its own beside the saves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from lcode.git.repository import Place


class Stopped(Exception):
    """The worker ends, or nobody needs the checkout any more."""


class Busy(Exception):
    """Another process does it just now."""


class Turn:
    """What a job is given: how to say how far it is. Raises Stopped where it is to stop."""

    def __init__(self, tell: Callable[[int, int], None], stopped: Callable[[], bool]) -> None:
        self._tell = tell
        self._stopped = stopped

    def progress(self, done: int, total: int = 0) -> None:
        if self._stopped():
            raise Stopped
        self._tell(done, total)


class Job(Protocol):
    """`name` is what the status says. `then` are the jobs that are due once this one found something to do, each after the
    seconds in which more of the same may come."""

    name: str
    then: Mapping[str, float]

    def run(self, place: Place, turn: Turn) -> bool:
        """Do it; whether there was anything to do. Raises Stopped, Busy, and whatever goes wrong."""
        ...
