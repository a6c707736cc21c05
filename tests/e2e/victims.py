"""Whole `lcode -p` sessions that die by SIGKILL, what they had said was stored, and what is found of it afterwards.

A session acknowledges in three ways: a request that it sends shows that what stands in it was stored first, a line of
progress (`-v`) that a tool's result was, and the printed answer that the run was.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcode.errors import LcodeError
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar
from lcode.store.locks import NamedLock, Owner
from tests.e2e.program import CHECKOUT, MODELS, runs
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Recorded, Script, call, turn, user_text

STRACE = shutil.which("strace")
CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate")
DEADLINE = 60.0
UNCLEAR = ("Traceback", "internal error", "a bug")  # words that no fault of the storage may end in
GONE = 3.0  # seconds in which what a killed session started must have ended


@dataclass(frozen=True)
class Fact:
    """A text that must stand in `where`: a message, a passage or a block."""

    where: str
    text: str


@dataclass
class Ended:
    """One run: how it ended, what it acknowledged, and when its first request came after its start (None: none did)."""

    name: str
    code: int
    err: str
    facts: list[Fact]
    first_request: float | None


def answers(body: dict[str, Any]) -> Any:
    """The model: keeps things for the run that the last message names, in two steps, and answers."""
    name = re.findall(r"run-(\w+)", user_text(body))[-1]
    said = json.dumps(body["messages"])
    if f"Passage of {name}." not in said:
        seconds = "300" if name.startswith("long") else "0.01"
        return turn(
            f"Working on {name}.",
            call("read_file", path="README.md"),
            call("core_memory_append", label="human", content=f"Line of {name}."),
            call("archival_memory_insert", content=f"Passage of {name}.", tags=["kill"]),
            call("shell", command=f": {name}; sleep {seconds}"),
        )
    if f"Second of {name}." not in said:
        return turn(
            call("archival_memory_insert", content=f"Second of {name}."),
            call("core_memory_append", label="architecture", content=f"Design of {name}."),
        )
    return f"Answer of {name}."


def _known(name: str, requests: int, out: str, err: str) -> Iterator[Fact]:
    """What a run acknowledged by its requests, its progress and its answer."""
    if requests > 0:
        yield Fact("message", f"run-{name}")
    if requests > 1 or "archival_memory_insert Passage" in err:
        yield from (Fact("message", f"Working on {name}."), Fact("passage", f"Passage of {name}."))
    if requests > 1 or "core_memory_append human" in err:
        yield Fact("block", f"Line of {name}.")
    if requests > 2 or "archival_memory_insert Second" in err:
        yield Fact("passage", f"Second of {name}.")
    if requests > 2 or "core_memory_append architecture" in err:
        yield Fact("block", f"Design of {name}.")
    if f"Answer of {name}." in out:
        yield Fact("message", f"Answer of {name}.")


class Victims:
    """A repository, a store that begins empty, and a model's server. `close` when done."""

    def __init__(self, folder: Path, api: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.repo = fixture_repos.make("python", folder / "repo")
        self.server = ProviderServer(Script(answers))
        self.facts: list[Fact] = []
        self.faults: list[str] = []
        self.codes: tuple[int, ...] = (0, -signal.SIGKILL)
        self._api, self._seed, self._count = api, seed, 0

    def close(self) -> None:
        self.server.close()

    # -- runs -------------------------------------------------------------------------------------------------------

    def run(
        self, *, proceed: bool = False, delay: float | None = None, inject: str = "", long: bool = False, session: str = ""
    ) -> Ended:
        """One session, new or (`proceed`, or `session`) the last again. It is killed after `delay` seconds, or
        strace injects something (such as `pwrite64:when=3:signal=SIGKILL`)."""
        name = self.name("long" if long else "short")
        which = ["-r", session] if session else ["-c"] if proceed else []
        command = [sys.executable, "-m", "lcode", *self.arguments(name, *which)]
        if inject:
            trace = ["-e", f"trace={','.join(CALLS)}", "-e", f"inject={inject}"]
            command = [str(STRACE), "-f", "-qq", "-o", os.devnull, *trace, *command]
        before = len(self.server.requests)
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=self.environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        if delay is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(signal.SIGKILL)
        out, err = self._collect(process)
        ended = self.account(name, process.returncode, out, err, before, started)
        self.faults += [f"{name}: {one} runs on" for one in _left(process.pid, name)]
        return ended

    def name(self, kind: str) -> str:
        """A name for the next run."""
        self._count += 1
        return f"{kind}{self._seed}x{self._count}"

    def arguments(self, name: str, *which: str) -> list[str]:
        """The words behind `lcode` for the run `name`."""
        options = ["--model", MODELS[self._api], "--permission-mode", "yolo"]
        return ["-v", "-C", str(self.repo), "-p", f"run-{name}", *which, *options]

    def _collect(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """The output of a process that is over, or ends by itself. A child that holds the pipes shows as a time-out."""
        try:
            return process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.faults.append("a run did not end, or left a child that holds its output")
            return process.communicate()

    def account(self, name: str, code: int, out: str, err: str, before: int, started: float) -> Ended:
        """Note what a run acknowledged that is over; `before` requests had come when it began."""
        requests = [one for one in self.server.requests[before:] if f"run-{name}" in user_text(one.body)]
        facts = list(_known(name, len(requests), out, err))
        first = requests[0].at - started if requests else None
        self.facts += facts
        if code not in self.codes:
            self.faults.append(f"{name}: exit {code}: {err.strip()[-400:]}")
        if code == 0 and len(facts) < len(list(_known(name, 9, f"Answer of {name}.", ""))):
            self.faults.append(f"{name}: exit 0 and not all was done: {facts}")
        if code == 0:
            self.faults += self._unfinished(name)
        self.faults += [f"{name}: {lock} is held by nobody" for lock in self._held()]
        refused = [one for one in self.server.requests[before:] if one.refusal and not _cut_short(one)]
        self.faults += [f"{name}: request {one.index}: {one.refusal}" for one in refused]
        return Ended(name, code, err, facts, first)

    def environ(self) -> dict[str, str]:
        names = {"PYTHONPATH": str(CHECKOUT), "LCODE_HOME": str(self.home), "LCODE_WORKER": "0"}
        folders = dict.fromkeys(("TMPDIR", "XDG_RUNTIME_DIR"), str(self.temporary))  # where writes may wait for the store
        return {**os.environ, **self.server.environ(), **names, **folders}

    def _unfinished(self, name: str) -> list[str]:
        """What a run that says all is well did not store of its end. (Its note is made by the next start, if need be.)"""
        rows = self._read(
            f"SELECT runs.stop_reason FROM messages JOIN runs ON runs.id = messages.run_id WHERE messages.text = 'run-{name}'"
        )
        return [] if rows == [("end_turn",)] else [f"{name}: exit 0, its end is {rows}"]

    # -- afterwards -------------------------------------------------------------------------------------------------

    def _held(self) -> list[str]:
        """Locks that are still held although no session runs."""
        import fcntl

        held = []
        for path in self.home.rglob("*.lock"):
            if path.name.startswith(("session-", "backup-")):
                lock = NamedLock(path)
                if not lock.acquire() and not _at_work(path, lock.owner()):
                    held.append(path.name)
                lock.release()
                continue
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    held.append(path.name)
        return held

    def session_ids(self) -> list[str]:
        """The sessions that hold a message, the newest first."""
        return [row[0] for row in self._read("SELECT DISTINCT session_id FROM messages ORDER BY seq DESC")]

    def _read(self, sql: str) -> list[tuple[Any, ...]]:
        for path in self.home.glob("agents/*/memory.db"):
            database = Database(path, migrations.MEMORY, read_only=True)
            try:
                return database.read(lambda connection: fetch_all(connection, sql))
            finally:
                database.close()
        return []

    def check(self) -> list[str]:
        """What is wrong now, besides what was noted before: acknowledged things that are missing, damage."""
        found = self.faults
        self.faults = []
        try:
            found += self._missing()
        except LcodeError as error:
            found.append(f"{type(error).__name__}: {error}")
        return found

    def _missing(self) -> Iterator[str]:
        paths = list(self.home.glob("agents/*/memory.db"))
        if not paths:
            yield from (f"lost with everything: {fact}" for fact in self.facts)
            return
        memory = Database(paths[0], migrations.MEMORY, lock=paths[0].parent / "locks" / "memory.lock")
        user = Database(self.home / "user.db", migrations.USER, lock=self.home / "locks" / "user.lock")
        try:
            yield from _damage(memory)
            yield from _damage(user)
            texts = {
                "message": _texts(memory, "SELECT text FROM messages"),
                "passage": _texts(memory, "SELECT text FROM passages"),
                "block": _texts(memory, "SELECT value FROM blocks") + _texts(user, "SELECT value FROM blocks"),
            }
            for fact in self.facts:
                count = texts[fact.where].count(fact.text)
                if not count:
                    yield f"lost: {fact}"
                if count > 1 and fact.where != "message":
                    yield f"stored {count} times: {fact}"
        finally:
            memory.close()
            user.close()


def _at_work(path: Path, owner: Owner | None) -> bool:
    """Whether a lock is held by a backup that a session started and that is a process of its own."""
    return owner is None or (path.name.startswith("backup-") and runs(owner.pid))


def told(err: str) -> list[str]:
    """The lines in which a run says what is wrong with it, but for the one on how the run before it ended."""
    lines = [line for line in err.splitlines() if line.startswith("lcode: ")]
    return [line for line in lines if not line.startswith("lcode: the session was cut off: ")]


def _cut_short(request: Recorded) -> bool:
    """Whether a request ended before its announced length: its client was killed while it sent."""
    return len(request.raw) < int(request.headers.get("content-length", "0"))


def _texts(database: Database, sql: str) -> str:
    return "\n".join(row[0] for row in database.read(lambda connection: fetch_all(connection, sql)))


def _damage(database: Database) -> Iterator[str]:
    verdict = database.read(lambda connection: scalar(connection, "PRAGMA integrity_check"))
    if verdict != "ok":
        yield f"{database.path}: {verdict}"
    tables = database.read(lambda connection: fetch_all(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
    for table, index in (
        ("said_messages", "messages_fts"),
        ("tool_messages", "tool_messages_fts"),
        ("passages", "passages_fts"),
    ):
        if (index,) in tables:
            rows = database.read(
                lambda connection, table=table, index=index: fetch_all(
                    connection,
                    f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {index}_docsize),"
                    f" (SELECT total(seq) FROM {table}), (SELECT total(id) FROM {index}_docsize)",
                )
            )[0]
            if rows[:2] != (rows[1], rows[0]) or rows[2] != rows[3]:
                yield f"{table}: {rows[0]} rows, {rows[1]} in the full text"


def _left(pid: int, name: str) -> list[str]:
    """Processes of a run that is over: of its session, or with its name among their words, also after a moment."""
    give_up = time.monotonic() + GONE
    while found := _processes(pid, name):
        if time.monotonic() > give_up:
            return found
        time.sleep(0.005)
    return []


def _processes(session: int, name: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError, ValueError, IndexError):
            status = (entry / "stat").read_bytes()
            state, _, _, sid = status[status.rindex(b")") + 2 :].split()[:4]
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if state not in (b"Z", b"X") and (int(sid) == session or f": {name};" in words):
                found.append(f"process {entry.name} ({words[:80]})")
    return found
