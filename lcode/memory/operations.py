"""Edits of a block as data: each says what it makes of the value as it is now, and the history replays to the value.

An operation is recorded beside the version it made. What is recorded is redacted like the value; where that changes what
the operation does, the outcome is recorded in its place, so that a replay never differs from what was stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lcode.errors import MemoryEditError
from lcode.memory.model import Block, BlockVersion, Trust

Arguments = Mapping[str, Any]


class EditRefused(MemoryEditError):
    """An edit that does not fit the block as it is now. `shown` is that block where the hint holds its value."""

    def __init__(self, message: str, block: Block, hint: str = "") -> None:
        super().__init__(message, hint or current(block))
        self.shown = None if hint else block


@dataclass(frozen=True)
class Operation:
    """`kind`: append, replace, insert, rethink, create, delete, restore. `arguments` as they were given."""

    kind: str
    arguments: Arguments = field(default_factory=dict)

    def cleaned(self, clean: Callable[[str], str]) -> Operation:
        """The same with `clean` applied to every text."""
        return Operation(self.kind, {name: _cleaned(item, clean) for name, item in self.arguments.items()})

    def apply(self, value: str) -> str:
        """What the operation makes of `value`, without asking whether it should."""
        given = self.arguments
        if "result" in given:
            return str(given["result"])
        if self.kind == "append":
            return f"{value}\n{given['content']}" if value else str(given["content"])
        if self.kind == "replace":
            return value.replace(str(given["old"]), str(given["new"]), 1)
        if self.kind == "insert":
            lines = value.split("\n") if value else []
            at = len(lines) if given["line"] == -1 else int(given["line"])
            return "\n".join([*lines[:at], str(given["text"]), *lines[at:]])
        return str(given.get("value", ""))

    def check(self, block: Block) -> None:
        """Raise EditRefused where the operation does not fit `block` as it is now."""
        if check := _CHECKS.get(self.kind):
            check(block, self.arguments)

    def record(self, before: str, after: str, redact: Callable[[str], str], *, first: bool) -> dict[str, Any]:
        """What is kept so that the history replays: from `before` to `after`, `first` also where it began."""
        clean = self.cleaned(redact)
        kept = dict(clean.arguments) if clean.apply(before) == after else {"result": after}
        return {**kept, "start": before} if first and before else kept


def _cleaned(item: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(item, list):
        return [clean(text) for text in item]
    return clean(item) if isinstance(item, str) else item


def replay(versions: Sequence[BlockVersion]) -> str:
    """The value that the recorded operations make, one after the other, of nothing."""
    value = ""
    for version in versions:
        value = Operation(version.operation, version.arguments).apply(version.arguments.get("start", value))
    return value


def restorable(block: Block, history: Sequence[BlockVersion], version: int | None) -> BlockVersion:
    """The version that a restore brings back: the one named, or the last before the removal. Raises MemoryEditError."""
    held = [entry for entry in history if entry.operation != "delete"]
    if version is None and block.version >= 0:
        raise MemoryEditError(f"'{block.label}' was not removed", "say which version to bring back: --version N")
    for entry in reversed(held):
        if version in (None, entry.version):
            return entry
    numbers = ", ".join(str(entry.version) for entry in held) or "none"
    raise MemoryEditError(f"'{block.label}' has no version {version} that holds a value", f"versions are: {numbers}")


def unverified_at(history: Sequence[BlockVersion], version: int) -> list[str]:
    """The lines that nobody had vouched for in that version: made again from who wrote which."""
    lines: list[str] = []
    doubtful: set[str] = set()
    for entry in history:
        now = entry.value.splitlines()
        if entry.trust is Trust.UNVERIFIED:
            doubtful |= set(now) - set(lines)
        doubtful |= set(entry.arguments.get("unverified", ()))
        doubtful &= set(now)
        lines = now
        if entry.version == version:
            break
    return [line for line in lines if line in doubtful and line.strip()]


def current(block: Block) -> str:
    """The value as it is now, for the hint of a refusal."""
    return f"The current value of '{block.label}' is:\n{block.value or '(empty)'}"


def changed_by(block: Block) -> str:
    """Who made the newest version."""
    return f"{block.actor.value}" + (f" in {block.session_id}" if block.session_id else "")


def _check_append(block: Block, given: Arguments) -> None:
    line = str(given["content"]).strip()
    if line and line in (there.strip() for there in block.value.splitlines()):
        raise EditRefused(f"'{block.label}' already holds this line; nothing was written", block)


def _check_replace(block: Block, given: Arguments) -> None:
    old = str(given["old"])
    if not old:
        raise EditRefused("old_content is empty", block, "give the exact text to replace, or use core_memory_append")
    count = _occurrences(block.value, old)
    if count == 1:
        return
    fault = "does not occur" if count == 0 else f"occurs {count} times"
    advice = "Use text that is there, to the letter." if count == 0 else "Add words around it until it is unique."
    raise EditRefused(f"old_content {fault} in '{block.label}'; it must occur exactly once. {advice}", block)


def _occurrences(value: str, text: str) -> int:
    """How often `text` occurs, occurrences that overlap too: which of them was meant nobody could say."""
    count = at = 0
    while (at := value.find(text, at) + 1) > 0:
        count += 1
    return count


def _check_insert(block: Block, given: Arguments) -> None:
    lines = block.value.split("\n") if block.value else []
    if not -1 <= given["line"] <= len(lines):
        raise EditRefused(f"insert_line must be from 0 to {len(lines)}, or -1 for the end", block)


def _check_base(block: Block, given: Arguments) -> None:
    base = given.get("base_version")
    if base is not None and block.version != base:
        raise EditRefused(
            f"'{block.label}' was changed by {changed_by(block)} after you read it; nothing was written. Merge your text with"
            " the current value and try again.",
            block,
        )


_CHECKS: dict[str, Callable[[Block, Arguments], None]] = {
    "append": _check_append,
    "replace": _check_replace,
    "insert": _check_insert,
    "rethink": _check_base,
    "delete": _check_base,
    "restore": _check_base,
}
