"""Backups: whole, checked, few, and never of a damaged store."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from lcode import clock
from lcode.errors import StoreDamaged, UserError
from lcode.store import backup, migrations
from lcode.store.backup import Origin
from lcode.store.connect import connect, copy_database
from lcode.store.database import Database, fetch_all
from lcode.store.locks import NamedLock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def add(database: Database, *names: str) -> None:
    def work(connection: apsw.Connection) -> None:
        for name in names:
            connection.execute("INSERT INTO jobs VALUES (?, 'k', ?, 's', 'a', 'b')", (name, "text of it " * 20))

    database.write(work)


def names(path: Path) -> list[str]:
    connection = connect(path, immutable=True)
    try:
        return [str(row[0]) for row in fetch_all(connection, "SELECT id FROM jobs ORDER BY id")]
    finally:
        connection.close()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "memory.db", migrations.MEMORY)


@pytest.fixture
def database(origin: Origin) -> Iterator[Database]:
    made = Database(origin.path, origin.schema, lock=origin.path.parent / "locks" / "memory.lock")
    add(made, "first")
    yield made
    made.close()


@pytest.fixture
def at() -> Iterator[list[datetime]]:
    """The clock: what stands in it is now."""
    now = [START]
    clock.set_source(lambda: now[0])
    yield now
    clock.set_source(None)


def test_a_backup_holds_what_was_acknowledged_while_others_write_on(database: Database, origin: Origin) -> None:
    add(database, "second")  # in the write-ahead log
    made = backup.create(origin)
    assert made is not None
    add(database, "later")
    assert names(made.path) == ["first", "second"]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(origin.folder.stat().st_mode) == 0o700
    assert [path.name for path in origin.folder.iterdir()] == [made.path.name]  # one file, no log beside it
    assert backup.verify(origin, made) == []


def test_a_damaged_backup_is_not_good(database: Database, origin: Origin) -> None:
    older, newer = backup.create(origin), backup.create(origin)
    assert older is not None
    assert newer is not None
    newer.path.write_bytes(newer.path.read_bytes().replace(b"text of it", b"text 0f it", 1))
    assert "changed by themselves" in backup.verify(origin, newer)[0]
    found = backup.newest_good(origin)
    assert found is not None
    assert found.id == older.id


def test_a_damaged_store_pushes_no_good_backup_out(database: Database, origin: Origin) -> None:
    for _ in range(backup.NEWEST):
        backup.create(origin)
    before = backup.list_backups(origin)
    database.close()
    origin.path.write_bytes(origin.path.read_bytes().replace(b"text of it", b"text 0f it", 1))
    with pytest.raises(StoreDamaged, match="changed by themselves"):
        backup.create(origin)
    assert backup.list_backups(origin) == before
    assert backup.leftovers(origin) == []
    assert "changed by themselves" in backup.noted_damage(origin)


def test_an_empty_store_is_not_backed_up(database: Database, origin: Origin) -> None:
    database.close()
    origin.path.write_bytes(b"")
    with pytest.raises(StoreDamaged, match="nothing to back up"):
        backup.create(origin)


def test_a_disk_that_is_full_is_told_as_such(database: Database, origin: Origin) -> None:
    with closing(connect(origin.path, read_only=True)) as source, closing(connect(origin.path.with_name("copy.db"))) as target:
        target.execute("PRAGMA max_page_count=1")
        with pytest.raises(apsw.FullError, match="the disk is full"):
            copy_database(source, target)


def test_the_newest_and_one_a_day_and_one_a_week_are_kept(database: Database, origin: Origin, at: list[datetime]) -> None:
    for number in range(70 * 2):  # ten weeks, two a day
        at[0] = START + timedelta(hours=12 * number)
        target = origin.folder / f"memory-{backup.compact(at[0])}-{number}.db"
        origin.folder.mkdir(exist_ok=True)
        target.write_bytes(b"x")
        backup.rotate(origin)
    kept = [found.taken for found in backup.list_backups(origin)]
    assert kept[:3] == [at[0], at[0] - timedelta(hours=12), at[0] - timedelta(hours=24)]
    assert len({taken.date() for taken in kept if at[0] - taken < timedelta(days=7)}) == 7
    assert len({taken.isocalendar()[:2] for taken in kept}) == 4
    assert len(kept) <= 3 + 7 + 4


def test_backups_are_bounded_in_space(database: Database, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "SPACE", 1)
    for _ in range(4):
        backup.create(origin)
    assert len(backup.list_backups(origin)) == 2


def test_a_backup_is_due_after_a_day_or_a_thousand_messages(origin: Origin, at: list[datetime]) -> None:
    made = clock.stamp(START)
    assert not backup.is_due(origin, 5, made)  # a new store
    at[0] = START + timedelta(hours=2)
    assert not backup.is_due(origin, 0, made)
    assert backup.is_due(origin, 5, made)
    assert backup.is_due(origin, 100, clock.stamp(at[0]))
    origin.folder.mkdir()
    (origin.folder / f"memory-{backup.compact(at[0])}-100.db").write_bytes(b"x")
    assert not backup.is_due(origin, 1_099, made)
    assert backup.is_due(origin, 1_100, made)
    at[0] += timedelta(hours=24)
    assert backup.is_due(origin, 101, made)
    assert not backup.is_due(origin, 100, made)  # nothing has changed
    at[0] -= timedelta(days=3650)
    assert backup.is_due(origin, 101, made)  # a clock that went back does not end backups


def test_a_clock_that_was_ahead_changes_nothing_for_long(database: Database, origin: Origin, at: list[datetime]) -> None:
    at[0] = START + timedelta(days=3650)
    ahead = backup.create(origin)
    at[0] = START
    add(database, "second")
    made = backup.create(origin)
    assert ahead is not None and made is not None
    assert [one.id for one in backup.list_backups(origin)] == [made.id, ahead.id]
    assert backup.newest_good(origin) == made
    assert not backup.is_due(origin, made.mark + 1, "")


def test_one_process_makes_it_and_others_go_on(database: Database, origin: Origin) -> None:
    other = NamedLock(origin.lock("backup").path)
    assert other.acquire("backup")
    assert backup.create(origin) is None
    other.release()
    assert backup.create(origin) is not None


def test_what_a_killed_attempt_left_goes(database: Database, origin: Origin) -> None:
    origin.folder.mkdir()
    for path in (origin.folder / ".memory-0123.part", origin.path.with_name(".memory-0123.tmp")):
        path.write_bytes(b"half")
    assert len(backup.leftovers(origin)) == 2
    backup.create(origin)
    assert len(backup.leftovers(origin)) == 1
    assert backup.remove_leftovers(origin) == 1


def test_what_is_forgotten_is_forgotten_in_every_backup(database: Database, origin: Origin) -> None:
    add(database, "secret")
    for _ in range(2):
        backup.create(origin)
    assert all(b"secret" in found.path.read_bytes() for found in backup.list_backups(origin))

    def forget(connection: apsw.Connection) -> None:
        connection.execute("DELETE FROM jobs WHERE id = 'secret'")

    assert backup.rewrite(origin, forget) == 2
    for found in backup.list_backups(origin):
        assert names(found.path) == ["first"]
        assert b"secret" not in found.path.read_bytes()
        assert backup.verify(origin, found) == []


def test_a_backup_is_named_by_its_id_or_a_beginning_of_it(database: Database, origin: Origin) -> None:
    made = backup.create(origin)
    assert made is not None
    assert backup.find_backup(origin, made.id[:-2]) == made
    with pytest.raises(UserError, match="no backup"):
        backup.find_backup(origin, "1999")
