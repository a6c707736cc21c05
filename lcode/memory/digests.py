"""Which commits were digested, each once, and which of them nothing reaches any more.

A digest is a passage of the kind "commit"; this keeps, by commit, what became of it. The passage and its row are written in one
transaction, so that a commit has both or neither. What was retired stays, and is answered for the time when it was there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import apsw

from lcode import clock
from lcode.memory.archival import Archival
from lcode.memory.model import Actor, Provenance, Source, Trust
from lcode.redact import Redactor
from lcode.store.database import Database, fetch_all, fetch_one, scalar


@dataclass(frozen=True)
class Digest:
    """What is known of a commit. `retired_at` '': it is there. `replaced_by` is the commit that took its place, '' where
    none is known to have."""

    commit: str
    passage_id: str
    branch: str
    digested_at: str
    retired_at: str
    replaced_by: str
    reason: str


class Digests:
    """The commits that the agent of this database knows."""

    def __init__(self, memory: Database, redactor: Redactor) -> None:
        self._memory = memory
        self._redact = redactor.redact
        self._archival = Archival(memory, redactor)

    # -- looking up ---------------------------------------------------------------------------------------------------

    def all(self) -> list[Digest]:
        """Every commit, in the order in which they were digested."""
        sql = (
            "SELECT commit_id, passage_id, branch, digested_at, retired_at, replaced_by, reason FROM commit_digests"
            " ORDER BY rowid"
        )
        return self._memory.read(lambda connection: [Digest(*row) for row in fetch_all(connection, sql)])

    def clones(self) -> list[str]:
        """Where the repositories of this agent are, as `path_text` writes it."""
        sql = "SELECT paths FROM identity"
        rows = self._memory.read(lambda connection: fetch_all(connection, sql))
        return [path for row in rows for path in json.loads(row[0])]

    def state(self, key: str) -> dict[str, Any]:
        """What was kept under `key`; {} where nothing was."""
        text = self._memory.read(lambda connection: scalar(connection, "SELECT value FROM git_state WHERE key = ?", (key,)))
        return dict(json.loads(text)) if text else {}

    # -- writing ------------------------------------------------------------------------------------------------------

    def keep_state(self, key: str, value: dict[str, Any]) -> None:
        bindings = (key, json.dumps(value, sort_keys=True))
        sql = "INSERT INTO git_state (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._memory.write(lambda connection: connection.execute(sql, bindings))

    def add(self, commit: str, text: str, *, branch: str, worktree: str, made_at: str, attempt: str = "") -> bool:
        """Keep the digest of a commit that was made at the stamp `made_at`; False where it is known already. `attempt` is what
        it shows to have been tried, and ends with it."""
        by = _by(commit, worktree, _operation(commit))
        branch = self._redact(branch)

        def work(connection: apsw.Connection) -> bool:
            if fetch_one(connection, "SELECT 1 FROM commit_digests WHERE commit_id = ?", (commit,)):
                return False
            passage = self._archival.insert(
                text, by, kind="commit", valid_from=min(made_at, clock.stamp()), valid_from_commit=commit
            )
            if attempt:
                tried = _by(commit, worktree, _attempt("op", commit))
                self._archival.insert(attempt, tried, kind="attempt", tags=["attempt"], valid_from=min(made_at, clock.stamp()))
            connection.execute(
                "INSERT INTO commit_digests (commit_id, passage_id, branch, digested_at) VALUES (?, ?, ?, ?)",
                (commit, passage.id, branch, clock.stamp()),
            )
            return True

        return self._memory.write(work)

    def retire(self, commit: str, *, replaced_by: str, reason: str, worktree: str) -> None:
        """Nothing reaches the commit any more. Its passage ends now, and the digest of what took its place supersedes it."""
        now = clock.stamp()
        by = _by(replaced_by, worktree, f"{_operation(commit)}-retired-{now}")

        def work(connection: apsw.Connection) -> None:
            row = fetch_one(connection, "SELECT passage_id, retired_at FROM commit_digests WHERE commit_id = ?", (commit,))
            if row is None or row[1]:
                return
            sql = "SELECT passage_id FROM commit_digests WHERE commit_id = ?"
            successor = str(scalar(connection, sql, (replaced_by,)) or "")
            connection.execute(
                "UPDATE commit_digests SET retired_at = ?, replaced_by = ?, reason = ? WHERE commit_id = ?",
                (now, replaced_by, reason, commit),
            )
            if self._is_kept(connection, row[0]):
                successor = successor if self._is_kept(connection, successor) else ""
                self._archival.close(row[0], by, commit=replaced_by, reason=reason, superseded_by=successor)
            if self._is_kept(connection, _attempt("passage", commit)):
                end = replace(by, operation_id=f"{by.operation_id}-attempt")
                self._archival.close(_attempt("passage", commit), end, commit=replaced_by, reason=reason)

        self._memory.write(work)

    def revive(self, commit: str, *, worktree: str) -> None:
        """The commit is reached again, as after a branch was brought back."""
        by = _by(commit, worktree, f"{_operation(commit)}-revived-{clock.stamp()}")

        def work(connection: apsw.Connection) -> None:
            row = fetch_one(connection, "SELECT passage_id, retired_at FROM commit_digests WHERE commit_id = ?", (commit,))
            if row is None or not row[1]:
                return
            sql = "UPDATE commit_digests SET retired_at = '', replaced_by = '', reason = '' WHERE commit_id = ?"
            connection.execute(sql, (commit,))
            if self._is_kept(connection, row[0]):
                self._archival.reopen(row[0], by, reason="reached again")
            if self._is_kept(connection, _attempt("passage", commit)):
                again = replace(by, operation_id=f"{by.operation_id}-attempt")
                self._archival.reopen(_attempt("passage", commit), again, reason="reached again")

        self._memory.write(work)

    @staticmethod
    def _is_kept(connection: apsw.Connection, passage_id: str) -> bool:
        """Whether the passage is there: the user may have had it forgotten."""
        return bool(passage_id) and fetch_one(connection, "SELECT 1 FROM passages WHERE id = ?", (passage_id,)) is not None


def _operation(commit: str) -> str:
    """By it the passage is named: its id begins as that of the commit does."""
    return f"op-{commit[:32]}"


def _attempt(what: str, commit: str) -> str:
    """The name of what a commit shows to have been tried, as an operation or a passage."""
    return f"{what}-{commit[8:40]}"


def _by(commit: str, worktree: str, operation: str) -> Provenance:
    return Provenance(
        Actor.GIT, Source.COMMIT, commit=commit, worktree=worktree, trust=Trust.UNVERIFIED, operation_id=operation
    )
