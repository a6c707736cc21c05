"""One worker for an agent: elected by its lock, taken over when it dies, gone when nobody needs it. Real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.program import Program, runs, until
from tests.worker.harness import Agent


def test_of_five_that_start_at_once_one_is_the_worker(agent: Agent) -> None:
    agent.enter()
    started = [agent.start() for _ in range(5)]
    until(lambda: sum(process.poll() is None for process in started) == 1, "four of five have ended")
    (left,) = [process for process in started if process.poll() is None]
    until(lambda: agent.owner() == left.pid, "the one that is left holds the lock")
    assert all(process.returncode == 0 for process in started if process is not left)
    agent.settled()
    assert left.poll() is None


def test_the_lock_of_a_killed_worker_is_free_at_once(agent: Agent) -> None:
    agent.enter()
    first = agent.start()
    until(lambda: agent.owner() == first.pid, "the first is the worker")
    first.kill()
    first.wait()
    assert agent.owner() == 0
    assert agent.status() is None
    second = agent.start()
    until(lambda: agent.owner() == second.pid, "the second has taken over")
    agent.settled()


def test_the_worker_ends_soon_after_its_last_headless_client(agent: Agent) -> None:
    member = agent.enter("headless")
    process = agent.start()
    agent.settled()
    member.leave()
    assert process.wait(timeout=20) == 0
    assert agent.owner() == 0
    assert agent.status() is None
    assert not (agent.paths.folder / "worker.json").exists()


def test_the_worker_leaves_its_work_where_nobody_will_come_back(agent: Agent) -> None:
    member = agent.enter("throwaway")
    process = agent.start()
    until(lambda: agent.here().root != "", "the checkout is served")
    member.leave()
    assert process.wait(timeout=20) == 0


def test_the_worker_ends_when_it_is_told_to(agent: Agent) -> None:
    agent.enter()
    process = agent.start()
    until(lambda: agent.status() is not None, "it is there")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert agent.owner() == 0


def test_the_worker_of_a_deleted_agent_ends(agent: Agent) -> None:
    from shutil import rmtree

    agent.enter()
    process = agent.start()
    agent.settled()
    rmtree(agent.paths.folder)
    assert process.wait(timeout=20) == 0
    assert not agent.paths.folder.exists()


def test_without_an_agent_nothing_is_made(isolated_environment: Path) -> None:
    from lcode.worker.process import serve

    assert serve("agent-unknown") == 0
    assert serve("../other") == 0
    assert not Path(os.environ["LCODE_HOME"]).exists()


def test_clients_in_two_worktrees_are_both_served(agent: Agent, tmp_path: Path) -> None:
    import subprocess

    other = tmp_path / "other"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "other", str(other)], cwd=agent.root, check=True)
    agent.enter()
    agent.enter("terminal", other)
    agent.start()
    agent.settled()
    agent.settled(other)


@pytest.mark.parametrize("sessions", [2])
def test_sessions_that_start_at_once_share_one_worker(agent: Agent, sessions: int) -> None:
    program = Program(agent.root, {"LCODE_WORKER": "1", "TERM": "dumb", "CI": ""})
    import subprocess

    running = [program.start("--plain", stdin=subprocess.PIPE) for _ in range(sessions)]
    try:
        until(lambda: agent.owner() != 0, "a session started the worker")
        until(lambda: len(list(agent.paths.locks.glob("client.*.lock"))) == sessions, "both are clients")
        pid = agent.owner()
        agent.settled()
        assert agent.owner() == pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not runs(pid), "it is dead")
        until(lambda: agent.owner() not in (0, pid), "a live session started another within seconds", 20)
    finally:
        for process in running:
            process.communicate("", timeout=30)
    assert [process.returncode for process in running] == [0, 0]
