"""Running a program and measuring it: processor time of its whole tree, wall time, peak memory; and where it runs.

Only the standard library, and a small process: on Linux a child's peak memory is never reported as less than its
parent's at the moment of the start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scripted_server import FILE, FIRST_VALUE

CHECKOUT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """One run. `cpu` is user plus system seconds of the process and all children it waited for; `rss` is bytes, of the
    largest process; `requests` is the server's record, on the clock of `started` and `ended`."""

    cpu: float
    wall: float
    rss: int
    started: float
    ended: float
    requests: tuple[Mapping[str, float], ...] = ()


def run(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Cost:
    """Run `command` to its end without input; raises RuntimeError with its words if it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(child.pid, 0)
        ended = time.monotonic()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            words = output.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{words}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(cpu, ended - started, usage.ru_maxrss * _RSS_UNIT, started, ended)


@dataclass
class Bench:
    """A workspace with a small repository, an empty memory store and the scripted server."""

    workspace: Path
    url: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    def lcode(self, *arguments: str) -> Cost:
        return run([*self.command, *arguments], self.workspace, self.environment)

    def bare_python(self) -> Cost:
        return run([sys.executable, "-I", "-c", "pass"], self.workspace, self.environment)

    def lcode_turns(self, turns: int) -> Cost:
        """One headless run with `turns` tool calls and an answer."""
        return self._scripted([*self.command, *HEADLESS], turns)

    def baseline_turns(self, turns: int) -> Cost:
        return self._scripted([sys.executable, "-I", str(CHECKOUT / "benchmarks/baseline.py"), self.url], turns)

    def _scripted(self, command: Sequence[str], turns: int) -> Cost:
        self.script(turns)
        cost = run(command, self.workspace, self.environment)
        requests: list[dict[str, float]] = self._ask("GET", "/record")
        value = FIRST_VALUE + (turns + 1) // 3
        if len(requests) != turns + 1 or f"VALUE = {value}\n" not in (self.workspace / FILE).read_text():
            raise RuntimeError(f"the run was not as scripted: {len(requests)} requests for {turns} tool turns")
        return Cost(cost.cpu, cost.wall, cost.rss, cost.started, cost.ended, tuple(requests))

    def script(self, turns: int) -> None:
        """Set what the server plays next, and put the file that the script edits back."""
        (self.workspace / FILE).write_text(f"VALUE = {FIRST_VALUE}\n")
        self._ask("POST", "/script", {"turns": turns})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url.removesuffix("/v1") + path, data, method=method)
        with urllib.request.urlopen(request) as response:
            return json.load(response)


HEADLESS = ("-p", "Raise the value and check it.", "--model", "openai/scripted", "--permission-mode", "yolo")


@contextmanager
def bench(command: Sequence[str] = ()) -> Iterator[Bench]:
    """Everything a measurement needs, in a temporary folder that is removed at the end."""
    folder_of_ours = tempfile.TemporaryDirectory(prefix="lcode-bench-", ignore_cleanup_errors=True)  # a worker may write yet
    with folder_of_ours as folder, _server() as port:
        base = Path(folder)
        url = f"http://127.0.0.1:{port}/v1"
        # Git is told to look at no configuration but its own: the user's may sign commits or run hooks.
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        environment |= {"HOME": str(base / "home"), "LCODE_HOME": str(base / "memory"), "GIT_CONFIG_NOSYSTEM": "1"}
        environment |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "scripted", "NO_PROXY": "127.0.0.1"}
        (base / "home").mkdir()
        workspace = base / "work"
        _make_repository(workspace, environment)
        yield Bench(workspace, url, list(command) or default_command(environment), environment)


def default_command(environment: dict[str, str]) -> list[str]:
    """This checkout's program under this Python."""
    environment["PYTHONPATH"] = str(CHECKOUT)
    return [sys.executable, "-m", "lcode"]


@contextmanager
def _server() -> Iterator[int]:
    command = [sys.executable, "-I", str(CHECKOUT / "benchmarks/scripted_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        # leaving the block closes its standard input, at which it ends


def _make_repository(workspace: Path, environment: Mapping[str, str]) -> None:
    (workspace / "src").mkdir(parents=True)
    (workspace / FILE).write_text(f"VALUE = {FIRST_VALUE}\n")
    (workspace / "README.md").write_text("# A small project\n\nIt holds one value.\n")
    (workspace / "pyproject.toml").write_text('[project]\nname = "small"\nversion = "1.0"\n')
    identity = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=workspace, env=dict(environment), check=True)
