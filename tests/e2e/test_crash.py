"""Whole sessions die by SIGKILL, at random moments and at the n-th write or sync: nothing acknowledged is lost, nothing of
them is left, and what comes next begins at once. The long form is `python -m benchmarks.crash_kills`."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.victims import STRACE, Victims

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"), pytest.mark.timeout(120)]

RANDOM_KILLS = 25
TRACED = [
    *(("pwrite64", number) for number in (1, 3, 12, 45, 90, 160, 230, 300, 360)),
    *(("fdatasync", number) for number in (1, 4, 9, 15, 19)),
    ("ftruncate", 1),
]


@pytest.fixture
def victims(tmp_path: Path) -> Iterator[Victims]:
    made = Victims(tmp_path, "openai", 1)
    yield made
    made.close()


def test_sessions_killed_at_random_lose_nothing_and_leave_nothing(victims: Victims) -> None:
    rng, typical, kills = random.Random(7), 0.4, 0
    for number in range(RANDOM_KILLS):
        if number == 5:  # the first ones die while the store is made
            started = time.monotonic()
            assert victims.run().code == 0
            typical = time.monotonic() - started
        long = number % 5 == 4
        delay = typical * (rng.uniform(0.4, 1.0) + 0.2 * long)
        ended = victims.run(proceed=number > 5 and number % 2 == 1, delay=delay, long=long)
        kills += ended.code == -signal.SIGKILL
        assert victims.check() == []
    last = victims.run(proceed=True)
    assert last.code == 0, last.err
    assert victims.check() == []
    assert kills >= RANDOM_KILLS // 2


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_sessions_killed_at_a_write_or_sync_lose_nothing(victims: Victims) -> None:
    victims.run()
    kills = 0
    for number, (call, when) in enumerate(TRACED):
        ended = victims.run(proceed=number % 2 == 1, inject=f"{call}:signal=SIGKILL:when={when}")
        kills += ended.code == -signal.SIGKILL
        assert victims.check() == [], (call, when)
    assert kills >= len(TRACED) - 3


def test_the_session_of_a_killed_process_is_free_at_once(victims: Victims) -> None:
    victims.run()
    (session,) = victims.session_ids()
    killed = victims.run(session=session, delay=0.5, long=True)
    assert killed.code == -signal.SIGKILL
    again = victims.run(session=session)
    assert again.code == 0, again.err
    assert victims.session_ids() == [session]
    assert victims.check() == []
