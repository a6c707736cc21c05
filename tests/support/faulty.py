"""Storage that fails: the n-th write, truncation, opening, deletion or sync that SQLite asks for goes wrong, once or for good.

The faults happen below SQLite's own VFS, in the table of its system calls (so that it sees ENOSPC, EIO, EDQUOT as from a
real disk, for the shared memory too); syncs, which are not in that table, fail in a VFS over it.

`Program` runs the command line in processes that are forked from one that has loaded it.
"""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

BASE = "unix"
KINDS = ("ENOSPC", "EIO", "EDQUOT")
KILL = "SIGKILL"
# name in SQLite's table, in the C library, and the types of its arguments; those that change what is on the disk
_CALLS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "pwrite": ("pwrite", (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)),
    "pwrite64": ("pwrite64", (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)),
    "write": ("write", (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)),
    "ftruncate": ("ftruncate", (ctypes.c_int, ctypes.c_long)),
    "fallocate": ("posix_fallocate", (ctypes.c_int, ctypes.c_long, ctypes.c_long)),
    "open": ("open", (ctypes.c_char_p, ctypes.c_int, ctypes.c_int)),
    "unlink": ("unlink", (ctypes.c_char_p,)),
}
_PRELOADED = ["lcode.cli.run", "lcode.agent.runtime", "lcode.ui.plain", "lcode.llm.direct", "urllib3", "tests.support.faulty"]


@dataclass
class Faults:
    """The `at`-th operation fails with `kind` (0: none does), and with `lasting` all after it, until `at` is 0 again. Where
    `kind` is KILL the process dies instead."""

    at: int = 0
    kind: str = "ENOSPC"
    lasting: bool = False
    count: int = 0
    failed: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def due(self, operation: str) -> bool:
        """Count the operation; whether it is to fail."""
        with self.lock:
            self.count += 1
            fails = self.at > 0 and (self.count == self.at or (self.lasting and self.count > self.at))
            if fails and self.kind == KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            if fails:
                self.failed.append(operation)
            return fails


class FaultyCalls:
    """Puts `faults` under SQLite's calls until `close`, for every connection of this process that uses the VFS `name`."""

    def __init__(self, faults: Faults, name: str = "faulty", *, default: bool = False) -> None:
        self._faults = faults
        self._library = ctypes.CDLL(None, use_errno=True)
        self._vfs = _SyncVFS(name, faults, default=default)
        known = {self._vfs.xNextSystemCall(None)}
        while (one := self._vfs.xNextSystemCall(sorted(known)[-1])) is not None and one not in known:
            known.add(one)
        self._kept: list[Any] = []  # a callback lives as long as it may be called
        for call in _CALLS:
            self._replace(call)

    def _replace(self, call: str) -> None:
        symbol, types = _CALLS[call]
        real = getattr(self._library, symbol, None)
        if real is None:
            return
        result = ctypes.c_ssize_t if "write" in call else ctypes.c_int
        real.argtypes, real.restype = types, result
        callback = ctypes.CFUNCTYPE(result, *types, use_errno=True)(self._faulty(call, real))
        self._kept.append(callback)
        self._vfs.xSetSystemCall(call, ctypes.cast(callback, ctypes.c_void_p).value)

    def _faulty(self, call: str, real: Callable[..., int]) -> Callable[..., int]:
        def run(*arguments: Any) -> int:
            creates = call != "open" or bool(arguments[1] & os.O_CREAT)
            if creates and self._faults.due(call):
                code = getattr(errno, self._faults.kind)
                ctypes.set_errno(code)
                return code if call == "fallocate" else -1
            return real(*arguments)

        return run

    def close(self) -> None:
        for call in _CALLS:
            self._vfs.xSetSystemCall(call, 0)
        self._vfs.unregister()


class _SyncVFS(apsw.VFS):  # type: ignore[misc]
    def __init__(self, name: str, faults: Faults, *, default: bool) -> None:
        self.faults = faults
        super().__init__(name, BASE, makedefault=default)

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _SyncFile(self.faults, name, flags)


class _SyncFile(apsw.VFSFile):  # type: ignore[misc]
    def __init__(self, faults: Faults, name: Any, flags: list[int]) -> None:
        super().__init__(BASE, name, flags)
        self._faults = faults

    def xSync(self, flags: int) -> None:
        if self._faults.due("sync"):
            error = apsw.IOError("disk I/O error")
            error.extendedresult = apsw.SQLITE_IOERR_FSYNC  # type: ignore[attr-defined]
            raise error
        super().xSync(flags)


@dataclass(frozen=True)
class Ended:
    """How a run ended, what it wrote, how many fault points it had, and which of them failed."""

    code: int
    out: str
    err: str
    points: int
    failed: list[str]


class Program:
    """`lcode` with faults, in a process of its own each time. What it writes must fit into a pipe."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def __call__(self, arguments: Sequence[str], environ: Mapping[str, str], faults: Faults, limit: int = 0) -> Ended:
        """Run to the end. `limit`: no file may grow beyond so many bytes."""
        receive, send = self._context.Pipe(duplex=False)
        plan = (faults.at, faults.kind, faults.lasting)
        process = self._context.Process(target=_child, args=(list(arguments), dict(environ), plan, limit, send))
        process.start()
        send.close()
        if not receive.poll(60):
            process.kill()
            raise TimeoutError("nothing was heard of a run with faults")
        ended = Ended(*receive.recv())
        process.join(60)
        return ended


def _unraised(found: Any) -> None:
    """SQLite hears of one fault at a time: apsw reports a second one here, made while it still has the first."""
    if not isinstance(found.exc_value, apsw.Error):
        sys.__unraisablehook__(found)


def _child(arguments: list[str], environ: dict[str, str], plan: tuple[int, str, bool], limit: int, send: Any) -> None:
    os.environ.clear()
    os.environ.update(environ)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    outputs = []
    for number, name in ((1, "stdout"), (2, "stderr")):
        output, into = os.pipe()
        os.dup2(into, number)
        os.close(into)
        os.set_blocking(output, False)
        outputs.append(output)
        setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    sys.unraisablehook = _unraised
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from lcode.cli.main import main

    faults = Faults(*plan)
    calls = FaultyCalls(faults, default=True)
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    said = [os.read(output, 65_536).decode() if _holds(output) else "" for output in outputs]
    send.send((code, *said, faults.count, faults.failed))
    send.close()
    del calls
    os._exit(code)


def _holds(pipe: int) -> bool:
    import select

    return bool(select.select([pipe], [], [], 0)[0])
