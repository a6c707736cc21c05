"""What a job is, and how it talks to the worker.

A job does what is left to do for a checkout and returns; where nothing is left, that takes it a moment. It may be stopped at
any call of `turn.progress`, and is then done again from where it stood. It runs in a thread of its own beside the saves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from lcode.git.repository import Place

COMMITS = "commits"  # the job that is due whenever git wrote something


class Stopped(Exception):
    """The worker ends, or nobody needs the checkout any more."""


class Busy(Exception):
    """Another process does it just now."""


class Failed(Exception):
    """It could not be done, for a reason that is no fault of the program: it stands in the status, and is tried again."""


class Turn:
    """What a job is given: how to say how far it is, how many vectors are still to be made, and the commits that hooks of git
    spoke of since the last time."""

    def __init__(
        self,
        tell: Callable[[int, int], None],
        stopped: Callable[[], bool],
        vectors: Callable[[int], None],
        commits: Collection[str] = (),
    ) -> None:
        self.tell = tell
        self.stopped = stopped
        self.vectors = vectors
        self.commits = commits

    def progress(self, done: int, total: int = 0) -> None:
        """Raises Stopped where the job is to stop."""
        if self.stopped():
            raise Stopped
        self.tell(done, total)


class Job(Protocol):
    """`name` is what the status says. `then` are the jobs that are due once this one found something to do, each after the
    seconds in which more of the same may come."""

    @property
    def name(self) -> str: ...
    @property
    def then(self) -> Mapping[str, float]: ...

    def run(self, place: Place, turn: Turn) -> bool:
        """Do it; whether there was anything to do. Raises Stopped, Busy, Failed, and whatever else goes wrong."""
        ...
