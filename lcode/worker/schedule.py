"""Which job comes next, for which checkout. A job that failed waits, longer each time, and holds up no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcode import clock

FIRST_WAIT, LONGEST_WAIT = 5.0, 900.0  # seconds until a failed job is tried again
SOON = 10.0  # seconds within which a job counts as waiting: others rest
BUSY_WAIT = 2.0  # seconds until another process is asked again whether it is done


@dataclass
class _Due:
    at: float
    failures: int = 0


class Schedule:
    """The jobs that are due. `order` names all jobs: one that stands earlier goes first, for every checkout."""

    def __init__(self, order: Sequence[str]) -> None:
        self._rank = {name: rank for rank, name in enumerate(order)}
        self._due: dict[tuple[Path, str], _Due] = {}
        self._failures: dict[tuple[Path, str], int] = {}
        self._order: dict[Path, int] = {}

    def add(self, root: Path, names: Iterable[str], *, rest: float = 0.0) -> None:
        """Have these jobs done for the checkout, after `rest` seconds; a job that is due already comes no later for it, and
        one that waits because it failed goes on waiting."""
        at = clock.monotonic() + rest
        self._order.setdefault(root, len(self._order))
        for name in names:
            due = self._due.setdefault((root, name), _Due(at))
            if not due.failures:
                due.at = min(due.at, at)

    def next(self) -> tuple[Path, str] | None:
        """The job whose turn it is; it stays due until it is `done`."""
        now = clock.monotonic()
        ready = [key for key, due in self._due.items() if due.at <= now]
        return min(ready, key=lambda key: (self._rank[key[1]], self._order[key[0]]), default=None)

    def start(self, root: Path, name: str) -> None:
        """It begins: what is asked for from now on is another time."""
        due = self._due.pop((root, name), None)
        self._failures[root, name] = due.failures if due is not None else 0

    def done(self, root: Path, name: str) -> None:
        self._failures.pop((root, name), None)

    def failed(self, root: Path, name: str) -> float:
        """Try again later; the seconds until then."""
        failures = self._failures.pop((root, name), 0) + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 20))
        self._due[root, name] = _Due(clock.monotonic() + wait, failures)
        return wait

    def again(self, root: Path, name: str) -> None:
        """Somebody else does it just now: ask again soon."""
        failures = self._failures.pop((root, name), 0)
        self._due[root, name] = _Due(clock.monotonic() + BUSY_WAIT, failures)

    def waiting(self, root: Path) -> tuple[str, ...]:
        """The jobs that are due soon for a checkout, in order."""
        soon = clock.monotonic() + SOON
        return tuple(sorted((name for (at, name), due in self._due.items() if at == root and due.at <= soon), key=self._place))

    def _place(self, name: str) -> int:
        return self._rank[name]

    def wake_at(self) -> float | None:
        """When the next job is due; None where none is."""
        return min((due.at for due in self._due.values()), default=None)

    def work_left(self, within: float = float("inf")) -> bool:
        """Whether anything is to be done `within` seconds, but what failed."""
        limit = clock.monotonic() + within
        return any(not due.failures and due.at <= limit for due in self._due.values())

    def hurry(self) -> None:
        """Nothing more will come: rest no longer."""
        now = clock.monotonic()
        for due in self._due.values():
            if not due.failures:
                due.at = min(due.at, now)

    def drop(self, root: Path) -> None:
        """The checkout is not served any more."""
        for key in [key for key in self._due if key[0] == root]:
            del self._due[key]
        self._order.pop(root, None)
