"""Running a program so that it can neither hang nor be left behind: a deadline, a process group of its own, no terminal.

One daemon thread reads the output, one waits for the exit; the event loop keeps the deadline. When time is up or the call
is cancelled, the whole group and every descendant is ended before the caller goes on. A child that a finished command
left in the background is not waited for: its further output is read and dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lcode import clock
from lcode.tools.guardian import guarded, prepare

_CHUNK = 65_536
_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_DRAIN = 0.2  # seconds for the rest of the output, when something in the background keeps the pipe open
_REAP = 2.0  # seconds for the kernel to end what was killed
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Finished:
    """`code` is the exit status (negative: the signal that ended it). `dropped` counts bytes of `output`'s middle that
    were not kept; `full` is whether the program was ended because it wrote more than it may."""

    code: int
    output: bytes
    dropped: int
    seconds: float
    timed_out: bool = False
    full: bool = False


class Capture:
    """The first `head` and the last `tail` bytes of an output. Thread-safe."""

    def __init__(self, head: int, tail: int) -> None:
        self._head_limit, self._tail_limit = head, tail
        self._head, self._tail = bytearray(), bytearray()
        self._total = 0
        self._closed = False
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        with self._lock:
            if self._closed:
                return
            self._total += len(data)
            room = self._head_limit - len(self._head)
            if room > 0:
                self._head += data[:room]
                data = data[room:]
            self._tail += data
            if len(self._tail) > 2 * self._tail_limit:
                del self._tail[: len(self._tail) - self._tail_limit]

    @property
    def full(self) -> bool:
        return self._total > self._head_limit + self._tail_limit

    def close(self) -> tuple[bytes, int]:
        """What was kept, and how many bytes of the middle were not. Later output is dropped."""
        with self._lock:
            self._closed = True
            cut = max(0, len(self._tail) - self._tail_limit)
            kept = bytes(self._head + self._tail[cut:])
            return kept, self._total - len(kept)


async def run(
    command: Sequence[str] | str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout: float,
    capture: Capture,
    stop_when_full: bool = False,
) -> Finished:
    """Run `command` to its end, its output and errors in one stream. Raises OSError where it cannot be started. With
    `stop_when_full` it is ended as soon as `capture` does not keep everything."""
    started = clock.monotonic()
    prepare()
    process = _started(command, cwd, environment)
    timed_out = False
    with guarded(process.pid):
        reader = _in_thread(lambda: _read(process, capture, stop_when_full))
        ended = _in_thread(process.wait)
        try:
            done, _ = await asyncio.wait({asyncio.wrap_future(ended)}, timeout=timeout)
            if not done:
                timed_out = True
                await _end(process, ended)
            await _quietly(reader, _DRAIN)
        except asyncio.CancelledError:
            await _uninterrupted(_end(process, ended))
            raise
    output, dropped = capture.close()
    code = ended.result() if ended.done() else -int(_KILL)
    full = stop_when_full and capture.full
    return Finished(code, output, dropped, clock.monotonic() - started, timed_out, full)


def _started(command: Sequence[str] | str, cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) if os.name == "nt" else 0,
    )


def _in_thread(work: Callable[[], _T]) -> Future[_T]:
    """`work` in a daemon thread: unlike a pool's, it never holds the program's exit."""
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()

    def body() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (handed to whoever waits)
            future.set_exception(error)

    threading.Thread(target=body, daemon=True, name="process").start()
    return future


def _read(process: subprocess.Popen[bytes], capture: Capture, stop_when_full: bool) -> None:
    """Until nobody holds the other end of the pipe; also long after the command itself is over."""
    assert process.stdout is not None
    with process.stdout as pipe:
        while data := os.read(pipe.fileno(), _CHUNK):
            capture.add(data)
            if stop_when_full and capture.full:
                _signal(process.pid, _KILL)
                return


async def _end(process: subprocess.Popen[bytes], ended: Future[int]) -> None:
    """End the group and all descendants: asked first, killed after the grace."""
    family = _descendants(process.pid)
    _signal(process.pid, signal.SIGTERM, family)
    try:
        await _until_gone(process, ended, family, _GRACE)
    finally:  # also where the program is leaving in a hurry
        family |= _descendants(process.pid)
        _signal(process.pid, _KILL, family)
    await _until_gone(process, ended, family, _REAP)


async def _until_gone(process: subprocess.Popen[bytes], ended: Future[int], family: set[int], timeout: float) -> None:
    """Wait until nothing of the family runs any more, not longer than `timeout`."""
    deadline = clock.monotonic() + timeout
    while clock.monotonic() < deadline and not (ended.done() and _gone(process.pid, family)):  # noqa: ASYNC110 (the kernel tells nobody)
        await asyncio.sleep(0.01)


async def _quietly(future: Future[Any], timeout: float) -> None:
    """Wait for `future`, not longer than `timeout`."""
    with contextlib.suppress(TimeoutError, OSError):
        await asyncio.wait_for(asyncio.wrap_future(future), timeout)


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """`work` to its end, however often the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


def _signal(leader: int, number: int, family: Iterable[int] = ()) -> None:
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(leader)], capture_output=True, check=False)
        return
    with contextlib.suppress(OSError):
        os.killpg(leader, number)
    for pid in family:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _gone(leader: int, family: Iterable[int]) -> bool:
    """Whether nothing of the group or of `family` runs any more."""
    if os.name == "nt":
        return True
    return not any(_runs(pid) for pid in {leader, *family} | _descendants(leader))


def _runs(pid: int) -> bool:
    state = _status(pid)
    if state is not None:
        return state[0] not in "ZX"
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _descendants(leader: int) -> set[int]:
    """The processes of `leader`'s session, and its children's children wherever they moved to. Empty without /proc."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 (names only)
    except OSError:
        return set()
    states = {pid: state for pid in pids if (state := _status(pid)) is not None}
    family = {leader} | {pid for pid, (_, _, session) in states.items() if session == leader}
    grown = True
    while grown:
        more = {pid for pid, (_, parent, _) in states.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return {pid for pid in family - {leader} if pid in states}


def _status(pid: int) -> tuple[str, int, int] | None:
    """State, parent and session of a process, from /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[0].decode(), int(fields[1]), int(fields[3])
