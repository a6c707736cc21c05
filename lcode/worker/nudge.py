"""Files by which others tell the worker to look at a checkout: hooks of git, commands. Dropped by a rename, read once.

A nudge says where, never what: what happened is found out by looking. Without a worker it stays for the next one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lcode.path_text import path_text, text_path
from lcode.store.paths import AgentPaths, private_folder

_SUFFIX = ".nudge"
_LONGEST = 8_192  # bytes


def folder(paths: AgentPaths) -> Path:
    return paths.folder / "spool"


def drop(paths: AgentPaths, root: Path) -> None:
    """Have the checkout at `root` looked at. Raises OSError, StoreUnwritable."""
    where = private_folder(folder(paths))
    name = os.urandom(6).hex()
    unfinished = where / f".{name}.tmp"
    unfinished.write_text(path_text(root), encoding="utf-8")
    unfinished.replace(where / (name + _SUFFIX))


def take(paths: AgentPaths) -> set[Path]:
    """The checkouts that are to be looked at."""
    found = set()
    with suppress(OSError), os.scandir(folder(paths)) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                with suppress(OSError, ValueError):
                    data = Path(entry.path).read_bytes()[:_LONGEST]
                    Path(entry.path).unlink()
                    found.add(text_path(data.decode("utf-8")))
    return found
