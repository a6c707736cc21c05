"""Whole sessions side by side: `lcode -p` processes that remember at once on one repository, against a scripted service.

`python -m benchmarks.store_sessions`: 8 processes, each told to remember 20 things. Every process must exit with 0, and all
160 things must be in memory, once. The service is the tests' protocol server, which refuses what the real ones refuse.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.store_bench import CHECKOUT, verdict
from lcode.agent.runtime import Runtime
from lcode.config import load
from tests.support.provider_server import ProviderServer, Script, Turn, assert_prefix, call, turn

LABELS = ("conventions", "architecture", "human", "current_work")  # `human` lies in the user's database


@dataclass(frozen=True)
class Remembered:
    """How the sessions ended, and how often each thing that they were told is in memory."""

    codes: list[int]
    complaints: list[str]
    things: int
    found: Counter[str]
    problems: list[str]
    seconds: float

    @property
    def holds(self) -> bool:
        once = len(self.found) == self.things and set(self.found.values()) == {1}
        return once and not any(self.codes) and not self.problems


def thing(session: int, number: int) -> str:
    return f"Fact {number} of session {session}: step_{number} runs before stage_{session}."


def turns(session: int, things: int) -> list[Turn]:
    """Two things in each turn: a line in core memory and a passage, then the answer."""
    made = []
    for number in range(0, things, 2):
        line = call("core_memory_append", label=LABELS[number // 2 % 4], content=thing(session, number))
        passage = call("archival_memory_insert", content=thing(session, number + 1))
        made.append(turn(f"I note {number}.", line, passage))
    return [*made, turn(f"Session {session} remembers it all.")]


def run(folder: Path, environ: Mapping[str, str], sessions: int, things: int) -> Remembered:
    """`sessions` processes at once in the repository `folder`; `environ` is all of theirs."""
    scripts = {f"as session {number}:": Script(turns(number, things)) for number in range(sessions)}
    with ProviderServer(scripts) as server:
        environment = {**environ, **server.environ("openai"), "PYTHONPATH": str(CHECKOUT)}
        start = time.monotonic()
        processes = [_session(folder, environment, number) for number in range(sessions)]
        ends = [process.communicate(timeout=300) for process in processes]
        seconds = time.monotonic() - start
        problems = list(server.refusals)
        for name in scripts:
            talk = [request for request in server.requests if request.conversation == name]
            assert_prefix(talk)
    codes = [process.returncode for process in processes]
    complaints = [complaint for _, complaint in ends if complaint.strip()]
    return Remembered(codes, complaints, sessions * things, _found(folder, environ, sessions, things), problems, seconds)


def _session(folder: Path, environment: Mapping[str, str], number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lcode", "-p", f"as session {number}: remember all of it", "--model", "openai/gpt-4.1"],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _found(folder: Path, environ: Mapping[str, str], sessions: int, things: int) -> Counter[str]:
    """Each thing that is in memory, with how often it is there."""
    runtime = Runtime.open(load(None, environ, {}), folder, environ=environ)
    with closing(runtime.store):
        memory = runtime.memory()
        lines = [line for block in memory.blocks.list() for line in block.value.splitlines()]
        passages = [passage.text for passage in memory.archival.search("", limit=10_000)]
    told = {thing(session, number) for session in range(sessions) for number in range(things)}
    return Counter(text for text in [*lines, *passages] if text in told)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_sessions", description=__doc__)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--things", type=int, default=20, help="things that each session is told, an even number")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lcode-bench-") as base:
        folder, home = Path(base) / "repo", Path(base) / "home"
        folder.mkdir()
        home.mkdir()
        environ = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environ |= {"HOME": str(home), "LCODE_HOME": str(home / "lcode"), "GIT_CONFIG_NOSYSTEM": "1", "NO_PROXY": "127.0.0.1"}
        environ |= {"LCODE_WORKER": "0"}
        subprocess.run(["git", "init", "-q", str(folder)], check=True, env=environ)
        found = run(folder, environ, options.sessions, options.things)
    print(
        f"{options.sessions} sessions at once in {found.seconds:.1f} s: exit codes {sorted(found.codes)}, {len(found.found)} of"
        f" {found.things} things in memory, {sum(found.found.values())} times: {verdict(holds=found.holds)}"
    )
    for line in [*found.complaints[:4], *found.problems[:4]]:
        print(f"  {line.strip()[:400]}")


if __name__ == "__main__":
    main()
