"""The files of one worktree as they are now, as far as memories cite them. Nothing is followed through a symbolic link.

A file is read again when its times, size or number changed, and also when it was so young at the last reading that it could
change within the grain of its times. What was found in a file is kept as long as the file is the same; its text is not.
"""

from __future__ import annotations

import os
import re
import stat
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcode import clock
from lcode.errors import UserError
from lcode.index.files import Folders, read_regular

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.index.anchors import Anchors
    from lcode.memory.session_memory import CodeNames

PARSED = 2_000_000  # bytes of a file that is understood; of a larger one only a digest is taken
HASHED = 64_000_000  # bytes of a file that is read at all
SETTLED = 2_000_000_000  # nanoseconds after which a change of a file changes its times everywhere
_OPEN = 8  # files whose syntax is kept at a time
_MOST_LISTS = 4  # commits of which all file names are kept
_FEW = 8  # files that are looked into without asking whether they changed
_GREP = 3.0  # seconds for looking where names stand
_MOST_NAMES, _MOST_COMMITS = 60, 12
_MOST_FILES = 60  # that are looked into for one name

_COMMIT = re.compile(r"[0-9a-f]{4,64}\Z")

_Signature = tuple[int, int, int, int, int]


class File:
    """One reading of a file: `hash` of its bytes; '' where it cannot be read. `found` keeps what was asked of it."""

    def __init__(self, path: str, signature: _Signature, settled: bool) -> None:
        self.path = path
        self.signature = signature
        self.settled = settled
        self.hash = ""
        self.found: dict[Any, Any] = {}

    @property
    def size(self) -> int:
        return self.signature[2]

    @property
    def readable(self) -> bool:
        return bool(self.hash)

    @property
    def parseable(self) -> bool:
        """Whether it is small enough to be understood."""
        return self.size <= PARSED


class Tree:
    """The worktree at `root`. `code` is what the code index knows; without it, and where that is not enough, git is asked."""

    def __init__(self, root: Path, code: CodeNames | None = None) -> None:
        self.root = root
        self._base = f"{root}/"
        self._code = code
        self._crashed: Collection[str] | None = None
        self._files: dict[str, File] = {}
        self._open: OrderedDict[str, tuple[str, Anchors]] = OrderedDict()
        self._folders = Folders(self._base)
        self._past: dict[tuple[str, str], bytes | None] = {}
        self._known_commits: dict[str, bool] = {}
        self._changed: dict[str, frozenset[str]] = {}
        self._lists: dict[str, frozenset[str]] = {}
        self._now: frozenset[str] | None = None
        self._seen: dict[str, File | None] = {}
        self.read_count = 0  # files that were read so far, for tests and figures

    def refresh(self) -> None:
        """Look at every file anew, once each, from here on."""
        self._folders = Folders(self._base)
        self._seen.clear()
        self._known_commits.clear()
        self._changed.clear()
        self._now = self._crashed = None

    # -- files ------------------------------------------------------------------------------------------------------

    def file(self, path: str) -> File | None:
        """The file at `path`; None where there is none inside the tree. Looked at once until the next `refresh`."""
        if path in self._seen:
            return self._seen[path]
        found = self._seen[path] = self._look(path)
        return found

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder at `path`, inside the tree."""
        return self.file(path) is not None or (
            _is_inside(path) and self._folders.inside(f"{path}/") and stat.S_ISDIR(_mode(self._base + path))
        )

    def _look(self, path: str) -> File | None:
        if not _is_inside(path) or not self._folders.inside(path):
            return None
        try:
            status = os.lstat(self._base + path)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        signature = _signature(status)
        known = self._files.get(path)
        if known is not None and known.settled and known.signature == signature:
            return known
        fresh = self._read(path, signature)
        if known is not None and known.hash == fresh.hash and known.readable:
            fresh.found = known.found
        self._files[path] = fresh
        return fresh

    def _read(self, path: str, signature: _Signature) -> File:
        now = int(clock.now().timestamp() * 1_000_000) * 1_000  # before the reading: a change after it is seen by its time
        found = read_regular(self._base + path, HASHED)
        if found is None:
            return File(path, signature, settled=False)
        data, status = found
        self.read_count += 1
        file = File(path, _signature(status), now - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED)
        file.hash = _hash(data)
        self._open.pop(path, None)
        if len(data) <= PARSED:
            self._keep_open(path, file.hash, data)
        return file

    def anchors(self, file: File) -> Anchors | None:
        """What can be held on to in a file; None where it is too large for that, or changed while it was looked at."""
        known = self._open.get(file.path)
        if known is None or known[0] != file.hash:
            found = read_regular(self._base + file.path, PARSED + 1) if file.parseable else None
            if found is None or _hash(found[0]) != file.hash:
                return None
            self.read_count += 1
            return self._keep_open(file.path, file.hash, found[0])
        self._open.move_to_end(file.path)
        return known[1]

    def _keep_open(self, path: str, digest: str, data: bytes) -> Anchors:
        from lcode.index.anchors import anchors

        if self._crashed is None:
            self._crashed = self._code.crashed() if self._code is not None else ()
        made = anchors(path, data, parse=path not in self._crashed)
        self._open[path] = digest, made
        while len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return made

    # -- where else something may stand -------------------------------------------------------------------------------

    def indexed(self, names: Iterable[str]) -> dict[str, Sequence[str]]:
        """For each name the files that define it, as far as the index knows."""
        code = self._code
        return {name: code.defining(name) or () for name in names} if code is not None else {}

    def grepped(self, wanted: Iterable[str]) -> dict[str, Sequence[str]]:
        """For each name the files that git finds the word in."""
        names = [name for name in wanted if "\n" not in name][:_MOST_NAMES]
        if not names or self._place.common_dir is None:
            return {}
        patterns = [part for name in names for part in ("-e", name)]
        listing = self._git("grep", "-lzF", "--untracked", "--no-recurse-submodules", *patterns, "--", ".")
        found: dict[str, list[str]] = {name: [] for name in names}
        patterns_of = {name: name.encode("utf-8", "surrogateescape") for name in names}
        for path in _paths(listing):
            content = read_regular(self._base + path, PARSED) if self._folders.inside(path) else None
            for name, pattern in patterns_of.items():
                if content is not None and pattern in content[0]:
                    found[name].append(path)
        return {name: paths for name, paths in found.items() if paths}

    def new_since(self, commit: str, like: str) -> list[str]:
        """Files of the same type as `like` that were not there at a commit, likely ones first."""
        if not self.knows(commit):
            return []
        if self._now is None:
            self._now = frozenset(_paths(self._git("ls-files", "-z", "-co", "--exclude-standard")))
        suffix, name = Path(like).suffix, Path(like).name
        found = [path for path in self._now - self._listed(commit) if Path(path).suffix == suffix]
        return sorted(found, key=lambda path: (Path(path).name != name, path))[:_MOST_FILES]

    def likely(self, paths: Sequence[str], commit: str) -> Sequence[str]:
        """Of many files those that something can have come to since a commit."""
        if len(paths) > _FEW and self.knows(commit):
            if commit not in self._changed:
                changed = _paths(self._git("diff", "--name-only", "-z", "--no-renames", commit))
                untracked = _paths(self._git("ls-files", "-z", "-o", "--exclude-standard"))
                self._changed[commit] = frozenset([*changed, *untracked])
            paths = [path for path in paths if path in self._changed[commit]]
        return paths[:_MOST_FILES]

    def _listed(self, commit: str) -> frozenset[str]:
        """The files that there were at a commit."""
        if commit not in self._lists:
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            listing = self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
            self._lists[commit] = frozenset(_paths(listing))
        return self._lists[commit]

    # -- the past -----------------------------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> Place:
        from lcode.git.repository import find

        return find(self.root)

    def head(self) -> str:
        """The commit that the worktree stands on now; '' before the first, and without git."""
        from lcode.git.repository import find

        return find(self.root).head

    def knows(self, commit: str) -> bool:
        """Whether a commit is in the repository."""
        if self._place.common_dir is None or not _COMMIT.match(commit):
            return False
        if commit not in self._known_commits:
            known = len(self._known_commits) < _MOST_COMMITS and self._git("cat-file", "-e", f"{commit}^{{commit}}") is not None
            self._known_commits[commit] = known
        return self._known_commits[commit]

    def had(self, commit: str, path: str) -> bool:
        """Whether there was a file at `path` at a commit that is known."""
        return path in self._listed(commit)

    def at(self, commit: str, path: str) -> bytes | None:
        """A file as it was at a commit that is known; None where there was none."""
        key = commit, path
        if key not in self._past:
            if len(self._past) > 200:
                self._past.clear()
            self._past[key] = self._git("cat-file", "blob", f"{commit}:{path}")
        return self._past[key]

    def commits(self, *arguments: str) -> list[str]:
        """The ids that `git rev-list` gives; none where it fails."""
        return (self._git("rev-list", *arguments) or b"").decode("ascii", "replace").split()

    def _git(self, *arguments: str) -> bytes | None:
        from lcode.git.command import Git

        try:
            return Git(self.root).run_bytes(*arguments, timeout=_GREP)
        except UserError:  # there is nothing, or no git, or it took too long
            return None


def _is_inside(path: str) -> bool:
    """Whether a path can be one of the worktree's own files."""
    parts = path.split("/")
    return bool(path) and "\0" not in path and not path.startswith("/") and ".." not in parts and ".git" not in parts


def _paths(listing: bytes | None) -> list[str]:
    return [os.fsdecode(raw) for raw in (listing or b"").split(b"\0") if raw]


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except (OSError, ValueError):
        return 0


def _signature(status: os.stat_result) -> _Signature:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()
