from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import fixture_repos
from tests.worker.harness import Agent


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The Python fixture project as a git repository."""
    return fixture_repos.make("python", tmp_path / "repo")


@pytest.fixture
def agent(repo: Path) -> Iterator[Agent]:
    """The agent of that repository; its worker is gone afterwards."""
    made = Agent.make(repo)
    yield made
    made.close()
