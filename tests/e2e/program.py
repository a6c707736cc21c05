"""`python -m lcode` as a process, and what can be read from the requests that it sends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
MODELS = {"openai": "openai/gpt-4.1", "anthropic": "anthropic/claude-sonnet-4-5"}
DEADLINE = 60.0  # seconds; a machine under load is slow, a program that hangs is slower


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str


@dataclass
class Program:
    """`lcode` in `folder`, with the test's environment and `environ` on top."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """A process that runs on; `kill` ends whatever is left."""
        process = subprocess.Popen(
            [sys.executable, "-m", "lcode", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **self.environ},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def __call__(self, *arguments: str, stdin: str | None = None) -> Ended:
        """Run to the end."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        return ended(process, stdin)

    def kill(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


def ended(process: subprocess.Popen[str], stdin: str | None = None) -> Ended:
    """The end of `process`, which must come."""
    out, err = process.communicate(stdin, timeout=DEADLINE)
    return Ended(process.returncode, out, err)


def until(condition: Callable[[], bool], what: str, deadline: float = DEADLINE) -> None:
    """Return as soon as `condition` holds."""
    give_up, pause = time.monotonic() + deadline, threading.Event()
    while not condition():
        assert time.monotonic() < give_up, f"never happened: {what}"
        pause.wait(0.005)


def runs(pid: int) -> bool:
    """Whether the process is alive: neither gone nor a zombie that nobody has collected."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return Path("/proc/self/stat").exists() is False
    return status[status.rindex(b")") + 2 :].split()[0] not in (b"Z", b"X")


# requests


def system_text(body: dict[str, Any]) -> str:
    """The system text of a request of either API."""
    if "system" in body:
        return "\n".join(block["text"] for block in body["system"])
    return "\n".join(message["content"] for message in body["messages"] if message["role"] in ("system", "developer"))


def tool_results(body: dict[str, Any]) -> list[str]:
    """The texts of all tool results of a request, in order."""
    return list(_results(body))


def _results(body: dict[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        if message["role"] == "tool":
            yield message["content"]
        elif isinstance(message["content"], list):
            yield from (block["content"] for block in message["content"] if block.get("type") == "tool_result")
