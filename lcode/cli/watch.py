"""`lcode index --watch`: this process needs the worker, sees to it that there is one, and says what it does."""

from __future__ import annotations

import os
import sys
import time
from subprocess import Popen
from typing import TYPE_CHECKING

from lcode.cli.output import Styled, say

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.worker.status import CheckoutStatus

_LOOK = 0.3  # seconds


def watch(runtime: Runtime) -> None:
    """Until Ctrl-C."""
    from lcode.store.locks import NamedLock
    from lcode.worker import clients, status

    paths = runtime.store.agent_paths(runtime.agent)
    member = clients.Membership(paths, runtime.root)
    member.enter(clients.WATCH)
    lock = NamedLock(status.lock_file(paths))
    child: Popen[bytes] | None = None
    face = _Face(runtime)
    try:
        while True:
            if child is not None and child.poll() is not None:
                face.tell(f"the worker ended ({child.returncode})") if child.returncode else None
                child = None
            if child is None and lock.owner() is None:
                child = _start(runtime)
            worker = status.read(paths)
            face.show(worker.of(face.root) if worker is not None else None)
            time.sleep(_LOOK)
    except KeyboardInterrupt:
        face.tell("ended")
    finally:
        face.close()
        member.leave()


def _start(runtime: Runtime) -> Popen[bytes]:
    from lcode.agent.helper_process import launch, needed_by

    return launch(["lcode.worker", runtime.agent.id], os.environ, needed_by(runtime.settings, os.environ))


class _Face:
    """A line for each change of what goes on; a bar meanwhile, on a terminal."""

    def __init__(self, runtime: Runtime) -> None:
        from lcode.cli.progress import Progress
        from lcode.path_text import path_text

        self.root = path_text(runtime.root)
        self._name = runtime.root.name
        self._progress = Progress()
        self._said = ""

    def show(self, checkout: CheckoutStatus | None) -> None:
        from lcode.worker.status import POLLING, WORDS

        if checkout is None or not checkout.watch:
            return
        if checkout.job:
            self._progress.show(WORDS.get(checkout.job, checkout.job), checkout.done, checkout.total)
            return
        self._progress.close()
        how = f", looking from time to time: {checkout.watch_reason}" if checkout.watch == POLLING else ""
        self.tell(f"watching {self._name}{how}; Ctrl-C ends" + (f" ({checkout.error})" if checkout.error else ""))

    def tell(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._progress.close()
            say(Styled(line, "dim"), err=True)
            sys.stderr.flush()

    def close(self) -> None:
        self._progress.close()
