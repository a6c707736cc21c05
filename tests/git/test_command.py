"""The git caller: a hostile repository runs nothing through it, and it fails in a way that people understand."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from lcode.errors import UserError
from lcode.git.command import Git, GitError
from tests.git.repositories import commit, git, make

CALLS = [
    ("status", "--porcelain"),
    ("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
    ("diff",),
    ("diff", "--cached"),
    ("diff", "HEAD~1"),
    ("diff-index", "-p", "HEAD"),
    ("diff-files", "-p"),
    ("log", "-p", "-3"),
    ("log", "--format=%h %s"),
    ("show", "HEAD"),
    ("blame", "file0.txt"),
    ("grep", "text"),
    ("ls-files", "-z"),
    ("ls-files", "-m"),
    ("ls-files", "--others", "--exclude-standard"),
    ("rev-parse", "HEAD"),
    ("rev-list", "--max-parents=0", "HEAD"),
    ("cat-file", "-p", "HEAD"),
    ("for-each-ref",),
    ("symbolic-ref", "HEAD"),
    ("stash", "list"),
    ("config", "--list"),
]


class Hostile:
    """A repository that tries to make a file called like each of its programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marks = folder / "marks"
        self.marks.mkdir(parents=True)
        self.root = make(folder / "repo", commits=2)

    def program(self, name: str, then: str = "cat") -> str:
        path = self.folder / f"evil-{name}"
        path.write_text(f"#!/bin/sh\ntouch '{self.marks}/{name}'\n{then}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def set(self, key: str, name: str) -> None:
        git(self.root, "config", key, self.program(name))

    def executed(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    made = Hostile(tmp_path)
    root = made.root
    commit(root, ".gitattributes", "*.txt filter=evil diff=evil\n*.dat filter=two.dots diff=evil\n*.inc filter=included\n")
    for name in ("a.dat", "b.inc", "c.txt"):
        commit(root, name, "one\n")
    _signed_commit(root)
    for key, name in {
        "core.fsmonitor": "fsmonitor",
        "filter.evil.clean": "clean",
        "filter.evil.smudge": "smudge",
        "filter.two.dots.process": "process",
        "diff.evil.textconv": "textconv",
        "diff.evil.command": "driver",
        "diff.external": "external",
        "core.pager": "pager",
        "pager.log": "pager-log",
        "core.editor": "editor",
        "core.sshCommand": "ssh",
        "core.askPass": "askpass",
        "core.alternateRefsCommand": "alternates",
        "gpg.program": "gpg",
        "gpg.ssh.program": "gpg-ssh",
        "credential.helper": "credential",
        "alias.status": "alias",
        "merge.evil.driver": "merge",
        "uploadpack.packObjectsHook": "upload",
    }.items():
        made.set(key, name)
    git(root, "config", "filter.evil.required", "true")
    git(root, "config", "log.showSignature", "true")
    git(root, "config", "protocol.ext.allow", "always")
    (root / ".git" / "extra").write_text(f'[filter "included"]\n\tclean = {made.program("included")}\n')
    git(root, "config", "include.path", "extra")
    git(root, "config", "extensions.worktreeConfig", "true")
    (root / ".git" / "config.worktree").write_text(f'[filter "worktree"]\n\tclean = {made.program("worktree")}\n')
    with (root / ".gitattributes").open("a") as stream:
        stream.write("*.wt filter=worktree\n")
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        target = root / ".git" / "hooks" / hook
        target.write_text(Path(made.program(f"hook-{hook}")).read_text())
        target.chmod(0o755)
    for name in ("file0.txt", "a.dat", "b.inc", "c.txt", "d.wt"):
        (root / name).write_text("two\n")
        os.utime(root / name, (1, 1))
    for mark in made.marks.iterdir():
        mark.unlink()
    return made


def _signed_commit(root: Path) -> None:
    """A commit that carries a signature, so that showing it would ask the signature program."""
    body = git(root, "cat-file", "commit", "HEAD").split("\n\n", 1)
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
    (root / ".git" / "body").write_text(f"{body[0]}\n{signature}\n\n{body[1]}\n")
    made = git(root, "hash-object", "-t", "commit", "-w", ".git/body")
    git(root, "update-ref", "HEAD", made)


def test_the_trap_works_for_the_plain_program(hostile: Hostile) -> None:
    for call in (("status",), ("diff",), ("log", "-1", "-p"), ("ls-files", "-m")):
        git(hostile.root, *call, check=False)
    assert {"fsmonitor", "clean", "gpg"} <= hostile.executed()


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_hostile_repository_runs_nothing(hostile: Hostile, call: tuple[str, ...]) -> None:
    Git(hostile.root).run(*call, check=False)
    assert hostile.executed() == set()


def test_status_and_diff_still_tell_the_truth_in_a_hostile_repository(hostile: Hostile) -> None:
    caller = Git(hostile.root)
    assert " M c.txt" in caller.run("status", "--porcelain").splitlines()
    assert "+two" in caller.run("diff", "--", "c.txt")
    assert len(caller.run("log", "--format=%h").split()) == 6


def test_a_hostile_submodule_runs_nothing(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner")
    outer = make(tmp_path / "outer")
    git(outer, "submodule", "add", "-q", str(inner), "sub")
    git(outer, "commit", "-q", "-m", "Add sub")
    trap = Hostile(tmp_path / "trap")
    sub = outer / "sub"
    (sub / ".gitattributes").write_text("*.txt filter=evil\n")
    for key in ("filter.evil.clean", "core.fsmonitor"):
        git(sub, "config", key, trap.program("sub"))
    git(outer, "config", "submodule.sub.ignore", "none")
    git(outer, "config", "diff.submodule", "diff")
    git(outer, "config", "status.submoduleSummary", "true")
    (sub / "file0.txt").write_text("changed\n")
    git(outer, "status", check=False)
    assert trap.executed() == {"sub"}, "the plain program must fall for it"
    (trap.marks / "sub").unlink()
    for call in CALLS:
        Git(outer).run(*call, check=False)
    assert trap.executed() == set()


def test_missing_objects_are_not_fetched_from_a_remote_of_the_repositorys_choice(tmp_path: Path) -> None:
    trap = Hostile(tmp_path / "trap")
    repo = make(tmp_path / "repo", commits=2)
    git(repo, "config", "remote.origin.url", f"ext::{trap.program('ext', 'exit 1')} %S")
    git(repo, "config", "remote.origin.promisor", "true")
    git(repo, "config", "protocol.ext.allow", "always")
    git(repo, "config", "core.repositoryFormatVersion", "1")
    git(repo, "config", "extensions.partialClone", "origin")
    blob = git(repo, "rev-parse", "HEAD:file1.txt")
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(repo, "show", "HEAD", check=False)
    assert trap.executed() == {"ext"}, "the plain program must fall for it"
    (trap.marks / "ext").unlink()
    with pytest.raises(GitError):
        Git(repo).run("show", "HEAD")
    assert trap.executed() == set()


def test_a_bare_repository_inside_a_worktree_is_not_entered(tmp_path: Path) -> None:
    trap = Hostile(tmp_path / "trap")
    outer = make(tmp_path / "outer")
    bare = outer / "docs"
    git(outer, "init", "-q", "--bare", str(bare))
    git(bare, "config", "core.bare", "false")
    git(bare, "config", "core.worktree", "..")
    git(bare, "config", "core.fsmonitor", trap.program("bare"))
    with pytest.raises(GitError, match="bare"):
        Git(bare).run("status")
    assert trap.executed() == set()


def test_no_program_is_taken_from_the_repository_by_a_relative_path(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    trap = Hostile(tmp_path / "trap")
    (repo / "git").write_text(Path(trap.program("git")).read_text())
    (repo / "git").chmod(0o755)
    Git(repo, environ={**os.environ, "PATH": f".:{os.pathsep}{os.environ['PATH']}"}).run("status")
    assert trap.executed() == set()


@pytest.mark.parametrize(
    "variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"]
)
def test_variables_that_lead_elsewhere_are_dropped(tmp_path: Path, variable: str) -> None:
    repo, other = make(tmp_path / "repo", commits=2), make(tmp_path / "other")
    head = git(repo, "rev-parse", "HEAD")
    caller = Git(repo, environ={**os.environ, variable: str(other / ".git")})
    assert caller.run("rev-parse", "HEAD").strip() == head
    assert caller.run("ls-files").split() == ["file0.txt", "file1.txt"]


def test_settings_smuggled_in_through_the_environment_are_dropped(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    trap = Hostile(tmp_path / "trap")
    evil = trap.program("environment")
    names = ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_SSH_COMMAND", "GIT_SSH", "GIT_EDITOR", "GIT_PROXY_COMMAND", "GIT_ASKPASS")
    environ = {**os.environ, **dict.fromkeys(names, evil), "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{evil}'"}
    (repo / "file0.txt").write_text("changed\n")
    for call in CALLS:
        Git(repo, environ=environ).run(*call, check=False)
    assert trap.executed() == set()


def test_a_filter_of_the_users_own_settings_stays(tmp_path: Path, isolated_environment: Path) -> None:
    settings = isolated_environment / "gitconfig"
    settings.write_text('[filter "upper"]\n\tclean = tr a-z A-Z\n')
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": str(settings)}
    repo = make(tmp_path / "repo")
    (repo / ".gitattributes").write_text("*.txt filter=upper\n")
    (repo / "file0.txt").write_text("changed\n")
    assert "+CHANGED" in Git(repo, environ=environ).run("diff")


def test_reading_never_writes_into_the_repository(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    os.utime(repo / "file0.txt", (1, 1))  # a plain `git status` would refresh the index
    before = {path: path.stat().st_mtime_ns for path in sorted((repo / ".git").rglob("*"))}
    for call in CALLS:
        Git(repo).run(*call, check=False)
    assert {path: path.stat().st_mtime_ns for path in sorted((repo / ".git").rglob("*"))} == before


def test_a_missing_git_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not installed") as caught:
        Git(tmp_path, environ={"PATH": str(tmp_path)}).run("status")
    assert isinstance(caught.value, UserError) and caught.value.hint


def test_a_failure_quotes_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        Git(tmp_path).run("rev-parse", "HEAD")
    assert Git(tmp_path).run("rev-parse", "HEAD", check=False) == ""


def test_a_folder_that_is_gone_is_an_error_of_git(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="gone"):
        Git(tmp_path / "gone").run("status")


def test_a_call_that_takes_too_long_is_ended_with_its_helpers(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\n/bin/sleep 60 &\necho $! > " + str(tmp_path / "child") + "\nwait\n")
    (programs / "git").chmod(0o755)
    with pytest.raises(GitError, match="longer than"):
        Git(tmp_path, environ={"PATH": str(programs)}).run("log", timeout=0.5)
    child = int((tmp_path / "child").read_text())
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False).stdout.strip()
    assert state == "" or state.startswith("Z")


def test_odd_names_and_bytes_come_through(tmp_path: Path) -> None:
    repo = make(tmp_path / "repo")
    name = b"na\xefve \xe2\x80\xae*.txt"
    (repo / os.fsdecode(name)).write_bytes(b"x")
    git(repo, "add", "-A")
    assert name in Git(repo).run_bytes("ls-files", "-z").split(b"\0")
    assert "na\ufffdve" in Git(repo).run("ls-files", "-z")
    assert Git(repo).run("ls-files", "-z", "--", "*.txt") == ""  # paths are taken literally
