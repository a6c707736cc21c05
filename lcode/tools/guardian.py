"""Ends this process's commands when it is killed: a small shell outlives it and was told of each command's process group.

Who dies by SIGKILL can end nobody. The shell reads a pipe whose other end is open in this process alone, so it sees the end
of the pipe when the process is gone, however it went, and then kills the groups that had not been reported as ended.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator

_SHELL = "/bin/sh"
_SCRIPT = """\
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
    case $what in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class _Guardian:
    """The one of this process; started with its first command."""

    process: subprocess.Popen[bytes] | None = None
    owner = 0
    lock = threading.Lock()

    def tell(self, line: str = "") -> None:
        """Have the shell run, and hear `line`."""
        with self.lock, contextlib.suppress(OSError):  # without it a command runs all the same
            if self.process is None or self.owner != os.getpid():
                self.process, self.owner = _started(), os.getpid()
            assert self.process.stdin is not None
            if line:
                os.write(self.process.stdin.fileno(), f"{line}\n".encode())


_guardian = _Guardian()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [_SHELL, "-c", _SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        env={},
        start_new_session=True,
    )


def prepare() -> None:
    """Have the guardian run before the command does, so that between a command's start and its guard lies one write alone."""
    if os.name == "posix":
        _guardian.tell()


@contextlib.contextmanager
def guarded(group: int) -> Iterator[None]:
    """While this lasts, the process group `group` is ended should this process be killed."""
    if os.name != "posix":
        yield
        return
    _guardian.tell(f"+ {group}")
    try:
        yield
    finally:
        _guardian.tell(f"- {group}")
