"""Where a folder stands, for every kind of repository, compared with what the git program says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lcode.git import repository
from lcode.git.repository import Place, find, root_commits, tracked
from tests.git.repositories import commit, git, make


@pytest.fixture
def with_git() -> None:
    """For the tests of what does run the git program."""


@pytest.fixture(autouse=True)
def without_git(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """`find` must not run git: it is on the path to the first request."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("git was run")

    if "with_git" not in request.fixturenames:
        monkeypatch.setattr(repository, "Git", refuse)


runs_git = pytest.mark.usefixtures("with_git")


def checked(folder: Path) -> Place:
    """The place of `folder`, after comparing it with git's own words."""
    place = find(folder)
    assert str(place.root) == git(folder, "rev-parse", "--show-toplevel")
    assert place.common_dir == (folder / git(folder, "rev-parse", "--git-common-dir")).resolve()
    assert place.git_dir == (folder / git(folder, "rev-parse", "--git-dir")).resolve()
    assert place.head == git(folder, "rev-parse", "-q", "--verify", "HEAD", check=False)
    assert place.common_dir is not None and not place.is_bare
    return place


def test_a_repository_and_its_folders(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    (repo / "a" / "b").mkdir(parents=True)
    assert checked(repo) == checked(repo / "a" / "b")
    assert checked(repo).branch == "main"
    assert checked(repo).git_dir == checked(repo).common_dir


def test_a_folder_without_git(tmp_path: Path) -> None:
    assert find(tmp_path) == Place(tmp_path.resolve())
    assert find(tmp_path).common_dir is None


def test_a_folder_reached_through_a_link(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    (repo / "sub").mkdir()
    (tmp_path / "link").symlink_to(repo / "sub")
    assert find(tmp_path / "link") == checked(repo)


def test_before_the_first_commit(tmp_path: Path) -> None:
    place = checked(make(tmp_path / "repo", commits=0))
    assert (place.branch, place.head) == ("main", "")


def test_branches_with_slashes_and_odd_letters(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    git(repo, "checkout", "-q", "-b", "feature/größe/x")
    assert checked(repo).branch == "feature/größe/x"


def test_packed_refs(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", commits=2)
    git(repo, "branch", "other/main")  # ends alike
    git(repo, "tag", "-a", "-m", "x", "v1")
    git(repo, "pack-refs", "--all")
    assert not (repo / ".git/refs/heads/main").exists()
    assert checked(repo).branch == "main"
    commit(repo, "later.txt", "x")  # the loose ref outranks the packed one
    checked(repo)


def test_a_detached_head(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", commits=2)
    git(repo, "checkout", "-q", "HEAD~1")
    place = checked(repo)
    assert place.branch == place.head[:7]


def test_a_rebase_keeps_the_branch_it_rebases(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    git(repo, "checkout", "-q", "-b", "topic")
    commit(repo, "file0.txt", "mine\n")
    git(repo, "checkout", "-q", "main")
    commit(repo, "file0.txt", "theirs\n")
    git(repo, "checkout", "-q", "topic")
    git(repo, "rebase", "main", check=False)
    assert (repo / ".git/rebase-merge").is_dir()
    assert checked(repo).branch == "topic"


@pytest.mark.parametrize("detached", [False, True])
def test_a_linked_worktree_shares_the_common_folder(tmp_path: Path, detached: bool) -> None:
    repo = make(tmp_path / "repo", commits=2)
    git(repo, "worktree", "add", "-q", *(["--detach"] if detached else ["-b", "wt"]), str(tmp_path / "wt"))
    main, linked = checked(repo), checked(tmp_path / "wt")
    assert linked.common_dir == main.common_dir
    assert linked.git_dir != linked.common_dir and linked.root != main.root
    assert linked.branch == (linked.head[:7] if detached else "wt")


def test_a_worktree_of_a_bare_repository(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "-q", str(tmp_path / "wt"), "main")
    assert checked(tmp_path / "wt").common_dir == (tmp_path / "bare.git").resolve()


def test_a_bare_repository(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    place = find(tmp_path / "bare.git" / "refs")
    assert place == find(tmp_path / "bare.git")
    assert place.is_bare and place.root == place.common_dir == (tmp_path / "bare.git").resolve()
    assert (place.branch, place.head) == ("main", git(repo, "rev-parse", "HEAD"))


def test_a_submodule_and_a_nested_repository_are_their_own(tmp_path: Path) -> None:
    inner, outer = make(tmp_path / "inner"), make(tmp_path / "outer")
    git(outer, "submodule", "add", "-q", str(inner), "sub")
    nested = make(outer / "vendor" / "nested")
    assert checked(outer / "sub").common_dir == (outer / ".git/modules/sub").resolve()
    assert checked(outer / "sub").git_dir == checked(outer / "sub").common_dir
    assert checked(nested).root == nested.resolve()


def test_inside_the_git_folder_it_is_still_that_repository(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    assert find(repo / ".git" / "refs" / "heads") == find(repo)
    git(repo, "worktree", "add", "-q", str(tmp_path / "wt"))
    assert not find(repo / ".git" / "worktrees" / "wt").is_bare


def test_a_git_folder_that_is_a_link_and_one_that_lies_elsewhere(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    (repo / ".git").rename(tmp_path / "real")
    (repo / ".git").symlink_to(tmp_path / "real")
    assert checked(repo).common_dir == (tmp_path / "real").resolve()
    other = make(tmp_path / "other", "--separate-git-dir", str(tmp_path / "elsewhere"))
    assert checked(other).common_dir == (tmp_path / "elsewhere").resolve()


def test_an_empty_git_folder_is_passed_over_as_git_does(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    (repo / "sub" / ".git").mkdir(parents=True)
    assert checked(repo / "sub").root == repo.resolve()


@pytest.mark.parametrize(
    "content", ["", "gitdir: /nowhere/at/all\n", "gitdir: ", "nonsense", "gitdir: \0\n", "gitdir: " + "x/" * 4000]
)
def test_a_broken_link_file_makes_a_plain_folder(tmp_path: Path, content: str) -> None:
    repo = make(tmp_path / "repo")
    (repo / "sub" / "deep").mkdir(parents=True)
    (repo / "sub" / ".git").write_text(content)
    assert find(repo / "sub" / "deep") == Place((repo / "sub").resolve())


@pytest.mark.parametrize(
    "head",
    [
        "ref: refs/heads/../../../secret\n",
        "ref: /etc/passwd\n",
        "ref: ../../x\n",
        "ref: refs/heads/a\0b\n",
        "ref:\n",
        "",
        "zz" * 20,
        "ref: refs/heads/loop\n",
    ],
)
def test_a_head_that_points_outside_the_refs_names_no_commit(tmp_path: Path, head: str) -> None:
    repo = make(tmp_path / "repo")
    (tmp_path / "secret").write_text("a" * 40)
    (repo / ".git/refs/heads/loop").write_text("ref: refs/heads/loop\n")
    (repo / ".git/HEAD").write_text(head)
    place = find(repo)
    assert place.head == ""
    assert place.root == repo.resolve()


def test_an_old_head_that_is_a_link(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    head = git(repo, "rev-parse", "HEAD")
    (repo / ".git/HEAD").unlink()
    (repo / ".git/HEAD").symlink_to("refs/heads/main")
    place = find(repo)
    assert (place.branch, place.head) == ("main", head)


def test_pipes_in_the_place_of_files_do_not_hang(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    (repo / ".git/HEAD").unlink()
    os.mkfifo(repo / ".git/HEAD")
    (tmp_path / "other").mkdir()
    os.mkfifo(tmp_path / "other/.git")
    assert find(repo).common_dir is None
    assert find(tmp_path / "other").common_dir is None


def test_a_sha256_repository(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", "--object-format=sha256")
    assert len(checked(repo).head) == 64
    git(repo, "pack-refs", "--all")
    checked(repo)


@runs_git
def test_a_reftable_repository_is_asked_of_the_program(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    made = subprocess.run(["git", "init", "-q", "--ref-format=reftable", str(folder)], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("this git knows no reftable")
    commit(folder, "a.txt", "x")
    checked(folder)


@runs_git
def test_the_root_commits_name_the_project(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", commits=3)
    first = git(repo, "rev-list", "--max-parents=0", "HEAD")
    assert root_commits(find(repo)) == (first,)
    git(repo, "checkout", "-q", "--orphan", "two")
    git(repo, "commit", "-q", "-m", "Another root", "--allow-empty")
    git(repo, "merge", "-q", "--allow-unrelated-histories", "-m", "Both", "main")
    assert len(root_commits(find(repo))) == 2
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    assert root_commits(find(tmp_path / "bare.git")) == root_commits(find(repo))


@runs_git
def test_a_shallow_clone_an_empty_repository_and_a_folder_have_no_root_commits(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo", commits=3)
    git(tmp_path, "clone", "-q", "--depth=1", repo.as_uri(), "shallow")
    git(tmp_path / "shallow", "worktree", "add", "-q", str(tmp_path / "wt"))
    for folder in (tmp_path / "shallow", tmp_path / "wt", make(tmp_path / "empty", commits=0), tmp_path):
        assert root_commits(find(folder)) == ()


@runs_git
def test_a_repository_whose_objects_are_gone_has_no_root_commits(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    place = find(repo)
    shutil.rmtree(repo / ".git/objects")
    assert root_commits(place) == ()


@runs_git
def test_tracked_names_what_git_tracks(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    commit(repo, "docs/a b.md", "x")
    (repo / "AGENTS.md").write_text("dropped by a build\n")
    place = find(repo / "docs")
    assert tracked(place, ["docs/a b.md", "AGENTS.md", "file0.txt", "*.txt", "../x"]) == set()  # git refuses what is outside
    assert tracked(place, ["docs/a b.md", "AGENTS.md", "file0.txt", "*.txt"]) == {"docs/a b.md", "file0.txt"}
    assert tracked(place, []) == set()
    assert tracked(find(tmp_path), ["AGENTS.md"]) == {"AGENTS.md"}
