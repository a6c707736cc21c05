"""Paths as people give them, seen from the folder they are in, become paths of the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.index.below import below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("repo/src/app/api", "repo/src/app/[id]", "repo/docs", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "repo/src/app/main.py").touch()
    (tmp_path / "repo/circle").symlink_to("circle")
    (tmp_path / "repo/out").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "repo"


@pytest.mark.parametrize(
    ("here", "path", "expected"),
    [
        ("", "src/app", "src/app"),
        ("src", "app/main.py", "src/app/main.py"),
        ("src", ".", "src"),
        ("src", "..", ""),
        ("src/app", "docs", "docs"),  # not here, but there is one at the root
        ("src", "nowhere", "src/nowhere"),
        ("src/app", "*.py", "src/app/*.py"),
        ("src", "app/**/*.py", "src/app/**/*.py"),
        ("docs", "src/**/*.py", "src/**/*.py"),
        ("src/app", "[id]", "src/app/[id]"),
        ("src", "../../elsewhere", None),
        ("", "/etc", None),
        ("", "/*.py", None),
        ("", "out", None),
        ("", "a\0b", None),
    ],
)
def test_a_path_is_seen_from_here_or_else_from_the_root(root: Path, here: str, path: str, expected: str | None) -> None:
    assert below(root, root / here, path) == expected


def test_a_whole_path_is_one_too(root: Path) -> None:
    assert below(root, root / "src", str(root / "docs")) == "docs"
    assert below(root, root / "src", f"{root}/src/*.py") == "src/*.py"


def test_links_in_a_circle_lead_nowhere(root: Path) -> None:
    assert below(root, root, "circle/x") in (None, "circle/x")
