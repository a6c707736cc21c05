"""Who needs the worker: each process that works in a checkout holds a lock of its own that names it.

The kernel frees the lock of a client that dies, so nobody is waited for. A worker without clients ends by itself, the sooner
the less likely the next one is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lcode.errors import StoreError
from lcode.path_text import path_text, text_path
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths

TERMINAL, HEADLESS, WATCH, THROWAWAY = "terminal", "headless", "watch", "throwaway"
# Seconds that the worker stays with nothing to do after the last client of a kind; None: it leaves its work where it is.
LINGER: dict[str, float | None] = {TERMINAL: 45.0, WATCH: 2.0, HEADLESS: 2.0, THROWAWAY: None}


@dataclass(frozen=True)
class Client:
    """A live one: what it is, and the checkout in which it works."""

    purpose: str
    root: Path


class Membership:
    """This process among the clients. Raises nothing: where the lock cannot be had the worker does not know of it."""

    def __init__(self, paths: AgentPaths, root: Path) -> None:
        self._paths = paths
        self._root = root
        self._lock: NamedLock | None = None

    def enter(self, purpose: str) -> bool:
        """Be counted; whether that is so."""
        if self._lock is None:
            lock = NamedLock(self._paths.locks / f"client.{os.urandom(6).hex()}.lock")
            with suppress(StoreError, OSError):
                if lock.acquire(purpose, worktree=path_text(self._root)):
                    self._lock = lock
        return self._lock is not None

    def leave(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def live(paths: AgentPaths) -> Iterator[Client]:
    """Every client that is alive. What killed ones left behind is removed."""
    for file in sorted(paths.locks.glob("client.*.lock")):
        lock = NamedLock(file)
        owner = lock.owner()
        if owner is not None:
            if owner.worktree:
                yield Client(owner.purpose, text_path(owner.worktree))
            continue
        with suppress(StoreError, OSError):
            if lock.acquire("cleaning up"):
                lock.release()
