"""What others did to core memory while a session's prompt shows an older form of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lcode.memory.blocks import Blocks
from lcode.memory.model import Block
from lcode.memory.render import diff_values

LONGEST = 2_000  # characters of one block's difference


@dataclass(frozen=True)
class Change:
    """A block that is not as the prompt shows it: who changed it, and how."""

    label: str
    who: str
    diff: str


def changes_since(blocks: Blocks, known: Mapping[str, int]) -> tuple[list[Change], dict[str, int]]:
    """The changes since the versions in `known`, and the versions that are known once they are told."""
    present = {block.label: block for block in blocks.list()}
    now = {label: block.version for label, block in present.items()}
    changes = []
    for label in sorted(set(present) | set(known)):
        block, before = present.get(label), known.get(label, 0)
        if now.get(label, -1) == before:
            continue
        now.setdefault(label, -1)
        if block is None:
            changes.append(Change(label, "the user", "(the block was removed)"))
        elif diff := diff_values(label, blocks.value_at(label, before), block.value):
            changes.append(Change(label, _who(block), _bounded(diff)))
    return changes, now


def update_text(changes: Sequence[Change]) -> str:
    """The one message in which the model hears of all `changes`."""
    told = [f"Core memory block '{change.label}' was changed by {change.who}:\n{change.diff}" for change in changes]
    return "\n".join(["<memory_update>", "This supersedes what you saw.", *told, "</memory_update>"])


def _who(block: Block) -> str:
    return block.actor.value + (f" in another session ({block.session_id[8:16]})" if block.session_id else "")


def _bounded(diff: str) -> str:
    if len(diff) <= LONGEST:
        return diff
    return f"{diff[:LONGEST]}\n… (the difference goes on; an edit of the block returns its whole value)"
