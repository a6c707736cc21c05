"""The worker's main loop: who needs it, what was saved, which job is next; and when it ends.

It waits for whatever comes first: a save, the end of a job, a signal, or the next look at who is still there. A save is taken
up here, at once, while the jobs run in a thread of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Protocol

from lcode import __version__, clock
from lcode.errors import LcodeError
from lcode.git.repository import Place, find
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from lcode.worker import clients, nudge, status
from lcode.worker.checkouts import Checkout
from lcode.worker.jobs import COMMITS, Busy, Failed, Job, Turn
from lcode.worker.runner import Outcome, Runner
from lcode.worker.schedule import SOON, Schedule

TICK = 2.0  # seconds between two looks at who is still there
TELL = 0.5  # seconds between two writes of the status
OUTLIVE = 600.0  # seconds of work that are still done after the last session has gone
_END = 3.0  # seconds that a job has to stop
_COMMITS_REST = 0.3  # seconds in which git may be writing more


class Saves(Protocol):
    """Takes up what was saved: `paths` below the checkout's root. Raises Busy, Failed."""

    def __call__(self, place: Place, paths: frozenset[str]) -> None: ...


class Worker:
    """Serves the agent at `paths` until nobody needs it. The caller holds the worker's lock. `polls` are asked at each tick
    whether the job of that name, which is done for all checkouts at once, is due."""

    def __init__(
        self,
        paths: AgentPaths,
        lock: NamedLock,
        jobs: Sequence[Job],
        saves: Saves,
        log: Callable[[str], None],
        polls: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
    ) -> None:
        self._paths = paths
        self._lock = lock
        self._jobs = {job.name: job for job in jobs}
        self._saves = saves
        self._log = log
        self._polls = polls
        self._wake: SimpleQueue[Outcome | None] = SimpleQueue()  # may be put into from a signal handler
        self._schedule = Schedule(list(self._jobs))
        self._runner = Runner(self._wake.put)
        self._checkouts: dict[Path, Checkout] = {}
        self._ending = False
        self._linger: float | None = 0.0
        self._alone_since: float | None = clock.monotonic()
        self._ticked = self._told_at = float("-inf")
        self._told: status.WorkerStatus | None = None
        self._untold = False
        self._started = clock.stamp()

    def end(self) -> None:
        """End soon; may be called from a signal handler."""
        self._ending = True
        self._wake.put(None)

    def run(self) -> bool:
        """Serve; whether it ended because nobody needed it (else it was told to)."""
        try:
            while not self._ending:
                self._tick()
                if self._done():
                    return True
                self._look()
                for checkout in list(self._checkouts.values()):
                    self._take_up(checkout)
                self._start_next()
                self._tell()
                self._wait()
            return False
        finally:
            self._close()

    # -- who is there -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = clock.monotonic()
        if now - self._ticked < TICK:
            return
        self._ticked = now
        if self._lock.lost():  # the agent's folder was removed or put back
            self._ending = True
            return
        live = list(clients.live(self._paths))
        if live:
            self._alone_since = None
            longest = [clients.LINGER.get(client.purpose, 0.0) for client in live]
            self._linger = max((seconds for seconds in longest if seconds is not None), default=None)
        elif self._alone_since is None:
            self._alone_since = now
        if self._alone_since is not None:
            self._schedule.hurry()
        self._serve({client.root for client in live} | self._nudged())
        for root in list(self._checkouts)[:1]:
            self._schedule.add(root, [name for name, due in self._polls.items() if due()])

    def _nudged(self) -> set[Path]:
        """Take up what was dropped; the checkouts that are to be served because of it. A hook speaks only of repositories
        that are served already."""
        roots = set()
        for told in nudge.take(self._paths):
            if told.kind == nudge.LOOK:
                roots.add(told.root)
                if told.root in self._checkouts:
                    self._checkouts[told.root].changes.check()
            else:
                self._hooked(told)
        return roots

    def _hooked(self, told: nudge.Nudge) -> None:
        """Have the commits digested by every checkout of the same clone; by all where it is not to be told whose worktree it
        was: what a clone does not have is passed over."""
        clone = find(told.root).common_dir if told.root.is_dir() else None
        for checkout in self._checkouts.values():
            if clone in (None, checkout.place.common_dir):
                checkout.commits |= {told.commit} - {""}
                self._commits_due(checkout)

    def _commits_due(self, checkout: Checkout) -> None:
        if COMMITS in self._jobs:
            self._schedule.add(checkout.root, [COMMITS], rest=_COMMITS_REST)

    def _serve(self, roots: set[Path]) -> None:
        """Have exactly these checkouts; those whose last client has gone stay as long as there is work for them."""
        roots = {root for root in roots if root.is_dir()}
        for root in roots - self._checkouts.keys():
            checkout = self._checkouts[root] = Checkout(root, lambda: self._wake.put(None))
            checkout.watch.start()
            self._schedule.add(root, self._jobs)
        for root in self._checkouts.keys() - roots:
            gone = not self._checkouts[root].there()
            if gone or (self._alone_since is None and self._runner.root != root and not self._schedule.waiting(root)):
                self._drop(root)

    def _drop(self, root: Path) -> None:
        self._schedule.drop(root)
        if self._runner.root == root:
            self._runner.stop()
        self._checkouts.pop(root).close()

    def _done(self) -> bool:
        """Whether nobody needs the worker any more."""
        if self._alone_since is None:
            return False
        alone = clock.monotonic() - self._alone_since
        if self._linger is None or alone > OUTLIVE:
            return True
        pending = any(checkout.changes.due() is not None for checkout in self._checkouts.values())
        return not (self._runner.root or self._schedule.work_left() or pending) and alone >= self._linger

    # -- what was saved -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Where nothing tells of saves: have the checkout looked at from time to time."""
        now = clock.monotonic()
        for checkout in self._checkouts.values():
            if checkout.watch.broken():
                self._log(f"{checkout.root}: {checkout.watch.reason}")
            due = checkout.look_due()
            if due is not None and due <= now and self._runner.root != checkout.root:
                self._schedule.add(checkout.root, self._first())

    def _first(self) -> list[str]:
        return list(self._jobs)[:1]

    def _take_up(self, checkout: Checkout) -> None:
        batch = checkout.changes.take()
        if batch is None:
            return
        if not checkout.there():
            return
        moved = batch.git and checkout.moved()
        if batch.git:
            self._commits_due(checkout)
        if moved:
            self._schedule.add(checkout.root, self._jobs)
        if batch.everything or moved:
            checkout.rules_changed()
            self._schedule.add(checkout.root, self._first())
        elif paths := checkout.counting(batch.paths):
            self._save(checkout, paths)

    def _save(self, checkout: Checkout, paths: frozenset[str]) -> None:
        began = clock.monotonic()
        try:
            self._saves(checkout.place, paths)
        except Busy:
            self._schedule.add(checkout.root, self._first(), rest=1.0)
            return
        except Exception as error:  # noqa: BLE001 - the look at everything that follows finds out what it was
            self._failed(checkout, "saves", error)
            self._schedule.add(checkout.root, self._first(), rest=5.0)
            return
        checkout.errors.pop("saves", None)
        if self._runner.root == checkout.root:
            checkout.saved |= paths  # a job that looks at everything may have read an older text
        checkout.looked(clock.monotonic() - began, changed=True)
        first = self._jobs[self._first()[0]]
        self._follow(checkout.root, first)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        if self._runner.root is not None:
            return
        while (following := self._schedule.next()) is not None:
            root, name = following
            checkout = self._checkouts.get(root)
            if checkout is None:
                self._schedule.drop(root)
                continue
            self._schedule.start(root, name)
            if not checkout.there():
                continue
            checkout.begin(name)
            checkout.asked = checkout.commits if name == COMMITS else frozenset()
            self._runner.start(self._jobs[name], checkout.place, partial(self._turn, checkout))
            return

    @staticmethod
    def _turn(checkout: Checkout, stopped: Callable[[], bool]) -> Turn:
        return Turn(checkout.tell, stopped, checkout.tell_vectors, checkout.asked)

    def _ended(self, outcome: Outcome) -> None:
        self._runner.free()
        checkout = self._checkouts.get(outcome.root)
        if checkout is None:
            return
        checkout.end()
        if outcome.error is None:
            self._schedule.done(outcome.root, outcome.name)
            checkout.errors.pop(outcome.name, None)
            checkout.commits -= checkout.asked
            if outcome.did:
                self._follow(outcome.root, self._jobs[outcome.name])
        elif outcome.busy or outcome.stopped:
            self._schedule.again(outcome.root, outcome.name)
        else:
            self._failed(checkout, outcome.name, outcome.error)
            self._schedule.failed(outcome.root, outcome.name)
        if outcome.name in self._first():
            checkout.looked(outcome.seconds, changed=outcome.did)
            for path in checkout.saved:
                checkout.changes.save(path)
            checkout.saved.clear()

    def _follow(self, root: Path, job: Job) -> None:
        for name, rest in job.then.items():
            if name in self._jobs:
                self._schedule.add(root, [name], rest=rest)

    def _failed(self, checkout: Checkout, name: str, error: BaseException) -> None:
        import traceback

        told = f"{name}: {error or type(error).__name__}".splitlines()[0][:300]
        before, checkout.errors[name] = checkout.errors.get(name), told
        expected = isinstance(error, (Failed, LcodeError))
        trace = told if expected else "".join(traceback.format_exception(error, limit=-30))
        if told != before:  # a full disk would be told again and again
            self._log(f"worker, {checkout.root}: {trace}")

    # -- telling and waiting ------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Write what is going on, if it is news, and not too often."""
        saved = any(checkout.changes.due() is not None for checkout in self._checkouts.values())
        working = self._runner.root is not None or saved or self._schedule.work_left(SOON)
        told = status.WorkerStatus(
            os.getpid(), status.WORKING if working else status.IDLE, __version__, self._started,
            tuple(checkout.status(self._schedule.waiting(checkout.root)) for checkout in self._checkouts.values()),
        )  # fmt: skip
        self._untold = told != self._told
        if not self._untold or clock.monotonic() - self._told_at < TELL:
            return
        self._told_at = clock.monotonic()
        with suppress(OSError):  # a full disk: the work goes on untold
            status.write(self._paths, told)
            self._told, self._untold = told, False

    def _wait(self) -> None:
        """Until something is to be done."""
        now = clock.monotonic()
        moments = [self._ticked + TICK]
        for checkout in self._checkouts.values():
            moments += [due for due in (checkout.changes.due(), checkout.look_due()) if due is not None]
        if self._runner.root is None and (at := self._schedule.wake_at()) is not None:
            moments.append(at)
        if self._untold or self._runner.root is not None:
            moments.append(self._told_at + TELL)
        try:
            outcome = self._wake.get(timeout=max(0.0, min(moments) - now))
        except Empty:
            return
        if outcome is not None:
            self._ended(outcome)

    def _close(self) -> None:
        self._runner.close(_END)
        for root in list(self._checkouts):
            self._checkouts.pop(root).close()
        with suppress(OSError):
            status.status_file(self._paths).unlink(missing_ok=True)
