"""Every row carries a checksum of itself, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.store import checksum, migrations
from lcode.store.connect import connect

WITHOUT = {"store_state", "passage_tags"}  # a number that is compared elsewhere, and one that its index holds twice


@pytest.mark.parametrize("schema", [migrations.MEMORY, migrations.USER], ids=lambda schema: schema.name)
def test_the_checksum_covers_every_column_that_is_written(schema: migrations.Schema) -> None:
    connection = connect(None)
    migrations.apply(connection, schema)
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()}
    for table in sorted(name for name in tables if not name.startswith("sqlite_") and "_fts" not in name):
        columns = {str(row[1]) for row in connection.execute(f"PRAGMA table_xinfo({table})") if row[6] == 0}
        assert table in WITHOUT or columns - {"seq"} == set(checksum.COLUMNS[table]), table
    connection.close()


def test_a_changed_bit_shows(tmp_path: Path) -> None:
    connection = connect(tmp_path / "memory.db")
    migrations.apply(connection, migrations.MEMORY)
    connection.execute("INSERT INTO jobs VALUES ('a', 'k', 'the payload of it', 's', '', '')")
    connection.execute("UPDATE jobs SET state = 'done'")
    wrong = f"SELECT count(*) FROM jobs WHERE crc IS NOT {checksum.expression('jobs')}"
    assert connection.execute(wrong).fetchall() == [(0,)]
    connection.execute("PRAGMA wal_checkpoint")
    connection.close()
    data = (tmp_path / "memory.db").read_bytes()
    (tmp_path / "memory.db").write_bytes(data.replace(b"the payload of it", b"the payloae of it"))
    connection = connect(tmp_path / "memory.db")
    assert connection.execute(wrong).fetchall() == [(1,)]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]  # SQLite itself sees nothing
    connection.close()
