"""Who has a database open: everybody holds one lock together, and who must be alone with the files holds it alone.

Restoring moves a database's files away; whoever still had them open would write into nowhere. The kernel keeps the lock and
frees it when its holder dies. SQLite's own locks do not tell: they are held only while something is read or written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lcode.errors import StoreBusy
from lcode.store.locks import READ_ONLY
from lcode.store.paths import private_folder, unopened


class Presence:
    """This process among those that have the database at `path` open."""

    def __init__(self, path: Path) -> None:
        self._database = path
        self._path = path.parent / "locks" / f"{path.stem}.open"
        self._descriptor: int | None = None

    def enter(self) -> None:
        """Be counted. Raises StoreBusy while somebody is alone with the files."""
        if self._descriptor is None and not self._take(shared=True):
            raise StoreBusy(f"{self._database} is being mended by another process", "wait until it is done, and try again")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one: nobody has the database open, nobody can open it. Raises StoreBusy."""
        if not self._take(shared=False):
            raise StoreBusy(f"another process has {self._database} open", "close every lcode that works there, and try again")
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, *, shared: bool) -> bool:
        if sys.platform == "win32":  # there a file that is open cannot be moved away
            return True
        import fcntl

        try:
            private_folder(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unopened(f"cannot open the lock {self._path}", self._path, error, READ_ONLY) from error
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True
