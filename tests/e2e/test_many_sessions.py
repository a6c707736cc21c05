"""Sessions side by side on one repository: the small form of `benchmarks/store_sessions.py`."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import store_sessions


def test_sessions_that_remember_at_once_lose_nothing_and_all_end_well(repo: Path) -> None:
    """The repository is new to all of them: they also make its agent at once."""
    found = store_sessions.run(repo, os.environ, 4, 8)
    assert found.codes == [0] * 4, found.complaints
    assert found.problems == []
    assert found.found == {store_sessions.thing(session, number): 1 for session in range(4) for number in range(8)}
