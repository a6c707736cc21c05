"""Many processes write one memory at once: everything acknowledged is there, nobody fails, nobody waits long.

`python -m benchmarks.store_writers`: 16 processes make 1,000 writes each (block edits, messages, passages) with 20 ms of
thought between them; then the same without pauses; then with clocks that jump by decades; then behind a process that was
stopped (SIGSTOP) in the middle of its transaction.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.store_bench import (
    Memory,
    await_ready,
    await_word,
    begin,
    by,
    finish,
    go,
    look,
    percentile,
    report,
    spawn,
    spread,
    verdict,
)  # fmt: skip
from lcode.errors import UserError
from lcode.store import database as store

WORDS = (
    "the parser in src/io/readCsv.py keeps_open_handles until close() is called; see HttpClient.retryAfter and docs/usage.md"
)


@dataclass(frozen=True)
class Outcome:
    """`waits` are seconds from each call to its acknowledgement."""

    acknowledged: int
    found: int
    errors: list[str]
    faults: list[str]
    waits: list[float]
    seconds: float

    @property
    def whole(self) -> bool:
        return not self.errors and not self.faults and self.found == self.acknowledged

    def line(self) -> str:
        rate = self.acknowledged / self.seconds
        return (
            f"{self.acknowledged:,} acknowledged, {self.found:,} found, {len(self.errors)} errors, {rate:.0f} a second;"
            f" wait {spread(self.waits)}"
        )


def run(home: Path, processes: int, writes: int, pause: float, *, jumps: bool = False) -> Outcome:
    """`processes` workers that make `writes` writes each, `pause` seconds apart."""
    workers = [spawn("store_writers", "worker", home, number, writes, pause, int(jumps)) for number in range(processes)]
    begin(workers)
    start = time.monotonic()
    results = finish(workers)
    seconds = time.monotonic() - start
    acknowledged = [operation for result in results for operation in result["acknowledged"]]
    found = look(home)
    present = sum(operation in found.operations for operation in acknowledged)
    errors = [error for result in results for error in result["errors"]]
    waits = [wait for result in results for wait in result["waits"]]
    return Outcome(len(acknowledged), present, errors, found.faults, waits, seconds)


# -- one worker -------------------------------------------------------------------------------------------------------


def worker(home: Path, number: int, writes: int, pause: float, *, jumps: bool) -> None:
    memory = Memory(home)
    name = f"p{number:02d}"
    session = memory.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    kinds = (_block_edit, _message, _passage)
    acknowledged, errors, waits = [], [], []
    await_word()
    for at in range(writes):
        if jumps and at % 10 == 5:  # the clock of each process jumps on its own
            os.environ["LCODE_CLOCK"] = f"{1980 + (number * 37 + at) % 120}-01-01T00:00:00+00:00"
        provenance = by(session)
        start = time.perf_counter()
        try:
            kinds[at % 3](memory, name, at, provenance)
            acknowledged.append(provenance.operation_id)
        except UserError as error:
            errors.append(f"{name} at {at}: {error}")
        waits.append(time.perf_counter() - start)
        if pause:
            time.sleep(pause)
    memory.close()
    report({"acknowledged": acknowledged, "errors": errors, "waits": waits})


def _block_edit(memory: Memory, name: str, at: int, provenance: object) -> None:
    """Each process keeps a line of its own in one block that all share."""
    if at == 0:
        memory.blocks.append("conventions", f"{name} has made 0 writes", provenance)  # type: ignore[arg-type]
    else:
        old, new = f"{name} has made {at - 3} writes", f"{name} has made {at} writes"
        memory.blocks.replace("conventions", old, new, provenance)  # type: ignore[arg-type]


def _message(memory: Memory, name: str, at: int, provenance: object) -> None:
    text = f"{name} says {at}: {WORDS}; {WORDS}"
    memory.recall.add_message("user", "user", [{"type": "text", "text": text}], text, provenance)  # type: ignore[arg-type]


def _passage(memory: Memory, name: str, at: int, provenance: object) -> None:
    memory.archival.insert(f"{name} learned {at}: {WORDS}", provenance, tags=("bench", name))  # type: ignore[arg-type]


# -- a holder that was stopped ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stopped:
    """What happened behind a process that stood still in its transaction, `waited` seconds long. `told` is what a writer read
    whose deadline passed meanwhile."""

    waited: float
    outcome: Outcome
    told: str
    landed_late: bool
    holder: int


def behind_a_stopped_holder(home: Path, processes: int, seconds: Callable[[], None]) -> Stopped:
    """`processes` workers begin while another process is stopped inside its transaction; `seconds` waits until it may
    go on. One more writer has a deadline shorter than that."""
    holder, impatient = spawn("store_writers", "holder", home), spawn("store_writers", "impatient", home)
    workers = [spawn("store_writers", "worker", home, number, 3, 0.0, 0) for number in range(processes)]
    begin([holder])
    await_ready([impatient, *workers])
    go([holder])
    _until_stopped(holder)
    start = time.monotonic()
    go([impatient, *workers])
    await_ready([impatient])  # it has been refused
    seconds()
    holder.send_signal(signal.SIGCONT)
    waited = time.monotonic() - start
    results = finish(workers)
    go([impatient])
    told = finish([impatient])[0]
    finish([holder])
    found = look(home)
    acknowledged = [operation for result in results for operation in result["acknowledged"]]
    errors = [error for result in results for error in result["errors"]]
    waits = [wait for result in results for wait in result["waits"]]
    present = sum(operation in found.operations for operation in acknowledged)
    outcome = Outcome(len(acknowledged), present, errors, found.faults, waits, time.monotonic() - start)
    return Stopped(waited, outcome, told["error"], told["operation"] in found.operations, holder.pid)


def _until_stopped(process: subprocess.Popen[str]) -> None:
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def hold(home: Path) -> None:
    memory = Memory(home)
    memory.blocks.list()
    await_word()
    await_word()

    def work(connection: object) -> None:
        memory.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
        os.kill(os.getpid(), signal.SIGSTOP)

    memory.memory.write(work)
    memory.close()
    report({})


def hurry(home: Path) -> None:
    """A writer that gives up early and goes on later, when what it gave up must not have been written."""
    memory = Memory(home)
    memory.blocks.list()
    await_word()
    wait, store.WAIT, store.GRACE = store.WAIT, 0.2, 0.2
    provenance = by()
    said = ""
    try:
        memory.blocks.append("architecture", "written in a hurry", provenance)
    except UserError as error:
        said = f"{error.message}; {error.hint}"
    await_word()
    store.WAIT = wait
    memory.blocks.append("architecture", "written with patience", by())
    memory.close()
    report({"error": said, "operation": provenance.operation_id})


# -- the long form ----------------------------------------------------------------------------------------------------


def alone(home: Path) -> float:
    """The median commit of one process that is alone, in seconds."""
    return statistics.median(run(home, 1, 300, 0.0).waits)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_writers", description=__doc__)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--writes", type=int, default=1000, help="writes of each process")
    options = parser.parse_args()
    total = options.processes * options.writes
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
        base = Path(folder)
        commit = alone(base / "alone")
        print(f"one process alone: median commit {commit * 1000:.2f} ms")
        paused = run(base / "paused", options.processes, options.writes, 0.020)
        good = paused.whole and paused.found == total and percentile(paused.waits, 0.99) <= 0.150 and max(paused.waits) <= 1
        print(f"20 ms between writes: {paused.line()}: {verdict(holds=good)}")
        dense = run(base / "dense", options.processes, options.writes, 0.0)
        ratio = percentile(dense.waits, 0.99) / (options.processes * commit)
        good = dense.whole and dense.found == total
        print(
            f"no pause: {dense.line()}; p99 is {ratio:.1f} x ({options.processes} x the median commit): {verdict(holds=good)}"
        )
        jumped = run(base / "jumped", options.processes, options.writes // 10, 0.0, jumps=True)
        print(f"clocks that jump: {jumped.line()}: {verdict(holds=jumped.whole)}")
        stopped = behind_a_stopped_holder(base / "stopped", options.processes, lambda: time.sleep(3))
        good = stopped.outcome.whole and f"process {stopped.holder}" in stopped.told and not stopped.landed_late
        print(f"a holder stopped for 3 s: {stopped.outcome.line()}; past its deadline one reads {stopped.told!r}", end="")
        print(f" and has {'' if stopped.landed_late else 'not '}written later: {verdict(holds=good)}")
        for outcome in (paused, dense, jumped, stopped.outcome):
            for line in [*outcome.errors[:3], *outcome.faults[:3]]:
                print(f"  {line}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker", home, number, writes, pause, jumps]:
            worker(Path(home), int(number), int(writes), float(pause), jumps=jumps == "1")
        case ["holder", home]:
            hold(Path(home))
        case ["impatient", home]:
            hurry(Path(home))
        case _:
            main()
