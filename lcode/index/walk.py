"""A bounded look at a tree: breadth first, so that what is near the top is seen even where not everything can be."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SKIPPED = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        ".venv",
        "venv",
        "__pycache__",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
    }
    | {
        "dist",
        "build",
        "target",
        ".next",
        ".cache",
        ".idea",
        ".gradle",
        "bower_components",
        ".terraform",
        ".eggs",
        "site-packages",
    }
)
HIDDEN = frozenset({".github", ".gitlab", ".circleci", ".devcontainer", ".cargo", ".ci"})  # the others are caches and settings
MOST = 8_000  # entries


@dataclass
class Files:
    """Paths relative to the root, with `/`, and sizes where they are known. `total` is more than listed where `partial`."""

    paths: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    total: int = 0
    partial: bool = False


def from_tracked(tracked: Sequence[str]) -> Files:
    """The files that the caller lists; every n-th of very many."""
    step = -(-len(tracked) // (3 * MOST)) or 1
    paths = list(tracked if step == 1 else tracked[::step])
    return Files(paths, [], len(tracked), step > 1)


def walk(root: Path, expired: Callable[[], bool]) -> Files:
    """The files below `root` until MOST entries are seen or `expired`; symbolic links are not followed."""
    found = Files()
    pending = deque([("", str(root))])
    seen = 0
    while pending:
        prefix, folder = pending.popleft()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST or (seen % 64 == 0 and expired()):
                        found.partial = True
                        break
                    _take(entry, prefix, found, pending)
        except OSError:
            continue
        if found.partial:
            break
    order = sorted(range(len(found.paths)), key=found.paths.__getitem__)
    return Files([found.paths[at] for at in order], [found.sizes[at] for at in order], len(order), found.partial)


def _take(entry: os.DirEntry[str], prefix: str, found: Files, pending: deque[tuple[str, str]]) -> None:
    try:
        if entry.is_dir(follow_symlinks=False):
            hidden = entry.name.startswith(".") and entry.name not in HIDDEN
            if not hidden and entry.name not in SKIPPED and not entry.name.endswith(".egg-info"):
                pending.append((f"{prefix}{entry.name}/", entry.path))
        elif entry.is_file(follow_symlinks=False):
            size = entry.stat(follow_symlinks=False).st_size
            found.paths.append(prefix + entry.name)
            found.sizes.append(size)
    except OSError:
        return
