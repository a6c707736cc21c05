"""The worker as a process: elected by its lock, of low priority, ended by a signal or because nobody needs it.

Whoever does not get the lock ends before anything heavy is loaded. The lock is free at once when the holder dies.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from lcode.errors import StoreError
from lcode.log import Log, log_exception
from lcode.redact import Redactor
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths, StorePaths, home
from lcode.worker import clients, priority
from lcode.worker.status import lock_file
from lcode.worker.worker import Worker


def serve(agent_id: str) -> int:
    """The exit code: 0 where it ended as it should, also because another is the worker."""
    store = StorePaths(home(os.environ))
    paths = store.agent(agent_id)
    if Path(agent_id).name != agent_id or not paths.memory_db.exists():
        return 0  # the agent was deleted meanwhile
    redactor = Redactor(os.environ)
    try:
        _Process(paths, Log(store.log, redactor)).run()
    except StoreError:  # the disk is full, or the folder is gone: a session will try again
        return 1
    except Exception as error:  # noqa: BLE001 - nobody is there to see it
        log_exception(store.log, error, redactor)
        return 1
    return 0


class _Process:
    """This process while it is the worker, or wants to be."""

    def __init__(self, paths: AgentPaths, log: Log) -> None:
        self._paths = paths
        self._log = log
        self._lock = NamedLock(lock_file(paths))
        self._worker: Worker | None = None
        self._told_to_end = False

    def run(self) -> None:
        self._listen()  # first: who holds the lock is told to end by a signal
        while self._lock.acquire("worker"):
            try:
                self._work()
            finally:
                self._lock.release()
            if self._told_to_end or not any(clients.live(self._paths)):  # else somebody came while it was ending
                return

    def _work(self) -> None:
        priority.lower()
        from lcode.worker.table import Table

        table = Table(self._paths)
        try:
            self._worker = Worker(self._paths, self._lock, table.jobs, table.save, self._write, table.polls)
            if not self._told_to_end:
                self._told_to_end = not self._worker.run()
        finally:
            table.close()

    def _listen(self) -> None:
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._end)

    def _end(self, number: int, frame: object) -> None:
        self._told_to_end = True
        if self._worker is not None:
            self._worker.end()

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a full disk
            self._log.write(text)
