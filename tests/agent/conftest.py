from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import fixture_repos


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The Python fixture project as a git repository."""
    return fixture_repos.make("python", tmp_path / "repo")
