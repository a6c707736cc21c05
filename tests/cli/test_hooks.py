"""`lcode hooks` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Lcode, git


def test_hooks_are_installed_shown_and_taken_out(lcode: Lcode, repository: Path) -> None:
    assert lcode("hooks", "status").code == 1
    done = lcode("hooks", "install")
    assert done.code == 0 and done.out.count(" installed\n") == 4
    shown = lcode("hooks", "status", "--json").json()
    assert shown["complete"] and Path(shown["tells"]).is_dir() and len(shown["hooks"]) == 4
    (repository / ".git/hooks/post-merge").write_text("#!/bin/sh\n")  # another program's
    assert "post-merge     not installed" in lcode("hooks", "status").out
    assert lcode("hooks", "install").code == 0
    assert lcode("hooks", "uninstall").code == 0
    assert not [path for path in (repository / ".git/hooks").iterdir() if "lcode" in path.read_text()]


def test_the_lines_for_a_tracked_folder_are_printed_and_the_exit_code_says_so(lcode: Lcode, repository: Path) -> None:
    (repository / "hooks").mkdir()
    (repository / "hooks/pre-push").write_text("#!/bin/sh\n")
    git(repository, "add", "hooks")
    git(repository, "config", "core.hooksPath", "hooks")
    done = lcode("hooks", "install")
    assert done.code == 1 and done.out.count("lcode-hook") == 4
    lines = [line.strip() for line in done.out.splitlines() if "lcode-hook" in line]
    for name, line in zip(("post-commit", "post-merge", "post-checkout", "post-rewrite"), lines, strict=True):
        (repository / "hooks" / name).write_text(f"#!/bin/sh\n{line}\n")
        (repository / "hooks" / name).chmod(0o755)
    assert lcode("hooks", "status").code == 0
    done = lcode("hooks", "uninstall")
    assert done.code == 0 and done.out.count("keeps its line") == 4


def test_hooks_that_tell_another_agent_are_told_apart(
    lcode: Lcode, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lcode("hooks", "install").code == 0
    monkeypatch.setenv("LCODE_HOME", str(home.with_name("another")))
    assert lcode("remember", "something").code == 0
    done = lcode("hooks", "status")
    assert done.code == 1 and "another agent" in done.out
    assert lcode("hooks", "install").code == 0


def test_outside_of_a_repository_hooks_are_refused(lcode: Lcode, tmp_path: Path) -> None:
    done = lcode("hooks", "install", "-C", str(tmp_path))
    assert done.code == 1 and "not in a git repository" in done.err
