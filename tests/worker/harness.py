"""An agent with a repository, and real worker processes for it, which a test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lcode.errors import StoreError
from lcode.git.repository import find
from lcode.memory.store import Store
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from lcode.worker import status
from lcode.worker.clients import Membership
from tests.e2e.program import CHECKOUT, runs, until


@dataclass
class Agent:
    """The agent of the repository at `root`."""

    root: Path
    id: str
    paths: AgentPaths
    members: list[Membership] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def make(cls, root: Path) -> Agent:
        store = Store(os.environ)
        row = store.resolve(find(root)).agent
        store.open(row)
        paths = store.agent_paths(row)
        store.close()
        return cls(find(root).root, row.id, paths)

    def enter(self, purpose: str = "terminal", root: Path | None = None) -> Membership:
        """Be a client, as a session is."""
        member = Membership(self.paths, root or self.root)
        assert member.enter(purpose)
        self.members.append(member)
        return member

    def start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "lcode.worker", self.id],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "LCODE_WORKER": "1"},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def owner(self) -> int:
        """The process that is the worker; 0 where none is."""
        owner = NamedLock(status.lock_file(self.paths)).owner()
        return owner.pid if owner is not None else 0

    def status(self) -> status.WorkerStatus | None:
        return status.read(self.paths)

    def here(self, root: Path | None = None) -> status.CheckoutStatus:
        """What the worker says of the checkout; an empty status where it says nothing."""
        told = self.status()
        found = told.of(str(root or self.root)) if told is not None else None
        return found or status.CheckoutStatus("")

    def settled(self, root: Path | None = None) -> None:
        """Wait until the worker watches the checkout and has nothing to do."""

        def quiet() -> bool:
            told = self.status()
            if told is None or told.state != status.IDLE:
                return False
            here = told.of(str(root or self.root))
            return here is not None and here.watch != "" and not (here.job or here.waiting or here.pending_files)

        try:
            until(quiet, "the worker has nothing to do")
        except AssertionError:
            raise AssertionError(f"the worker is not idle: {self.status()}") from None

    def close(self) -> None:
        for member in self.members:
            member.leave()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.communicate(timeout=20)
        if pid := self.owner():
            os.kill(pid, signal.SIGTERM)
            until(lambda: not runs(pid), "the worker ends when it is told to")


class Index:
    """What can be found in the agent's index, asked beside the worker."""

    def __init__(self, agent: Agent) -> None:
        from lcode.index.open import open_index

        self._agent = agent
        self._open = lambda: open_index(agent.paths, read_only=True)

    def definitions(self, root: Path | None = None) -> set[tuple[str, str]]:
        """Path and name of every definition that the checkout has."""
        database = self._open()
        with suppress(StoreError), closing(database):  # while it is being made there is none
            return set(
                database.read(
                    lambda connection: list(
                        connection.execute(
                            "SELECT files.path, definitions.name FROM checkouts"
                            " JOIN files ON files.checkout_id = checkouts.id"
                            " JOIN definitions USING (content_id) WHERE checkouts.root = ?",
                            (str(root or self._agent.root),),
                        )
                    )
                )
            )
        return set()

    def has(self, name: str, root: Path | None = None) -> bool:
        return name in {found for _, found in self.definitions(root)}
