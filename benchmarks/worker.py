"""Measures the worker on a repository: the first index, from a save until it can be searched, a branch switch, and what it
costs when nothing happens. Run on a quiet machine: `python -m benchmarks.worker [--repository DIR] [--files N]`.

The repository is copied (or made of generated files) into a temporary folder; a process of this program is its one client.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

from lcode.git.repository import find
from lcode.index.open import open_index
from lcode.memory.store import Store
from lcode.worker import status
from lcode.worker.clients import WATCH, Membership

CHECKOUT = Path(__file__).resolve().parent.parent
_PAUSE = 0.002  # seconds between two looks: the resolution of what is measured


class Subject:
    """An agent in a repository of its own, and its worker."""

    def __init__(self, base: Path, root: Path) -> None:
        self.environ = {**os.environ, "HOME": str(base), "LCODE_HOME": str(base / "memory"), "PYTHONPATH": str(CHECKOUT)}
        self.root = find(root).root
        store = Store(self.environ)
        agent = store.resolve(find(root)).agent
        store.open(agent)
        self.agent_id, self.paths = agent.id, store.agent_paths(agent)
        store.close()
        self.member = Membership(self.paths, self.root)
        assert self.member.enter(WATCH)
        command = [sys.executable, "-m", "lcode.worker", self.agent_id]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, env=self.environ, stdin=subprocess.DEVNULL)
        self._index = None

    def here(self) -> status.CheckoutStatus | None:
        told = status.read(self.paths)
        return told.of(str(self.root)) if told is not None else None

    def idle(self) -> bool:
        told, here = status.read(self.paths), self.here()
        return told is not None and told.state == status.IDLE and here is not None and bool(here.watch)

    def found(self, name: str) -> bool:
        """Whether a definition of that name is found in this checkout."""
        if self._index is None:
            self._index = open_index(self.paths, read_only=True)
        sql = "SELECT count(*) FROM definitions JOIN files USING (content_id) WHERE name = ?"
        return bool(self._index.read(lambda connection: connection.execute(sql, (name,)).fetchall()[0][0]))

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
        self.member.leave()
        self.process.wait(timeout=60)


def until(condition: Callable[[], bool], limit: float = 3_600.0) -> float:
    """The seconds until `condition` holds."""
    began, pause = time.monotonic(), threading.Event()
    while not condition():
        if time.monotonic() - began > limit:
            raise TimeoutError
        pause.wait(_PAUSE)
    return time.monotonic() - began


def saves(subject: Subject, count: int) -> list[float]:
    """Seconds from a save until what it defines is found."""
    taken = []
    file = subject.root / "saved_by_benchmark.py"
    for number in range(count):
        threading.Event().wait(0.15 + 0.37 * (number % 3))
        file.write_text(f"def saved_by_benchmark_{number}(value):\n    return value + {number}\n")
        taken.append(until(lambda: subject.found(f"saved_by_benchmark_{number}"), 60))  # noqa: B023
    return taken


def branch_switch(subject: Subject, files: int) -> dict[str, float]:
    """Seconds from the end of `git checkout` until what the branch has is found, and until nothing is left to do."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")
        subprocess.run(["git", *identity, *words], cwd=subject.root, env=subject.environ, check=True, capture_output=True)

    git("checkout", "-q", "-b", "benchmark-many")
    for number in range(files):
        folder = subject.root / f"benchmark_{number % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"m{number}.py").write_text(f"def of_the_branch_{number}(a, b):\n    return a * b + {number}\n" * 5)
    git("add", ".")
    git("commit", "-q", "-m", "Add very many files")
    until(lambda: subject.found(f"of_the_branch_{files - 1}"))
    until(subject.idle)
    git("checkout", "-q", "-")
    away = until(lambda: not subject.found("of_the_branch_0"))
    until(subject.idle)
    git("checkout", "-q", "benchmark-many")
    back = until(lambda: subject.found(f"of_the_branch_{files - 1}") and subject.found("of_the_branch_0"))
    settled = back + until(subject.idle)
    return {"away_seconds": away, "back_seconds": back, "settled_seconds": settled}


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Megabytes that a process has had at the most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_000


def idle(subject: Subject, seconds: float) -> float:
    """The share of a processor in percent that the worker uses while nothing happens."""
    before, began = processor(subject.process.pid), time.monotonic()
    threading.Event().wait(seconds)
    return 100 * (processor(subject.process.pid) - before) / (time.monotonic() - began)


def generate(root: Path, files: int) -> None:
    """A repository of `files` small modules."""
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    for number in range(files):
        folder = root / f"part{number % 97}" / f"sub{number % 13}"
        folder.mkdir(parents=True, exist_ok=True)
        body = "\n".join(f"def function_{number}_{at}(a, b):\n    return a + b + {at}\n" for at in range(12))
        (folder / f"module_{number}.py").write_text(body)


def measure(options: argparse.Namespace, base: Path) -> dict[str, object]:
    root = base / "work"
    if options.repository:
        copytree(Path(options.repository).expanduser(), root, symlinks=True)
    else:
        generate(root, options.files)
    began = time.monotonic()
    subject = Subject(base, root)
    try:
        until(lambda: (here := subject.here()) is not None and bool(here.job))
        until(lambda: (here := subject.here()) is not None and here.job not in ("", "files"))
        searchable = time.monotonic() - began
        until(subject.idle)
        told: dict[str, object] = {
            "searchable_seconds": searchable,
            "complete_seconds": time.monotonic() - began,
            "processor_seconds": processor(subject.process.pid),
            "watch": (subject.here() or status.CheckoutStatus("")).watch,
        }
        taken = sorted(saves(subject, options.saves))
        told["save_p50_ms"] = 1_000 * statistics.median(taken)
        told["save_p95_ms"] = 1_000 * taken[int(len(taken) * 0.95)]
        told["save_worst_ms"] = 1_000 * taken[-1]
        told |= branch_switch(subject, options.switch)
        until(subject.idle)
        told["memory_mb"] = memory(subject.process.pid)
        told["idle_percent"] = idle(subject, options.idle)
        return told
    finally:
        subject.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__)
    parser.add_argument("--repository", default="", help="a repository to copy; else one is generated")
    parser.add_argument("--files", type=int, default=5_000, help="of the one that is generated")
    parser.add_argument("--saves", type=int, default=60)
    parser.add_argument("--switch", type=int, default=3_000, help="files that the other branch has more")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds in which nothing happens")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
        told = measure(options, Path(folder))
    if options.json:
        print(json.dumps(told, indent=2))
        return
    print(f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors")
    for name, value in told.items():
        print(f"{name:20} {value:.3f}" if isinstance(value, float) else f"{name:20} {value}")


if __name__ == "__main__":
    main()
