"""What history shows of how people work: counted over the commits that are there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lcode.git.command import Git
from lcode.index import habits
from lcode.index.history import Change, Commit
from tests.git.repositories import git, make

DAY = 86_400


def commits(*subjects: str, body: str = "", paths: tuple[str, ...] = ("a.py",)) -> list[Commit]:
    """Newest first, a day apart."""
    changes = tuple(Change("M", path, path) for path in paths)
    return [Commit(f"{at:040x}", 1_700_000_000 - at * DAY, subject, body, changes) for at, subject in enumerate(subjects)]


def test_conventional_messages_are_told_with_their_share() -> None:
    found = habits.messages(commits(*["feat(api): add a thing", "fix: mend it"] * 20, "Merge nothing"))
    assert found[0] == "98 % of the last 41 commit subjects are conventional commits: `feat:` (20), `fix:` (20)"


def test_scopes_and_pull_requests_are_told() -> None:
    found = habits.messages(commits(*["sync: fix a race (#12)", "net: read less (#7)"] * 15))
    assert found[0] == "100 % of the last 30 commit subjects begin with a scope: `sync:` (15), `net:` (15)"
    assert "end with the number of a pull request" in found[1]


def test_sign_off_is_told_where_most_have_it() -> None:
    subjects = ["Mend it"] * 30
    assert any("Signed-off-by" in line for line in habits.messages(commits(*subjects, body="Signed-off-by: A <a@b.c>")))
    assert not any("Signed-off-by" in line for line in habits.messages(commits(*subjects)))


def test_few_commits_show_no_habit() -> None:
    assert habits.messages(commits(*["feat: a"] * 5)) == []


def test_files_that_change_together_are_found_and_chance_is_not() -> None:
    pairs = [*commits(*["x"] * 8, paths=("core.py", "test_core.py")), *commits(*["y"] * 40, paths=("core.py",))]
    pairs += commits(*["z"] * 3, paths=("core.py", "other.py"))
    found = habits.together(pairs, {"core.py", "test_core.py", "other.py"})
    assert found == [habits.Together("core.py", "test_core.py", 8, 8)]


def test_files_that_are_gone_are_not_counted() -> None:
    changed, count, since = habits.most_changed(commits(*["x"] * 3, paths=("a.py", "gone.py")), {"a.py"})
    assert (changed, count, since) == ([("a.py", 3)], 3, "2023-11-12")


def test_recent_work_names_modules_and_scopes() -> None:
    lines = habits.themes(commits(*["net: a", "net: b", "net: c", "docs: d", "e"]), {"a.py"}, lambda _: "src/")
    assert lines == ["Recent work (2023-11-10 to 2023-11-14, 5 commits) touched: src/ (5)", "Its messages name: `net:` (3)"]


def test_releases_and_branches_are_told_as_they_are_named(tmp_path: Path) -> None:
    make(tmp_path)
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0", "nightly"):
        git(tmp_path, "tag", tag)
    for branch in ("feature/a", "feature/b", "feature/c"):
        git(tmp_path, "update-ref", f"refs/remotes/origin/{branch}", "HEAD")
    lines = habits.references(Git(tmp_path))
    assert "Branches on the remote are named `feature/…` (3) (3 in all)" in lines
    assert any(line.startswith("Releases are tagged `vN.N.N` (newest v1.") for line in lines)


def test_releases_are_told_as_they_are_named_of_late_and_with_the_highest(tmp_path: Path) -> None:
    make(tmp_path)
    recent = (*(f"v5.{number}.0" for number in range(28)), "4.22.0", "v6.0.0", "v6.0.0-rc1", "v4.22.2", "v4.22.x")
    for at, tag in enumerate((*(f"old-1.{number}" for number in range(10)), *recent)):
        env = {**os.environ, "GIT_COMMITTER_DATE": f"{1_700_000_000 + at} +0000"}
        subprocess.run(["git", "tag", "-a", "-m", "r", tag], cwd=tmp_path, env=env, check=True)
    told = [line for line in habits.references(Git(tmp_path)) if line.startswith("Releases")]
    assert told == ["Releases are tagged `vN.N.N` (newest v4.22.2, highest v6.0.0)"]
