"""Bringing a store forward: once, behind a backup, from any point at which it was killed; a newer one is left alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from lcode.errors import StoreDamaged, StoreNewer, StoreUnwritable
from lcode.memory.model import Actor, Provenance, Source, Trust
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar
from tests.e2e.program import Program
from tests.store.power_workload import NEWER
from tests.store.stores import Tiers, unpack, versions
from tests.support.faulty import KILL, Faults, FaultyCalls

NEWEST = len(migrations.MEMORY.migrations)
posix = pytest.mark.skipif(sys.platform == "win32", reason="kills and forks")


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of the databases and their logs; an empty log is none."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".db", ".db-wal")}
    return {name: content for name, content in found.items() if content or name.endswith(".db")}


def backups(folder: Path) -> list[Path]:
    return sorted((folder / "backups").glob("*")) if (folder / "backups").exists() else []


def assert_holds(tiers: Tiers, expected: dict[str, Any]) -> None:
    """The rows of a fixture are there, found by their words, and the store is whole."""
    assert [row.text for row in tiers.recall.messages(expected["session"])] == expected["messages"]
    for label, value in expected["blocks"].items():
        assert tiers.blocks.get(label).value == value
        assert tiers.blocks.versions(label)[-1].value == value
    for passage in expected["passages"]:
        assert passage in [found.text for found in tiers.archival.search("maximum retries", tags=["queue"])]
    assert tiers.recall.search("growing delay")
    for database in (tiers.memory, tiers.user):
        assert database.read(lambda connection: scalar(connection, "PRAGMA integrity_check")) == "ok"
    tiers.memory.write(
        lambda connection: connection.execute("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")
    )


# stores of every schema


def test_there_is_a_store_of_every_schema() -> None:
    assert versions() == list(range(1, NEWEST + 1)), "run `python -m tests.store.stores`"


@pytest.mark.parametrize("number", versions())
def test_a_store_of_every_schema_opens_and_goes_on(tmp_path: Path, number: int) -> None:
    expected = unpack(number, tmp_path)
    tiers = Tiers.over(tmp_path)
    try:
        assert_holds(tiers, expected)
        assert tiers.memory.read(migrations.version) == NEWEST
        by = Provenance(Actor.USER, Source.SAID, expected["session"], "", "", "", Trust.TRUSTED)
        tiers.blocks.append("architecture", "And a scheduler.", by)
        assert tiers.blocks.get("architecture").value.endswith("\nAnd a scheduler.")
    finally:
        tiers.close()
    assert [path.name for path in backups(tmp_path) if path.name.startswith("memory")] == [] or number < NEWEST


def schema_of(database: Database) -> list[Any]:
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    return database.read(lambda connection: fetch_all(connection, sql))


def test_the_store_of_the_newest_schema_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    """A schema that was written into a store is not edited any more; one that is not released is written anew."""
    unpack(NEWEST, tmp_path / "kept")
    kept, new = Tiers.over(tmp_path / "kept"), Tiers.over(tmp_path / "new")
    for old, fresh in ((kept.memory, new.memory), (kept.user, new.user)):
        assert schema_of(old) == schema_of(fresh), "run `python -m tests.store.stores` if this schema is not released yet"
    kept.close()
    new.close()


# killed


def migrate(folder: str, at: int, send: Any) -> None:
    """Bring a store forward in this process, and die at the `at`-th point where something is written; tell how many
    there were."""
    faults = Faults(at, KILL)
    calls = FaultyCalls(faults)
    database = Database(Path(folder) / "memory.db", NEWER, lock=Path(folder) / "memory.lock", vfs="faulty")
    database.read(lambda connection: None)
    send.send(faults.count)
    send.close()
    del calls
    os._exit(0)


def killed_at(folder: Path, at: int) -> tuple[int | None, int]:
    """How a migration ended that was to die at a point, and how many points it had."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.store.test_migrations"])
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=migrate, args=(str(folder), at, send))
    process.start()
    send.close()
    process.join(60)
    try:
        return process.exitcode, int(receive.recv())
    except EOFError:
        return process.exitcode, 0


def kill_at_every(tmp_path: Path, step: int, start: int) -> int:
    """Kill a migration from schema `start` at every `step`-th point; how many kills there were."""
    unpack(start, tmp_path / "whole")
    code, points = killed_at(tmp_path / "whole", 0)
    assert code == 0 and points > 50
    kills = 0
    for at in range(1, points + 1, step):
        folder = tmp_path / str(at)
        expected = unpack(start, folder)
        code, _ = killed_at(folder, at)
        assert code == -signal.SIGKILL
        kills += 1
        assert_restarts(folder, expected, at, start)
    return kills


def assert_restarts(folder: Path, expected: dict[str, Any], at: int, start: int = NEWEST) -> None:
    tiers = Tiers.over(folder, NEWER)
    try:
        assert tiers.memory.read(migrations.version) == NEWEST + 1, at
        assert_holds(tiers, expected)
    finally:
        tiers.close()
    whole = [path for path in backups(folder) if path.name.startswith(f"memory-schema{start}-")]
    assert len(whole) == 1, at  # neither a part nor a twin of it
    copy = Database(whole[0], migrations.Schema("memory", migrations.MEMORY.migrations[:start]), read_only=True)
    assert copy.read(migrations.version) == start
    assert copy.read(lambda connection: scalar(connection, "PRAGMA integrity_check")) == "ok"
    assert copy.read(lambda connection: scalar(connection, "SELECT count(*) FROM messages")) == len(expected["messages"])
    copy.close()


@posix
@pytest.mark.parametrize(("start", "step"), [(NEWEST, 6), (1, 12)])
def test_a_migration_that_was_killed_starts_again(tmp_path: Path, start: int, step: int) -> None:
    assert kill_at_every(tmp_path, step, start) > 8


@posix
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("start", versions())
def test_a_migration_that_was_killed_at_any_write_starts_again(tmp_path: Path, start: int) -> None:
    print(f"{kill_at_every(tmp_path, 1, start)} kills")


@posix
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lasting", [False, True])
def test_a_migration_without_room_leaves_the_old_store_and_works_later(tmp_path: Path, lasting: bool) -> None:
    for at in range(3, 300, 37):
        folder = tmp_path / str(at)
        expected = unpack(NEWEST, folder)
        faults = Faults(at, "ENOSPC", lasting)
        calls = FaultyCalls(faults)
        database = Database(folder / "memory.db", NEWER, lock=folder / "memory.lock", vfs="faulty")
        try:
            database.read(lambda connection: None)
        except StoreUnwritable as error:
            assert "cannot" in error.message
        finally:
            faults.at = 0
            database.close()
            calls.close()
        assert_restarts(folder, expected, at)


# at once

TOGETHER = """
import sys
from pathlib import Path
from lcode.store import migrations
from lcode.store.database import Database, scalar
def third(connection):
    if connection.filename:  # the tables that are known are made in memory, to compare
        with open(sys.argv[2], "a") as log:
            log.write("migrated\\n")
    connection.execute("CREATE TABLE later (a TEXT) STRICT")
newer = migrations.Schema("memory", (*migrations.MEMORY.migrations, third))
folder = Path(sys.argv[1])
database = Database(folder / "memory.db", newer, lock=folder / "memory.lock")
print("ready", flush=True)
sys.stdin.readline()
database.write(lambda connection: connection.execute("INSERT INTO later VALUES ('x')"))
print(database.read(lambda connection: scalar(connection, "SELECT count(*) FROM messages")))
database.close()
"""


def test_processes_that_open_an_older_store_at_once_migrate_it_once(tmp_path: Path) -> None:
    expected = unpack(NEWEST, tmp_path / "store")
    log = tmp_path / "log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(tmp_path / "store"), str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, f"{len(expected['messages'])}\n"), err
    assert log.read_text() == "migrated\n"
    assert len([path for path in backups(tmp_path / "store") if "schema" in path.name]) == 1


def test_a_program_that_was_overtaken_writes_no_more(tmp_path: Path) -> None:
    """An older program is running while a newer one brings the store forward."""
    unpack(NEWEST, tmp_path)
    older, newer = Tiers.over(tmp_path), Tiers.over(tmp_path, NEWER)
    by = Provenance(Actor.USER, Source.SAID, "session-1", "", "", "", Trust.TRUSTED)
    older.archival.insert("before", by)
    assert newer.archival.count() == 2
    with pytest.raises(StoreNewer, match="newer lcode"):
        older.archival.insert("after", Provenance(Actor.USER, Source.SAID, "session-1", "", "", "", Trust.TRUSTED))
    assert newer.archival.count() == 2
    older.close()
    newer.close()


# refused


@pytest.fixture
def newer_store(tmp_path: Path) -> Iterator[Path]:
    """A store that a newer program wrote and was killed in: its log is not empty."""
    folder = tmp_path / "newer"
    unpack(NEWEST, folder)
    writer = Tiers.over(folder, NEWER)
    writer.memory.write(lambda connection: connection.execute("INSERT INTO links VALUES ('a', 'b')"))
    left = tmp_path / "left"
    left.mkdir(mode=0o700)
    for name, content in contents(folder).items():
        (left / name).write_bytes(content)
    writer.close()
    assert (left / "memory.db-wal").stat().st_size
    yield left


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_refused_to_the_byte_also_with_a_log(newer_store: Path, read_only: bool) -> None:
    before = contents(newer_store)
    database = Database(newer_store / "memory.db", migrations.MEMORY, lock=newer_store / "lock", read_only=read_only)
    with pytest.raises(StoreNewer, match=f"schema {NEWEST + 1}, this one knows {NEWEST}"):
        database.read(lambda connection: None)
    database.close()
    assert contents(newer_store) == before
    again = Tiers.over(newer_store, NEWER)
    assert again.memory.read(lambda connection: fetch_all(connection, "SELECT * FROM links")) == [("a", "b")]
    again.close()


def test_the_program_refuses_a_newer_store_in_one_line_and_leaves_it(tmp_path: Path) -> None:
    from tests.support import fixture_repos

    lcode = Program(fixture_repos.make("python", tmp_path / "repo"), {"LCODE_HOME": str(tmp_path / "home")})
    assert lcode("remember", "a fact").code == 0
    (memory,) = (tmp_path / "home" / "agents").glob("*/memory.db")
    connection = apsw.Connection(str(memory))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = contents(memory.parent)
    for words in (("-p", "What is this?"), ("remember", "another"), ("sessions",), ("memory",)):
        done = lcode(*words)
        assert done.code == 1, (words, done)
        assert "newer lcode" in done.err and "upgrade lcode" in done.err
        assert done.err.count("\n") == 2
    assert contents(memory.parent) == before


def test_a_file_of_another_program_is_refused_to_the_byte(tmp_path: Path) -> None:
    foreign = tmp_path / "memory.db"
    connection = apsw.Connection(str(foreign))
    connection.execute("CREATE TABLE other (a); INSERT INTO other VALUES (1)")
    connection.close()
    before = contents(tmp_path)
    with pytest.raises(StoreDamaged, match="not a memory store"):
        Database(foreign, migrations.MEMORY, lock=tmp_path / "lock").write(lambda connection: None)
    assert contents(tmp_path) == before
