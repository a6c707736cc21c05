"""What others did to core memory since a session was last told: who, and the difference without the session's own edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcode.memory.block_rows import DEFAULTS
from lcode.memory.model import Actor, Block
from lcode.memory.render import diff_values
from lcode.memory.session_memory import SessionMemory
from lcode.store.database import Row, fetch_all, scalar

Told = tuple[str, int]  # a block's id and its version up to which a session knows of it; negative: that it is gone


@dataclass(frozen=True)
class Version:
    """One edit of a block, as far as it matters here."""

    number: int
    value: str
    actor: str
    session_id: str
    worktree: str


@dataclass(frozen=True)
class BlockChange:
    """What others made of a block. `value` is what it holds now, None where it is gone."""

    label: str
    who: str
    diff: str
    value: str | None


def changes_since(
    memory: SessionMemory, told: Mapping[str, Told], mine: Callable[[str, Version], bool]
) -> tuple[list[BlockChange], dict[str, Told]]:
    """What changed since `told`, and what is told with it. `mine` says of a version of a label whether it is known anyway."""
    present = {block.label: block for block in memory.blocks.list()}
    now = dict(told)
    changes = []
    for label in sorted(set(present) | set(told)):
        block, seen = present.get(label), told.get(label, ("", 0))
        if (block is None and seen[1] < 0) or (block is not None and (block.id, block.version) == seen):
            continue
        block_id = block.id if block else seen[0] or _newest(memory, label)
        same = block_id == seen[0] or not seen[0]
        versions = _versions(memory, block_id, abs(seen[1]) if same else 0)
        now[label] = (block_id, block.version if block else -max((row.number for row in versions), default=abs(seen[1]) or 1))
        before = _value(memory, label, *seen)
        others = [row for row in versions if not mine(label, row)]
        diff = _difference(label, before, versions, others) if same and block else diff_values(label, before, _held(block))
        if (others or not same) and (diff or block is None):
            changes.append(BlockChange(label, _who(memory, others), diff, block.value if block else None))
    return changes, now


def told_now(blocks: Sequence[Block]) -> dict[str, Told]:
    """What a prompt tells that shows these blocks."""
    return {block.label: (block.id, block.version) for block in blocks}


def _held(block: Block | None) -> str:
    return block.value if block else ""


def _difference(label: str, before: str, versions: Sequence[Version], others: Sequence[Version]) -> str:
    """What others changed, in as many pieces as own edits part it into."""
    parts, start, value = [], before, before
    for row in versions:
        if row not in others:
            parts.append(diff_values(label, start, value))
            start = row.value
        value = row.value
    return "\n".join(filter(None, [*parts, diff_values(label, start, value)]))


def _who(memory: SessionMemory, others: Sequence[Version]) -> str:
    names: dict[str, None] = {}
    for row in others:
        place = f", in {Path(row.worktree).name}" if row.worktree not in ("", memory.worktree) else ""
        if row.session_id:
            names[f"{row.actor} in another session ({row.session_id[8:16]}{place})"] = None
        else:
            names["the user" if row.actor == Actor.USER else row.actor] = None
    return " and ".join(names) or "a change of the branch"


def _versions(memory: SessionMemory, block_id: str, after: int) -> list[Version]:
    """The edits of a block after a version, oldest first."""
    sql = (
        "SELECT version, value, actor, session_id, worktree FROM block_versions WHERE block_id = ? AND version > ?"
        " ORDER BY version"
    )
    return [Version(*row) for row in _either(memory, sql, (block_id, after))]


def _value(memory: SessionMemory, label: str, block_id: str, version: int) -> str:
    """What the block held at a version; nothing where it was gone then."""
    if version < 0:
        return ""
    rows = _either(memory, "SELECT value FROM block_versions WHERE block_id = ? AND version = ?", (block_id, version))
    return str(rows[0][0]) if rows else next((default.value for default in DEFAULTS if default.label == label), "")


def _newest(memory: SessionMemory, label: str) -> str:
    """The id of the block that was last called so, also of a removed one."""
    sql = "SELECT block_id FROM block_versions WHERE label = ? ORDER BY created_at DESC LIMIT 1"
    for database in (memory.database, memory.user):
        if found := database.read(lambda connection: scalar(connection, sql, (label,))):
            return str(found)
    return ""


def _either(memory: SessionMemory, sql: str, values: tuple[str, int]) -> list[Row]:
    """The rows of the agent's database, or of the user's: an id is in one of them."""
    return memory.database.read(lambda connection: fetch_all(connection, sql, values)) or memory.user.read(
        lambda connection: fetch_all(connection, sql, values)
    )
