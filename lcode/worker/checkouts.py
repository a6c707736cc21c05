"""A checkout that the worker serves: what watches it, what changed there, how far its work is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lcode import clock
from lcode.git.repository import find
from lcode.path_text import path_text
from lcode.worker.changes import Changes
from lcode.worker.status import POLLING, CheckoutStatus
from lcode.worker.watch import Watch, ignored_by_git

_FIRST_REST, _LONGEST_REST = 2.0, 60.0  # seconds between two looks where saves are not told of
_OFTEN = 4  # saves of a file
_REST_SHARE = 20  # times as long as the look took, at least


class Checkout:
    """Made for each checkout with a client; `close` ends the watch. Used by the worker's main thread; `tell` by its jobs."""

    def __init__(self, root: Path, wake: Callable[[], None]) -> None:
        self.root = root
        self.place = find(root)
        self.changes = Changes(wake)
        self.watch = Watch(self.place, self.changes)
        self.vectors = 0  # files that wait for theirs, as far as is known
        self.errors: dict[str, str] = {}  # of the jobs that failed when they were last tried
        self.saved: set[str] = set()  # what was indexed while a job looked at everything
        self.commits: frozenset[str] = frozenset()  # of which hooks of git spoke, until they were looked at
        self.asked: frozenset[str] = frozenset()  # those that the job that runs was given
        self._times: dict[str, int] = {}
        self._ignored: set[str] = set()
        self._job = ""
        self._done = self._total = 0
        self._since = self._from = 0.0
        self._look_at = clock.monotonic()
        self._rest = _FIRST_REST
        self._cost = 0.0  # seconds of a look that found nothing

    def close(self) -> None:
        self.watch.stop()

    def there(self) -> bool:
        with suppress(OSError):
            return self.root.is_dir()
        return False

    def counting(self, paths: frozenset[str]) -> frozenset[str]:
        """Those of the saved files that may count for the index: what is written again and again is looked at, once, for
        whether git ignores it, as logs are."""
        for path in paths:
            self._times[path] = self._times.get(path, 0) + 1
        asked = [path for path in paths if self._times[path] == _OFTEN]
        if asked and self.place.common_dir:
            self._ignored.update(ignored_by_git(self.place, asked))
        return paths - self._ignored

    def rules_changed(self) -> None:
        """Anything may be ignored now, or no more."""
        self._times.clear()
        self._ignored.clear()

    def moved(self) -> bool:
        """Whether git stands elsewhere than when it was last asked: another branch, or another commit."""
        before = self.place
        self.place = find(self.root)
        return (before.branch, before.head) != (self.place.branch, self.place.head)

    # -- looking from time to time ------------------------------------------------------------------------------------

    def look_due(self) -> float | None:
        """When to look for changes, where nothing tells of them."""
        return self._look_at if self.watch.mode == POLLING else None

    def looked(self, seconds: float, *, changed: bool) -> None:
        """A look took `seconds`, or, where something had `changed`, a look and more: rest the longer, the longer looks take and
        the longer nothing changed."""
        self._cost = self._cost if changed else seconds
        least = max(_FIRST_REST, self._cost * _REST_SHARE)
        self._rest = least if changed else min(max(least, self._rest * 1.5), max(least, _LONGEST_REST))
        self._look_at = clock.monotonic() + self._rest

    # -- how far ------------------------------------------------------------------------------------------------------

    def begin(self, job: str) -> None:
        self._job = job
        self._done = self._total = 0
        self._since = clock.monotonic()

    def tell(self, done: int, total: int) -> None:
        """How far the job is. What an earlier start had done counts as done, not as speed."""
        if not self._total:
            self._from, self._since = done, clock.monotonic()
        self._done, self._total = done, total

    def tell_vectors(self, waiting: int) -> None:
        self.vectors = waiting

    def end(self) -> None:
        self._job = ""
        self._done = self._total = 0

    def status(self, waiting: tuple[str, ...]) -> CheckoutStatus:
        passed = clock.monotonic() - self._since
        rate = (self._done - self._from) / passed if self._job and passed > 0.5 and self._total else 0.0
        left = (self._total - self._done) / rate if rate > 0 and self._total >= self._done else None
        return CheckoutStatus(
            path_text(self.root), self._job, self._done, self._total, round(rate, 1), None if left is None else round(left, 1),
            waiting, self.changes.pending(), self.vectors, self.watch.mode, self.watch.reason,
            next(iter(self.errors.values()), ""),
        )  # fmt: skip
