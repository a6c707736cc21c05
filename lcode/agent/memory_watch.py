"""What others did to core memory while a session's prompt shows an older form of it, told in one appended message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lcode.agent.conversation import user_parts
from lcode.agent.outbox import NOT_NOW
from lcode.events import Emit, MemoryChanged
from lcode.memory.changes import BlockChange, Told, Version, changes_since
from lcode.memory.model import Actor, Source

if TYPE_CHECKING:
    from lcode.agent.session import Session

LONGEST = 2_000  # characters that are told of one block
ALL = 6_000  # and of all of them together
AGAIN = "Memory can be written again. What you were refused to write meanwhile was not kept: write it now if it still holds."
_CUT = (
    "… (the difference goes on: before you rewrite this block have it shown whole; a refused memory_rethink does, and so does"
    " the result of any edit)"
)


async def tell_of_others(session: Session, emit: Emit) -> None:
    """Say in one message what others changed, if anything. That message and what was told are stored together: nobody is
    taken to know what they were not told."""
    memory, outbox = session.memory, session.outbox
    again = outbox.refused and await outbox.flush()
    if not await outbox.reachable():
        return
    try:
        changes, told, versions = await memory.run(_changes, session)
    except NOT_NOW:
        if not outbox.interactive:
            raise
        return
    shown = [(change, *_shown(change, min(LONGEST, ALL // len(changes)))) for change in changes]
    unseen = {change.label for change, _, whole in shown if not whole}
    moved = {label for label, seen in told.items() if session.told.get(label) != seen}
    known = {label: max(told[label][1], -1) for label in moved - unseen}
    by = memory.provenance(Actor.PROGRAM, Source.INFERRED)
    text = _message([*([AGAIN] if again else []), *(line for _, line, _ in shown)])

    def work() -> None:
        if text:
            session.rows.append(memory.recall.add_message("user", "notice", user_parts(text, ""), text, by))
        memory.save_known_versions(known)
        memory.recall.update_session(session.id, memory_told=json.dumps(told))

    if text or told != session.told:
        await session.write(work)
        outbox.refused = False if again else outbox.refused
    memory.known_versions.update(known)
    session.told, session.heard = told, versions
    for change in changes:
        emit(MemoryChanged(change.label, change.who, change.diff))


def _changes(session: Session) -> tuple[list[BlockChange], dict[str, Told], tuple[int, int]]:
    memory = session.memory
    versions = memory.data_version()
    if versions == session.heard:
        return [], session.told, versions

    def mine(label: str, version: Version) -> bool:
        if version.session_id == session.forked_from:  # what it did before the fork stands in the fork too
            return bool(session.forked_from) and version.number <= memory.known_versions.get(label, 0)
        return version.session_id == session.id

    return *changes_since(memory, session.told, mine), versions


def _shown(change: BlockChange, limit: int) -> tuple[str, bool]:
    """What the model reads of a change, and whether that tells it how the block is now."""
    head = f"Core memory block '{change.label}' was changed by {change.who}"
    if change.value is None:
        return f"Core memory block '{change.label}' was removed by {change.who}.", True
    if len(change.diff) <= limit and len(change.diff) <= len(change.value) + 200:
        return f"{head}:\n{change.diff}", True
    if len(change.value) <= limit:
        return f"{head}. It now reads:\n{change.value or '(empty)'}", True
    kept = change.diff[:limit].rpartition("\n")[0] or change.diff[:limit]
    return f"{head}:\n{kept}\n{_CUT}", False


def _message(parts: Sequence[str]) -> str:
    if not parts:
        return ""
    return "\n".join(["<memory_update>", "This supersedes what you saw.", *parts, "</memory_update>"])
