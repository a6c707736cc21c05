"""Work on the thread of a database: handed over, waited for, refused when its time has passed."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from lcode.errors import StoreError
from lcode.store.owner_thread import OwnerThread, deadline


class TooLate(Exception):
    pass


@pytest.fixture
def threads() -> Iterator[list[OwnerThread]]:
    made = [OwnerThread(name, lambda: None, TooLate) for name in ("one", "two")]
    yield made
    for thread in made:
        thread.close(5)


def test_an_outcome_or_an_error_comes_back(threads: list[OwnerThread]) -> None:
    assert threads[0].call(lambda: threading.current_thread().name, 5, 1) == "one"
    with pytest.raises(ZeroDivisionError):
        threads[0].call(lambda: 1 // 0, 5, 1)
    assert asyncio.run(threads[0].awaited(lambda: threading.current_thread().name, 5, 1)) == "one"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(threads[0].awaited(lambda: 1 // 0, 5, 1))


def test_who_waits_for_who_waits_shares_the_deadline(threads: list[OwnerThread]) -> None:
    one, two = threads
    outer, inner = one.call(lambda: (deadline(), two.call(deadline, 60, 1)), 5, 1)
    assert inner == outer
    assert two.call(deadline, 60, 1) > outer


def test_work_that_could_not_begin_in_time_is_never_done(threads: list[OwnerThread]) -> None:
    thread, begun, leave, done = threads[0], threading.Event(), threading.Event(), []
    first = threading.Thread(target=thread.call, args=(lambda: begun.set() or leave.wait(20), 60, 1))
    first.start()
    assert begun.wait(20)
    with pytest.raises(TooLate):
        thread.call(lambda: done.append("late"), 0.01, 0.01)
    with pytest.raises(TooLate):
        asyncio.run(thread.awaited(lambda: done.append("late"), 0.01, 0.01))
    leave.set()
    first.join()
    thread.call(lambda: done.append("in time"), 20, 1)
    assert done == ["in time"]


def test_what_was_begun_goes_on_when_its_task_is_cancelled(threads: list[OwnerThread]) -> None:
    thread, begun, leave, done = threads[0], threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        leave.wait(20)
        done.append("all of it")

    async def cancelled() -> None:
        task = asyncio.create_task(thread.awaited(work, 20, 1))
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())  # the loop is gone when the work ends
    leave.set()
    assert thread.call(lambda: list(done), 20, 1) == ["all of it"]


def test_an_outcome_does_not_live_on_until_the_next_work(threads: list[OwnerThread]) -> None:
    class Result:
        pass

    kept = weakref.ref(threads[0].call(Result, 5, 1))
    gc.collect()
    threads[1].call(lambda: None, 5, 1)
    threads[0].call(lambda: None, 5, 1)
    assert kept() is None


def test_a_closed_thread_takes_no_more_work_but_ends_what_it_has() -> None:
    finished: list[str] = []
    thread = OwnerThread("short", lambda: finished.append("finished"), TooLate)
    thread.call(lambda: finished.append("work"), 5, 1)
    thread.close(5)
    assert finished == ["work", "finished"]
    with pytest.raises(StoreError, match="closed"):
        thread.call(lambda: None, 5, 1)


def test_work_that_waits_for_nobody_is_done_where_it_is_asked_for(threads: list[OwnerThread]) -> None:
    one, two = threads

    def name() -> str:
        return threading.current_thread().name

    assert two.call(name, 5, 1, here=True) == "two"  # the first work is the thread's: it opens the connection
    assert two.call(name, 5, 1, here=True) == threading.current_thread().name
    assert one.call(lambda: two.call(name, 5, 1, here=True), 5, 1) == "one"
    assert one.call(lambda: two.call(name, 5, 1), 5, 1) == "two"
    nested = one.call(lambda: two.call(lambda: two.call(name, 5, 1), 5, 1, here=True), 5, 1)
    assert nested == "one"  # what it asks for in turn joins it


def test_the_turn_comes_back_when_an_interrupt_breaks_off_work(threads: list[OwnerThread]) -> None:
    thread = threads[0]
    thread.call(lambda: None, 5, 1)
    with pytest.raises(KeyboardInterrupt):
        thread.call(_interrupted, 5, 1, here=True)
    assert thread.call(lambda: "next", 5, 1) == "next"


def _interrupted() -> None:
    raise KeyboardInterrupt


def test_work_of_another_thread_waits_its_turn_behind_what_is_under_way(threads: list[OwnerThread]) -> None:
    one, two = threads
    begun, leave, order = threading.Event(), threading.Event(), []

    def long() -> None:
        begun.set()
        leave.wait(20)
        order.append("long")

    first = threading.Thread(target=two.call, args=(long, 20, 1))
    first.start()
    assert begun.wait(20)
    second = threading.Thread(target=one.call, args=(lambda: two.call(lambda: order.append("short"), 20, 1, here=True), 20, 1))
    second.start()
    leave.set()
    first.join()
    second.join()
    assert order == ["long", "short"]


class _Interrupting:
    """A turn behind which an interrupt comes at once."""

    def __init__(self, turn: Any) -> None:
        self._turn = turn
        self.release = turn.release

    def acquire(self, *, blocking: bool) -> bool:
        self._turn.acquire(blocking=blocking)
        raise KeyboardInterrupt


def test_an_interrupt_right_behind_the_turn_does_not_keep_it(threads: list[OwnerThread]) -> None:
    thread = threads[0]
    thread.call(lambda: None, 5, 1)
    turn = thread._turn
    thread._turn = _Interrupting(turn)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        thread.call(lambda: None, 5, 1, here=True)
    thread._turn = turn
    assert thread.call(lambda: "next", 5, 1) == "next"


def test_nobody_waits_for_a_thread_that_stands_in_a_queue_with_work_that_comes_too_late() -> None:
    thread, begun, leave = OwnerThread("queue", lambda: None, TooLate), threading.Event(), threading.Event()

    def work() -> None:
        with thread.queued():
            begun.set()
            leave.wait(60)

    start = time.monotonic()
    with pytest.raises(TooLate):
        thread.call(work, 0.05, 60)
    with pytest.raises(TooLate):
        asyncio.run(thread.awaited(work, 0.05, 60))
    assert begun.is_set()
    thread.close(60)
    assert time.monotonic() - start < 20
    leave.set()


def test_work_that_began_in_time_is_waited_for_when_its_time_has_passed(threads: list[OwnerThread]) -> None:
    leave = threading.Event()
    timer = threading.Timer(0.2, leave.set)
    timer.start()
    assert threads[0].call(lambda: leave.wait(20), 0.01, 20)
