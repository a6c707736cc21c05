"""Which job comes next: in the order of the table, for every checkout; a failed one waits longer each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lcode import clock
from lcode.worker import schedule
from lcode.worker.schedule import Schedule

A, B = Path("/a"), Path("/b")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    at = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[0])
    return at


def done(found: Schedule) -> list[tuple[Path, str]]:
    """What is due, done one after the other."""
    order = []
    while (key := found.next()) is not None:
        found.start(*key)
        found.done(*key)
        order.append(key)
    return order


def test_the_first_job_of_every_checkout_comes_before_the_second_of_any(now: list[float]) -> None:
    found = Schedule(["files", "history", "vectors"])
    found.add(A, ["vectors", "files", "history"])
    found.add(B, ["files", "vectors"])
    assert done(found) == [(A, "files"), (B, "files"), (A, "history"), (A, "vectors"), (B, "vectors")]
    assert not found.work_left() and found.wake_at() is None


def test_a_job_that_rests_is_done_once_for_all_that_asked(now: list[float]) -> None:
    found = Schedule(["files", "graph"])
    found.add(A, ["graph"], rest=5.0)
    now[0] += 4.0
    found.add(A, ["graph"], rest=5.0)
    assert found.next() is None and found.wake_at() == 105.0 and found.work_left()
    now[0] += 1.0
    assert done(found) == [(A, "graph")]


def test_what_is_asked_for_while_it_runs_is_done_again(now: list[float]) -> None:
    found = Schedule(["files"])
    found.add(A, ["files"])
    found.start(A, "files")
    found.add(A, ["files"])
    found.done(A, "files")
    assert done(found) == [(A, "files")]


def test_a_job_that_fails_waits_longer_each_time_and_holds_up_no_other(now: list[float]) -> None:
    found = Schedule(["files", "history"])
    found.add(A, ["files", "history"])
    waits = []
    for _ in range(12):
        found.start(A, "files")
        waits.append(found.failed(A, "files"))
        found.add(A, ["files"])  # a save does not make it come sooner
        key = found.next()
        if key == (A, "history"):
            found.start(*key)
            found.done(*key)
        now[0] = found.wake_at() or 0.0
    assert waits[:3] == [5.0, 10.0, 20.0] and waits[-1] == schedule.LONGEST_WAIT
    assert not found.work_left()  # nobody waits for it
    found.start(A, "files")
    found.done(A, "files")
    found.add(A, ["files"])
    found.start(A, "files")
    assert found.failed(A, "files") == 5.0


def test_a_checkout_that_is_dropped_has_nothing_due(now: list[float]) -> None:
    found = Schedule(["files"])
    found.add(A, ["files"])
    found.add(B, ["files"])
    found.drop(A)
    assert found.waiting(A) == () and done(found) == [(B, "files")]
