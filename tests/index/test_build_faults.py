"""Indexing that is cut off: killed, without room, by two at once. What is searchable afterwards is what a fresh build makes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lcode.index.build import CodeIndex
from lcode.index.open import IndexDatabase, index_path, open_index
from lcode.store.paths import AgentPaths
from tests.index.test_build import assert_settled, fill, git, write
from tests.support.faulty import Faults, FaultyCalls

REPOSITORY = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(sys.platform != "linux", reason="faults are put under Linux's calls")

INDEXING = """
import sys
from pathlib import Path
from lcode.index import scan
from lcode.index.build import CodeIndex
from lcode.index.open import IndexDatabase, index_path
from lcode.store.paths import AgentPaths
from tests.support.faulty import Faults, FaultyCalls
scan._CHUNKS, scan._READ = (4, 8), (4, 500_000)  # many transactions of a small tree
paths, root, at = AgentPaths(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
faults = Faults(at, "SIGKILL")
calls = FaultyCalls(faults)
database = IndexDatabase(index_path(paths), lock=paths.locks / "index.lock", vfs="faulty")
report = CodeIndex(database, root).update()
database.close()
print(faults.count, report.problem)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    fill(folder, 25)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def index(paths: AgentPaths, root: Path, at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", INDEXING, str(paths.folder), str(root), str(at)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def change(root: Path, number: int) -> None:
    write(root, "package/part_0.py", f"def changed_{number}():\n    return {number}\n")
    write(root, f"new_{number}.py", f"def new_{number}(): pass\n")
    (root / f"new_{number - 2}.py").unlink(missing_ok=True)


@posix
def test_a_build_that_is_killed_at_a_write_is_gone_on_with(root: Path, tmp_path: Path) -> None:
    whole = index(AgentPaths(tmp_path / "whole"), root, 0)
    operations = int(whole.stdout.split()[0])
    paths = AgentPaths(tmp_path / "agent")
    for number in range(8):
        killed = index(paths, root, operations * (number % 4 * 2 + 1) // (8 if number < 4 else 16))
        assert killed.returncode in (0, -9), killed.stderr
        change(root, number)
        with closing(open_index(paths, read_only=True)) as session:  # a search answers whatever stands there
            session.read(lambda connection: connection.execute("SELECT count(*) FROM code").fetchall())
    finished = index(paths, root, 0)
    assert finished.returncode == 0 and len(finished.stdout.split()) == 1, finished.stderr
    assert_settled(paths, root, tmp_path)


@posix
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_build_without_room_says_so_and_is_whole_later(
    root: Path, tmp_path: Path, kind: str, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.scan._CHUNKS", (4, 8))
    monkeypatch.setattr("lcode.index.scan._READ", (4, 500_000))
    paths = AgentPaths(tmp_path / "agent")
    problems = 0
    for number, at in enumerate((1, 4, 9, 20, 45, 90, 200, 330)):
        faults = Faults(at, kind, lasting)
        calls = FaultyCalls(faults)
        database = IndexDatabase(index_path(paths), lock=paths.locks / "index.lock", vfs="faulty")
        try:
            problems += bool(CodeIndex(database, root).update().problem)
        finally:
            faults.at = 0
            database.close()
            calls.close()
        change(root, number)
    assert problems or not lasting
    with closing(open_index(paths)) as database:
        assert CodeIndex(database, root).update().complete
    assert_settled(paths, root, tmp_path)


@posix
def test_two_that_start_at_once_leave_one_index(root: Path, tmp_path: Path) -> None:
    paths = AgentPaths(tmp_path / "agent")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", INDEXING, str(paths.folder), str(root), "0"]
    together = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[0] for process in together]
    assert all(process.returncode == 0 for process in together)
    assert any(len(text.split()) == 1 for text in said) and all(len(text.split()) == 1 or "indexing" in text for text in said)
    assert_settled(paths, root, tmp_path)


@pytest.mark.parametrize("path", ["everything", "index"])
def test_a_branch_switch_in_the_middle_of_a_build_is_caught_up_with(
    root: Path, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.scan._READ", (4, 500_000))
    git(root, "checkout", "-qb", "other")
    for number in range(0, 25, 2):
        write(root, f"package/part_{number}.py", f"def other_{number}(): pass\n")
    git(root, "rm", "-q", "README.md")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "other")
    calls = 0

    def switch() -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            git(root, "checkout", "-q", "main")
        return False

    paths = AgentPaths(tmp_path / "agent")
    with closing(open_index(paths)) as database:
        found = CodeIndex(database, root)
        found.update(stop=switch)
        if path == "everything" or not found.no_change():
            found.update()
        assert found.no_change()
    assert_settled(paths, root, tmp_path)


def test_the_index_made_anew_by_another_in_the_middle_of_a_build_is_built_whole(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.scan._READ", (4, 500_000))
    monkeypatch.setattr("lcode.index.scan._CHUNKS", (4, 8))
    paths = AgentPaths(tmp_path / "agent")
    calls = 0
    with closing(open_index(paths)) as database, closing(open_index(paths)) as other:

        def reset() -> bool:
            nonlocal calls
            calls += 1
            if calls == 3:
                other.reset("somebody wanted it")
            return False

        first = CodeIndex(database, root).update(stop=reset)
        assert "anew" in first.problem
        assert CodeIndex(database, root).update().complete
    assert_settled(paths, root, tmp_path)
