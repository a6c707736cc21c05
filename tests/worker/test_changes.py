"""When saves are taken up: after a quiet moment, soon in any case, and very many as one look at everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode import clock
from lcode.worker import changes
from lcode.worker.changes import Changes


class Time:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    made = Time()
    monkeypatch.setattr(clock, "monotonic", made)
    return made


def test_a_save_is_taken_up_after_a_quiet_moment(time: Time) -> None:
    woken: list[float] = []
    found = Changes(lambda: woken.append(time.now))
    found.save("a.py")
    found.save("a.py")
    assert woken == [1_000.0]
    assert found.pending() == 1
    assert found.take() is None
    time.now += changes.QUIET + 0.001
    batch = found.take()
    assert batch is not None and batch.paths == {"a.py"} and not batch.everything
    assert found.due() is None and found.take() is None


def test_a_save_does_not_wait_for_ever_while_others_follow(time: Time) -> None:
    found = Changes(lambda: None)
    waited = 0.0
    while found.take() is None:
        found.save("a.py")
        time.now += 0.05
        waited += 0.05
        assert waited < 1.0
    assert waited <= changes.LONGEST + 0.06


def test_very_many_saves_are_one_look_at_everything(time: Time) -> None:
    found = Changes(lambda: None)
    for number in range(5_000):
        found.save(f"{number}.py")
    time.now += changes.FLOOD_QUIET + 0.001
    batch = found.take()
    assert batch is not None and batch.everything and not batch.paths


def test_a_word_of_git_is_kept_beside_the_saves(time: Time) -> None:
    found = Changes(lambda: None)
    found.git()
    found.save("a.py")
    time.now += 1.0
    batch = found.take()
    assert batch is not None and batch.git and batch.paths == {"a.py"}


@given(st.lists(st.tuples(st.sampled_from(["save", "check", "git", "wait", "take"]), st.integers(0, 300)), max_size=60))
def test_nothing_that_changed_is_forgotten(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, each change is in a batch at the end, as its path or as everything."""
    time = Time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "monotonic", time)
        found = Changes(lambda: None)
        open_paths: set[str] = set()
        checks = gits = False
        for step, number in [*steps, ("wait", 300), ("take", 0)]:
            if step == "save":
                found.save(f"{number}.py")
                open_paths.add(f"{number}.py")
            elif step == "check":
                found.check()
                checks = True
            elif step == "git":
                found.git()
                gits = True
            elif step == "wait":
                time.now += number / 50
            elif (batch := found.take()) is not None:
                assert batch.everything or open_paths <= batch.paths
                assert batch.everything or not checks
                assert batch.git or not gits
                open_paths, checks, gits = set(), False, False
        assert not (open_paths or checks or gits)
