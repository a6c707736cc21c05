"""Kernel file locks: the queue in front of a database, and named locks with their owner written beside them.

The kernel frees a lock at once when its owner dies. Descriptors are never inherited by children. A blocking `flock` is a
queue kept by the kernel; a polling lock was measured to be worse than none.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcode import clock
from lcode.redact import of_process
from lcode.store.paths import private_folder, unopened

if sys.platform == "win32":  # pragma: no cover
    import ctypes
    import msvcrt
    from ctypes import wintypes

    class _Overlapped(ctypes.Structure):
        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    def _lock(descriptor: int, *, block: bool) -> bool:
        """LockFileEx waits in the kernel's queue, as flock does."""
        flags = 0x2 | (0 if block else 0x1)  # exclusive, fail immediately
        where = _Overlapped(offset_high=0x40000000)  # far behind the owner's text, which stays readable
        handle = msvcrt.get_osfhandle(descriptor)
        return bool(ctypes.windll.kernel32.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(where)))

    def _unlock(descriptor: int) -> None:
        where = _Overlapped(offset_high=0x40000000)
        ctypes.windll.kernel32.UnlockFileEx(msvcrt.get_osfhandle(descriptor), 0, 1, 0, ctypes.byref(where))

else:
    import fcntl

    def _lock(descriptor: int, *, block: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


READ_ONLY = "mend the folder's permissions or set LCODE_HOME to another one; with --ephemeral memory is only read"


def try_lock(descriptor: int) -> bool:
    """Lock the open file if it is free; closing the descriptor frees it."""
    return _lock(descriptor, block=False)


def _open(path: Path) -> int:
    try:
        private_folder(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise unopened(f"cannot open the lock {path}", path, error, READ_ONLY) from error


class QueueLock:
    """The queue of writers of one database. Used by that database's one thread only.

    The holder's process id stands in the file, so that who waits in vain can be told whom for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, wait: bool = True) -> bool:
        """Take the lock; False if it is not free and nobody wants to wait. Waits in the kernel for as long as it takes (the
        caller of the thread keeps the deadline)."""
        if self._descriptor is None:
            self._descriptor = _open(self._path)
        if not _lock(self._descriptor, block=False) and not (wait and _lock(self._descriptor, block=True)):
            return False
        self._sign(self._descriptor)
        return True

    def free(self) -> None:
        """Let go of the lock. It is free as well when this process ends, and nobody is kept out by one's own."""
        if self._descriptor is not None:
            _unlock(self._descriptor)

    @staticmethod
    def _sign(descriptor: int) -> None:
        """Write who holds the lock into its file, if it was another who held it last."""
        try:
            name = b"%-20d" % os.getpid()
            if hasattr(os, "pwrite") and os.pread(descriptor, 20, 0) != name:
                os.pwrite(descriptor, name, 0)
        except OSError:  # a full disk: nobody can be told who holds the lock, and it holds all the same
            pass

    def holder(self) -> str:
        """Who took the lock last, for messages: `process 123`, and whether it is stopped."""
        with suppress(OSError, ValueError):
            pid = int(self._path.read_bytes())
            return f"process {pid}" + (", which is stopped" if _stopped(pid) else "")
        return "another process"

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _stopped(pid: int) -> bool:
    """Whether the process was suspended (SIGSTOP, or Ctrl-Z); False where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status[status.rindex(b")") + 2 :].split()[0] in (b"T", b"t")


TRIES = 200  # of a lock that others only look at


@dataclass(frozen=True)
class Owner:
    """Who holds a named lock."""

    pid: int
    host: str
    terminal: str
    started: str
    purpose: str = ""
    branch: str = ""
    worktree: str = ""

    @classmethod
    def here(cls, purpose: str = "", branch: str = "", worktree: str = "") -> Owner:
        terminal = ""
        with suppress(OSError):
            terminal = os.ttyname(0) if hasattr(os, "ttyname") else ""
        branch, worktree = map(of_process().redact, (branch, worktree))
        return cls(os.getpid(), socket.gethostname(), terminal, clock.stamp(), purpose, branch, worktree)

    def __str__(self) -> str:
        where = f" on {self.terminal}" if self.terminal else ""
        return f"process {self.pid}{where} since {self.started}"


class NamedLock:
    """An exclusive lock on a name, held for longer than a transaction: a session, a migration, the worker.

    The owner is written into the file itself. A released lock's file is removed while it is still held, and whoever
    opened the old file in the meantime notices (its inode is no longer the path's) and opens the new one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, purpose: str = "", branch: str = "", worktree: str = "") -> bool:
        """Take the lock if it is free; False if somebody holds it."""
        for _ in range(TRIES):
            descriptor = _open(self.path)
            if not _lock(descriptor, block=False):
                held = self._locked_elsewhere(descriptor) and not self._orphaned(descriptor)
                os.close(descriptor)
                if held:
                    return False
                time.sleep(random.uniform(0, 0.002))  # somebody only looked who holds it, or it is about to be free
                continue
            if self._is_current(descriptor):
                self._sign(descriptor, Owner.here(purpose, branch, worktree))
                self._descriptor = descriptor
                return True
            os.close(descriptor)
        return False

    @staticmethod
    def _orphaned(descriptor: int) -> bool:
        """Whether the owner is dead and the lock is held by a child that it had forked and that has not come to its exec
        yet, which closes the descriptor: worth another try, no more."""
        if os.name != "posix":
            return False
        try:
            owner = json.loads(os.pread(descriptor, 4096, 0))
            if owner["host"] == socket.gethostname():
                os.kill(owner["pid"], 0)
        except ProcessLookupError:
            return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return False

    @staticmethod
    def _sign(descriptor: int, owner: Owner) -> None:
        """Write down who holds the lock. Where the disk takes nothing more it holds all the same."""
        text = json.dumps(owner.__dict__).encode()
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, text)

    def _is_current(self, descriptor: int) -> bool:
        try:
            at_path = self.path.stat()
        except OSError:
            return False
        opened = os.fstat(descriptor)
        return (opened.st_ino, opened.st_dev) == (at_path.st_ino, at_path.st_dev)

    def lost(self) -> bool:
        """Whether what is held is not the lock any more: its file was removed."""
        return self._descriptor is None or not self._is_current(self._descriptor)

    def release(self) -> None:
        if self._descriptor is None:
            return
        with suppress(OSError):
            self.path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    def owner(self) -> Owner | None:
        """Who holds the lock now; None if nobody does. A file without a lock is what a killed owner left behind."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))  # its folder may be read-only
        except OSError:
            return None
        try:
            if self._descriptor is None and not self._locked_elsewhere(descriptor):
                return None
            fields: dict[str, Any] = json.loads(os.read(descriptor, 4096) or b"{}")
            return Owner(**fields)
        except (OSError, ValueError, TypeError):
            return Owner(0, "", "", "")
        finally:
            os.close(descriptor)

    @staticmethod
    def _locked_elsewhere(descriptor: int) -> bool:
        if sys.platform == "win32":  # pragma: no cover
            free = _lock(descriptor, block=False)
        else:
            try:  # a shared lock does not stand in the way of another look
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                free = True
            except BlockingIOError:
                free = False
        if free:
            _unlock(descriptor)
        return not free
