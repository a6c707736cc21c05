"""Mixed work on a store over a disk that loses its power, and what must be found when it is opened again.

Two connections to one agent's memory write blocks, messages and passages, checkpoint it in every way, read while the other
writes, come and go, and copy it; then a program with a newer schema brings it forward.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import apsw

from lcode.errors import LcodeError, MemoryEditError
from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, Provenance, Source, Trust
from lcode.memory.recall import Recall
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar
from tests.support.power_loss import Disk, PowerLossVFS, Snapshot

WORDS = ["queue", "retry", "delay", "worker", "lease", "index", "session", "branch", "commit", "filter", "header", "token"]


def _second(connection: apsw.Connection) -> None:
    """A migration of the kinds that will come: a column, a table, rows rewritten, an index made again."""
    connection.execute("ALTER TABLE jobs ADD COLUMN extra TEXT NOT NULL DEFAULT 'new'")
    connection.execute("CREATE TABLE links (a TEXT NOT NULL, b TEXT NOT NULL) STRICT")
    connection.execute("UPDATE messages SET terms = terms || ' migrated'")
    connection.execute("INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')")


NEWER = migrations.Schema("memory", (*migrations.MEMORY.migrations, _second))


@dataclass(frozen=True)
class Fact:
    """Something that the store said it holds: the row `key` of `kind` with `text`."""

    kind: str
    key: str
    text: str


class Session:
    """One connection to the store and the tiers over it."""

    def __init__(self, home: Path, vfs: str | None, schema: migrations.Schema = migrations.MEMORY) -> None:
        self.memory = Database(home / "agent" / "memory.db", schema, lock=home / "memory.lock", vfs=vfs)
        self.user = Database(home / "user.db", migrations.USER, lock=home / "user.lock", vfs=vfs)
        redactor = Redactor({})
        self.blocks = Blocks(self.memory, self.user, redactor)
        self.recall = Recall(self.memory, self.memory, redactor)
        self.archival = Archival(self.memory, redactor)

    def close(self) -> None:
        self.memory.close()
        self.user.close()


class Workload:
    """`run` does `steps` random things in `home` and notes in `acknowledged` what was said to be stored."""

    def __init__(self, home: Path, vfs: str | None, seed: int, pragmas: tuple[str, ...] = ()) -> None:
        self.home, self.vfs, self.pragmas = home, vfs, pragmas
        self.rng = random.Random(seed)
        self.acknowledged: list[Fact] = []
        self.sessions = [self._session(), self._session()]
        self.session_id = ""
        self.texts: dict[str, list[str]] = {"human": [], "architecture": []}

    def _session(self) -> Session:
        made = Session(self.home, self.vfs)
        for pragma in ("wal_autocheckpoint=40", *self.pragmas):
            made.memory.read(lambda connection, pragma=pragma: connection.execute(f"PRAGMA {pragma}").fetchall())
        return made

    def run(self, steps: int) -> None:
        self.session_id = self.sessions[0].recall.create_session(branch="main", worktree="/w", head="", model="m")
        self.acknowledged.append(Fact("session", self.session_id, ""))
        kinds = [self._message] * 8 + [self._passage] * 3 + [self._block] * 4 + [self._checkpoint] * 2 + [self._user_block]
        kinds += [self._reopen, self._copy]
        logged = self.sessions[0].memory.read(lambda connection: scalar(connection, "PRAGMA journal_mode")) == "wal"
        kinds += [self._beside_a_reader] if logged else []
        for _ in range(steps):
            self.rng.choice(kinds)(self.rng.choice(self.sessions))

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def _by(self) -> Provenance:
        return Provenance(Actor.AGENT, Source.INFERRED, self.session_id, "", "", "", Trust.TRUSTED)

    def _text(self) -> str:
        return " ".join(self.rng.choices(WORDS, k=self.rng.choice([3, 12, 60, 700]))) + f" {self.rng.getrandbits(40):x}"

    def _message(self, session: Session) -> None:
        text = self._text()
        row = session.recall.add_message("user", "user", [{"type": "text", "text": text}], text, self._by())
        self.acknowledged.append(Fact("message", row.id, text))

    def _passage(self, session: Session) -> None:
        text = self._text()
        self.acknowledged.append(Fact("passage", session.archival.insert(text, self._by(), tags=["a", "b"]).id, text))

    def _block(self, session: Session, label: str = "architecture") -> None:
        by, lines = self._by(), self.texts[label]
        line = f"{self.rng.choice(WORDS)} {self.rng.getrandbits(40):x}"
        with suppress(MemoryEditError):  # full: written anew below
            if lines and self.rng.random() < 0.4:
                old = self.rng.choice(lines)
                block = session.blocks.replace(label, old, line, by)
                lines[lines.index(old)] = line
            else:
                block = session.blocks.append(label, line, by)
                lines.append(line)
            self.acknowledged.append(Fact("block", by.operation_id, block.value))
            return
        block = session.blocks.rethink(label, line, by)
        self.texts[label] = [line]
        self.acknowledged.append(Fact("block", by.operation_id, block.value))

    def _user_block(self, session: Session) -> None:
        self._block(session, "human")

    def _checkpoint(self, session: Session) -> None:
        how = self.rng.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
        session.memory.read(lambda connection: connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall())

    def _reopen(self, session: Session) -> None:
        session.close()
        self.sessions[self.sessions.index(session)] = self._session()

    def _copy(self, session: Session) -> None:
        target = self.home / f"copy-{self.rng.getrandbits(40):x}.db"
        session.memory.read(lambda connection: connection.execute("VACUUM INTO ?", (str(target),)))

    def _beside_a_reader(self, session: Session) -> None:
        """Writes and a checkpoint while the other session looks at an older state."""
        reader = next(other for other in self.sessions if other is not session)

        def look(connection: apsw.Connection) -> None:
            connection.execute("BEGIN")  # this one only reads
            scalar(connection, "SELECT count(*) FROM messages")

        reader.memory.read(look)
        try:
            self._message(session)
            self._passage(session)
            session.memory.read(lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())
        finally:
            reader.memory.read(lambda connection: connection.execute("COMMIT"))


@contextmanager
def watched(disk: Disk) -> Iterator[None]:
    """Let the disk know of the names that are changed outside SQLite."""
    replace, unlink = Path.replace, Path.unlink

    def replaced(self: Path, target: Path) -> Path:
        done = replace(self, target)
        disk.renamed(str(self), str(target))
        return done

    def unlinked(self: Path, missing_ok: bool = False) -> None:
        unlink(self, missing_ok=missing_ok)
        disk.removed(str(self))

    with (
        mock.patch.object(Path, "replace", replaced),
        mock.patch.object(Path, "unlink", unlinked),
        mock.patch.object(migrations, "sync_folder", disk.folder_synced),
    ):
        yield


def lose_power(home: Path, seed: int, steps: int, points: list[int], *, pragmas: tuple[str, ...] = ()) -> list[Snapshot]:
    """Run the workload in `home`; the disk as it was at the operations `points` (all of it at once, where there are none:
    the snapshot's number is then the count of operations)."""
    facts: list[Fact] = []
    disk = Disk(home, points, lambda: tuple(facts))
    home.mkdir(mode=0o700, parents=True)
    name = f"power-loss-{seed}-{len(points)}"
    vfs = PowerLossVFS(name, disk)
    try:
        workload = Workload(home, name, seed, pragmas)
        workload.acknowledged = facts
        workload.run(steps)
        workload.close()
        with watched(disk):
            forward = Session(home, name, NEWER)
            forward.memory.write(lambda connection: connection.execute("INSERT INTO links VALUES ('a', 'b')"))
            facts.append(Fact("link", "a", "b"))
            forward.close()
    finally:
        vfs.close()
    return disk.snapshots or [Snapshot(disk.operations, "end", {}, (), tuple(facts))]


def faults(home: Path, facts: tuple[Fact, ...]) -> list[str]:
    """What is wrong with the store in `home`, of which `facts` were acknowledged: [] if nothing is. Opens it as the newer
    program does, with the ordinary VFS, and writes to it."""
    session = Session(home, None, NEWER)
    try:
        return [*_damage(session), *_missing(session, facts), *_refuses(session)]
    except (LcodeError, apsw.Error) as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        session.close()


def _damage(session: Session) -> list[str]:
    found = []
    for database in (session.memory, session.user):
        verdict = database.read(lambda connection: scalar(connection, "PRAGMA integrity_check"))
        found += [] if verdict == "ok" else [f"{database.path}: {verdict}"]
    for table in ("messages", "passages"):
        with suppress(apsw.CorruptError):
            session.memory.write(
                lambda connection, table=table: connection.execute(
                    f"INSERT INTO {table}_fts ({table}_fts, rank) VALUES ('integrity-check', 1)"
                )
            )
            continue
        found.append(f"the full text of {table} does not fit its rows")
    return found


_ROWS = {
    "message": "SELECT id, text FROM messages",
    "passage": "SELECT id, text FROM passages",
    "block": "SELECT operation_id, value FROM block_versions",
    "session": "SELECT id, '' FROM sessions",
    "link": "SELECT a, b FROM links",
}


def _missing(session: Session, facts: tuple[Fact, ...]) -> list[str]:
    rows: dict[str, dict[str, str]] = {}
    for kind, sql in _ROWS.items():
        rows[kind] = dict(session.memory.read(lambda connection, sql=sql: fetch_all(connection, sql)))
    rows["block"] |= dict(session.user.read(lambda connection: fetch_all(connection, _ROWS["block"])))
    return [f"lost: {fact.kind} {fact.key}" for fact in facts if rows[fact.kind].get(fact.key) != fact.text]


def _refuses(session: Session) -> list[str]:
    by: Any = Provenance(Actor.AGENT, Source.INFERRED, "session-after", "", "", "", Trust.TRUSTED)
    session.archival.insert("written after the power came back", by)
    session.blocks.append("human", "is back", by)
    return [] if session.archival.search("power came back") else ["what is written afterwards is not found"]
