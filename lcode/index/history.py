"""What past commits say about the files of today: their messages, and which living files each touched, renames followed.

A commit's subject tells in people's words what its files are about, and search uses that as a second index. Paths are kept as
they are called now: a file that was moved keeps its history. Merges are left out, for they say nothing of their own; commits
that touch very many files say nothing of each, and are kept without files. The newest `LIMIT` are known, of all checkouts.

New commits alone are read where history only grew; where it was rewritten, or another branch is at hand, it is read anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lcode.git.command import Git, GitError
from lcode.index.words import document_text
from lcode.redact import names_secret, of_process

if TYPE_CHECKING:
    import apsw

    from lcode.store.database import Database

LIMIT = 10_000  # commits
MOST_FILES = 60  # of a commit: one that touches more is a sweep
_BODY = 1_500  # characters of a message's body that are searched
_BATCH = 500  # commits in one transaction
_TIMEOUT = 300.0
_LAST = 253_402_214_400  # 9999-12-31
_FORMAT = ("--encoding=UTF-8", "--format=%x00%H%x00%ct%x00%s%x00%b%x00")
_HEADS = "history_heads"


class Change(NamedTuple):
    """One file of a commit. `old` is its path before, where it was moved; else the same."""

    status: str  # A added, M modified, D deleted, R renamed
    old: str
    path: str


@dataclass(frozen=True)
class Commit:
    hash: str
    time: int
    subject: str
    body: str
    changes: tuple[Change, ...]


def read_commits(git: Git, *revisions: str, limit: int = LIMIT) -> list[Commit]:
    """The newest commits that `revisions` reach, newest first. Raises GitError."""
    arguments = ("--no-merges", "--raw", "-z", "--no-abbrev", "--root", f"--max-count={limit}", *_FORMAT, *revisions, "--")
    try:
        output = git.run("log", "-M", "-l400", *arguments, timeout=_TIMEOUT)
    except GitError:  # where a partial clone lacks the texts that renames are told by
        output = git.run("log", "--no-renames", *arguments, timeout=_TIMEOUT)
    return [_commit(entry, changes) for entry, changes in _entries(output.split("\0"))]


def _entries(fields: Sequence[str]) -> list[tuple[Sequence[str], list[Change]]]:
    """Hash, time, subject and body; then `:modes hashes status`, a path, and of what was moved another one, repeated. Each is
    told by where it stands: a message and a path may hold any character but the one between."""
    found: list[tuple[Sequence[str], list[Change]]] = []
    at = 0
    while at < len(fields):
        field = fields[at].lstrip("\n")
        if field.startswith(":"):
            status = field.rpartition(" ")[2][:1]
            moved = status in ("R", "C")
            found[-1][1].append(_change(status, *fields[at + 1 : at + 2 + moved]))
            at += 2 + moved
        elif field:
            found.append((fields[at : at + 4], []))
            at += 4
        else:
            at += 1
    return found


def _change(status: str, old: str, path: str = "") -> Change:
    path = path or old
    return Change("A", path, path) if status == "C" else Change(status, old, path)


def _commit(entry: Sequence[str], changes: Iterable[Change]) -> Commit:
    identity, time, subject, body = entry
    subject, body = map(of_process().redact, (subject.strip(), body.strip()))
    return Commit(identity, _time(time), subject, body, tuple(changes))


def _time(text: str) -> int:
    """Seconds since 1970, within the years that a date can be written in: a commit may claim any."""
    return min(int(text), _LAST) if text.isdecimal() else 0


def living_paths(commits: Iterable[Commit]) -> Iterator[tuple[Commit, list[str]]]:
    """Each of `commits` (newest first) with the paths that its files have now, or had last."""
    now: dict[str, str] = {}  # paths that a newer commit moved away, and where they ended
    for commit in commits:
        paths = [now.get(change.path, change.path) for change in commit.changes]
        yield commit, list(dict.fromkeys(paths))
        for change in commit.changes:
            if change.status == "R":
                now[change.old] = now.get(change.path, change.path)
        for change in commit.changes:
            if change.status in ("A", "R") and change.path in now:
                del now[change.path]  # before this commit the path was another file's


# -- keeping it -----------------------------------------------------------------------------------------------------


def update_history(database: Database, git: Git, root: str, *, limit: int = LIMIT) -> int:
    """Bring the history up to the checkout at `root`; how many commits were read. Quick where nothing is new."""
    head = git.run("rev-parse", "--verify", "--quiet", "HEAD", check=False).strip()
    heads: dict[str, str] = database.read(_heads)
    if not head or heads.get(root) == head:
        return 0
    before = heads.get(root)
    others = sorted({known for place, known in heads.items() if place != root} & _existing(git, heads))
    grew = before is not None and _is_ancestor(git, before, head)
    heads = {place: known for place, known in heads.items() if known in others} | {root: head}
    if grew or (before is None and others):
        excluded = [f"^{known}" for known in sorted({*others, *([before] if before and grew else [])})]
        commits = read_commits(git, head, *excluded, limit=limit)
        database.write(lambda connection: _append(connection, commits, heads, limit))
    else:
        commits = read_commits(git, head, *others, limit=limit)
        _replace(database, commits, heads)
    return len(commits)


def is_read(connection: apsw.Connection, root: str) -> bool:
    """Whether the history of the checkout at `root` is known, be it an older one."""
    return root in _heads(connection)


def _existing(git: Git, heads: dict[str, str]) -> set[str]:
    found = set()
    for known in set(heads.values()):
        if git.run("rev-parse", "--verify", "--quiet", f"{known}^{{commit}}", check=False).strip():
            found.add(known)
    return found


def _is_ancestor(git: Git, older: str, newer: str) -> bool:
    try:
        return git.run("rev-list", "--max-count=1", older, f"^{newer}", "--").strip() == ""
    except GitError:  # the older one is gone
        return False


def _heads(connection: apsw.Connection) -> dict[str, str]:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (_HEADS,)).fetchone()
    return dict(json.loads(row[0])) if row else {}


def _keep_heads(connection: apsw.Connection, heads: dict[str, str]) -> None:
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_HEADS, json.dumps(heads)))


def _replace(database: Database, commits: Sequence[Commit], heads: dict[str, str]) -> None:
    """Read anew, in short transactions. Until the last one no head is known, so that a start again begins here."""
    database.write(_clear)
    placed = list(living_paths(commits))[::-1]
    for start in range(0, len(placed), _BATCH):
        batch = placed[start : start + _BATCH]
        database.write(lambda connection, batch=batch: _insert(connection, batch))  # type: ignore[misc]
    database.write(lambda connection: _keep_heads(connection, heads))


def _clear(connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM meta WHERE key = ?", (_HEADS,))
    connection.execute("DELETE FROM commit_files")
    connection.execute("DELETE FROM commits_fts")
    connection.execute("DELETE FROM commits")


def _append(connection: apsw.Connection, commits: Sequence[Commit], heads: dict[str, str], limit: int) -> None:
    """Add `commits`, newest first, to what is known: what they moved, moves in the older ones too."""
    placed = list(living_paths(commits))[::-1]
    for commit, _ in placed:
        for change in commit.changes:
            if change.status == "R":
                _move(connection, change.old, change.path)
    _insert(connection, placed)
    surplus = "SELECT id FROM commits ORDER BY id DESC LIMIT -1 OFFSET ?"
    for (old,) in connection.execute(surplus, (limit,)).fetchall():
        connection.execute("DELETE FROM commit_files WHERE commit_id = ?", (old,))
        connection.execute("DELETE FROM commits_fts WHERE rowid = ?", (old,))
        connection.execute("DELETE FROM commits WHERE id = ?", (old,))
    _keep_heads(connection, heads)


def _move(connection: apsw.Connection, old: str, path: str) -> None:
    connection.execute("DELETE FROM commit_files WHERE path = ?", (path,))  # another file's, which stood there before
    connection.execute("UPDATE commit_files SET path = ? WHERE path = ?", (path, old))


def _insert(connection: apsw.Connection, placed: Iterable[tuple[Commit, list[str]]]) -> None:
    """Rows of commits, oldest first: the order of ids is the order of history."""
    for commit, paths in placed:
        sql = "INSERT OR IGNORE INTO commits (hash, subject, time) VALUES (?, ?, ?)"
        connection.execute(sql, (commit.hash, commit.subject, commit.time))
        if not connection.changes():
            continue
        row = connection.last_insert_rowid()
        words = (row, document_text(commit.subject), document_text(commit.body[:_BODY]))
        connection.execute("INSERT INTO commits_fts (rowid, subject, body) VALUES (?, ?, ?)", words)
        if len(paths) <= MOST_FILES:
            connection.executemany(
                "INSERT OR IGNORE INTO commit_files VALUES (?, ?)", [(row, path) for path in paths if not names_secret(path)]
            )
