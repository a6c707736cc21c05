"""What the benchmarks of the store share: worker processes that start together, and a look at what they left.

A worker is this checkout's Python in a process of its own: `spawn` starts it, it says that it is ready, all begin at one
word, and each ends with one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks, Limits
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.operations import replay
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar

CHECKOUT = Path(__file__).resolve().parent.parent


class Memory:
    """The store of one process: both databases and the three tiers, made as the program makes them."""

    def __init__(self, home: Path, limits: Limits | None = None) -> None:
        self.memory = Database(home / "memory.db", migrations.MEMORY, lock=home / "locks" / "memory.lock")
        self.user = Database(home / "user.db", migrations.USER, lock=home / "locks" / "user.lock")
        redactor = Redactor(os.environ)
        self.blocks = Blocks(self.memory, self.user, redactor, worktree="/repo", branch="main", limits=limits)
        self.recall = Recall(self.memory, self.memory, redactor)
        self.archival = Archival(self.memory, redactor)

    def close(self) -> None:
        self.memory.close()
        self.user.close()


def by(session_id: str = "", operation_id: str = "") -> Provenance:
    """The agent's hand in a session, with an operation id of its own where none is given."""
    if operation_id:
        return Provenance(Actor.AGENT, Source.INFERRED, session_id, operation_id=operation_id)
    return Provenance(Actor.AGENT, Source.INFERRED, session_id)


# -- workers ----------------------------------------------------------------------------------------------------------


def spawn(module: str, *arguments: object, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """`python -m benchmarks.<module> <arguments>` in this checkout, which waits for the word to begin."""
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "LCODE_WORKER": "0", **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_word() -> None:
    """In a worker: say that it is ready, and wait for the word to begin."""
    print("ready", flush=True)
    sys.stdin.readline()


def report(value: Any) -> None:
    """In a worker: the end."""
    print(json.dumps(value), flush=True)


def await_ready(workers: Iterable[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stdout is not None
        if worker.stdout.readline() != "ready\n":
            raise RuntimeError(f"a worker did not start: {worker.communicate()[1][-2000:]}")


def begin(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Give the word when all are ready."""
    await_ready(workers)
    go(workers)


def go(workers: Iterable[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def finish(workers: Iterable[subprocess.Popen[str]]) -> list[Any]:
    """What each worker reported."""
    return [_finished(worker) for worker in workers]


def _finished(worker: subprocess.Popen[str]) -> Any:
    out, complaint = worker.communicate()
    if worker.returncode or not out.strip():
        raise RuntimeError(f"a worker ended with {worker.returncode}: {complaint[-2000:]}")
    return json.loads(out.splitlines()[-1])


# -- looking at what is there -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a store holds. `operations` are the ids of all writes that landed; `faults` is empty for a sound store."""

    operations: frozenset[str]
    faults: list[str] = field(default_factory=list)


def look(home: Path) -> Found:
    """Every write that landed, and whether the store is sound: pages, full text, histories."""
    memory = Memory(home)
    try:
        operations = memory.memory.read(
            lambda connection: fetch_all(
                connection,
                "SELECT operation_id FROM block_versions UNION ALL SELECT operation_id FROM passages UNION ALL"
                " SELECT 'op-' || substr(id, 9) FROM messages",
            )
        )
        users = memory.user.read(lambda connection: fetch_all(connection, "SELECT operation_id FROM block_versions"))
        return Found(frozenset(row[0] for row in [*operations, *users]), _faults(memory))
    finally:
        memory.close()


def _faults(memory: Memory) -> list[str]:
    faults = []
    for database in (memory.memory, memory.user):
        said = database.read(lambda connection: scalar(connection, "PRAGMA integrity_check"))
        if said != "ok":
            faults.append(f"{database.path}: {said}")
    for rows, index in (("said_messages", "messages_fts"), ("passages", "passages_fts")):
        sql = f"SELECT (SELECT count(*) FROM {rows}), (SELECT count(*) FROM {index}_docsize)"
        ((held, indexed),) = memory.memory.read(lambda connection, sql=sql: fetch_all(connection, sql))
        if held != indexed:
            faults.append(f"{rows}: {held} rows, {indexed} in the full text")
    for block in memory.blocks.list():
        versions = memory.blocks.versions(block.label) if block.id else []
        if [version.version for version in versions] != list(range(1, len(versions) + 1)):
            faults.append(f"{block.label}: versions are missing")
        if versions and replay(versions) != block.value:
            faults.append(f"{block.label}: the history does not replay to the value")
    return faults


# -- figures ----------------------------------------------------------------------------------------------------------


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values: Sequence[float]) -> str:
    """Median, 99th percentile and longest of seconds, in milliseconds."""
    median, high = statistics.median(values), percentile(values, 0.99)
    return f"median {median * 1000:.1f} ms, p99 {high * 1000:.1f} ms, longest {max(values) * 1000:.1f} ms"


def verdict(*, holds: bool) -> str:
    return "holds" if holds else "FAILS"
