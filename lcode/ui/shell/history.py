"""The input history: a private file, redacted before it is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory


class PrivateHistory(FileHistory):
    """A history file that only its user can read (0600)."""

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        super().__init__(str(path))
        self._redact = redact
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        path.chmod(0o600)

    def store_string(self, string: str) -> None:
        with suppress(OSError):  # a full disk, a folder that became read-only: it is in memory all the same
            super().store_string(self._redact(string))


def open_history(path: Path | None, redact: Callable[[str], str]) -> History:
    """The history in `path`; without one, or where it cannot be written, for this session only."""
    if path is None:
        return InMemoryHistory()
    try:
        return PrivateHistory(path, redact)
    except OSError:
        return InMemoryHistory()
