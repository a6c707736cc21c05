"""Where a folder stands: its repository, worktree, branch and commit, read from git's own files.

This is on the path to the first request, so the git program is not run; only what its files do not tell plainly (a
reftable) and what identity needs once for an unknown folder (root commits) is asked of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lcode.git.command import Git, GitError
from lcode.sanitize import encodable

_MAX_LINKS = 5  # symbolic refs that point to symbolic refs


@dataclass(frozen=True)
class Place:
    """`root` is the top of the worktree, or the folder itself where there is no repository (the repository, if bare).
    `git_dir` is this worktree's, `common_dir` the one that all worktrees of the clone share. `branch` is the short sha
    with a detached head, and the branch being rebased in a rebase. `head` is '' before the first commit."""

    root: Path
    common_dir: Path | None = None
    git_dir: Path | None = None
    branch: str = ""
    head: str = ""
    is_bare: bool = False

    def git(self) -> Git:
        """git at this place."""
        return Git(self.root, git_dir=self.git_dir if self.is_bare else None)


def find(directory: Path) -> Place:
    """The place of `directory` (which exists): the innermost repository around it, symlinks followed."""
    start = directory.resolve()
    for folder in (start, *start.parents):
        dot = folder / ".git"
        if _is_git_dir(dot):
            return _place(folder, dot.resolve())
        if dot.is_file():
            target = _linked(dot)
            # A link that leads nowhere: its repository is gone, and the one around it is another.
            return _place(folder, target) if target is not None else Place(folder)
        if _is_git_dir(folder):
            if folder.name == ".git":
                return _place(folder.parent, folder)
            if _is_bare(folder):
                return _place(folder, folder)
    return Place(start)


def root_commits(place: Place) -> tuple[str, ...]:
    """The first commits of the history of HEAD, which name a project wherever it is cloned; () where there is none, or
    where a shallow clone does not reach them."""
    if place.common_dir is None or not place.head or _is_file(place.common_dir / "shallow"):
        return ()
    try:
        listing = place.git().run("rev-list", "--max-parents=0", place.head, "--")
    except GitError:
        return ()
    return tuple(sorted(listing.split()))


def tracked(place: Place, paths: Sequence[str]) -> set[str]:
    """Those of `paths` (relative to the root, with `/`) that are tracked: all without git or in a bare repository, none
    where git refuses to tell (a repository of somebody else)."""
    if not paths or place.common_dir is None or place.is_bare:
        return set(paths)
    try:
        listing = place.git().run_bytes("ls-files", "-z", "--", *paths)
    except GitError:
        return set()
    return set(paths) & {os.fsdecode(name) for name in listing.split(b"\0")}


def worktrees(common_dir: Path) -> Iterator[Place]:
    """Every worktree of a clone, the main one (or the bare repository) first. `root` is the folder of git's, for whose
    worktree it is does not matter here."""
    yield _place(common_dir, common_dir)
    with suppress(OSError):
        for folder in sorted((common_dir / "worktrees").iterdir()):
            if _is_git_dir(folder):
                yield _place(folder, folder)


def worktree_of(git_dir: Path) -> Path:
    """The folder whose repository is kept at `git_dir`, as a submodule's is in its parent; `git_dir` if it names none."""
    named = re.search(r"(?mi)^\s*worktree\s*=\s*(.+?)\s*$", _text(git_dir / "config"))
    try:
        return (git_dir / named[1].strip('"')).resolve() if named else git_dir
    except (OSError, ValueError, RuntimeError):
        return git_dir


def _place(root: Path, git_dir: Path) -> Place:
    common = _common(git_dir)
    branch, head = _head(git_dir, common)
    return Place(root, common, git_dir, branch, head, is_bare=root == git_dir)


def _is_git_dir(folder: Path) -> bool:
    """As git decides it: HEAD, and objects and refs here or in the common folder."""
    head = folder / "HEAD"
    try:
        if not (head.is_file() or head.is_symlink()):
            return False
        common = _common(folder)
        return (common / "objects").is_dir() and (common / "refs").is_dir()
    except OSError:
        return False


def _is_bare(folder: Path) -> bool:
    """Whether the repository at `folder`, which is not called `.git`, has no worktree elsewhere (as a submodule's has)."""
    settings = _text(folder / "config")
    return re.search(r"(?mi)^\s*worktree\s*=", settings) is None and not _is_file(folder / "commondir")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _linked(file: Path) -> Path | None:
    """The git folder that a `.git` file names; None where there is none."""
    key, _, target = _text(file).strip().partition(": ")
    if key != "gitdir" or not target:
        return None
    try:
        folder = (file.parent / target).resolve()
    except (OSError, ValueError, RuntimeError):
        return None
    return folder if _is_git_dir(folder) else None


def _common(git_dir: Path) -> Path:
    named = _text(git_dir / "commondir").strip()
    return (git_dir / named).resolve() if named else git_dir.resolve()


def _text(file: Path) -> str:
    """The beginning of a small file; '' where it cannot be read."""
    try:
        if not file.is_file():  # a pipe would wait for ever
            return ""
        with file.open("rb") as stream:
            return stream.read(65_536).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _head(git_dir: Path, common: Path) -> tuple[str, str]:
    """The branch and the commit."""
    content = _text(git_dir / "HEAD").strip()
    with suppress(OSError):
        content = "ref: " + encodable((git_dir / "HEAD").readlink().as_posix())  # as very old repositories have it
    if (common / "reftable").is_dir():
        return _asked(git_dir)
    if not content.startswith("ref:"):
        head = content if _is_id(content) else ""
        return _rebased(git_dir) or head[:7], head
    ref = content.removeprefix("ref:").strip()
    return _short(ref), _resolved(ref, git_dir, common)


def _asked(git_dir: Path) -> tuple[str, str]:
    """The same from the git program, for refs that are not kept in plain files."""
    git = Git(None, git_dir=git_dir)
    try:
        ref = git.run("symbolic-ref", "-q", "HEAD", check=False).strip()
        head = git.run("rev-parse", "-q", "--verify", "HEAD", check=False).strip()
    except GitError:
        return "", ""
    return (_short(ref) if ref else _rebased(git_dir) or head[:7]), head if _is_id(head) else ""


def _rebased(git_dir: Path) -> str:
    for state in ("rebase-merge", "rebase-apply"):
        ref = _text(git_dir / state / "head-name").strip()
        if ref.startswith("refs/heads/"):
            return _short(ref)
    return ""


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


def _resolved(ref: str, git_dir: Path, common: Path) -> str:
    """The commit of `ref`; '' where it has none yet. Only refs are read, wherever the name points."""
    for _ in range(_MAX_LINKS):
        if not ref.startswith("refs/") or ".." in ref.split("/") or "\0" in ref:
            return ""
        own = ref.startswith(("refs/bisect/", "refs/worktree/", "refs/rewritten/"))
        content = _text((git_dir if own else common) / ref).strip()
        if not content.startswith("ref:"):
            return content if _is_id(content) else _packed(ref, common)
        ref = content.removeprefix("ref:").strip()
    return ""


def _packed(ref: str, common: Path) -> str:
    try:
        data = (common / "packed-refs").read_bytes()
    except OSError:
        return ""
    line = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(ref.encode("utf-8", "surrogateescape")) + rb"$", data, re.MULTILINE)
    found = line[1].decode("ascii") if line else ""
    return found if _is_id(found) else ""


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", text) is not None
