"""A disk that is full or broken, at each point where a turn writes: one line and exit 75, and nothing acknowledged is lost.

The long form, every point in turn, is `python -m benchmarks.crash_faults`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from lcode.errors import StoreUnwritable
from lcode.store import migrations
from lcode.store.database import Database, fetch_all
from tests.e2e.victims import UNCLEAR, Victims, told
from tests.support.faulty import KINDS, Ended, Faults, FaultyCalls, Program

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="stands under the unix VFS"), pytest.mark.timeout(120)]

STEP = 6  # of the points at which a small store is written
EVERY = 59  # of the points at which a turn writes; the long form takes all


@pytest.fixture
def victims(tmp_path: Path) -> Iterator[Victims]:
    made = Victims(tmp_path, "openai", 1)
    made.codes = (0, 75)
    yield made
    made.close()


def turn_with(victims: Victims, program: Program, faults: Faults, limit: int = 0, *, proceed: bool = False) -> Ended:
    """One session whose storage fails; what it acknowledged is noted."""
    name, before, started = victims.name("faulty"), len(victims.server.requests), time.monotonic()
    ended = program(victims.arguments(name, *(["-c"] if proceed else [])), victims.environ(), faults, limit)
    victims.account(name, ended.code, ended.out, ended.err, before, started)
    return ended


def assert_told(ended: Ended) -> None:
    """One line that says what is wrong and one that says what to do."""
    lines = told(ended.err)
    assert len(lines) == 1, ended.err
    assert "cannot" in lines[0]
    assert not any(word in ended.err for word in UNCLEAR), ended.err


@pytest.mark.parametrize("lasting", [False, True])
def test_a_turn_with_failing_storage_says_so_and_keeps_what_it_acknowledged(victims: Victims, lasting: bool) -> None:
    program = Program()
    assert turn_with(victims, program, Faults()).code == 0
    points = turn_with(victims, program, Faults()).points
    assert points > 200
    for number, at in enumerate(range(1 + 7 * lasting, points, EVERY)):
        ended = turn_with(victims, program, Faults(at, KINDS[number % 3], lasting), proceed=number % 2 == 1)
        assert victims.check() == [], (at, ended)
        if ended.code:
            assert_told(ended)
    assert turn_with(victims, program, Faults(), proceed=True).code == 0
    assert victims.check() == []


def test_a_file_that_may_not_grow_is_told_and_writing_goes_on_afterwards(victims: Victims) -> None:
    program = Program()
    turn_with(victims, program, Faults())
    for limit in (1, 5_000, 100_000, 200_000):
        ended = turn_with(victims, program, Faults(), limit)
        assert ended.code == 75, ended
        assert_told(ended)
        assert victims.check() == [], limit
    assert turn_with(victims, program, Faults()).code == 0
    assert victims.check() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_and_writing_goes_on_when_there_is_room(victims: Victims, small_disk: Path) -> None:
    victims.home = small_disk / "home"
    assert victims.run().code == 0
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    codes = {victims.run().code for _ in range(3)}
    assert codes == {75}
    ballast.unlink()
    assert victims.check() == []
    assert victims.run().code == 0
    assert victims.check() == []


def names(database: Database) -> list[str]:
    return [row[0] for row in database.read(lambda connection: fetch_all(connection, "SELECT id FROM jobs ORDER BY id"))]


def add(connection: apsw.Connection, name: str) -> None:
    connection.execute("INSERT INTO jobs VALUES (?, 'k', ?, 's', 'a', 'b')", (name, "x" * 6_000))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what a VFS raises is told of twice
@pytest.mark.parametrize("kind", KINDS)
def test_any_write_point_of_a_store_may_fail_and_the_same_connection_goes_on(tmp_path: Path, kind: str) -> None:
    """Making a store, some writes, a checkpoint, the end: fail one point after the other until none is left."""
    at, passed = KINDS.index(kind) - STEP, False
    while not passed:
        at += STEP
        faults = Faults(at + 1, kind)
        calls = FaultyCalls(faults)
        home = tmp_path / f"{kind}-{at}"
        database = Database(home / "memory.db", migrations.MEMORY, lock=home / "lock", vfs="faulty")
        stored = []
        for name in ("a", "b", "c"):
            try:
                database.write(lambda connection, name=name: add(connection, name))
                stored.append(name)
            except StoreUnwritable as error:
                assert "cannot be written" in error.message
        try:
            database.read(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        except StoreUnwritable:
            assert faults.failed
        passed = not faults.failed
        faults.at = 0
        database.write(lambda connection: add(connection, "later"))
        assert set(names(database)) >= {*stored, "later"}, at
        database.close()
        calls.close()
        again = Database(home / "memory.db", migrations.MEMORY, lock=home / "lock")
        assert set(names(again)) >= {*stored, "later"}, at
        assert again.read(lambda connection: fetch_all(connection, "PRAGMA integrity_check")) == [("ok",)]
        again.close()
    assert at > 40
