"""What a clone has at hand: its branches, the HEADs of all its worktrees, what else holds commits, and how the HEADs moved.

The moves are git's own log of each HEAD: they name commits that nothing reaches any more, and what took their place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from lcode.git.command import Git
from lcode.git.repository import Place, worktrees

_REFS = ("refs/heads", "refs/remotes", "refs/tags")
_FORMAT = "--format=%(objectname) %(objecttype) %(*objecttype) %(refname)"
_HEADS = "refs/heads/"
_LOG = 1_000_000  # bytes of a log of HEAD that are read, from its end: some 5,000 moves
_MOVE = re.compile(rb"^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [^\n\t]*> (\d{1,12}) [+-]\d{4}(?:\t([^\n]*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Move:
    """HEAD went from one commit to another. `old` is all zeros at its beginning."""

    old: str
    new: str
    time: int
    message: str

    @property
    def mark(self) -> str:
        return f"{self.old} {self.new} {self.time}"


@dataclass(frozen=True)
class Refs:
    """`branches` by their full names; `others` are tags and remote-tracking branches; `heads` the branch (of one that is being
    rebased too; '' where none) and commit of each worktree; `moves` of each worktree, oldest first."""

    branches: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    heads: Sequence[tuple[str, str]] = ()
    moves: Mapping[str, Sequence[Move]] = field(default_factory=dict)

    @property
    def tips(self) -> frozenset[str]:
        """The commits of branches and worktrees."""
        return frozenset([*self.branches.values(), *(commit for _, commit in self.heads)])

    @property
    def reach(self) -> frozenset[str]:
        """From where a commit must be reached to count as there."""
        return self.tips | self.others

    @property
    def marks(self) -> dict[str, str]:
        """The last move of each worktree."""
        return {name: moves[-1].mark for name, moves in self.moves.items() if moves}

    def signature(self) -> str:
        """Another one wherever anything is."""
        told = (sorted(self.branches.items()), sorted(self.others), list(self.heads), sorted(self.marks.items()))
        return blake2b(repr(told).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()

    def since(self, marks: Mapping[str, str]) -> Iterator[Move]:
        """The moves behind those that `marks` names; where git dropped such a one, those that are not older."""
        for name, moves in self.moves.items():
            mark = marks.get(name, "")
            at = next((number for number in range(len(moves) - 1, -1, -1) if moves[number].mark == mark), -1)
            oldest = int(mark.rpartition(" ")[2] or 0) if at < 0 else 0
            yield from (move for move in moves[at + 1 :] if move.time >= oldest)


def read(place: Place) -> Refs:
    """The refs of the clone that `place` is in, with one call of git. Raises GitError."""
    if place.common_dir is None:
        return Refs()
    found = [_ref(line) for line in place.git().run_bytes("for-each-ref", _FORMAT, *_REFS).split(b"\n") if line]
    commits = [(name, commit) for name, commit, kind in found if kind == "commit"]
    heads, moves = [], {}
    for tree in worktrees(place.common_dir):
        if tree.git_dir is not None:
            if tree.head:
                is_branch = tree.branch != tree.head[:7]
                heads.append((f"{_HEADS}{tree.branch}" if is_branch else "", tree.head))
            moves[_known_as(tree)] = _moves(tree)
    return Refs(
        {name: commit for name, commit in commits if name.startswith(_HEADS)},
        frozenset(commit for name, commit in commits if not name.startswith(_HEADS)),
        tuple(heads),
        moves,
    )


def _known_as(tree: Place) -> str:
    """What a worktree is known by, be there what may in the name of its folder; '' for the clone's own."""
    name = b"" if tree.git_dir is None or tree.git_dir == tree.common_dir else os.fsencode(tree.git_dir.name)
    return blake2b(name, digest_size=8).hexdigest() if name else ""


def branch_name(ref: str) -> str:
    """The short name of a branch; '' for what is none."""
    return ref.removeprefix(_HEADS) if ref.startswith(_HEADS) else ""


def _ref(line: bytes) -> tuple[str, str, str]:
    commit, kind, peeled, name = line.split(b" ", 3)
    return os.fsdecode(name), commit.decode("ascii"), (peeled or kind).decode("ascii")


def _moves(tree: Place) -> Sequence[Move]:
    if tree.common_dir is not None and (tree.common_dir / "reftable").is_dir():
        return _asked(tree)
    assert tree.git_dir is not None
    return [
        Move(old.decode(), new.decode(), int(time), (message or b"").decode("utf-8", "replace"))
        for old, new, time, message in _MOVE.findall(_end_of(tree.git_dir / "logs" / "HEAD"))
    ]


def _asked(tree: Place) -> Sequence[Move]:
    """The same from the git program, for a log that is not kept in a plain file."""
    git = Git(None, git_dir=tree.git_dir)
    listing = git.run("log", "-g", "--max-count=5000", "-z", "--format=%H%x00%gs", "--date=unix", "HEAD", "--", check=False)
    fields = listing.rstrip("\0").split("\0")
    news = list(zip(fields[::2], fields[1::2], strict=False))[::-1]
    olds = ["0" * len(fields[0]), *(new for new, _ in news)]
    return [Move(old, new, 0, message) for old, (new, message) in zip(olds, news, strict=False) if new]


def _end_of(file: Path) -> bytes:
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LOG))
            return stream.read()
    except OSError:
        return b""
