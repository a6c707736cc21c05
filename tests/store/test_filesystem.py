"""Which file systems are networks, and what the store does on one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from lcode.errors import StoreBusy
from lcode.store import filesystem, migrations
from lcode.store.database import Database, scalar

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /home rw shared:2 - nfs4 server:/home rw,vers=4.2
31 30 0:26 / /home/me/local rw - xfs /dev/sdb1 rw
32 22 0:27 / /mnt/my\\040disk rw - cifs //server/share rw
33 22 0:28 / /mnt/ssh rw - fuse.sshfs me@host:/ rw
34 22 0:29 / /mnt/stick rw - fuseblk /dev/sdc1 rw
35 22 0:30 / /over rw - ext4 /dev/sdd rw
36 22 0:31 / /over rw - 9p share rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/lib", "ext4", False),
        ("/home/me/.local/share/lcode", "nfs4", True),
        ("/home/me/local/lcode", "xfs", False),
        ("/home/me/locals", "nfs4", True),
        ("/mnt/my disk/lcode", "cifs", True),
        ("/mnt/ssh", "fuse.sshfs", True),
        ("/mnt/stick/lcode", "fuseblk", False),
        ("/over", "9p", True),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX paths")
def test_the_longest_and_last_mount_decides(path: str, kind: str, network: bool) -> None:
    assert filesystem.kind(Path(path), MOUNTS) == kind
    assert filesystem.is_network(kind) == network


def test_this_machine_says_what_it_has(tmp_path: Path) -> None:
    assert filesystem.kind(tmp_path)


@pytest.fixture
def on_nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's table says that the test's folder is on a network."""
    mounts = f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:25 / {tmp_path} rw - nfs4 server:/ rw\n"
    monkeypatch.setattr(filesystem, "_mounts", lambda: mounts)


def store(folder: Path) -> Database:
    return Database(folder / "memory.db", migrations.MEMORY, lock=folder / "locks" / "memory.lock")


def mode(database: Database) -> str:
    return str(database.read(lambda connection: scalar(connection, "PRAGMA journal_mode")))


def write(database: Database, name: str) -> None:
    database.write(lambda connection: connection.execute("INSERT INTO jobs VALUES (?, 'k', '', 's', 'a', 'b')", (name,)))


def count(database: Database) -> int:
    return int(database.read(lambda connection: scalar(connection, "SELECT count(*) FROM jobs")))


@pytest.mark.usefixtures("on_nfs")
def test_a_store_on_a_network_has_no_write_ahead_log(tmp_path: Path) -> None:
    one, other = store(tmp_path), store(tmp_path)
    for number in range(5):
        write(one, f"one-{number}")
        write(other, f"other-{number}")
    assert mode(one) == mode(other) == "delete"
    assert count(one) == count(other) == 10
    assert not (tmp_path / "memory.db-wal").exists()
    one.close()
    other.close()


def test_a_store_with_a_log_is_converted_when_it_comes_to_a_network(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = store(tmp_path)
    write(before, "kept")
    assert mode(before) == "wal"
    before.close()
    request.getfixturevalue("on_nfs")
    after = store(tmp_path)
    assert (mode(after), count(after)) == ("delete", 1)
    after.close()


HOLDER = """
import sys
from pathlib import Path
import apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def test_a_store_with_a_log_that_is_open_elsewhere_is_refused_there(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store(tmp_path)
    write(before, "kept")
    before.close()
    request.getfixturevalue("on_nfs")
    monkeypatch.setattr("lcode.store.database.NETWORK_WAIT", 100)
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "memory.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        refused = store(tmp_path)
        with pytest.raises(StoreBusy, match="on a network"):
            count(refused)
        refused.close()
        holder.communicate()
    connection = apsw.Connection(str(tmp_path / "memory.db"))
    assert connection.execute("SELECT id FROM jobs").fetchall() == [("kept",)]
    connection.close()
