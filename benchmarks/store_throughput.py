"""What the write path costs: lcode's writes beside a plain SQLite loop that makes the same statements at the same durability.

`python -m benchmarks.store_throughput`: block edits, messages and passages through lcode (redaction, search terms, the
store's thread, the queue in front of the file), against `BEGIN IMMEDIATE … COMMIT` in a loop over the very statements that
lcode was seen to make for the same writes, both in WAL mode at synchronous=FULL. The plain loop has neither the checksums
nor the count of transactions that lcode keeps. Rounds of both take turns; for one process, then for four that write to one
file.
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
_FULL_TEXT = ("messages_fts", "passages_fts", "passage_tags")  # their first value is the row's number, known when it is made
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
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        seq = 0
        for sql, values in transaction:
            if sql.startswith("INSERT INTO") and sql.split()[2] in _FULL_TEXT:
                values = (seq, *values[1:])  # noqa: PLW2901
            execute(sql, values).fetchall()
            if sql.startswith("INSERT INTO"):
                seq = seq or self._connection.last_insert_rowid()
        execute("COMMIT")


def recorded(home: Path, name: str, count: int) -> tuple[list[Transaction], list[Transaction]]:
    """The statements that lcode makes for `count` writes: those before the first, and one transaction for each write."""
    transactions: list[Transaction] = []

    def note(cursor: apsw.Cursor, sql: str, values: Any) -> bool:
        if sql == "BEGIN IMMEDIATE":
            transactions.append([])
        elif transactions and not sql.startswith(("COMMIT", "PRAGMA", "UPDATE store_state")):
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
        if name.startswith(("sqlite_", "messages_fts_", "passages_fts_")):
            continue  # SQLite makes them itself
        for table in checksum.COLUMNS:
            sql = sql.replace(checksum.column(table), "crc INTEGER NOT NULL DEFAULT 0")  # noqa: PLW2901
        plain.execute(sql)
    for index in ("messages_fts", "passages_fts"):
        plain.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1)")
    plain.close()


# -- one worker -------------------------------------------------------------------------------------------------------


def worker(folder: Path, name: str, rounds: int, count: int) -> None:
    """Rounds of both, each begun at a word."""
    before, transactions = recorded(folder / "recorded" / name, name, (rounds + 1) * count)
    ours = Writes(folder / "ours", name)
    plain = Plain(folder / "plain", transactions)
    for transaction in before:
        plain.one(transaction)
    for _ in range(rounds + 1):
        for writes in (ours, plain):
            await_word()
            writes.make(count)  # type: ignore[attr-defined]
    ours.memory.close()
    report({})


def compare(folder: Path, processes: int, rounds: int, count: int) -> tuple[list[float], list[float]]:
    """Writes a second of all processes together, in each round: lcode's and the plain loop's."""
    make_plain(folder / "plain")
    workers = [spawn("store_throughput", "worker", folder, f"p{number}", rounds, count) for number in range(processes)]
    rates: list[float] = []
    begin(workers)
    for _ in range(2 * (rounds + 1) - 1):
        start = time.monotonic()
        begin(workers)  # ready when the round is done; then the next begins
        rates.append(processes * count / (time.monotonic() - start))
    start = time.monotonic()
    finish(workers)
    rates.append(processes * count / (time.monotonic() - start))
    return rates[2::2], rates[3::2]  # without the first round of each


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store_throughput", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--count", type=int, default=60, help="writes of each process in a round")
    options = parser.parse_args()
    for processes in (1, 4):
        with tempfile.TemporaryDirectory(prefix="lcode-bench-") as folder:
            ours, plain = compare(Path(folder), processes, options.rounds, options.count)
        ratios = [one / other for one, other in zip(ours, plain, strict=True)]
        ratio = statistics.median(ratios)
        print(
            f"{processes} process{'es' if processes > 1 else ''}: lcode {statistics.median(ours):.0f} writes a second, plain"
            f" loop {statistics.median(plain):.0f}; ratio {ratio:.2f} (rounds from {min(ratios):.2f} to {max(ratios):.2f}):"
            f" {verdict(holds=ratio >= 0.8)}"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["worker", folder, name, rounds, count]:
            worker(Path(folder), name, int(rounds), int(count))
        case _:
            main()
