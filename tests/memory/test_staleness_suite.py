"""A small form of `python -m benchmarks.staleness`: edits of the fixture projects of which it is known what they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.staleness import Suite, clone
from benchmarks.staleness_edits import MAKERS
from tests.support.fixture_repos import make, names


@pytest.mark.parametrize("name", names())
def test_a_fact_goes_stale_if_and_only_if_the_text_that_it_cites_changes(name: str, tmp_path: Path) -> None:
    suite = Suite(clone(make(name, tmp_path / "made"), tmp_path / "clone"), seed=7)
    result = suite.run(len(MAKERS))
    assert result.misses == []
    assert result.right_stale >= 4
    assert sum(result.edits.values()) == len(MAKERS)
    assert result.dependants == 2 * (result.right_stale + result.right_good)
