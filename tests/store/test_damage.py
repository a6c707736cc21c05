"""Damage of every known kind is noticed, told without a trace, mended, and what is lacking is named.

The long form, 100 seeds and each command a process, is `python -m benchmarks.damage`.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from benchmarks import damage
from lcode.cli.main import main
from lcode.errors import SessionBusy, StoreBusy, StoreDamaged
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.restore import rebuild_registry, refuse_live, restore
from lcode.memory.store import Store
from lcode.store import migrations
from lcode.store.backup import Origin, create
from lcode.store.check import full_check
from lcode.store.connect import connect
from lcode.store.database import Database, fetch_all
from lcode.store.locks import NamedLock
from lcode.store.paths import StorePaths

pytestmark = pytest.mark.timeout(120)
SEEDS = range(len(damage.KINDS))  # each kind once


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[damage.Home, damage.Home]:
    """A store with backups, newer rows and the log of a killed writer; and one of somebody else."""
    return damage.make(tmp_path_factory.mktemp("stores"), sessions=3)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed}-{damage.KINDS[seed].__name__}")
def test_damage_is_noticed_and_mended_and_what_is_lacking_is_named(
    seed: int,
    stores: tuple[damage.Home, damage.Home],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def asker(home: damage.Home) -> damage.Ask:
        monkeypatch.setenv("LCODE_HOME", str(home.home))
        monkeypatch.chdir(home.work)

        def ask(*arguments: str) -> tuple[int, str]:
            capsys.readouterr()
            code = main(arguments)
            out, err = capsys.readouterr()
            return code, out + err

        return ask

    monkeypatch.setattr("sys.stdin", (tmp_path / "empty").open("w+"))
    outcome = damage.try_seed(seed, *stores, tmp_path / "lcode", asker)
    assert outcome.faults == [], (outcome, "\n".join(outcome.said))


# -- one kind at a time -----------------------------------------------------------------------------------------------


@pytest.fixture
def home(stores: tuple[damage.Home, damage.Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> damage.Home:
    """A whole store of its own."""
    copy = stores[0].copy(tmp_path / "lcode")
    monkeypatch.setenv("LCODE_HOME", str(copy.home))
    monkeypatch.chdir(copy.work)
    return copy


def origin_of(home: damage.Home) -> Origin:
    return Origin.of_agent(StorePaths(home.home).agent(home.memory_db.parent.name))


def opened(path: Path) -> None:
    database = Database(path, migrations.MEMORY, lock=path.parent / "locks" / "memory.lock")
    with closing(database):
        database.read(lambda connection: fetch_all(connection, "SELECT agent_id FROM identity"))


def test_a_whole_store_has_no_fault(home: damage.Home) -> None:
    origin = origin_of(home)
    assert full_check(origin.path, origin.schema, origin.agent_id) == []
    opened(origin.path)
    assert full_check(home.user_db, migrations.USER) == []


def test_looking_changes_no_byte(home: damage.Home) -> None:
    origin = origin_of(home)
    before = {path.name: path.read_bytes() for path in origin.path.parent.glob("memory.db*") if not path.name.endswith("-shm")}
    full_check(origin.path, origin.schema, origin.agent_id)
    after = {path.name: path.read_bytes() for path in origin.path.parent.glob("memory.db*") if not path.name.endswith("-shm")}
    assert after == before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER spy AFTER INSERT ON messages BEGIN DELETE FROM messages; END",
        "CREATE VIEW spy AS SELECT * FROM messages",
        "CREATE TABLE spy (a)",
        "DROP INDEX messages_by_time",
    ],
)
def test_what_no_migration_made_is_refused(home: damage.Home, statement: str) -> None:
    connection = apsw.Connection(str(home.memory_db))
    connection.execute(statement)
    connection.close()
    with pytest.raises(StoreDamaged, match=r"spy|messages_by_time"):
        opened(home.memory_db)


def test_what_is_found_when_a_store_is_opened_is_told_in_one_line(home: damage.Home) -> None:
    with closing(sqlite3.connect(home.memory_db)) as plain:  # the last to close carries the log over
        (page,) = plain.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_time'").fetchone()
    with home.memory_db.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreDamaged, match=f"page {page}") as refused:
        opened(home.memory_db)
    assert "\n" not in refused.value.message and "***" not in refused.value.message


def test_a_lost_log_is_told_by_the_count_of_writes(home: damage.Home) -> None:
    home.memory_db.with_name("memory.db-wal").unlink()
    with pytest.raises(StoreDamaged, match=r"writes are missing"):
        opened(home.memory_db)
    with closing(sqlite3.connect(home.memory_db)) as plain:  # SQLite itself is content with what is left
        assert plain.execute("SELECT count(*) FROM messages").fetchone()[0] > 0


def test_the_file_of_another_agent_is_told(stores: tuple[damage.Home, damage.Home], home: damage.Home) -> None:
    damage.foreign_file(home.memory_db, random.Random(1), stores[1].memory_db)
    with pytest.raises(StoreDamaged, match="another store"):
        opened(home.memory_db)
    home.memory_db.parent.joinpath("locks", "memory.commits").unlink()  # without the note the identity tells it
    store = Store({"LCODE_HOME": str(home.home)})
    with closing(store), pytest.raises(StoreDamaged, match="belongs to theirs"):
        store.open(store.agents.find("mine"))


def test_an_agents_memory_without_a_registry_is_not_hidden_by_a_new_one(home: damage.Home) -> None:
    damage.remove(home.user_db, random.Random(1), home.user_db)
    with pytest.raises(StoreDamaged, match="registry of agents is gone"):
        Store({"LCODE_HOME": str(home.home)})
    assert not home.user_db.exists()


# -- restoring --------------------------------------------------------------------------------------------------------


def test_a_restore_keeps_every_newer_row_that_is_intact(home: damage.Home) -> None:
    origin = origin_of(home)
    truth = damage.contents(origin.path)
    index = connect(origin.path, read_only=True)
    (root,) = next(iter(fetch_all(index, "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_time'")))
    index.close()
    with closing(connect(origin.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with origin.path.open("r+b") as file:  # an index alone: no row is hurt
        file.seek((root - 1) * damage.PAGE)
        file.write(b"\xff" * damage.PAGE)
    done = restore(origin)
    assert done.lacks == []
    assert done.brought["messages"] == 40
    assert damage.contents(origin.path) == truth
    assert full_check(origin.path, origin.schema, origin.agent_id) == []
    assert done.aside is not None
    assert (done.aside / "memory.db").exists()


def test_without_any_backup_the_intact_rows_come_back(home: damage.Home) -> None:
    origin = origin_of(home)
    shutil.rmtree(origin.folder)
    truth = damage.contents(origin.path)
    with origin.path.open("r+b") as file:
        file.write(b"garbage in the header " * 10)
    done = restore(origin)
    assert done.backup is None
    assert damage.contents(origin.path).keys() == truth.keys()


def test_nothing_is_restored_under_somebody(home: damage.Home) -> None:
    origin = origin_of(home)
    database = Database(origin.path, origin.schema, lock=origin.path.parent / "locks" / "memory.lock")
    database.read(lambda connection: None)
    before = origin.path.stat().st_ino
    with pytest.raises(StoreBusy, match="another process has"):
        restore(origin)
    database.close()
    assert origin.path.stat().st_ino == before
    assert not origin.damaged.exists()


def test_open_sessions_are_named(home: damage.Home) -> None:
    origin = origin_of(home)
    session = NamedLock(origin.path.parent / "locks" / "session-0123456789abcdef.lock")
    assert session.acquire("session")
    with pytest.raises(SessionBusy, match="01234567"):
        refuse_live(StorePaths(home.home), origin.agent_id)
    session.release()
    refuse_live(StorePaths(home.home), origin.agent_id)


@pytest.mark.parametrize("step", range(4))
def test_a_restore_that_is_killed_is_done_again(home: damage.Home, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped before each of the renames that put the new file in place of the old ones."""
    origin = origin_of(home)
    truth = damage.contents(origin.path)
    replace: Callable[[Path, Path], Path] = Path.replace
    seen: list[Path] = []

    def stopped(self: Path, target: Path) -> Path:
        seen.append(self)
        if len(seen) > step:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        restore(origin)
    monkeypatch.undo()
    restore(origin)
    found = damage.contents(origin.path)
    assert full_check(origin.path, origin.schema, origin.agent_id) == []
    assert found.keys() == truth.keys()


def test_the_registry_is_made_again_from_the_agents_own_rows(home: damage.Home) -> None:
    paths = StorePaths(home.home)
    store = Store({"LCODE_HOME": str(home.home)})
    agent = store.agents.find("mine")
    store.agents.rename(agent.id, "renamed")
    before = store.agents.find("renamed")
    store.close()
    shutil.rmtree(paths.home / "backups")
    damage.remove(paths.user_db, random.Random(1), paths.user_db)
    done = rebuild_registry(paths)
    assert done.backup is None
    assert any("blocks of user scope" in lack for lack in done.lacks)
    store = Store({"LCODE_HOME": str(home.home)})
    assert store.agents.find("renamed") == before
    store.close()


def test_blocks_of_user_scope_come_from_the_registrys_backup(home: damage.Home) -> None:
    paths = StorePaths(home.home)
    damage.remove(paths.user_db, random.Random(1), paths.user_db)
    done = rebuild_registry(paths)
    assert done.backup is not None
    with closing(connect(paths.user_db, read_only=True)) as connection:
        assert fetch_all(connection, "SELECT label FROM blocks") == [("human",)]
    assert full_check(paths.user_db, migrations.USER) == []


def test_what_an_agent_is_stands_in_its_own_store_before_the_registry(home: damage.Home) -> None:
    store = Store({"LCODE_HOME": str(home.home)})
    agent = store.agents.find("mine")
    database = store.open(agent)

    def told() -> list[str]:
        return [row[0] for row in database.read(lambda connection: fetch_all(connection, "SELECT name FROM identity"))]

    seen: list[list[str]] = []
    write = store.user.write
    store.user.write = lambda work: (seen.append(told()), write(work))[1]  # type: ignore[method-assign, assignment]
    store.agents.rename(agent.id, "renamed")
    store.close()
    assert seen[-1] == ["renamed"]


def test_a_lost_version_of_a_block_leaves_the_numbers_of_the_others(home: damage.Home) -> None:
    store = Store({"LCODE_HOME": str(home.home)})
    from lcode.git.repository import find
    from lcode.memory.operations import replay

    agent = store.agents.find("mine")
    memory = store.memory(store.open(agent), find(home.work))
    by = Provenance(Actor.USER, Source.SAID)
    for number in range(3):
        memory.blocks.append("conventions", f"rule number {number}", Provenance(by.actor, by.source))
    store.close()
    data = home.memory_db.read_bytes()
    mark = b'{"content":"rule number 1"}' if b'{"content":"rule number 1"}' in data else b'{"content": "rule number 1"}'
    assert mark in data
    home.memory_db.write_bytes(data.replace(mark, mark.replace(b"1", b"7")))
    assert restore(origin_of(home)).lacks == ["1 of 10 block versions"]
    store = Store({"LCODE_HOME": str(home.home)})
    memory = store.memory(store.open(agent), find(home.work))
    versions = memory.blocks.versions("conventions")
    assert [(entry.version, entry.operation) for entry in versions] == [(1, "append"), (2, "lost"), (3, "append")]
    assert replay(versions) == memory.blocks.get("conventions").value == "rule number 0\nrule number 1\nrule number 2"
    store.close()


def test_the_newest_value_of_a_block_comes_back_also_where_its_version_is_lost(home: damage.Home) -> None:
    origin = origin_of(home)
    with closing(connect(origin.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before = fetch_all(connection, "SELECT label, version, value FROM blocks")
        ((last, root),) = fetch_all(
            connection,
            "SELECT (SELECT max(version) FROM block_versions), rootpage FROM sqlite_schema WHERE name = 'block_versions'",
        )
    assert root and last > 2
    data = origin.path.read_bytes()
    # the table of versions alone, from its root on: the backup has the older ones
    origin.path.write_bytes(data[: (root - 1) * damage.PAGE] + bytes(damage.PAGE) + data[root * damage.PAGE :])
    done = restore(origin)
    assert any("block versions" in lack for lack in done.lacks)
    with closing(connect(origin.path, read_only=True)) as connection:
        assert fetch_all(connection, "SELECT label, version, value FROM blocks") == before
    assert full_check(origin.path, origin.schema, origin.agent_id) == []


def test_a_backup_after_a_restore_is_good(home: damage.Home) -> None:
    origin = origin_of(home)
    damage.flip_bits(origin.path, random.Random(3), origin.path)
    restore(origin)
    assert create(origin) is not None
