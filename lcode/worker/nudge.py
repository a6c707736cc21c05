"""Files by which others tell the worker to look at a checkout: hooks of git, commands. Dropped by a rename, read once.

A nudge says where, never what: what happened is found out by looking. Without a worker it stays for the next one. Hooks
write theirs in shell (lcode/git/hooks.py); what a file says is checked, since anybody's hook may have written it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lcode import clock
from lcode.store.paths import AgentPaths, private_folder

LOOK = "look"  # at everything; any other kind is the name of a hook
_SUFFIX, _PART = ".nudge", ".tmp"
_LONGEST = 8_192  # bytes
_ABANDONED = 60.0  # seconds after which nobody writes a file any more
_FORM = re.compile(rb"([a-z-]{1,32}) (-|[0-9a-f]{40}|[0-9a-f]{64})\n([^\0]{1,4096})\n", re.DOTALL)


@dataclass(frozen=True)
class Nudge:
    """What one file says: the checkout, and with a hook its name and the commit that was HEAD, '' where it knew none."""

    root: Path
    kind: str = LOOK
    commit: str = ""


def folder(paths: AgentPaths) -> Path:
    return paths.folder / "spool"


def drop(paths: AgentPaths, root: Path) -> None:
    """Have the checkout at `root` looked at. Raises OSError, StoreUnwritable."""
    where = private_folder(folder(paths))
    name = os.urandom(6).hex()
    unfinished = where / f".{name}{_PART}"
    unfinished.write_bytes(f"{LOOK} -\n".encode() + os.fsencode(root) + b"\n")
    unfinished.replace(where / (name + _SUFFIX))


def take(paths: AgentPaths) -> list[Nudge]:
    """What was dropped since the last time, each once."""
    return list(dict.fromkeys(_take(folder(paths))))


def _take(where: Path) -> Iterator[Nudge]:
    with suppress(OSError), os.scandir(where) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
                    with Path(entry.path).open("rb") as file:
                        data = file.read(_LONGEST)
                    Path(entry.path).unlink()
                    if (found := _read(data)) is not None:
                        yield found
                elif (
                    entry.name.endswith(_PART)
                    and entry.stat(follow_symlinks=False).st_mtime < clock.now().timestamp() - _ABANDONED
                ):
                    Path(entry.path).unlink()


def _read(data: bytes) -> Nudge | None:
    found = _FORM.fullmatch(data)
    if found is None:
        return None
    root = Path(os.fsdecode(found[3]))
    commit = "" if found[2] == b"-" else found[2].decode()
    return Nudge(root, found[1].decode(), commit) if root.is_absolute() else None
