"""Core memory at any moment: every version of a block holds its whole value, and none is ever lost.

A version counts from when it was written until the next one was. Should the clock have gone back between two of them, the
later one still comes after the earlier. Going back to a moment is an edit like any other: it adds versions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from lcode.errors import MemoryEditError
from lcode.ids import new_id
from lcode.memory.dates import local
from lcode.memory.model import Block, BlockVersion, Provenance, Scope
from lcode.memory.moments import moment
from lcode.memory.operations import unverified_at

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.memory.session_memory import SessionMemory

_NUMBER = re.compile(r"v?(\d{1,9})", re.IGNORECASE)
_AFTER_ALL = "~"  # after every stamp


@dataclass(frozen=True)
class When:
    """A moment of core memory: a stamp, or the version of one block. `words` say it."""

    time: str = _AFTER_ALL
    version: int | None = None
    words: str = "now"


NOW = When()


@dataclass(frozen=True)
class Line:
    """A line of a block, and the version that brought it; None where it stood there before the first edit."""

    text: str
    version: BlockVersion | None
    verified: bool


@dataclass(frozen=True)
class Step:
    """What one block needs to be as it was. `now` is None where there is none now, `then` where there was none."""

    label: str
    now: Block | None
    then: Block | None


class History:
    """The past of the blocks that one worktree and branch sees."""

    def __init__(self, memory: SessionMemory, place: Place | None = None) -> None:
        self._database = memory.database
        self._blocks = memory.blocks
        self._recall = memory.recall
        self._place = place

    # -- moments ----------------------------------------------------------------------------------------------------

    def when(self, text: str, label: str = "") -> When:
        """What `text` means: `3` or `v3`, a version of the block `label`; else a date, a commit, or a session (as it ended).
        Raises MemoryEditError."""
        number = _NUMBER.fullmatch(text.strip())
        if number and label:
            version = int(number[1])
            if any(entry.version == version for entry in self._blocks.versions(label)):
                return When("", version, f"version {version}")
        try:
            at = moment(text, self._place, self._recall)
        except MemoryEditError as error:
            if number and label:
                count = len(self._blocks.versions(label))
                raise MemoryEditError(f"'{label}' has no version {number[1]}", f"it has {count}; {error.hint}") from error
            raise
        return When(at.time, None, f"session {at.session[8:16]}, {local(at.time)}" if at.session else str(at))

    def known(self, label: str) -> bool:
        """Whether a block of that label was ever here."""
        return any(row.label == label for row in [*self._blocks.rows(), *self._blocks.list()])

    # -- what there was ---------------------------------------------------------------------------------------------

    def core(self, when: When = NOW) -> list[Block]:
        """All blocks as they were at a time, in order: without those that were not there yet, or no more."""
        rows = self._blocks.rows()
        return self._blocks.visible([was for row in rows if (was := self._as_of(row, when.time)) is not None])

    def _as_of(self, row: Block, time: str) -> Block | None:
        history = self._blocks.history(row)
        at = next((at for at, entry in enumerate(history) if entry.created_at > time), len(history))
        return _version_of(row, history, at) if at else None

    def block(self, label: str, when: When = NOW) -> Block | None:
        """One block as it was; None where it was not there. Raises MemoryEditError for a label that never was."""
        if when.version is None:
            found = next((block for block in self.core(when) if block.label == label), None)
            if found is None and not self.known(label):
                self._blocks.get(label)
            return found
        row = self._blocks.known(label)
        block = _version_of(row, self._blocks.history(row), when.version)
        return block if block.version > 0 else None

    def edits(self, label: str = "") -> list[BlockVersion]:
        """Every edit of one block, or of all, in the order in which they were made; of what was removed too."""
        if label:
            return self._blocks.versions(label)
        # the block of a later time may have the earlier clock: within one block the number decides
        edits = []
        for row in self._blocks.rows():
            stamp = ""
            for entry in self._blocks.history(row):
                stamp = max(stamp, entry.created_at)
                edits.append((stamp, entry.label, entry.version, entry))
        return [entry for *_, entry in sorted(edits, key=lambda edit: edit[:3])]

    def around(self, edit: BlockVersion) -> tuple[Block | None, Block | None]:
        """The block before and after an edit of it; None where it was not there."""
        row = next(row for row in self._blocks.rows() if row.id == edit.block_id)
        history = self._blocks.history(row)
        after = _version_of(row, history, edit.version)
        before = _version_of(row, history, edit.version - 1) if edit.version > 1 else _at_first(row, edit)
        return before if before and before.version >= 0 else None, after if after.version > 0 else None

    def blame(self, label: str) -> list[Line]:
        """Each line of a block with where it comes from."""
        block = self._blocks.get(label)
        doubtful = set(block.unverified)
        if not block.id:
            return [Line(text, None, verified=True) for text in block.value.splitlines()]
        origins = _origins(self._blocks.history(block))
        lines = zip(block.value.splitlines(), origins, strict=True)
        return [Line(text, origin, text not in doubtful) for text, origin in lines]

    # -- going back -------------------------------------------------------------------------------------------------

    def steps(self, when: When, label: str = "") -> list[Step]:
        """What it takes to have core memory, or one block, as it was; first what makes room."""
        now = {block.label: block for block in self._blocks.list() if label in ("", block.label)}
        if label:
            was = self.block(label, when)
            then = {label: was} if was else {}
        else:
            then = {block.label: block for block in self.core(when)}
        steps = [Step(name, now.get(name), then.get(name)) for name in dict.fromkeys([*now, *then])]
        wanted = [step for step in steps if _value(step.now) != _value(step.then)]
        return sorted(wanted, key=lambda step: len(_value(step.then) or "") - len(_value(step.now) or ""))

    def go_back(self, steps: Sequence[Step], by: Provenance) -> list[Block]:
        """Take these steps, each of them a new version; what the blocks are then. Raises MemoryEditError where a block was
        edited since the steps were made out: then nothing is written."""
        in_order = sorted(steps, key=lambda step: Scope.USER in [block.scope for block in (step.now, step.then) if block])

        def work(_: object) -> list[Block]:
            present = {block.label: block for block in self._blocks.list()}
            for step in in_order:
                there, known = present.get(step.label), step.now
                if (there and (there.id, there.version)) != (known and (known.id, known.version)):
                    raise MemoryEditError(f"'{step.label}' was edited at this moment; nothing was written", "look at it again")
            return [self._take(step, replace(by, operation_id=new_id("op"))) for step in in_order]

        return self._database.write(work)  # the edits join it; those of user blocks, which have their own, come last

    def _take(self, step: Step, by: Provenance) -> Block:
        label, now, then = step.label, step.now, step.then
        if then is None:
            return self._blocks.delete(label, by, now.version if now else None)
        if now is None and not then.version:
            return self._blocks.create(label, "", then.value, None, by)
        if now is None:
            return self._blocks.restore(label, by, then.version, self._blocks.known(label).version)
        if then.id == now.id and then.version:
            return self._blocks.restore(label, by, then.version, now.version)
        return self._blocks.rethink(label, then.value, by, now.version)


def _value(block: Block | None) -> str | None:
    return block.value if block else None


def _version_of(row: Block, history: Sequence[BlockVersion], version: int) -> Block:
    """A block as it was at one of its versions; its number is negative where that removed it."""
    entry = history[version - 1]
    number = -version if entry.operation == "delete" else version
    return replace(
        row, value=entry.value, description=entry.description, limit=entry.limit, version=number, updated_at=entry.created_at,
        actor=entry.actor, source=entry.source, trust=entry.trust, session_id=entry.session_id,
        unverified=tuple(unverified_at(history, version)),
    )  # fmt: skip


def _at_first(row: Block, edit: BlockVersion) -> Block | None:
    """The default block before its first edit; None for one that was made by it."""
    value = str(edit.arguments.get("start", ""))
    return None if edit.operation == "create" and not value else replace(row, value=value, version=0, unverified=())


def _origins(history: Sequence[BlockVersion]) -> list[BlockVersion | None]:
    """For each line of the newest value the version that brought it. A line that was moved, or that a restore brought back,
    keeps its own."""
    lines: list[str] = []
    origins: list[BlockVersion | None] = []
    made: list[tuple[list[str], list[BlockVersion | None]]] = []
    for entry in history:
        if start := entry.arguments.get("start"):
            lines = str(start).splitlines()
            origins = [None] * len(lines)
        now = entry.value.splitlines()
        found: list[BlockVersion | None] = [entry] * len(now)
        kept: set[int] = set()
        placed: set[int] = set()
        for old, new, size in SequenceMatcher(None, lines, now, autojunk=False).get_matching_blocks():
            found[new : new + size] = origins[old : old + size]
            kept.update(range(old, old + size))
            placed.update(range(new, new + size))
        pool = [(text, origins[at]) for at, text in enumerate(lines) if at not in kept]
        back = int(entry.arguments.get("version", 0)) if entry.operation == "restore" else 0
        pool += list(zip(*made[back - 1], strict=True)) if 0 < back <= len(made) else []
        for at in (at for at in range(len(now)) if at not in placed):
            same = next((number for number, (text, _) in enumerate(pool) if text == now[at]), None)
            if same is not None:
                found[at] = pool.pop(same)[1]
        lines, origins = now, found
        made.append((lines, origins))
    return origins
