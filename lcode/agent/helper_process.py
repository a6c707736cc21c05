"""Processes that a session starts beside itself and does not wait for: the worker, and backups.

They share nothing with the session: a session of their own, no terminal, no open files, and of its environment only what the
program needs. The worker is started after the first prompt is shown or the first request was sent, on a thread of its own, and
is started again when it died; a session that cannot have one goes on without.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.errors import LcodeError

if TYPE_CHECKING:
    from subprocess import Popen

    from lcode.config import Settings
    from lcode.store.locks import NamedLock
    from lcode.store.paths import AgentPaths
    from lcode.worker.clients import Membership

_PASSED_ON = ("LCODE_", "XDG_", "PYTHON", "LC_")
_NAMES = frozenset(
    {
        *("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "SYSTEMROOT", "PATH", "LANG", "TZ", "TMPDIR", "TEMP"),
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES", "GIT_EXEC_PATH"),
    }
)
LOOK = 3.0  # seconds between two looks whether the worker is alive
_START = 0.2  # seconds that the end of a session waits for a start that is under way
_LONGEST = 300.0  # seconds until a worker that keeps failing is started again
_LIVED = 60.0  # seconds after which one that ended was no failed start


def needed_by(settings: Settings, environ: Mapping[str, str]) -> frozenset[str]:
    """What the worker needs of the environment beside what is always passed on: the secrets, or it could not tell one that
    stands in a file, and the key of an embedding that is a service."""
    from lcode.secret_value import secret_variables

    secrets = frozenset(secret_variables(environ))
    if settings.embedding_provider == "static":
        return secrets
    from lcode.index.embedders import environment

    return secrets | environment(settings)


def launch(arguments: Sequence[str], environ: Mapping[str, str], also: Set[str] = frozenset()) -> Popen[bytes]:
    """Start `python -m ARGUMENTS`. It shares nothing with this process but, of its environment, what the program needs and
    `also` names. Raises OSError."""
    import subprocess

    names = _NAMES | also
    isolated = ["-I"] if sys.flags.isolated else []
    return subprocess.Popen(
        [sys.executable, *isolated, "-m", *arguments],
        cwd=Path(__file__).resolve().parent.parent.parent,  # where the program is found, and no folder of the user's
        env={name: value for name, value in environ.items() if name in names or name.startswith(_PASSED_ON)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=0x0800_4000 if os.name == "nt" else 0,  # no window, below normal priority
    )


class HelperProcess:
    """Sees to it that the agent has a worker while this process works in `root`."""

    def __init__(
        self,
        paths: AgentPaths,
        agent_id: str,
        root: Path,
        environ: Mapping[str, str],
        *,
        enabled: bool,
        also: Set[str] = frozenset(),
    ) -> None:
        self._also = also
        self._paths = paths
        self._agent_id = agent_id
        self._root = root
        self._environ = environ
        self._enabled = enabled and bool(agent_id)
        self._lock = threading.Lock()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self._member: Membership | None = None

    def start(self, interactive: bool) -> None:
        """See to it from now on. Costs the caller nothing but a thread; the second call does nothing."""
        if self._enabled and self._thread is None and not self._left.is_set():
            self._thread = threading.Thread(target=self._keep, args=(interactive,), name="lcode worker", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        """This process does not need the worker any more. One that was about to be started is started: where this process
        lived too short for it, it is for the next."""
        self._left.set()
        if self._thread is not None:
            self._thread.join(_START)
        with self._lock:
            if self._member is not None:
                self._member.leave()
                self._member = None

    def _keep(self, interactive: bool) -> None:
        with suppress(LcodeError, OSError, ImportError):
            from lcode.store.locks import NamedLock
            from lcode.worker import clients, nudge
            from lcode.worker.status import lock_file

            throwaway = not interactive and self._environ.get("CI", "").lower() not in ("", "0", "false")
            purpose = clients.TERMINAL if interactive else clients.THROWAWAY if throwaway else clients.HEADLESS
            with self._lock:
                self._member = clients.Membership(self._paths, self._root)
                self._member.enter(purpose)
            if purpose == clients.HEADLESS:  # it may be gone before the worker has looked around
                nudge.drop(self._paths, self._root)
            self._watch(NamedLock(lock_file(self._paths)))

    def _watch(self, lock: NamedLock) -> None:
        """Start the worker whenever there is none; one that ends at once, again and again, less and less often."""
        from lcode.clock import monotonic

        child, began, failures = None, 0.0, 0
        while True:
            pause = LOOK
            if child is not None and child.poll() is not None:  # collected, or it would stay as a zombie
                failures = failures + 1 if child.returncode != 0 and monotonic() - began < _LIVED else 0
                pause = min(_LONGEST, 2.0 ** min(failures - 1, 20)) if failures else 0.0
                child = None
            elif child is None and lock.owner() is None:
                child, began = launch(["lcode.worker", self._agent_id], self._environ, self._also), monotonic()
            if self._left.wait(pause):
                return
