"""The one thread that owns a database's connection, and how work gets there and back.

Work that waits for nobody is done at once where it is asked for, when nobody else uses the connection: the way to the
thread and back costs a third of a write. All else a caller waits for on a plain lock, which costs half of what a `Future`
does. Work that could not begin before its deadline is refused, so that what a caller was told as not done is not done later.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from lcode.errors import StoreError

T = TypeVar("T")
SOON = 0.5  # seconds in which a thread says that the time of some work has passed, unless it cannot
_here = threading.local()  # `deadline`: of the work that this thread is doing


def deadline() -> float:
    """When, on the monotonic clock, the work of this thread gets no turn any more."""
    return getattr(_here, "deadline", math.inf)


class _Job(Generic[T]):
    """Work on its way: `done` is called on the thread when there is an outcome."""

    __slots__ = ("deadline", "done", "error", "refuse", "value", "work")

    def __init__(self, work: Callable[[], T], wait: float, refuse: Callable[[], Exception]) -> None:
        self.work = work
        self.deadline = min(time.monotonic() + wait, deadline())  # within the deadline of who waits for who waits
        self.refuse = refuse
        self.done: Callable[[], None]
        self.value: T
        self.error: BaseException | None = None

    def execute(self) -> None:
        _here.deadline = self.deadline
        try:
            if time.monotonic() > self.deadline:
                raise self.refuse()
            self.value = self.work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self.error = error
        self.done()

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value


class OwnerThread:
    """Starts with the first call and never holds the interpreter's exit. `finish` is its last work; `refuse` makes the error
    for a caller that waited in vain."""

    def __init__(self, name: str, finish: Callable[[], None], refuse: Callable[[], Exception]) -> None:
        self._name = name
        self._finish = finish
        self._refuse = refuse
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._turn = threading.RLock()  # held by whoever uses the connection; only they can give it back
        self._user = 0
        self._queued = False  # the thread stands in a queue of the kernel, where no deadline ends its wait
        self._latest = 0.0  # when the last of the work that was handed over gets no turn any more

    def call(self, work: Callable[[], T], wait: float, grace: float, *, here: bool = False) -> T:
        """The outcome of `work`, which may wait for `wait` seconds; `grace` is for the thread to say that it did in vain.

        `here`: it waits for no other process and stays whole when an interrupt breaks it off, so it need not change threads.
        """
        me, using = threading.get_ident(), False
        if self._user == me:
            return work()
        if here and self._thread is not None:
            try:  # an interrupt that comes right behind the turn must not keep it: nothing but a call lets one in
                if self._turn.acquire(blocking=False) and not self._closed:
                    self._user, using = me, True
                    return work()
            finally:
                if using:
                    self._user = 0
                try:  # noqa: SIM105 - a call more, and an interrupt could come before it
                    self._turn.release()
                except RuntimeError:  # it is another's
                    pass
        job = _Job(work, wait, self._refuse)
        done = threading.Lock()
        done.acquire()
        job.done = done.release
        self._put(job)
        if not (done.acquire(timeout=wait + min(grace, SOON)) or (not self._queued and done.acquire(timeout=grace))):
            raise self._refuse()
        return job.outcome()

    @contextmanager
    def queued(self) -> Iterator[None]:
        """Around what the thread waits for without a deadline: nobody waits for that longer than for their own."""
        self._queued = True
        try:
            yield
        finally:
            self._queued = False

    async def awaited(self, work: Callable[[], T], wait: float, grace: float) -> T:
        """The same for a task. What was begun goes on when its task is cancelled."""
        job = _Job(work, wait, self._refuse)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(_end, future)

        job.done = tell
        self._put(job)
        # not wait_for: on Python 3.11 that may swallow a cancellation
        done, _ = await asyncio.wait({future}, timeout=wait + min(grace, SOON))
        if not done and not self._queued:
            done, _ = await asyncio.wait({future}, timeout=grace)
        if not done:
            raise self._refuse()
        return job.outcome()

    def close(self, timeout: float) -> None:
        """End the thread after what it has to do; gives up waiting for it after `timeout` seconds, and sooner where all that
        it still could do is to wait: for a turn that comes too late for any of it."""
        self._closed = True
        if self._thread is not None and self._thread.is_alive():
            self._jobs.put(None)
            left = max(0.0, self._latest - time.monotonic())
            self._thread.join(min(timeout, left))
            if self._thread.is_alive() and not self._queued:
                self._thread.join(max(0.0, timeout - left))  # it is at work

    def _put(self, job: _Job[T]) -> None:
        if self._closed:
            raise StoreError("the store is closed")
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                    self._thread.start()
        self._latest = max(self._latest, job.deadline)
        self._jobs.put(job.execute)

    def _serve(self) -> None:
        while (execute := self._jobs.get()) is not None:
            with self._turn:
                self._user = threading.get_ident()
                execute()  # which never raises
                self._user = 0
            del execute  # a result must not live on until the next work comes
        with self._turn:
            self._finish()


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
