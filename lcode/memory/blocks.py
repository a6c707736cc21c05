"""Core memory: the blocks that are always in the prompt.

An edit is an operation applied inside the transaction to the row as it is now. Append and insert land while the limit
holds; a replace whose text is gone, or a rethink of a version that moved on, fails and shows the current value. Every
version keeps the operation and the whole value. The same operation id lands once.

Every edit of an agent's sessions, that of a user block too, holds the agent's write lock: the limits hold exactly for
them. Another repository's agent may change a user block at any time; the next edit here that grows a block sees it.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apsw

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.ids import new_id
from lcode.memory.block_rows import ADD_VERSION, DEFAULTS, SELECT, UPSERT, VERSIONS, Default, to_block, to_version
from lcode.memory.directions import without_directions
from lcode.memory.model import Actor, Block, BlockVersion, Provenance, Scope, Source, Trust
from lcode.memory.operations import EditRefused, Operation, restorable, unverified_at
from lcode.redact import Redactor
from lcode.store.database import Database, fetch_all, fetch_one, scalar
from lcode.tokens import approximate_tokens

MAX_LABEL = 50
LEAST_LIMIT, MOST_LIMIT = 100, 100_000  # characters that a block may be made to hold
MAX_DESCRIPTION = 500  # characters; it is in every prompt


@dataclass(frozen=True)
class Limits:
    """`block`: characters a new block may hold; `tokens`: what all blocks together may take of the prompt."""

    block: int = 5_000
    tokens: int = 8_000


class Blocks:
    """The blocks that one worktree and branch of an agent sees. User blocks lie in `user`, all others in `memory`. `written` is
    called with each block after an edit of it."""

    def __init__(
        self,
        memory: Database,
        user: Database,
        redactor: Redactor,
        *,
        worktree: str = "",
        branch: str = "",
        limits: Limits | None = None,
        written: Callable[[Block], None] | None = None,
    ) -> None:
        self._memory = memory
        self._user = user
        self._redact = redactor.redact
        self._limits = limits or Limits()
        self._written = written
        self._keys = {Scope.REPO: "", Scope.USER: "", Scope.WORKTREE: self._redact(f"{worktree}@{branch}")}

    # -- reading ----------------------------------------------------------------------------------------------------

    def list(self) -> list[Block]:
        """All blocks in a stable order: the defaults in theirs, then the others by label."""
        return self.visible(self.rows())

    def rows(self) -> builtins.list[Block]:
        """Every block that was ever written here, also what was removed or is hidden by a narrower scope."""
        return [*self._user.read(self._user_rows), *self._memory.read(self._own_rows)]

    def get(self, label: str) -> Block:
        """The block `label` as it is now. Raises MemoryEditError that lists the labels there are."""
        rows = self.rows()
        return _named(label, self.visible(rows), rows)

    def versions(self, label: str) -> builtins.list[BlockVersion]:
        """Every edit of the block, oldest first; of one that was removed too."""
        return self.history(self.known(label))

    def known(self, label: str) -> Block:
        """The block `label` as it is now, or as it was left where it was removed. Raises MemoryEditError."""
        rows = self.rows()
        gone = [row for row in rows if row.label == label and row.version < 0]
        if gone and all(block.label != label for block in self.visible(rows)):
            return max(gone, key=lambda row: row.updated_at)
        return _named(label, self.visible(rows), rows)

    def history(self, block: Block) -> builtins.list[BlockVersion]:
        """Every edit of a block, oldest first."""
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
        return self._edit(label, Operation("append", {"content": content}), by)

    def replace(self, label: str, old: str, new: str, by: Provenance) -> Block:
        """Replace the one occurrence of `old`; refused where it is missing or not unique."""
        return self._edit(label, Operation("replace", {"old": old, "new": new}), by)

    def insert(self, label: str, text: str, line: int, by: Provenance) -> Block:
        """Insert `text` after line `line` (0: at the top, -1: at the end)."""
        return self._edit(label, Operation("insert", {"text": text, "line": line}), by)

    def rethink(self, label: str, value: str, by: Provenance, base_version: int | None = None) -> Block:
        """Replace the whole value; with `base_version`, only if the block is still that version."""
        return self._edit(label, Operation("rethink", {"value": value, "base_version": base_version}), by)

    def create(
        self,
        label: str,
        description: str,
        value: str,
        limit: int | None,
        by: Provenance,
        scope: Scope | None = None,
        *,
        read_only: bool = False,
    ) -> Block:
        """A new block. Refused if the label is taken. A default block that was removed comes back as itself: shared as before,
        and described as before unless the user says otherwise."""
        if not label or len(label) > MAX_LABEL or not all(part.isidentifier() for part in label.replace("-", "_").split("/")):
            raise MemoryEditError(f"'{label}' is not a label", "use letters, digits, - and _ (at most 50), such as api_design")
        default = next((default for default in DEFAULTS if default.label == label), None)
        if default is not None:
            scope = scope or default.scope
            description = (description if by.actor is Actor.USER else "") or default.description
        scope = scope or Scope.REPO
        _check_new(description, limit)
        fresh = Block(
            "", label, self._redact(description), "", limit or self._limits.block, read_only, 0, scope, self._keys[scope],
            "", by.actor, by.source, by.trust,
        )  # fmt: skip
        return self._write(fresh, Operation("create", {"value": value}), by)

    def delete(self, label: str, by: Provenance, base_version: int | None = None) -> Block:
        """Take the block out of core memory; its versions stay. With `base_version`, only if it is still that version."""
        return self._edit(label, Operation("delete", _based(base_version)), by)

    def restore(self, label: str, by: Provenance, version: int | None = None, base_version: int | None = None) -> Block:
        """Bring back the value of an earlier version, as a new one. A block that was removed comes back with its description
        and, without `version`, as it was last. With `base_version`, only if the block is still that version (negative: of a
        removed one). Raises MemoryEditError."""
        block = self.known(label)
        history = self.history(block)
        chosen = restorable(block, history, version)
        doubtful = unverified_at(history, chosen.version)
        given = {"value": chosen.value, "version": chosen.version, "unverified": doubtful, **_based(base_version)}
        operation = Operation("restore", given)
        if block.version >= 0:
            return self._edit(label, operation, by)
        gone = replace(block, description=chosen.description, limit=chosen.limit, value="", version=0, unverified=())
        return self._write(gone, operation, by)

    def _edit(self, label: str, operation: Operation, by: Provenance) -> Block:
        return self._write(label, operation, by)

    def _write(self, target: str | Block, operation: Operation, by: Provenance) -> Block:
        """Apply `operation` to the block of this label, or make this block, as all blocks are now."""
        edit = operation.cleaned(lambda text: text.replace("\x00", ""))
        edit = edit.cleaned(without_directions) if by.is_automatic and by.source.is_data else edit
        fresh = not isinstance(target, str)  # not in the prompt so far

        def work(connection: apsw.Connection) -> Block:
            users, landed = self._user.read(lambda user: (self._user_rows(user), _landed(user, by.operation_id)))
            if done := landed or _landed(connection, by.operation_id):
                return done
            own = self._own_rows(connection)
            block, others = self._target(target, [*users, *own])
            if block.scope is not Scope.USER:
                return self._apply(connection, block, others, edit, by, fresh=fresh)

            def shared(user: apsw.Connection) -> Block:
                """The same on the user's database, whose blocks others may have changed since."""
                if done := _landed(user, by.operation_id):
                    return done
                block, others = self._target(target, [*self._user_rows(user), *own])
                if block.scope is not Scope.USER:  # removed and made again elsewhere, between two looks
                    raise EditRefused(f"'{block.label}' was changed at this moment; nothing was written, try again", block)
                return self._apply(user, block, others, edit, by, fresh=fresh)

            return self._user.write(shared)

        block = self._memory.write(work)
        if self._written is not None:
            self._written(block)
        return block

    def _target(self, target: str | Block, rows: Sequence[Block]) -> tuple[Block, builtins.list[Block]]:
        """The block that is meant, as it is now, and all the others. Raises MemoryEditError."""
        blocks = self.visible(rows)
        if isinstance(target, str):
            block = _named(target, blocks, rows)
            return block, [other for other in blocks if other is not block]
        for other in blocks:
            if other.label == target.label:
                raise EditRefused(f"there is a block '{target.label}' already", other, "edit it, or choose another label")
        gone = next((row for row in rows if (row.label, row.scope) == (target.label, target.scope)), target)
        return replace(target, id=gone.id, version=gone.version), blocks

    def _apply(
        self,
        connection: apsw.Connection,
        block: Block,
        others: Sequence[Block],
        operation: Operation,
        by: Provenance,
        *,
        fresh: bool,
    ) -> Block:
        """Check the operation against the block as it is in this transaction, and store what it makes of it."""
        if block.read_only and not fresh and by.actor is not Actor.USER:
            raise MemoryEditError(f"'{block.label}' is read-only: only the user may change it")
        operation.check(block)
        value = self._redact(operation.apply(block.value))
        if value == block.value and not fresh and operation.kind != "delete":
            raise EditRefused(f"this leaves '{block.label}' as it is; nothing was written", block)
        self._check_limits(block, value, others, fresh=fresh)
        return self._store(connection, block, value, by, operation)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _database(self, scope: Scope) -> Database:
        return self._user if scope is Scope.USER else self._memory

    def _unwritten(self, default: Default) -> Block:
        return Block(
            "", default.label, default.description, default.value, self._limits.block, False, 0,
            default.scope, self._keys[default.scope], "", Actor.PROGRAM, Source.INFERRED, Trust.TRUSTED,
        )  # fmt: skip

    def _user_rows(self, connection: apsw.Connection) -> builtins.list[Block]:
        return self._rows(connection, Scope.USER)

    def _own_rows(self, connection: apsw.Connection) -> builtins.list[Block]:
        return [*self._rows(connection, Scope.REPO), *self._rows(connection, Scope.WORKTREE)]

    def _rows(self, connection: apsw.Connection, scope: Scope) -> builtins.list[Block]:
        rows = fetch_all(connection, f"{SELECT} WHERE scope = ? AND scope_key = ? ORDER BY label", (scope, self._keys[scope]))
        return [to_block(row) for row in rows]

    def visible(self, rows: Sequence[Block]) -> builtins.list[Block]:
        """The living blocks among `rows` and the defaults that were never written, in order; the narrower scope counts."""
        found = {row.label: row for row in sorted(rows, key=lambda row: row.version >= 0)}  # a deleted one hides no living one
        for default in DEFAULTS:
            if default.label not in found:
                found[default.label] = self._unwritten(default)
        order = {default.label: at for at, default in enumerate(DEFAULTS)}
        living = (block for block in found.values() if block.version >= 0)
        return sorted(living, key=lambda block: (order.get(block.label, len(order)), block.label))

    def _check_limits(self, block: Block, value: str, others: Sequence[Block], *, fresh: bool) -> None:
        if len(value) > block.limit and len(value) > len(block.value):
            longest = sorted(block.value.splitlines(), key=len, reverse=True)[:3]
            listing = "\n".join(f"- {line[:120]}" for line in longest)
            raise MemoryEditError(
                f"'{block.label}' would hold {len(value)} of {block.limit} characters, {len(value) - block.limit} too many;"
                " nothing was written. Shorten it with memory_rethink, or keep the detail with archival_memory_insert and a"
                " line here.",
                f"its longest lines are:\n{listing}" if longest else "",
            )
        before, after = 0 if fresh else _tokens(block), _tokens(replace(block, value=value))
        total = after + sum(map(_tokens, others))
        if total > self._limits.tokens and after > before:
            sizes = ", ".join(f"{other.label} {_tokens(other)}" for other in others)
            raise MemoryEditError(
                f"all blocks together would take {total} of {self._limits.tokens} tokens, {total - self._limits.tokens} too"
                " many; nothing was written. Shorten a block with memory_rethink, or use archival_memory_insert.",
                f"tokens now: {block.label} {before}, {sizes}",
            )

    def _store(self, connection: apsw.Connection, block: Block, value: str, by: Provenance, operation: Operation) -> Block:
        now = clock.stamp()
        block_id = block.id or new_id("block")
        version = abs(block.version) + 1
        deleted = operation.kind == "delete"
        unverified = set(block.unverified)
        if by.trust is Trust.UNVERIFIED:
            unverified |= set(value.splitlines()) - set(block.value.splitlines())
        unverified |= set(operation.arguments.get("unverified", ()))
        kept = [line for line in value.splitlines() if line in unverified and line.strip()]
        where = (by.actor, by.source, by.trust, by.session_id, by.step_id, by.commit, by.worktree)
        row = (block_id, block.label, block.scope, block.scope_key, block.description, value, block.limit, block.read_only)
        connection.execute(UPSERT, (*row, version, json.dumps(kept, ensure_ascii=False), deleted, now, now, *where))
        record = operation.record(block.value, value, self._redact, first=not block.version)
        arguments = json.dumps(record, ensure_ascii=False)
        entry = (block_id, version, block.label, value, block.description, block.limit, deleted, operation.kind, arguments)
        connection.execute(ADD_VERSION, (*entry, by.operation_id, now, *where))
        return replace(
            block, id=block_id, value=value, version=-version if deleted else version, updated_at=now, actor=by.actor,
            source=by.source, trust=by.trust, session_id=by.session_id, unverified=tuple(kept),
        )  # fmt: skip


def _based(base_version: int | None) -> dict[str, Any]:
    return {} if base_version is None else {"base_version": base_version}


def _check_new(description: str, limit: int | None) -> None:
    if limit is not None and not LEAST_LIMIT <= limit <= MOST_LIMIT:
        raise MemoryEditError(
            f"a block may hold {LEAST_LIMIT} to {MOST_LIMIT:,} characters, not {limit:,}; nothing was written",
            "leave the limit out, or keep long texts with archival_memory_insert",
        )
    if len(description) > MAX_DESCRIPTION:
        raise MemoryEditError(
            f"the description has {len(description):,} characters, {MAX_DESCRIPTION} are allowed; nothing was written",
            "say in a sentence or two what belongs in the block",
        )


def _tokens(block: Block) -> int:
    """What a block takes of the prompt: its text and its description."""
    return approximate_tokens(block.value) + approximate_tokens(block.description)


def _named(label: str, blocks: Sequence[Block], rows: Sequence[Block]) -> Block:
    """The block of that label among the living `blocks`. Raises MemoryEditError; `rows` holds the removed ones too."""
    for block in blocks:
        if block.label == label:
            return block
    listing = f"blocks are: {', '.join(block.label for block in blocks)}"
    if any(row.label == label for row in rows):
        raise MemoryEditError(
            f"there is no block '{label}': it was removed",
            f"the user can bring it back: `lcode memory restore {label}`; {listing}",
        )
    raise MemoryEditError(f"there is no block '{label}'", listing)


def _landed(connection: apsw.Connection, operation_id: str) -> Block | None:
    """The block as it is now if this very operation was applied before: then it is not repeated."""
    row = fetch_one(
        connection,
        f"{SELECT} WHERE id = (SELECT block_id FROM block_versions WHERE operation_id = ?)",
        (operation_id,),
    )
    return to_block(row) if row else None
