"""The thread that does one job after the other, so that the main thread can take up what is saved meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from lcode import clock
from lcode.git.repository import Place
from lcode.worker.jobs import Busy, Job, Stopped, Turn


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `error` is what it raised, None where it is done. `did` says whether it found something to do."""

    root: Path
    name: str
    seconds: float
    did: bool = False
    error: BaseException | None = None

    @property
    def stopped(self) -> bool:
        return isinstance(self.error, Stopped)

    @property
    def busy(self) -> bool:
        return isinstance(self.error, Busy)


class Runner:
    """`ended` is called on the thread with each outcome."""

    def __init__(self, ended: Callable[[Outcome], None]) -> None:
        self._ended = ended
        self._queue: SimpleQueue[tuple[Job, Place, Turn] | None] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lcode jobs", daemon=True)
        self.root: Path | None = None  # of the job that runs
        self.name = ""

    def start(self, job: Job, place: Place, turn: Callable[[Callable[[], bool]], Turn]) -> None:
        """Begin a job; none may be running. `turn` makes its turn of what says whether it is to stop."""
        self._stop.clear()
        self.root, self.name = place.root, job.name
        if not self._thread.is_alive():
            self._thread.start()
        self._queue.put((job, place, turn(self._stop.is_set)))

    def stop(self) -> None:
        """Have the job that runs end at its next step."""
        self._stop.set()

    def free(self) -> None:
        """The outcome was taken up: the next job may begin."""
        self.root, self.name = None, ""

    def close(self, timeout: float) -> bool:
        """End; whether that took no longer than `timeout` seconds."""
        self._stop.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            job, place, turn = task
            began = clock.monotonic()
            did, error = False, None
            try:
                did = job.run(place, turn)
            except Exception as fault:  # noqa: BLE001 - a fault in one job ends neither the others nor the worker
                error = fault
            self._ended(Outcome(place.root, job.name, clock.monotonic() - began, did, error))
