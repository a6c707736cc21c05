"""What the write path costs: beside a plain SQLite loop that makes the same statements at the same durability.

`python -m benchmarks.store_throughput`: the statements that lcode was seen to make for block edits, messages and passages
are made again in three ways, all in WAL mode at synchronous=FULL:

- plain: `BEGIN IMMEDIATE … COMMIT` in a loop, on a file without the checksums and the count of transactions of lcode;
- path: through lcode's write path (from the caller to the store's thread, the queue in front of the file, the count);
- whole: the writes as the program makes them, with redaction, search terms and everything else.

Rounds take turns; for one process, then for four that write to one file. What lcode adds is a time, not a share: on a disk
that syncs in a tenth of a millisecond it shows, on one that takes two it does not. So the time is printed too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw

from benchmarks.store_bench import Memory, await_word, begin, by, finish, report, spawn, verdict
from benchmarks.store_writers import WORDS
from lcode.store import checksum
from lcode.store.database import fetch_all

Transaction = list[tuple[str, tuple[Any, ...]]]
# their first value is the row's number, known when it is made
_FULL_TEXT = ("messages_fts", "tool_messages_fts", "passages_fts", "passage_tags", "message_details")
_PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA cell_size_check=ON")


class Writes:
    """The writes of one process through lcode, in rounds."""

    def __init__(self, home: Path, name: str) -> None:
        self.memory = Memory(home)
        self.name = name
        self.made = 0
        self.session = self.memory.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
        self.memory.blocks.create(f"notes_{name}", "a block", f"{name} has made -1 writes", None, by(self.session))

    def make(self, count: int) -> None:
        for _ in range(count):
            (self._edit, self._message, self._passage)[self.made % 3]()
            self.made += 1

    def _edit(self) -> None:
        old = self.made - 3 if self.made else -1
        before, after = f"{self.name} has made {old} writes", f"{self.name} has made {self.made} writes"
        self.memory.blocks.replace(f"notes_{self.name}", before, after, by(self.session))

    def _message(self) -> None:
        text = f"{self.name} says {self.made}: {WORDS}; {WORDS}"
        self.memory.recall.add_message("user", "user", [{"type": "text", "text": text}], text, by(self.session))

    def _passage(self) -> None:
        self.memory.archival.insert(f"{self.name} learned {self.made}: {WORDS}", by(self.session), tags=("bench", self.name))


class Plain:
    """The same writes as statements, in a plain loop on this thread."""

    def __init__(self, home: Path, transactions: list[Transaction]) -> None:
        self._connection = apsw.Connection(str(home / "memory.db"))
        self._connection.set_busy_timeout(30_000)
        for pragma in _PRAGMAS:
            self._connection.execute(pragma)
        self._transactions = iter(transactions)

    def make(self, count: int) -> None:
        for _ in range(count):
            self.one(next(self._transactions))

    def one(self, transaction: Transaction) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        make(self._connection, transaction)
        self._connection.execute("COMMIT")


class Through(Plain):
    """The same statements through lcode's write path."""

    def __init__(self, home: Path, transactions: list[Transaction]) -> None:
        self._memory = Memory(home)
        self._transactions = iter(transactions)

    def one(self, transaction: Transaction) -> None:
        self._memory.memory.write(lambda connection: make(connection, transaction))

    def close(self) -> None:
        self._memory.close()


def make(connection: apsw.Connection, transaction: Transaction) -> None:
    """The statements between BEGIN and COMMIT."""
    seq = 0
    for sql, values in transaction:
        fresh = (seq, *values[1:]) if sql.startswith("INSERT INTO") and sql.split()[2] in _FULL_TEXT else values
        connection.execute(sql, fresh).fetchall()
        if sql.startswith("INSERT INTO"):
            seq = seq or connection.last_insert_rowid()


def recorded(home: Path, name: str, count: int) -> tuple[list[Transaction], list[Transaction]]:
    """The statements that lcode makes for `count` writes: those before the first, and one transaction for each write."""
    transactions: list[Transaction] = []

    def note(cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        if sql == "BEGIN IMMEDIATE":
            transactions.append([])
        elif transactions and not sql.startswith(("COMMIT", "PRAGMA", "UPDATE sqlite_sequence")):
            transactions[-1].append((sql.strip(), tuple(values or ())))
        return True

    seen = Memory(home)
    seen.memory.write(lambda connection: setattr(connection, "exec_trace", note))
    writes = Writes.__new__(Writes)
    writes.memory, writes.name, writes.made = seen, name, 0
    writes.session = seen.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    seen.blocks.create(f"notes_{name}", "a block", f"{name} has made -1 writes", None, by(writes.session))
    before = len(transactions)
    writes.make(count)
    seen.close()
    return transactions[:before], [within(transaction) for transaction in transactions[before:]]


def within(transaction: Transaction) -> Transaction:
    """The statements between BEGIN and COMMIT: what is read after the commit is not part of the write."""
    last = max(at for at, (sql, _) in enumerate(transaction) if sql.startswith(("INSERT", "UPDATE")))
    return transaction[: last + 1]


def make_plain(home: Path) -> None:
    """A database with lcode's tables and full text, without what lcode adds for safety."""
    model = Memory(home / "model")
    tables = model.memory.read(
        lambda connection: fetch_all(connection, "SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY rowid")
    )
    model.close()
    plain = apsw.Connection(str(home / "memory.db"))
    plain.execute("PRAGMA journal_mode=WAL")
    for name, sql in tables:
        if name.startswith(("sqlite_", "messages_fts_", "tool_messages_fts_", "passages_fts_")):
            continue  # SQLite makes them itself
        for table in checksum.COLUMNS:
            sql = sql.replace(checksum.column(table), "crc INTEGER NOT NULL DEFAULT 0")  # noqa: PLW2901
        plain.execute(sql)
    for index in ("messages_fts", "tool_messages_fts", "passages_fts"):
        plain.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1)")
    plain.close()


# -- one worker -------------------------------------------------------------------------------------------------------


def worker(folder: Path, name: str, rounds: int, count: int) -> None:
    """Rounds of both, each begun at a word."""
    before, transactions = recorded(folder / "recorded" / name, name, (rounds + 1) * count)
    whole = Writes(folder / "whole", name)
    plain, path = Plain(folder / "plain", transactions), Through(folder / "path", transactions)
    for transaction in before:
        plain.one(transaction)
        path.one(transaction)
    for _ in range(rounds + 1):
        for writes in (plain, path, whole):
            await_word()
            writes.make(count)  # type: ignore[attr-defined]
    whole.memory.close()
    path.close()
    report({})


def compare(folder: Path, processes: int, rounds: int, count: int) -> list[list[float]]:
    """Seconds that a write took, all processes together, in each round: plain, path, whole."""
    make_plain(folder / "plain")
    workers = [spawn("store_throughput", "worker", folder, f"p{number}", rounds, count) for number in range(processes)]
    times: list[float] = []
    begin(workers)
    for _ in range(3 * (rounds + 1) - 1):
        start = time.monotonic()
        begin(workers)  # ready when the round is done; then the next begins
        times.append((time.monotonic() - start) / (processes * count))
    start = time.monotonic()
    finish(workers)
    times.append((time.monotonic() - start) / (processes * count))
    return [times[at + 3 :: 3] for at in range(3)]  # without the first round of each


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_throughput", description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--count", type=int, default=60, help="writes of each process in a round")
    options = parser.parse_args()
    for processes in (1, 4):
        with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
            plain, path, whole = compare(Path(folder), processes, options.rounds, options.count)
        base = statistics.median(plain)
        print(f"{processes} process{'es' if processes > 1 else ''}: plain loop {1 / base:.0f} writes a second")
        for name, times in (("write path", path), ("whole write", whole)):
            taken = statistics.median(times)
            ratio = statistics.median([one / other for one, other in zip(plain, times, strict=True)])
            print(
                f"  {name}: {1 / taken:.0f} a second, {(taken - base) * 1e6:+.0f} us each; {ratio:.2f} of the plain loop"
                + (f": {verdict(holds=ratio >= 0.8)}" if name == "write path" else "")
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker", folder, name, rounds, count]:
            worker(Path(folder), name, int(rounds), int(count))
        case _:
            main()
