"""The own walk against git itself: the same files are left out."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lcode.tools.base import ToolError
from lcode.tools.walk import Ignored, glob_test, walk
from tests.tools.test_grep import fill


def listed(root: Path, start: Path | None = None) -> list[str]:
    return [entry.relative for entry in walk(start or root, root) if not entry.is_dir]


def listed_by_git(root: Path) -> list[str]:
    command = ["git", "-c", "core.excludesFile=/dev/null", "ls-files", "-zco", "--exclude-standard"]
    output = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    return sorted(os.fsdecode(name) for name in output.split(b"\0") if name)


def test_the_files_are_those_that_git_lists(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "pipe").unlink()  # git lists no pipes
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert sorted(listed(tmp_path)) == listed_by_git(tmp_path)


_NAME = st.sampled_from(["a", "b", "a.py", "b.log", "build", "x y"])
_PATTERN = st.sampled_from(
    [
        "a",
        "/a",
        "a/",
        "*.py",
        "!a.py",
        "b/*",
        "**/b",
        "a/**",
        "a/**/b",
        "!a/",
        "*",
        "!*/",
        "[ab].py",
        "?",
        "x\\ y",
        "b*/a",
        "#x",
        "\\!a",
        "/*/a",
    ]
)


@given(
    st.lists(st.lists(_NAME, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8),
    st.lists(_PATTERN, max_size=4),
    st.lists(_PATTERN, max_size=2),
)
@example(["a.py/a/a", "a.py/b"], ["a/", "!a.py"], [])
@example(["a/a.py", "a/b/a.py"], ["a/**", "!a.py"], [])
@example(["a/b/a", "a/b/b", "b"], ["**/b/", "!a/"], ["*", "!*/"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gitignore_is_read_as_git_reads_it(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], outer: list[str], inner: list[str]
) -> None:
    root = tmp_path_factory.mktemp("walk")
    for name in names:
        path = root / name
        if not any(parent.is_file() for parent in path.parents) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    (root / ".gitignore").write_text("\n".join(outer))
    if (root / "a").is_dir():
        (root / "a/.gitignore").write_text("\n".join(inner))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    assert sorted(listed(root)) == listed_by_git(root)


def test_a_folder_that_is_ignored_is_walked_when_it_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    assert listed(tmp_path, tmp_path / "build") == ["out.py"]
    assert listed(tmp_path, tmp_path / "src") == ["dist"]


def test_a_repository_inside_keeps_its_own_rules(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.txt\n")
    (tmp_path / "inner/.git").mkdir(parents=True)
    (tmp_path / "inner/a.txt").write_text("")
    assert listed(tmp_path) == [".gitignore", "inner/a.txt"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    fill(tmp_path)
    ignored = Ignored()
    list(walk(tmp_path, tmp_path, ignored=ignored))
    assert ignored.counts[tmp_path] == 4  # x.log, build, dist, trail
    assert ignored.counts[tmp_path / "b"] == 2


def test_links_are_not_followed_and_deep_trees_are_walked(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    folder = tmp_path
    for _ in range(500):
        folder = folder / "d"
    folder.mkdir(parents=True)
    entries = list(walk(tmp_path, tmp_path))
    assert len(entries) == 501
    assert [entry.is_link for entry in entries if entry.name == "loop"] == [True]


def test_a_gitignore_that_is_no_file_or_cannot_be_read_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/.gitignore")
    (tmp_path / ".gitignore").write_bytes(b"!\n\xff\nb\n[\n")
    (tmp_path / "b").write_text("")
    assert "b" not in listed(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.py", "a.py", True),
        ("*.py", "src/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "x/y/a.py", True),
        ("src/**", "src/x/y", True),
        ("src/**/test_*.py", "src/test_a.py", True),
        ("src/*/a.py", "src/x/y/a.py", False),
        ("*.{ts,tsx}", "a.tsx", True),
        ("{a,b{1,2}}.c", "b2.c", True),
        ("{a}.c", "{a}.c", True),
        ("[!a].c", "b.c", True),
        ("[a-c].c", "d.c", False),
        ("[]].c", "].c", True),
        ("[.c", "[.c", True),
        ("a?c", "a/c", False),
        ("a[/]c", "a/c", False),
        (".*", ".env", True),
        ("*", ".env", True),
        ("\\*.c", "*.c", True),
        ("{,}" * 40 + "a", "a", True),
        ("**.py", "x/a.py", True),
    ],
)
def test_globs_match_as_shells_do(pattern: str, path: str, matches: bool) -> None:
    assert glob_test(pattern)(path) is matches


@given(st.text(alphabet="ab*?[]{}!,/\\-^&~|.", max_size=14))
@settings(max_examples=200, deadline=None)
def test_every_text_is_a_glob_or_is_refused(pattern: str) -> None:
    with suppress(ToolError):
        glob_test(pattern)("a/b")
