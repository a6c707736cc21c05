"""Core memory: the blocks that are always in the prompt.

An edit is an operation applied inside the transaction to the row as it is now. Append and insert land while the limit
holds; a replace whose text is gone, or a rethink of a version that moved on, fails and shows the current value. Every
version keeps the whole value. The same operation id lands once.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import apsw

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.ids import new_id
from lcode.memory.block_rows import DEFAULTS, SELECT, VERSIONS, Default, to_block, to_version
from lcode.memory.model import Actor, Block, BlockVersion, Provenance, Scope, Source, Trust
from lcode.memory.terms import approximate_tokens
from lcode.redact import Redactor
from lcode.store.database import Database, fetch_all, fetch_one, scalar

MAX_LABEL = 50


Edit = Callable[[Block], str]


@dataclass(frozen=True)
class Limits:
    """`block`: characters a new block may hold; `tokens`: what all blocks together may take of the prompt."""

    block: int = 5_000
    tokens: int = 8_000


class Blocks:
    """The blocks that one worktree and branch of an agent sees. User blocks lie in `user`, all others in `memory`."""

    def __init__(
        self,
        memory: Database,
        user: Database,
        redactor: Redactor,
        *,
        worktree: str = "",
        branch: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._memory = memory
        self._user = user
        self._redact = redactor.redact
        self._limits = limits or Limits()
        self._keys = {Scope.REPO: "", Scope.USER: "", Scope.WORKTREE: f"{worktree}@{branch}"}

    # -- reading ----------------------------------------------------------------------------------------------------

    def list(self) -> list[Block]:
        """All blocks in a stable order: the defaults in theirs, then the others by label."""
        found = {block.label: block for block in self._rows(self._user, Scope.USER)}
        found |= {block.label: block for block in self._rows(self._memory, Scope.REPO)}
        found |= {block.label: block for block in self._rows(self._memory, Scope.WORKTREE)}
        for default in DEFAULTS:
            found.setdefault(default.label, self._unwritten(default))
        order = {default.label: at for at, default in enumerate(DEFAULTS)}
        living = (block for block in found.values() if block.version >= 0)
        return sorted(living, key=lambda block: (order.get(block.label, len(order)), block.label))

    def get(self, label: str) -> Block:
        """The block `label` as it is now. Raises MemoryEditError that lists the labels there are."""
        blocks = self.list()
        for block in blocks:
            if block.label == label:
                return block
        raise MemoryEditError(f"there is no block '{label}'", f"blocks are: {', '.join(block.label for block in blocks)}")

    def versions(self, label: str) -> builtins.list[BlockVersion]:
        """Every edit of the block, oldest first."""
        block = self.get(label)
        rows = self._database(block.scope).read(
            lambda connection: fetch_all(
                connection,
                f"{VERSIONS} WHERE block_id = ? ORDER BY version",
                (block.id,),
            )
        )
        return [to_version(row) for row in rows]

    def value_at(self, label: str, version: int) -> str:
        """The value of `label` at `version`; the default's where that was never written, '' where it is not known."""
        block = next((block for block in self.list() if block.label == label and block.id), None)
        if block is not None:
            sql = "SELECT value FROM block_versions WHERE block_id = ? AND version = ?"
            value = self._database(block.scope).read(lambda connection: scalar(connection, sql, (block.id, version)))
            if value is not None:
                return str(value)
        return next((default.value for default in DEFAULTS if default.label == label), "")

    def landed(self, operation_id: str) -> BlockVersion | None:
        """The version that an operation made, if it landed: how an interrupted write is checked."""
        for database in (self._memory, self._user):
            row = database.read(
                lambda connection: fetch_one(
                    connection,
                    f"{VERSIONS} WHERE operation_id = ?",
                    (operation_id,),
                )
            )
            if row is not None:
                return to_version(row)
        return None

    # -- editing ----------------------------------------------------------------------------------------------------

    def append(self, label: str, content: str, by: Provenance) -> Block:
        """Add `content` as a new last line. A line that is there already is refused."""

        def edit(block: Block) -> str:
            if content.strip() and content.strip() in (line.strip() for line in block.value.splitlines()):
                raise MemoryEditError(f"'{label}' already holds this line; nothing was written", _current(block))
            return f"{block.value}\n{content}" if block.value else content

        return self._edit(label, edit, by, "append")

    def replace(self, label: str, old: str, new: str, by: Provenance) -> Block:
        """Replace the one occurrence of `old`; refused where it is missing or not unique."""

        def edit(block: Block) -> str:
            if not old:
                raise MemoryEditError("old_content is empty", "give the exact text to replace, or use core_memory_append")
            count = block.value.count(old)
            if count == 1:
                return block.value.replace(old, new)
            fault = "does not occur" if count == 0 else f"occurs {count} times"
            advice = "Use text that is there, to the letter." if count == 0 else "Add words around it until it is unique."
            raise MemoryEditError(f"old_content {fault} in '{label}'; it must occur exactly once. {advice}", _current(block))

        return self._edit(label, edit, by, "replace")

    def insert(self, label: str, text: str, line: int, by: Provenance) -> Block:
        """Insert `text` after line `line` (0: at the top, -1: at the end)."""

        def edit(block: Block) -> str:
            lines = block.value.split("\n") if block.value else []
            if not -1 <= line <= len(lines):
                raise MemoryEditError(f"insert_line must be from 0 to {len(lines)}, or -1 for the end", _current(block))
            at = len(lines) if line == -1 else line
            return "\n".join([*lines[:at], text, *lines[at:]])

        return self._edit(label, edit, by, "insert")

    def rethink(self, label: str, value: str, by: Provenance, base_version: int | None = None) -> Block:
        """Replace the whole value; with `base_version`, only if the block is still that version."""

        def edit(block: Block) -> str:
            if base_version is not None and block.version != base_version:
                raise MemoryEditError(
                    f"'{label}' was changed by {_who(block)} after you read it; nothing was written. Merge your text with the"
                    " current value and try again.",
                    _current(block),
                )
            return value

        return self._edit(label, edit, by, "rethink")

    def create(
        self,
        label: str,
        description: str,
        value: str,
        limit: int | None,
        by: Provenance,
        scope: Scope = Scope.REPO,
        *,
        read_only: bool = False,
    ) -> Block:
        """A new block. Refused if the label is taken."""
        if not label or len(label) > MAX_LABEL or not all(part.isidentifier() for part in label.replace("-", "_").split("/")):
            raise MemoryEditError(f"'{label}' is not a label", "use letters, digits, - and _ (at most 50), such as api_design")
        if any(block.label == label for block in self.list()):
            raise MemoryEditError(f"there is a block '{label}' already", "edit it, or choose another label")
        fresh = Block(
            "", label, self._redact(description), "", limit or self._limits.block, read_only, 0, scope, self._keys[scope],
            "", by.actor, by.source, by.trust,
        )  # fmt: skip
        others = self.list()

        def work(connection: apsw.Connection) -> Block:
            row = self._row(connection, fresh)
            if _landed(connection, by.operation_id):
                return row
            if row.version > 0:
                raise MemoryEditError(f"there is a block '{label}' already", _current(row))
            clean = self._redact(value.replace("\x00", ""))
            self._check_limits(fresh, clean, others)
            return self._store(connection, replace(fresh, id=row.id, version=row.version), clean, by, "create")

        return self._database(scope).write(work)

    def delete(self, label: str, by: Provenance) -> Block:
        """Take the block out of core memory; its versions stay."""
        block = self._editable(label, by)

        def work(connection: apsw.Connection) -> Block:
            row = self._row(connection, block)
            return self._store(connection, row, "", by, "delete", deleted=True)

        return self._database(block.scope).write(work)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _database(self, scope: Scope) -> Database:
        return self._user if scope is Scope.USER else self._memory

    def _unwritten(self, default: Default) -> Block:
        return Block(
            "", default.label, default.description, default.value, self._limits.block, False, 0,
            default.scope, self._keys[default.scope], "", Actor.PROGRAM, Source.INFERRED, Trust.TRUSTED,
        )  # fmt: skip

    def _rows(self, database: Database, scope: Scope) -> builtins.list[Block]:
        key = self._keys[scope]
        rows = database.read(
            lambda connection: fetch_all(connection, f"{SELECT} WHERE scope = ? AND scope_key = ? ORDER BY label", (scope, key))
        )
        return [to_block(row) for row in rows]

    def _row(self, connection: apsw.Connection, block: Block) -> Block:
        """The block as it is inside this transaction: the stored row, or the default that was never written."""
        row = fetch_one(
            connection,
            f"{SELECT} WHERE label = ? AND scope = ? AND scope_key = ?",
            (block.label, block.scope, block.scope_key),
        )
        return to_block(row) if row is not None else block

    def _editable(self, label: str, by: Provenance) -> Block:
        block = self.get(label)
        if block.read_only and by.actor is not Actor.USER:
            raise MemoryEditError(f"'{label}' is read-only: only the user may change it")
        return block

    def _edit(self, label: str, edit: Edit, by: Provenance, operation: str) -> Block:
        block = self._editable(label, by)
        others = [other for other in self.list() if other.label != block.label]

        def work(connection: apsw.Connection) -> Block:
            row = self._row(connection, block)
            if _landed(connection, by.operation_id):
                return row
            value = self._redact(edit(row).replace("\x00", ""))
            if value == row.value:
                raise MemoryEditError(f"this leaves '{block.label}' as it is; nothing was written", _current(row))
            self._check_limits(row, value, others)
            return self._store(connection, row, value, by, operation)

        return self._database(block.scope).write(work)

    def _check_limits(self, block: Block, value: str, others: builtins.list[Block]) -> None:
        if len(value) > block.limit and len(value) > len(block.value):
            longest = sorted(block.value.splitlines(), key=len, reverse=True)[:3]
            listing = "\n".join(f"- {line[:120]}" for line in longest)
            raise MemoryEditError(
                f"'{block.label}' would hold {len(value)} of {block.limit} characters, {len(value) - block.limit} too"
                " many; nothing was"
                " written. Shorten it with memory_rethink, or keep the detail with archival_memory_insert and a line here.",
                f"its longest lines are:\n{listing}" if longest else "",
            )
        total = approximate_tokens(value) + sum(approximate_tokens(other.value) for other in others)
        if total > self._limits.tokens and len(value) > len(block.value):
            sizes = ", ".join(f"{other.label} {approximate_tokens(other.value)}" for other in others)
            raise MemoryEditError(
                f"all blocks together would take {total} of {self._limits.tokens} tokens,"
                f" {total - self._limits.tokens} too many; nothing was"
                " written. Shorten a block with memory_rethink, or use archival_memory_insert.",
                f"tokens now: {block.label} {approximate_tokens(block.value)}, {sizes}",
            )

    def _store(
        self, connection: apsw.Connection, block: Block, value: str, by: Provenance, operation: str, *, deleted: bool = False
    ) -> Block:
        now = clock.stamp()
        block_id = block.id or new_id("block")
        version = abs(block.version) + 1
        old = set(block.value.splitlines())
        unverified = set(json.loads(scalar(connection, "SELECT unverified FROM blocks WHERE id = ?", (block_id,)) or "[]"))
        if by.trust is Trust.UNVERIFIED:
            unverified |= {line for line in value.splitlines() if line not in old}
        kept = [line for line in value.splitlines() if line in unverified and line.strip()]
        where = (by.actor, by.source, by.trust, by.session_id, by.step_id, by.commit, by.worktree)
        connection.execute(
            "INSERT INTO blocks (id, label, scope, scope_key, description, value, char_limit, read_only, version,"
            " unverified, deleted,"
            " created_at, updated_at, actor, source, trust, session_id, step_id, commit_id, worktree)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " value = excluded.value, version = excluded.version, unverified = excluded.unverified, deleted = excluded.deleted,"
            " description = excluded.description, char_limit = excluded.char_limit, updated_at = excluded.updated_at,"
            " actor = excluded.actor, source = excluded.source, trust = excluded.trust, session_id = excluded.session_id,"
            " step_id = excluded.step_id, commit_id = excluded.commit_id, worktree = excluded.worktree",
            (block_id, block.label, block.scope, block.scope_key, block.description, value, block.limit, block.read_only,
             version, json.dumps(kept, ensure_ascii=False), deleted, now, now, *where),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO block_versions (block_id, version, label, value, description, char_limit, deleted,"
            " operation, operation_id,"
            " created_at, actor, source, trust, session_id, step_id, commit_id, worktree)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                block_id,
                version,
                block.label,
                value,
                block.description,
                block.limit,
                deleted,
                operation,
                by.operation_id,
                now,
                *where,
            ),
        )
        return self._row(connection, replace(block, id=block_id))


def _landed(connection: apsw.Connection, operation_id: str) -> bool:
    """Whether this very operation was applied before: then it is not repeated."""
    return fetch_one(connection, "SELECT 1 FROM block_versions WHERE operation_id = ?", (operation_id,)) is not None


def _who(block: Block) -> str:
    return f"{block.actor.value}" + (f" in {block.session_id}" if block.session_id else "")


def _current(block: Block) -> str:
    return f"The current value of '{block.label}' is:\n{block.value or '(empty)'}"
