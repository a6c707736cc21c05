"""Sessions that work for a long time: the write-ahead log, open files and memory must stay what they are.

`python -m benchmarks.store_soak --minutes 20 --sessions 8`: each process is a terminal in which sessions are opened, answer
some messages and are closed again, over and over: they write messages, lines of core memory and passages, and search all
three. The model is a function in the process. Beside them `lcode sessions export` reads whole sessions in a loop. Every
few seconds the size of the log, and each process's open files and resident memory, are noted. The store is not new: it
holds some thousand messages and passages from the start.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.store_bench import CHECKOUT, await_word, begin, by, finish, report, spawn, verdict
from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.events import RunFinished, StopReason, ToolFinished, Usage
from lcode.llm.protocol import Delta, Reply, Request, Text, ToolCall

MEGABYTE = 1024 * 1024
MOST_LOG = 64 * MEGABYTE
RUNS = 12  # messages that a session answers before it is closed
FILLED = 4_000  # messages that are there from the start, and a quarter as many passages
LOG_NAMES = ("memory.db-wal", "user.db-wal")


def words(count: int) -> str:
    """Words that stand together by chance, some of them names as in code."""
    picked = random.choices(range(900), k=count)
    return " ".join(f"{_SYLLABLES[at % 30]}{_SYLLABLES[at // 30]}" + ("_count" if at % 9 == 0 else "") for at in picked)


_SYLLABLES = [f"{first}{second}" for first in "bdfgkmprst" for second in ("a", "o", "iu")]


def prefill(folder: Path, environ: Mapping[str, str]) -> None:
    """An earlier time of this repository."""
    runtime = Runtime.open(load(None, environ, {}), folder, environ=environ)
    memory = runtime.memory()
    session = memory.recall.create_session(branch="main", worktree=str(folder), head="", model="offline")

    def work() -> None:
        for at in range(FILLED):
            text = words(60)
            memory.recall.add_message("user", "user", [{"type": "text", "text": text}], text, by(session))
            if at % 4 == 0:
                memory.archival.insert(words(25), by(session))

    memory.recall.atomically(work)
    runtime.store.close()


# -- one terminal -----------------------------------------------------------------------------------------------------


class Model:
    """Answers each message in three steps: writes memory, searches it, says something."""

    name, api = "offline", "openai"

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self.runs = self.steps = 0
        self.known = False

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        step = self.steps % 3
        self.steps += 1
        calls = (self._writing, self._searching, list)[step]()
        parts = [Text(f"Step {step} of run {self.runs} in terminal {self.terminal}.")]
        made = [ToolCall(f"call_{os.urandom(4).hex()}", name, arguments) for name, arguments in calls]
        self.runs += step == 2
        yield Reply((*parts, *made), "tool_calls" if made else "stop", Usage(input=2_000, output=50))

    def _writing(self) -> list[tuple[str, dict[str, Any]]]:
        fact = f"Terminal {self.terminal} noted {self.runs}: {words(20)}"
        line = {"label": "conventions", "content": f"terminal {self.terminal} has answered {self.runs} messages"}
        if self.known:
            old = f"terminal {self.terminal} has answered {self.runs - 1} messages"
            edit = ("core_memory_replace", {"label": "conventions", "old_content": old, "new_content": line["content"]})
        else:
            edit, self.known = ("core_memory_append", line), True
        return [edit, ("archival_memory_insert", {"content": fact})]

    def _searching(self) -> list[tuple[str, dict[str, Any]]]:
        return [("conversation_search", {"query": words(3)}), ("archival_memory_search", {"query": words(3)})]

    async def close(self) -> None:
        """Nothing is open."""


async def terminal(folder: Path, number: int, seconds: float, think: float) -> dict[str, Any]:
    """Sessions one after the other for `seconds`; how many messages were answered and what failed."""
    model = Model(number)
    failures: list[str] = []
    slowest = 0.0
    end = time.monotonic() + seconds
    sessions = 0
    runtime = Runtime.open(load(None, os.environ, {}), folder)
    runtime._provider = lambda name: model  # type: ignore[method-assign,assignment,return-value]
    while time.monotonic() < end:
        session = await runtime.new_session()
        sessions += 1
        for _ in range(RUNS):
            if time.monotonic() >= end:
                break
            start = time.monotonic()
            failures += await _answer(session, f"message {model.runs} in terminal {number}: {words(40)}")
            slowest = max(slowest, time.monotonic() - start)
            await asyncio.sleep(think)
        await session.close()
    await runtime.close()
    return {"runs": model.runs, "sessions": sessions, "failures": failures[:20], "slowest": slowest}


async def _answer(session: Any, text: str) -> list[str]:
    events: list[Any] = []
    finished: RunFinished = await session.run(text, events.append)
    faults = [event.text[:300] for event in events if isinstance(event, ToolFinished) and event.is_error]
    if finished.stop_reason is not StopReason.END_TURN:
        faults.append(f"{finished.stop_reason}: {finished.error}")
    return faults


# -- watching ---------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """Samples of every process, and of the largest log that was seen."""

    processes: list[subprocess.Popen[str]]
    home: Path
    rss: dict[int, list[int]] = field(default_factory=dict)
    files: dict[int, list[int]] = field(default_factory=dict)
    logs: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def sample(self) -> None:
        logs = [path for name in LOG_NAMES for path in self.home.rglob(name)]
        self.logs.append(max((_size(path) for path in logs), default=0))
        self.sizes.append(sum(_size(path) for path in self.home.rglob("memory.db")))
        for process in self.processes:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                held = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            except OSError:
                continue  # it has ended
            if "VmRSS:" in status:
                self.rss.setdefault(process.pid, []).append(int(status.split("VmRSS:")[1].split()[0]) * 1024)
                self.files.setdefault(process.pid, []).append(held)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def drift(samples: list[int]) -> float:
    """How far the last fifth is from the second one (after the first, in which all warms up), as a share."""
    fifth = max(1, len(samples) // 5)
    return statistics.median(samples[-fifth:]) / statistics.median(samples[fifth : 2 * fifth] or samples) - 1


def export_loop(folder: Path, environ: Mapping[str, str], end: float, watch: Watch, every: float) -> tuple[int, list[str]]:
    """Export sessions one after the other, sampling in between; how many were exported, and what failed."""
    exported, faults, at = 0, [], 0
    command = [sys.executable, "-m", "lcode", "sessions"]
    next_sample = time.monotonic()
    while time.monotonic() < end:
        listed = subprocess.run(
            [*command, "--json"], cwd=folder, env=dict(environ), capture_output=True, text=True, check=False
        )
        names = _ids(listed.stdout)
        if names:
            name, at = names[at % len(names)], at + 1
            done = subprocess.run(
                [*command, "export", name], cwd=folder, env=dict(environ), capture_output=True, text=True, check=False
            )
            exported += done.returncode == 0
            if done.returncode:
                faults.append(done.stderr[:300])
        while time.monotonic() >= next_sample:
            watch.sample()
            next_sample += every
        time.sleep(0.2)
    return exported, faults


def _ids(text: str) -> list[str]:
    rows = json.loads(text) if text.strip() else []
    return [str(row["id"]) for row in rows]


def run(base: Path, sessions: int, seconds: float, think: float) -> tuple[Watch, list[dict[str, Any]], int, list[str]]:
    folder, home = base / "repo", base / "home"
    folder.mkdir()
    home.mkdir()
    names = {
        "HOME": str(home),
        "LCODE_HOME": str(home / "lcode"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LCODE_MODEL": "offline",
        "LCODE_WORKER": "0",
    }
    environ = {**os.environ, **names, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run(["git", "init", "-q", str(folder)], check=True, env=environ)
    prefill(folder, environ)
    workers = [spawn("store_soak", "terminal", folder, number, seconds, think, environ=names) for number in range(sessions)]
    watch = Watch(workers, home)
    begin(workers)
    exported, faults = export_loop(folder, environ, time.monotonic() + seconds, watch, max(0.5, seconds / 200))
    return watch, finish(workers), exported, faults


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--think", type=float, default=0.5, help="seconds between an answer and the next message")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as base:
        watch, ends, exported, faults = run(Path(base), options.sessions, options.minutes * 60, options.think)
    for pid, rss in watch.rss.items():
        files = watch.files[pid]
        print(
            f"process {pid}: memory {rss[len(rss) // 5] / MEGABYTE:.1f} to {rss[-1] / MEGABYTE:.1f} MB ({drift(rss):+.1%}),"
            f" at most {max(files)} files ({drift(files):+.1%} in the median)"
        )
    failures = [failure for end in ends for failure in end["failures"]] + faults
    runs, made = sum(end["runs"] for end in ends), sum(end["sessions"] for end in ends)
    print(
        f"{runs:,} messages answered in {made:,} sessions, {exported:,} exports, {len(failures)} failures",
        *failures[:3],
        sep="\n  ",
    )
    print(f"slowest answer {max(end['slowest'] for end in ends):.2f} s; store {watch.sizes[-1] / MEGABYTE:.1f} MB")
    drifts = [*map(drift, watch.rss.values()), *(drift(files) for files in watch.files.values())]
    flat = all(abs(share) <= 0.05 for share in drifts)
    print(f"open files and memory within 5 %: {verdict(holds=flat)}")
    largest = max(watch.logs)
    print(f"largest log {largest / MEGABYTE:.1f} of {MOST_LOG // MEGABYTE} MB: {verdict(holds=largest <= MOST_LOG)}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["terminal", folder, number, seconds, think]:
            await_word()
            report(asyncio.run(terminal(Path(folder), int(number), float(seconds), float(think))))
        case _:
            main()
