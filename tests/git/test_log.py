"""Commits are read as they are, whatever they hold; nothing that is missing makes it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.git import log, refs
from lcode.git.repository import find
from tests.git.repositories import commit, git, make


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make(tmp_path / "repo", commits=3)


def test_commits_come_in_the_order_asked_for_with_their_changes(repo: Path) -> None:
    at = find(repo).git()
    git(repo, "mv", "file0.txt", "moved\t0.txt")
    (repo / "image.bin").write_bytes(b"\0\1")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Move")
    wanted = [git(repo, "rev-parse", name) for name in ("HEAD", "HEAD~2", "HEAD~1")]
    found = list(log.entries(at, [wanted[0], "f" * 40, *wanted[1:]]))
    assert [entry.id for entry in found] == wanted and all(entry.complete for entry in found)
    changes = {change.path: change for change in found[0].changes}
    moved = changes["moved\t0.txt"]
    assert (moved.status, moved.old, moved.added, moved.removed) == ("R", "file0.txt", 0, 0)
    assert changes["image.bin"].added is None and changes["image.bin"].status == "A"
    assert log.blobs(at, [moved.after, "f" * 40, found[0].tree], 100) == {moved.after: b"text 0\n"}
    assert log.blobs(at, [moved.after], 3) == {}


def test_what_is_reached_names_the_branch_and_leaves_out_what_was_known(repo: Path) -> None:
    at = find(repo).git()
    before = git(repo, "rev-parse", "HEAD~1")
    assert log.reached(at, ["refs/heads/main", "refs/heads/none", "e" * 40], [before, "f" * 40], 10) == [
        (git(repo, "rev-parse", "HEAD"), "refs/heads/main")
    ]
    assert log.reached(at, [], [], 10) == []


def test_what_is_not_there_is_not_reached(repo: Path) -> None:
    at = find(repo).git()
    ids = git(repo, "rev-list", "HEAD").split()
    assert log.unreached(at, [*ids, "f" * 40], [ids[1]]) == {ids[0], "f" * 40}
    assert log.unreached(at, ids, []) == set(ids)


def test_one_call_tells_branches_tags_worktrees_and_moves(repo: Path, tmp_path: Path) -> None:
    git(repo, "tag", "-a", "-m", "One", "v1", "HEAD~1")
    git(repo, "update-ref", "refs/remotes/origin/main", "HEAD~2")
    git(repo, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    there = commit(tmp_path / "tree", "a.txt", "a\n")
    found = refs.read(find(repo))
    head, _, two = git(repo, "rev-list", "main").split()
    assert found.branches == {"refs/heads/main": head} and found.others == {git(repo, "rev-parse", "v1"), two}
    assert sorted(found.heads) == sorted([("refs/heads/main", head), ("", there)])
    assert sorted((bool(name), moves[-1].new) for name, moves in found.moves.items()) == [(False, head), (True, there)]
    before = found.signature()
    assert [move.new for move in found.since(found.marks)] == []
    new = commit(repo, "b.txt", "b\n")
    after = refs.read(find(repo))
    assert after.signature() != before and [move.new for move in after.since(found.marks)] == [new]
