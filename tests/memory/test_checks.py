"""Two commands are taken for runs of the same check where the later one, passing, shows that the earlier one would."""

from __future__ import annotations

import pytest

from lcode.memory.checks import check_of


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("pytest tests/a.py", "pytest -x tests/a.py"),
        ("pytest tests/a.py::test_one", "pytest tests/a.py"),
        ("pytest tests/a.py", "pytest tests/"),
        ("pytest tests/a.py", "python -m pytest"),
        ("FOO=1 uv run pytest -q 2>&1", "pytest > out.txt 2>&1"),
        ("cd web && npm test", "cd web && npm test"),
        ("make test", "make test"),
        ("timeout 60 go test ./...", "go test ./..."),
        ("cargo test parse", "cargo test"),
        ("./run.sh --fast", "./run.sh --fast"),
        ("/usr/bin/python3.11 -m unittest tests.test_a", "python -m unittest tests"),
    ],
)
def test_the_same_check(earlier: str, later: str) -> None:
    one, two = check_of(earlier), check_of(later)
    assert one is not None and two is not None
    assert two.covers(one)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("pytest tests/a.py", "pytest tests/b.py"),
        ("pytest", "pytest tests/a.py"),
        ("make test", "make lint"),
        ("make test", "make"),
        ("cd web && npm test", "cd api && npm test"),
        ("cargo test", "cargo build"),
        ("./run.sh --fast", "./run.sh"),
        ("mypy app", "ruff check app"),
    ],
)
def test_another_check(earlier: str, later: str) -> None:
    one, two = check_of(earlier), check_of(later)
    assert one is not None and two is not None
    assert not two.covers(one)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "grep -r x .",
        "pytest | tail -5",
        "pytest && ruff check",
        "git diff --exit-code",
        "npm install",
        "pytest 'open",
        "a; b",
    ],
)
def test_no_check(command: str) -> None:
    assert check_of(command) is None
