"""A store that cannot be opened, told in one line: 75 where waiting may help, 1 where something is in the way that stays."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, Lcode

Change = Callable[[Path, Path], object]
ASK = ("-p", "where is the port parsed?")


def in_place(file: Path) -> None:
    """Let a folder stand where the file was."""
    file.unlink(missing_ok=True)
    file.mkdir(parents=True)


def assert_told(code: int, err: str, expected: int) -> None:
    lines = err.splitlines()
    assert code == expected, err
    assert len(lines) == 2 and lines[0].startswith("lcode: ") and lines[1].startswith("hint: "), err
    assert "internal error" not in err and "unable to open" not in err
    assert expected == 75 or "LCODE_HOME" in lines[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda home, agent: in_place(agent / "memory.db"),
        lambda home, agent: in_place(agent / "memory.db-wal"),
        lambda home, agent: in_place(agent / "locks" / "memory.lock"),
        lambda home, agent: in_place(home / "locks" / "user.open"),
    ],
)
def test_a_folder_in_a_files_place_is_no_passing_failure(lcode: Lcode, repository: Path, home: Path, change: Change) -> None:
    assert lcode(*ASK).code == 0
    change(home, next((home / "agents").iterdir()))
    done = lcode(*ASK)
    assert_told(done.code, done.err, 1)
    assert "is a folder" in done.err


def emptied(lcode: Lcode) -> str:
    """What the doctor says of the store's places; mended afterwards, and a session starts again."""
    told = lcode("doctor")
    (line,) = [line for line in told.out.splitlines() if line.startswith("fail") and " access " in line]
    assert told.code == 1
    lcode("doctor", "--fix", "--yes")
    assert lcode("doctor").code == 0
    assert lcode(*ASK).code == 0
    return line


@pytest.mark.parametrize(
    "name", ["agents/*/locks/memory.lock", "agents/*/memory.db-wal", "agents/*/memory.db", "locks/user.open"]
)
def test_the_doctor_sees_a_folder_in_a_files_place_and_removes_an_empty_one(
    lcode: Lcode, repository: Path, home: Path, name: str
) -> None:
    assert lcode(*ASK).code == 0
    place = next(home.glob("agents/*")) / name.removeprefix("agents/*/") if name.startswith("agents") else home / name
    in_place(place)
    assert "is a folder, and has to be a file" in emptied(lcode)


def test_the_doctor_sees_a_file_in_a_folders_place(lcode: Lcode, repository: Path, home: Path) -> None:
    assert lcode(*ASK).code == 0
    (home / "locks").rename(home / "aside")
    (home / "locks").write_text("somebody's words")
    told = lcode("doctor")
    assert told.code == 1 and "locks is a file, and has to be a folder" in told.out and "move it" in told.out
    lcode("doctor", "--fix", "--yes")
    assert (home / "locks").read_text() == "somebody's words"
    (home / "locks").write_text("")
    emptied(lcode)


def test_the_doctor_sees_a_file_in_place_of_all_agents(lcode: Lcode, repository: Path, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "agents").write_text("")
    assert "agents is a file" in emptied(lcode)


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the capabilities by which root may do everything")
@pytest.mark.parametrize(
    "change",
    [
        lambda home, agent: (agent / "memory.db").chmod(0o400),
        lambda home, agent: (agent / "locks").chmod(0o500),
        lambda home, agent: (home / "locks").chmod(0o500),
        lambda home, agent: everything(home),
    ],
    ids=["memory.db", "locks of the agent", "locks", "everything"],
)
def test_the_doctor_sees_what_cannot_be_written_and_makes_it_so(
    lcode: Lcode, repository: Path, home: Path, change: Change
) -> None:
    assert lcode(*ASK).code == 0
    change(home, next((home / "agents").iterdir()))
    told = as_anybody("doctor")
    assert told.returncode == 1 and "cannot be written: /" in told.stdout and "doctor --fix" in told.stdout
    mended = as_anybody("doctor", "--fix")
    assert mended.returncode == 0 and "can be written again" in mended.stdout, mended.stdout
    assert as_anybody(*ASK).returncode == 0


@pytest.mark.parametrize("name", ["", "agents", "locks"])
def test_a_file_in_a_folders_place_is_no_passing_failure(lcode: Lcode, repository: Path, home: Path, name: str) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text("")
    done = lcode(*ASK)
    assert_told(done.code, done.err, 1)


def everything(home: Path) -> None:
    for path in [home, *home.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the capabilities by which root may do everything")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda home, agent: home.chmod(0), 1),
        (lambda home, agent: agent.chmod(0), 1),
        (lambda home, agent: (agent / "memory.db").chmod(0), 1),
        (lambda home, agent: agent.chmod(0o500), 75),
        (lambda home, agent: (agent / "memory.db").chmod(0o400), 75),
        (lambda home, agent: everything(home), 75),
    ],
    ids=["home closed", "agent closed", "file closed", "agent read-only", "file read-only", "all read-only"],
)
def test_what_may_be_read_and_not_written_may_pass_and_what_may_not_be_read_does_not(
    lcode: Lcode, repository: Path, home: Path, change: Change, code: int
) -> None:
    assert lcode(*ASK).code == 0
    agent = next((home / "agents").iterdir())
    change(home, agent)
    try:
        done = as_anybody(*ASK)
        assert_told(done.returncode, done.stderr, code)
        looked = as_anybody("--ephemeral", *ASK)
        assert (looked.returncode == 0) == (code == 75), looked.stderr  # never an empty memory in place of one that is there
    finally:
        home.chmod(0o700)
        agent.chmod(0o700)


def as_anybody(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`lcode ARGUMENTS`, held to the permissions of files also where the tests run as root."""
    library = ctypes.CDLL(None)
    return subprocess.run(
        [sys.executable, "-m", "lcode", *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: [library.prctl(24, number, 0, 0, 0) for number in (1, 2, 3)] and None,  # PR_CAPBSET_DROP
    )


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the capabilities by which root may do everything")
@pytest.mark.parametrize(
    "change",
    [lambda home, agent: agent.chmod(0o500), lambda home, agent: everything(home)],
    ids=["agent read-only", "all read-only"],
)
def test_looks_read_what_is_there_where_nothing_can_be_written(
    lcode: Lcode, repository: Path, home: Path, change: Change
) -> None:
    assert lcode(*ASK).code == 0
    assert lcode("remember", "tea is kept in the tin").code == 0
    assert lcode("memory", "append", "human", "likes tea").code == 0
    (session,) = lcode("sessions", "--json").json()
    looks = {
        ("sessions",): "where is the port",
        ("sessions", "show", session["id"]): "where is the port",
        ("memory", "show"): "likes tea",
        ("memory", "log", "human"): "likes tea",
        ("recall", "port", "--context", "2"): "where is the port",
        ("search", "tea", "--scope", "facts"): "kept in the tin",
        ("agents",): "shop",
        ("backup", "list"): "",
    }
    change(home, next((home / "agents").iterdir()))
    try:
        for words, text in looks.items():
            done = as_anybody(*words)
            assert done.returncode == 0 and text in done.stdout, done
            assert len(done.stderr.splitlines()) <= 1
        refused = as_anybody("remember", "more")
        assert_told(refused.returncode, refused.stderr, 75)
    finally:
        for path in [home, *home.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
