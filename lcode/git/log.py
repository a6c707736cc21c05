"""Commits as they are: what they say, who made them, which files they change and by how much, and the texts of those files.

Nothing is fetched: where a partial clone lacks a text, or a shallow one the parents of a commit, less is told. What is read is
bounded, however large a commit is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lcode.git.command import Git, GitError

SUBMODULE = "160000"
_BATCH = 40  # commits of one call
_TIMEOUT = 120.0
_FIELDS = 8
_FORMAT = ("--encoding=UTF-8", "--format=%x00%H%x00%P%x00%T%x00%an%x00%at%x00%ct%x00%s%x00%b%x00")
_WHOLE = ("--raw", "--numstat", "-M", "-l400")
_NAMES = ("--raw", "--no-renames")  # where the texts are not at hand that renames and sizes are told by
_COUNT = re.compile(r"(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_LAST = 253_402_214_400  # 9999-12-31
_MISSES = 20  # texts that a partial clone lacks, before the rest is given up


@dataclass(frozen=True)
class FileChange:
    """One file of a commit. `old` is its path before, where it was moved; else the same. `before` and `after` name its texts,
    '' where there is none. `added` and `removed` are lines; None where they are not known, as those of a binary file."""

    status: str  # A added, M modified, D deleted, R renamed, T another type
    old: str
    path: str
    before: str = ""
    after: str = ""
    added: int | None = None
    removed: int | None = None
    submodule: bool = False


@dataclass(frozen=True)
class Entry:
    """One commit. Times are seconds since 1970. `complete`: whether `changes` are all it changed, against its first parent."""

    id: str
    parents: tuple[str, ...]
    tree: str
    author: str
    authored: int
    committed: int
    subject: str
    body: str
    changes: tuple[FileChange, ...] = ()
    complete: bool = True


@dataclass
class _Read:
    """One commit while its changes are gathered: by the path that each file has after it."""

    fields: Sequence[str]
    changes: dict[str, FileChange] = field(default_factory=dict)


def reached(git: Git, starts: Sequence[str], excluded: Iterable[str], limit: int) -> list[tuple[str, str]]:
    """The newest commits that `starts` (full names of refs, or ids) reach and none of the `excluded` does, newest first, each
    with the start from which it was come to. Names of nothing are passed over. Raises GitError."""
    words = [*dict.fromkeys(starts), *(f"^{commit}" for commit in excluded)]
    options = ("--ignore-missing", "--stdin", f"--max-count={limit}", "-z", "--format=%H %S")
    if not starts:
        return []
    listing = git.run_bytes("log", *options, stdin=_lines(words), timeout=_TIMEOUT)
    pairs = (entry.decode("utf-8", "surrogateescape").partition(" ") for entry in listing.split(b"\0") if entry)
    return [(commit, start) for commit, _, start in pairs]


def unreached(git: Git, commits: Collection[str], reach: Iterable[str]) -> set[str]:
    """Those of `commits` that none of `reach` reaches, or that are not there any more. Raises GitError."""
    if not commits:
        return set()
    options = ("--ignore-missing", "--stdin")
    there = set(git.run("rev-list", "--no-walk", *options, stdin=_lines(commits), timeout=_TIMEOUT).split())
    words = [*(commit for commit in commits if commit in there), *(f"^{commit}" for commit in reach)]
    found = git.run("rev-list", *options, stdin=_lines(words), timeout=_TIMEOUT).split()
    return (set(commits) - there) | (set(commits) & set(found))


def entries(git: Git, commits: Sequence[str], *, shallow: Collection[str] = ()) -> Iterator[Entry]:
    """The commits in the order given; those that are not there are passed over. `shallow` are the ones whose parents a shallow
    clone does not have, though it says that they have none. Raises GitError."""
    for start in range(0, len(commits), _BATCH):
        for entry in _batch(git, commits[start : start + _BATCH]):
            yield replace(entry, changes=(), complete=False) if entry.id in shallow else entry


def _batch(git: Git, commits: Sequence[str]) -> list[Entry]:
    try:
        return _logged(git, commits, _WHOLE)
    except GitError:
        if len(commits) > 1:
            return [entry for commit in commits for entry in _batch(git, [commit])]
    for options in (_NAMES, ()):
        try:
            found = _logged(git, commits, options)
        except GitError:
            continue
        return [replace(entry, complete=False) for entry in found] if not options else found
    return []


def messages(git: Git, commits: Sequence[str]) -> list[Entry]:
    """The same without changes, quickly. Raises GitError."""
    return [replace(entry, complete=False) for entry in _logged(git, commits, ())] if commits else []


def _logged(git: Git, commits: Sequence[str], options: Sequence[str]) -> list[Entry]:
    changes = ("-z", "--no-abbrev", "--root", "--diff-merges=first-parent", *options) if options else ("-z",)
    words = ("--no-walk=unsorted", "--ignore-missing", "--stdin", *changes, *_FORMAT)
    output = git.run_bytes("log", *words, stdin=_lines(commits), timeout=_TIMEOUT)
    return [_entry(read) for read in _parsed(output.decode("utf-8", "surrogateescape").split("\0"))]


def _parsed(fields: Sequence[str]) -> Iterator[_Read]:
    """The fields of `_FORMAT`; `:modes ids status` and a path, of what was moved another one; `added removed path`, of what
    was moved two behind it. Each is told by where it stands: a message and a path may hold any character but the one
    between."""
    read: _Read | None = None
    at = 0
    while at < len(fields):
        head = fields[at].lstrip("\n")
        if head.startswith(":") and read is not None:
            at = _raw(read, fields, at)
        elif (count := _COUNT.fullmatch(head)) is not None and read is not None:
            path = count[3] or fields[at + 2]
            if path in read.changes and count[1] != "-":
                read.changes[path] = replace(read.changes[path], added=int(count[1]), removed=int(count[2]))
            at += 1 if count[3] else 3
        elif head:
            if read is not None:
                yield read
            read = _Read([head, *fields[at + 1 : at + _FIELDS]])
            at += _FIELDS
        else:
            at += 1
    if read is not None:
        yield read


def _raw(read: _Read, fields: Sequence[str], at: int) -> int:
    """Take in a change; where the next field is."""
    mode_before, mode_after, before, after, status = fields[at].lstrip("\n:").split(" ")
    moved = status[:1] in ("R", "C")
    old, path = fields[at + 1], fields[at + 1 + moved]
    kind = "A" if status[:1] == "C" else status[:1]
    texts = ["" if set(name) == {"0"} else name for name in (before, after)]
    is_submodule = SUBMODULE in (mode_before, mode_after)
    read.changes[path] = FileChange(kind, old if kind == "R" else path, path, texts[0], texts[1], submodule=is_submodule)
    return at + 2 + moved


def _entry(read: _Read) -> Entry:
    identity, parents, tree, author, authored, committed, subject, body = read.fields
    times = (_time(authored), _time(committed))
    changes = tuple(read.changes.values())
    return Entry(identity, tuple(parents.split()), tree, author.strip(), *times, subject.strip(), body.strip(), changes)


def _time(text: str) -> int:
    """Within the years that a date can be written in: a commit may claim any."""
    return min(int(text), _LAST) if text.isdecimal() else 0


def merged(git: Git, merge: Entry, limit: int) -> list[str]:
    """The subjects of the newest commits that a merge brought in, without other merges. Raises GitError."""
    words = [*merge.parents[1:], f"^{merge.parents[0]}"]
    options = ("--no-merges", "--stdin", f"--max-count={limit}", "-z", "--encoding=UTF-8", "--format=%s")
    return [line for line in git.run("log", *options, stdin=_lines(words), timeout=_TIMEOUT).split("\0") if line]


def blobs(git: Git, names: Collection[str], largest: int, most: int = 64_000_000) -> Mapping[str, bytes]:
    """The texts with these names that are there and not larger than `largest` bytes, `most` bytes in all. Raises GitError."""
    batch: list[str] = []
    total = 0
    for line in _sizes(git, list(names)):
        name, kind, size = [*line.split(" "), ""][:3]
        if kind == "blob" and int(size) <= largest and total + int(size) <= most:
            batch.append(name)
            total += int(size)
    return _texts(git, batch)


def _sizes(git: Git, names: Sequence[str]) -> Iterator[str]:
    """Name, type and size of each. Where it would have to fetch one, an older git stops there: it is passed over."""
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    for _ in range(_MISSES):
        if not names:
            return
        told = git.run("cat-file", form, stdin=_lines(names), timeout=_TIMEOUT, check=False).splitlines()
        yield from told
        names = names[len(told) + 1 :]


def _texts(git: Git, names: Sequence[str]) -> dict[str, bytes]:
    output = git.run_bytes("cat-file", "--batch", stdin=_lines(names), timeout=_TIMEOUT) if names else b""
    found: dict[str, bytes] = {}
    at = 0
    while (end := output.find(b"\n", at)) >= 0:
        name, kind, size = [*output[at:end].decode("ascii").split(" "), ""][:3]
        at = end + 1
        if kind == "blob":
            found[name] = output[at : at + int(size)]
            at += int(size) + 1
    return found


def patch_ids(git: Git, commits: Sequence[str]) -> dict[str, str]:
    """What each commit changes, as a hash that neither its place in history nor its message has a part in; '' is left out.
    Raises GitError."""
    words = ("--no-walk=unsorted", "--ignore-missing", "--stdin", "-p", "--no-renames", "--no-merges", "--format=commit %H")
    patch = git.run_bytes("log", *words, stdin=_lines(commits), timeout=_TIMEOUT) if commits else b""
    listing = git.run("patch-id", "--stable", stdin=patch, timeout=_TIMEOUT) if patch else ""
    return {commit: patch_id for patch_id, _, commit in (line.partition(" ") for line in listing.splitlines())}


def shallow(common_dir: Path) -> frozenset[str]:
    """The commits whose parents a shallow clone does not have."""
    try:
        return frozenset((common_dir / "shallow").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return frozenset()


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode("utf-8", "surrogateescape")
