"""A write-ahead log of another store: told, and nothing of it taken."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from lcode.errors import StoreDamaged
from lcode.memory.restore import restore
from lcode.store import migrations
from lcode.store.backup import Origin, create
from lcode.store.connect import connect
from lcode.store.database import Database, fetch_all


def opened(folder: Path) -> Database:
    return Database(folder / "memory.db", migrations.MEMORY, lock=folder / "locks" / "memory.lock")


def add(database: Database, name: str, number: int) -> None:
    def work(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO jobs VALUES (?, 'k', 'p', 's', 'a', 'b')", (f"{name} {number}",))

    database.write(work)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A store of one kind, and beside it the log of another one that was written to more often."""
    for name, count in (("mine", 2), ("theirs", 8)):
        database = opened(tmp_path / name)
        for number in range(count):
            add(database, name, number)
        database.close()
    create(Origin(tmp_path / "mine" / "memory.db", migrations.MEMORY))
    with closing(opened(tmp_path / "theirs")) as database:
        add(database, "theirs", 9)
        shutil.copyfile(tmp_path / "theirs" / "memory.db-wal", tmp_path / "mine" / "memory.db-wal")
    return tmp_path / "mine"


@pytest.mark.parametrize("noted", [True, False])
def test_the_log_of_another_store_is_told_however_far_that_was(mixed: Path, noted: bool) -> None:
    if not noted:
        (mixed / "locks" / "memory.commits").unlink()
    with closing(opened(mixed)) as database, pytest.raises(StoreDamaged):
        database.read(lambda connection: fetch_all(connection, "SELECT 1"))


def test_nothing_is_taken_from_the_log_of_another_store(mixed: Path) -> None:
    restore(Origin(mixed / "memory.db", migrations.MEMORY))
    with closing(connect(mixed / "memory.db", read_only=True)) as connection:
        names = [row[0] for row in fetch_all(connection, "SELECT id FROM jobs ORDER BY id")]
    assert names == ["mine 0", "mine 1"]
