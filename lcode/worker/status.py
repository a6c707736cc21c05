"""What the worker is doing, for whoever wants to show it: a small file that is read without touching a database.

A worker counts as alive by its lock alone, never by a time: the file of one that died says nothing. Importing this costs
nothing that a session does not have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths

T = TypeVar("T")
EVENTS, POLLING = "events", "polling"
STARTING, WORKING, IDLE = "starting", "working", "idle"

WORDS = {  # what each job is for people
    "files": "indexing",
    "history": "reading past commits",
    "commits": "noting new commits",
    "graph": "seeing which file uses which",
    "learn": "looking the repository over",
    "texts": "making vectors of what was said",
    "vectors": "making vectors",
    "collection": "forgetting what is gone",
}


@dataclass(frozen=True)
class CheckoutStatus:
    """One checkout that the worker serves. `job` is what is done for it now, '' where nothing is; `waiting` are the jobs that
    are due after it. `total` is 0 where it is not known. `watch` is EVENTS, POLLING, or '' while it is being set up."""

    root: str  # as `path_text` writes it
    job: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0  # a second
    seconds_left: float | None = None
    waiting: tuple[str, ...] = ()
    pending_files: int = 0  # saved and not indexed yet
    pending_vectors: int = 0  # files that are found by words alone as yet
    watch: str = ""
    watch_reason: str = ""  # why it polls
    error: str = ""  # of the job that failed last, until it succeeds


@dataclass(frozen=True)
class WorkerStatus:
    """The worker of one agent."""

    pid: int
    state: str = STARTING
    version: str = ""
    started: str = ""
    checkouts: tuple[CheckoutStatus, ...] = field(default=())

    def of(self, root: str) -> CheckoutStatus | None:
        """The checkout at `root` (as `path_text` writes it), if it is served."""
        return next((one for one in self.checkouts if one.root == root), None)


def lock_file(paths: AgentPaths) -> Path:
    """The file of the lock that makes a process the worker."""
    return paths.locks / "worker.lock"


def status_file(paths: AgentPaths) -> Path:
    return paths.folder / "worker.json"


def read(paths: AgentPaths) -> WorkerStatus | None:
    """What the agent's worker does; None where none is alive."""
    owner = NamedLock(lock_file(paths)).owner()
    if owner is None:
        return None
    try:
        told = json.loads(status_file(paths).read_bytes())
        found = _worker(told)
    except (OSError, ValueError, TypeError, AttributeError):
        found = None
    if found is None or (owner.pid and found.pid != owner.pid):
        return WorkerStatus(owner.pid, started=owner.started)  # what the one before it wrote
    return found


def write(paths: AgentPaths, status: WorkerStatus) -> None:
    """Raises OSError."""
    from lcode.store.atomic import write_text

    write_text(status_file(paths), json.dumps(asdict(status), separators=(",", ":")) + "\n", mode=0o600)


def line(checkout: CheckoutStatus) -> str:
    """What is going on there, in a few words; '' where nothing is."""
    if not checkout.job:
        parts = [checkout.error] if checkout.error else []
    else:
        parts = [WORDS.get(checkout.job, checkout.job) + (f": {_share(checkout)}" if checkout.total else "")]
        if checkout.rate >= 1 and checkout.total:
            parts.append(f"{checkout.rate:,.0f} a second")
        if checkout.seconds_left is not None and checkout.seconds_left >= 1:
            parts.append(f"{_duration(checkout.seconds_left)} left")
    if checkout.watch == POLLING and checkout.watch_reason:
        parts.append(f"looks for changes from time to time: {checkout.watch_reason}")
    return ", ".join(parts)


def words(worker: WorkerStatus | None, root: str) -> str:
    """All of it for the checkout at `root`, in a line."""
    if worker is None:
        return "none is running; a session starts one"
    checkout = worker.of(root)
    if checkout is None:
        return f"process {worker.pid}, {worker.state}, not for this checkout"
    parts = [line(checkout) or worker.state]
    if checkout.watch != POLLING:  # of which `line` tells
        parts.append("told of each save" if checkout.watch else "not watching yet")
    if checkout.pending_files:
        parts.append(f"{checkout.pending_files:,} saved file{'s' * (checkout.pending_files != 1)} to be indexed")
    return f"process {worker.pid}: {', '.join(parts)}"


def _share(checkout: CheckoutStatus) -> str:
    noun = {"commits": "commits", "texts": "texts"}.get(checkout.job, "files")
    return f"{checkout.done:,} of {checkout.total:,} {noun}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _worker(told: Mapping[str, Any]) -> WorkerStatus:
    known = _known(WorkerStatus, told)
    known["checkouts"] = tuple(_checkout(one) for one in told.get("checkouts", ()))
    return WorkerStatus(**known)


def _checkout(told: Mapping[str, Any]) -> CheckoutStatus:
    known = _known(CheckoutStatus, told)
    known["waiting"] = tuple(known.get("waiting", ()))
    return CheckoutStatus(**known)


def _known(kind: type, told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that this version knows: another may have written the file."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in told.items() if name in names}
