"""The write path: immediate, queued, whole, once."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from lcode.errors import StoreBusy, StoreDamaged, StoreNewer, StoreUnwritable
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar


def add(connection: apsw.Connection, name: str) -> None:
    connection.execute("INSERT INTO jobs VALUES (?, 'k', 'p', 's', 'a', 'b')", (name,))


def names(database: Database) -> list[str]:
    return [row[0] for row in database.read(lambda connection: fetch_all(connection, "SELECT id FROM jobs ORDER BY id"))]


@pytest.fixture
def database(tmp_path: Path):
    made = Database(tmp_path / "agents" / "a" / "memory.db", migrations.MEMORY, lock=tmp_path / "locks" / "memory.lock")
    yield made
    made.close()


def test_a_new_store_is_private_and_durable(database: Database) -> None:
    database.write(lambda connection: add(connection, "one"))
    assert database.path is not None
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(database.path.with_name("memory.db-wal").stat().st_mode) == 0o600
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "application_id")
    found = database.read(lambda connection: [scalar(connection, f"PRAGMA {name}") for name in pragmas])
    assert found == ["wal", 2, 1, migrations.APPLICATION_ID]


def test_a_failing_write_leaves_nothing_behind(database: Database) -> None:
    def work(connection: apsw.Connection) -> None:
        add(connection, "half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.write(work)
    database.write(lambda connection: add(connection, "whole"))
    assert names(database) == ["whole"]


def test_writes_inside_a_write_are_one_transaction(database: Database) -> None:
    def outer(connection: apsw.Connection) -> None:
        database.write(lambda inner: add(inner, "first"))
        database.write(lambda inner: add(inner, "second"))
        raise ValueError

    with pytest.raises(ValueError):
        database.write(outer)
    assert names(database) == []


def test_only_immediate_transactions_are_opened() -> None:
    sources = list(Path("lcode").rglob("*.py"))
    begins = [
        line for path in sources for line in path.read_text().splitlines() if re.search(r"execute\(\s*f?[\"']BEGIN", line)
    ]
    assert {line.strip() for line in begins} == {'connection.execute("BEGIN IMMEDIATE")'}


def test_run_awaits_without_changing_threads(database: Database) -> None:
    seen: set[int] = set()

    def work() -> None:
        seen.add(threading.get_ident())
        database.write(lambda connection: seen.add(threading.get_ident()))
        database.read(lambda connection: seen.add(threading.get_ident()))

    asyncio.run(database.run(work))
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_data_version_tells_of_others_only(database: Database, tmp_path: Path) -> None:
    database.write(lambda connection: add(connection, "mine"))
    before = database.data_version()
    database.write(lambda connection: add(connection, "mine too"))
    assert database.data_version() == before
    other = Database(database.path, migrations.MEMORY, lock=tmp_path / "locks" / "memory.lock")
    other.write(lambda connection: add(connection, "theirs"))
    other.close()
    assert database.data_version() != before


WRITER = """
import sys
from pathlib import Path
from lcode.store.database import Database
from lcode.store import migrations
home, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
database = Database(home / "memory.db", migrations.MEMORY, lock=home / "memory.lock")
for number in range(count):
    database.write(lambda c: c.execute("INSERT INTO jobs VALUES (?, 'k', 'p', 's', 'a', 'b')", (f"{who}-{number}",)))
database.close()
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number), "100"], stderr=subprocess.PIPE)
        for number in range(4)
    ]
    for writer in writers:
        _, complaint = writer.communicate(timeout=60)
        assert writer.returncode == 0, complaint.decode()
    database = Database(tmp_path / "memory.db", migrations.MEMORY)
    assert len(names(database)) == 400
    database.close()


def test_a_read_only_store_writes_nothing(database: Database) -> None:
    database.write(lambda connection: add(connection, "one"))
    reader = Database(database.path, migrations.MEMORY, read_only=True)
    assert names(reader) == ["one"]
    with pytest.raises(StoreUnwritable):
        reader.write(lambda connection: add(connection, "two"))
    reader.close()


def test_a_look_leaves_no_file_behind_that_was_not_there(database: Database) -> None:
    database.write(lambda connection: add(connection, "one"))
    database.close()
    assert database.path is not None

    def files() -> dict[str, tuple[bytes, int]]:
        folder = database.path.parent  # type: ignore[union-attr]
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}

    before = files()
    reader = Database(database.path, migrations.MEMORY, read_only=True)
    assert names(reader) == ["one"]
    with pytest.raises(StoreUnwritable, match="readonly"):  # SQLite itself refuses
        reader.read(lambda connection: connection.execute("DELETE FROM jobs"))
    reader.close()
    assert files() == before


def test_a_look_beside_a_writer_sees_what_it_wrote_and_leaves_its_log(database: Database) -> None:
    database.write(lambda connection: add(connection, "one"))
    reader = Database(database.path, migrations.MEMORY, read_only=True)
    assert names(reader) == ["one"]
    database.write(lambda connection: add(connection, "two"))
    assert names(reader) == ["one", "two"]
    reader.close()
    database.write(lambda connection: add(connection, "three"))
    assert sorted(names(database)) == ["one", "three", "two"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_can_still_be_read(database: Database) -> None:
    database.write(lambda connection: add(connection, "one"))
    database.close()
    assert database.path is not None
    database.path.parent.chmod(0o500)
    reader = Database(database.path, migrations.MEMORY, read_only=True)
    assert names(reader) == ["one"]
    reader.close()
    database.path.parent.chmod(0o700)


def test_a_newer_store_is_refused_unharmed(database: Database) -> None:
    database.write(lambda connection: connection.execute("PRAGMA user_version = 99"))
    database.close()
    assert database.path is not None
    before = database.path.read_bytes()
    with pytest.raises(StoreNewer):
        Database(database.path, migrations.MEMORY).read(names)
    assert database.path.read_bytes() == before


def test_a_foreign_or_garbled_file_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    connection = apsw.Connection(str(foreign))
    connection.execute("CREATE TABLE other (a)")
    connection.close()
    garbled = tmp_path / "garbled.db"
    garbled.write_bytes(b"not a database at all" * 100)
    for path in (foreign, garbled):
        with pytest.raises(StoreDamaged):
            Database(path, migrations.MEMORY).read(lambda connection: None)


def test_who_was_told_that_another_holds_the_file_writes_nothing_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.write(lambda connection: connection.execute("CREATE TABLE note (text)"))
    monkeypatch.setattr("lcode.store.database.WAIT", 0.2)
    monkeypatch.setattr("lcode.store.database.GRACE", 1.0)
    with closing(apsw.Connection(str(database.path))) as other:  # one that does not join the queue
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            database.write(lambda connection: connection.execute("INSERT INTO note VALUES ('late')"))
        other.execute("ROLLBACK")
    monkeypatch.undo()
    assert database.read(lambda connection: fetch_all(connection, "SELECT * FROM note")) == []


def test_a_full_disk_is_told_and_keeps_what_was_acknowledged(database: Database) -> None:
    database.write(lambda connection: add(connection, "kept"))

    def work(connection: apsw.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {scalar(connection, 'PRAGMA page_count')}")
        connection.execute("INSERT INTO jobs VALUES ('big', ?, 'p', 's', 'a', 'b')", ("x" * 1_000_000,))

    with pytest.raises(StoreUnwritable, match="cannot be written"):
        database.write(work)
    assert names(database) == ["kept"]


def test_an_older_store_is_backed_up_before_it_is_brought_forward(database: Database, tmp_path: Path) -> None:
    database.write(lambda connection: add(connection, "old"))
    database.close()

    def second(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE jobs ADD COLUMN extra TEXT NOT NULL DEFAULT 'new'")

    newer = migrations.Schema("memory", (*migrations.MEMORY.migrations, second))
    forward = Database(database.path, newer, lock=tmp_path / "locks" / "memory.lock")
    assert forward.read(lambda connection: scalar(connection, "SELECT extra FROM jobs")) == "new"
    forward.close()
    assert database.path is not None
    (backup,) = (database.path.parent / "backups").iterdir()
    old = Database(backup, migrations.MEMORY, read_only=True)
    assert names(old) == ["old"]
    old.close()
