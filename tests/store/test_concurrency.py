"""Several processes on one store at once: the small forms of `benchmarks/store_writers.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

from benchmarks import store_writers
from benchmarks.store_bench import Memory, by
from lcode.errors import StoreBusy
from lcode.memory.model_calls import last_usage
from lcode.store import database as store
from lcode.store import migrations
from lcode.store.database import Database, fetch_all

CHECKOUT = Path(__file__).resolve().parents[2]
needs_posix = pytest.mark.skipif(os.name == "nt", reason="processes cannot be stopped")


def test_writers_that_think_between_their_writes_lose_nothing(tmp_path: Path) -> None:
    outcome = store_writers.run(tmp_path, 6, 60, 0.005)
    assert (outcome.errors, outcome.faults) == ([], [])
    assert (outcome.acknowledged, outcome.found) == (360, 360)


def test_writers_whose_clocks_jump_lose_nothing(tmp_path: Path) -> None:
    outcome = store_writers.run(tmp_path, 4, 30, 0.0, jumps=True)
    assert (outcome.errors, outcome.faults) == ([], [])
    assert (outcome.acknowledged, outcome.found) == (120, 120)


@needs_posix
def test_behind_a_stopped_holder_writers_wait_and_go_on_and_are_told_past_their_deadline(tmp_path: Path) -> None:
    stopped = store_writers.behind_a_stopped_holder(tmp_path, 3, lambda: None)
    assert stopped.outcome.whole and stopped.outcome.acknowledged == 9
    assert f"is held by process {stopped.holder}, which is stopped" in stopped.told
    assert "end that process" in stopped.told
    assert not stopped.landed_late


# the same with threads: what cannot be timed between processes


def add(name: str):
    return lambda connection: connection.execute("INSERT INTO jobs VALUES (?, 'k', 'p', 's', 'a', 'b')", (name,))


def names(database: Database) -> list[str]:
    return [row[0] for row in database.read(lambda connection: fetch_all(connection, "SELECT id FROM jobs ORDER BY id"))]


@pytest.fixture
def pair(tmp_path: Path):
    """Two connections to one file, as two processes have them."""
    made = [Database(tmp_path / "memory.db", migrations.MEMORY, lock=tmp_path / "memory.lock") for _ in range(2)]
    for database in made:
        names(database)
    yield made
    for database in made:
        database.close()


class Held:
    """A transaction of `database` that stays open until `release`."""

    def __init__(self, database: Database) -> None:
        self.inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=database.write, args=(self._work,))
        self._thread.start()
        assert self.inside.wait(10)

    def _work(self, connection: apsw.Connection) -> None:
        add("holder")(connection)
        self.inside.set()
        self._leave.wait(20)

    def release(self) -> None:
        self._leave.set()
        self._thread.join()


def test_a_write_that_was_given_up_never_lands(pair: list[Database], monkeypatch: pytest.MonkeyPatch) -> None:
    holder, waiting = pair
    held = Held(holder)
    with monkeypatch.context() as short:
        short.setattr(store, "WAIT", 0.05)
        short.setattr(store, "GRACE", 0.05)
        for name in ("begun", "queued behind it"):
            with pytest.raises(StoreBusy, match=f"held by process {os.getpid()}"):
                waiting.write(add(name))
    held.release()
    waiting.write(add("later"))
    assert names(waiting) == ["holder", "later"]


def test_readers_go_on_while_a_writer_holds_the_store(pair: list[Database]) -> None:
    holder, reader = pair
    held = Held(holder)
    assert names(reader) == []
    held.release()
    assert names(reader) == ["holder"]


def test_a_read_holds_nothing_back_once_it_is_over(pair: list[Database]) -> None:
    """Whatever was read, the log can be emptied: no statement is left open that would keep a reader's snapshot."""
    writer, reader = pair
    for number in range(20):
        writer.write(add(f"{number:02d}"))
        names(reader)
        reader.read(lambda connection: connection.execute("SELECT * FROM jobs").fetchone() and None)
        reader.read(lambda connection: store.fetch_one(connection, "SELECT * FROM jobs"))
        reader.read(lambda connection: store.scalar(connection, "SELECT id FROM jobs"))
    busy, left, _ = writer.read(lambda connection: fetch_all(connection, "PRAGMA wal_checkpoint(TRUNCATE)"))[0]
    assert (busy, left) == (0, 0)


OPENER = """
import sys
from pathlib import Path
from lcode.store import migrations
from lcode.store.database import Database
home, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
database = Database(home / "memory.db", migrations.MEMORY, lock=home / "memory.lock")
database.write(lambda c: c.execute("INSERT INTO jobs VALUES (?, 'k', 'p', 's', 'a', 'b')", (name,)))
database.close()
"""


def test_processes_that_make_a_new_store_at_once_all_find_it(tmp_path: Path) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(tmp_path), f"p{number}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        for number in range(8)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write(b"go\n")
        opener.stdin.flush()
    for opener in openers:
        _, complaint = opener.communicate(timeout=60)
        assert opener.returncode == 0, complaint.decode()
    database = Database(tmp_path / "memory.db", migrations.MEMORY)
    assert names(database) == [f"p{number}" for number in range(8)]
    database.close()


def test_the_queue_is_asked_for_before_the_store(pair: list[Database], tmp_path: Path) -> None:
    """Whoever waits stands in the kernel's queue, not in SQLite's, whose waiters starve."""
    holder, waiting = pair
    held = Held(holder)
    asked = threading.Thread(target=waiting.write, args=(add("waited"),))
    asked.start()
    pause, give_up = threading.Event(), time.monotonic() + 10
    inode = (tmp_path / "memory.lock").stat().st_ino
    while Path("/proc/locks").exists() and not any(
        "->" in line and f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines()
    ):
        assert time.monotonic() < give_up
        pause.wait(0.005)
    held.release()
    asked.join()
    assert names(waiting) == ["holder", "waited"]


def test_no_read_of_memory_leaves_a_snapshot_open(tmp_path: Path) -> None:
    """A snapshot that stays open would keep the log from being emptied."""
    memory = Memory(tmp_path)
    session = memory.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    for number in range(30):
        text = f"message {number} about the parser"
        memory.recall.add_message("user", "user", [{"type": "text", "text": text}], text, by(session))
        memory.archival.insert(f"passage {number} about the parser", by(session), tags=["a"])
        memory.blocks.append("conventions", f"line {number}", by(session))
    reads = [
        memory.blocks.list,
        lambda: memory.blocks.get("conventions"),
        lambda: memory.blocks.versions("conventions"),
        lambda: memory.blocks.value_at("conventions", 3),
        lambda: memory.blocks.landed("op-none"),
        lambda: memory.recall.sessions(5),
        lambda: memory.recall.session(session),
        lambda: memory.recall.session_value(session, "title"),
        lambda: memory.recall.messages(session, limit=3),
        lambda: memory.recall.context(session),
        lambda: memory.recall.prompt(session),
        lambda: last_usage(memory.recall, session),
        lambda: memory.recall.pending_calls(session),
        lambda: memory.recall.finished_calls(session),
        lambda: memory.recall.search("parser", limit=3),
        lambda: memory.recall.by_date("2020-01-01", "2100-01-01", limit=3),
        memory.recall.count,
        lambda: memory.archival.search("parser", limit=3),
        lambda: memory.archival.search("", tags=["a"], limit=3),
        lambda: memory.archival.landed("op-none"),
        memory.archival.count,
        memory.archival.tags,
    ]
    for read in reads:
        read()
        for database in (memory.memory, memory.user):
            state = database._thread.call(lambda database=database: database._connection.txn_state("main"), 5, 1)
            assert state == apsw.SQLITE_TXN_NONE
    memory.close()


def test_the_log_stays_small_while_somebody_always_reads(tmp_path: Path, pair: list[Database]) -> None:
    """Readers overlap, so that there is no moment without one; SQLite alone would never start the log anew."""
    writer, _ = pair
    readers = [apsw.Connection(str(tmp_path / "memory.db")) for _ in range(2)]
    for reader in readers:
        reader.set_busy_timeout(10_000)
    log, largest = tmp_path / "memory.db-wal", 0
    readers[0].execute("BEGIN; SELECT count(*) FROM jobs")
    stop = threading.Event()

    def overlap() -> None:
        at = 1
        while not stop.is_set():
            readers[at].execute("BEGIN; SELECT count(*) FROM jobs")
            readers[1 - at].execute("COMMIT")
            at = 1 - at
            stop.wait(0.002)

    reading = threading.Thread(target=overlap)
    reading.start()
    for number in range(60):
        big = "x" * 1_000_000
        writer.write(lambda c, n=number, b=big: c.execute("INSERT INTO jobs VALUES (?, 'k', ?, 's', 'a', 'b')", (f"{n}", b)))
        largest = max(largest, log.stat().st_size)
    stop.set()
    reading.join()
    for reader in readers:
        reader.close()
    assert largest < 24 * 1024 * 1024


def test_a_reader_that_never_ends_does_not_stop_the_writers(tmp_path: Path, pair: list[Database]) -> None:
    writer, _ = pair
    reader = apsw.Connection(str(tmp_path / "memory.db"))
    reader.execute("BEGIN; SELECT count(*) FROM jobs")
    for number in range(12):
        big = "x" * 1_000_000
        writer.write(lambda c, n=number, b=big: c.execute("INSERT INTO jobs VALUES (?, 'k', ?, 's', 'a', 'b')", (f"{n}", b)))
    assert len(names(writer)) == 12
    reader.close()
