"""Commands end with the process that ran them, also when nothing is left of it to end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.program import runs, until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")

KILLED = """
import subprocess, sys
from lcode.tools.guardian import guarded
def start(command):
    return subprocess.Popen(["/bin/sh", "-c", command], start_new_session=True)
over = start("sleep 600 >/dev/null 2>&1 & echo $! > left")
with guarded(over.pid):
    over.wait()
first, second = start("sleep 600 & echo $$ $! > first; wait"), start("echo $$ > second; sleep 600")
with guarded(first.pid), guarded(second.pid):
    print("up", flush=True)
    sys.stdin.read()
"""


def test_what_runs_ends_with_a_killed_process_and_what_was_left_on_purpose_stays(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    files = [tmp_path / name for name in ("left", "first", "second")]
    until(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files), "the commands run")
    (left,), *guarded = [[int(word) for word in file.read_text().split()] for file in files]
    pids = [pid for group in guarded for pid in group]
    assert len(pids) == 3 and all(map(runs, pids))
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(runs, pids)), "the commands are over")
    assert runs(left)
    os.kill(left, signal.SIGKILL)
