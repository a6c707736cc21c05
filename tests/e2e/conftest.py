from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.support import fixture_repos


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The Python fixture project as a git repository."""
    return fixture_repos.make("python", tmp_path / "repo")


@pytest.fixture
def lcode(repo: Path) -> Iterator[Program]:
    """The program in that repository, without a model."""
    program = Program(repo)
    yield program
    program.kill()
