"""How far a long work is: a line now and then where nobody sees a bar."""

from __future__ import annotations

import re

import pytest

from lcode import clock
from lcode.cli.progress import Progress, duration


def test_a_pipe_gets_a_line_at_intervals_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    progress = Progress()
    for done in range(0, 1_001, 10):
        progress.show("indexing", done, 5_000)
        now[0] += 0.1
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"indexing: 2[01]0 of 5,000 files, 100/s, 48 s left", lines[0])
    assert 4 <= len(lines) <= 5


def test_work_whose_size_nobody_knows_is_named_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    progress = Progress()
    now[0] += 3
    progress.show("reading past commits", 0, 0)
    assert capsys.readouterr().err == "reading past commits …\n"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (185, "3:05 min"), (3_720, "1:02 h")])
def test_durations_are_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words
