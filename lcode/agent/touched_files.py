"""The files that a session touched, and how each is now: by its calls in the store, by git, and by what is on the disk.

git is asked once and nobody waits for it longer than GIT_WAIT; what it cannot tell is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcode.errors import LcodeError
from lcode.git.command import GitError
from lcode.git.repository import find
from lcode.index.text import label
from lcode.redact import cut
from lcode.tools import files
from lcode.tools.base import ToolContext

GIT_WAIT = 2.0  # seconds
CHANGED, READ = 24, 12  # files that are named
_BACKGROUND = re.compile(
    r"(?<![&|>])&\s*(?:$|\)|\n|disown\b|echo\b)|\bnohup\b|\bsetsid\b|docker(?: |-)compose up\b.*-d\b|docker run\b.*\s-d\b"
)
_WORDS = {
    "M": "edited",
    "A": "created",
    "D": "deleted",
    "R": "renamed",
    "?": "created",
    "!": "ignored by git",
    "U": "in conflict",
}
Calls = Sequence[tuple[str, Mapping[str, Any], bool]]


@dataclass(frozen=True)
class Touched:
    """`changed` and `read` are lines for the model; `started` are commands that may run still."""

    changed: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    started: tuple[str, ...] = ()


def touched(calls: Calls, context: ToolContext) -> Touched:
    """What `calls` (the oldest first) did to files, and how these are now. It asks git and reads the files."""
    wrote: dict[str, str] = {}
    read: dict[str, None] = {}
    started: dict[str, None] = {}
    for name, arguments, made in calls:
        path = str(arguments.get("path") or "")
        if name in ("edit_file", "write_file") and path:
            before = wrote.pop(path, "")
            wrote[path] = before or ("created" if made else "edited")
        elif name == "read_file" and path:
            read.pop(path, None)
            read[path] = None
        elif name == "shell" and _BACKGROUND.search(command := str(arguments.get("command") or "")):
            started[cut(" ".join(command.split()), 160)] = None
    newest = list(reversed(wrote))
    dirty = _dirty(context, newest[:CHANGED])
    changed = [_state(context, path, wrote[path], dirty) for path in newest[:CHANGED]]
    changed += [f"and {len(newest) - CHANGED} more"] if len(newest) > CHANGED else []
    only_read = [path for path in reversed(read) if path not in wrote]
    return Touched(tuple(changed), tuple(label(path, 120) for path in only_read[:READ]), tuple(list(started)[-5:]))


def _state(context: ToolContext, path: str, did: str, dirty: Mapping[Path, str] | None) -> str:
    shown = label(path, 120)
    with suppress(LcodeError, OSError):
        absolute = context.resolve(path)
        if not absolute.exists():
            return f"{shown}: {did}, not there any more"
        now = ""
        if dirty is not None:
            state = dirty.get(absolute, "")
            now = f", uncommitted ({_WORDS.get(state, 'changed')})" if state else ", committed (git sees no change)"
        return f"{shown}: {did}{now}{_changed_since(context, absolute)}"
    return f"{shown}: {did}"


def _changed_since(context: ToolContext, path: Path) -> str:
    known = context.seen.content(path)
    if known is None:
        return ""
    with suppress(LcodeError, OSError):
        return ", changed on disk since you saw it" if files.read(context, path).text != known else ""
    return ""


def _dirty(context: ToolContext, paths: Iterable[str]) -> dict[Path, str] | None:
    """Which of `paths` git sees changed, each with the letter of its state; None where git cannot tell."""
    asked = []
    for path in paths:
        with suppress(LcodeError, OSError):
            asked.append(context.resolve(path))
    if not asked:
        return {}
    try:
        place = find(context.root)
        if not place.common_dir:
            return None
        listing = place.git().run(
            "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--",
            *(path.relative_to(place.root).as_posix() for path in asked if path.is_relative_to(place.root)),
            timeout=GIT_WAIT,
        )  # fmt: skip
    except (GitError, OSError, ValueError):
        return None
    return {
        place.root / entry[3:]: entry[:2].strip()[:1]
        for entry in listing.split("\0")
        if entry[2:3] == " " and entry[:2].strip()
    }
