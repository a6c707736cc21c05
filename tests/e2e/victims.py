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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcode.errors import LcodeError
from lcode.store import migrations
from lcode.store.database import Database, fetch_all, scalar
from lcode.store.locks import NamedLock
from tests.e2e.program import CHECKOUT, MODELS
from tests.support import fixture_repos
from tests.support.provider_server import ProviderServer, Recorded, Script, call, turn, user_text

STRACE = shutil.which("strace")
CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate")
DEADLINE = 60.0
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
    ids: list[str] = field(default_factory=list)


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
        self.repo = fixture_repos.make("python", folder / "repo")
        self.server = ProviderServer(Script(answers))
        self.facts: list[Fact] = []
        self.faults: list[str] = []
        self._api, self._seed, self._count = api, seed, 0

    def close(self) -> None:
        self.server.close()

    # -- runs -------------------------------------------------------------------------------------------------------

    def run(
        self, *, proceed: bool = False, delay: float | None = None, inject: str = "", long: bool = False, session: str = ""
    ) -> Ended:
        """One session, new or (`proceed`, or `session`) the last again. It is killed after `delay` seconds, or by strace."""
        self._count += 1
        name = f"{'long' if long else 'short'}{self._seed}x{self._count}"
        which = ["-r", session] if session else ["-c"] if proceed else []
        command = [sys.executable, "-m", "lcode", "-v", "-C", str(self.repo), "-p", f"run-{name}", *which]
        command += ["--model", MODELS[self._api], "--permission-mode", "yolo"]
        if inject:
            trace = ["-e", f"trace={','.join(CALLS)}", "-e", f"inject={inject}:signal=SIGKILL"]
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
        requests = [one for one in self.server.requests[before:] if f"run-{name}" in user_text(one.body)]
        return self._ended(name, process, (out, err), requests, started)

    def _collect(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """The output of a process that is over, or ends by itself. A child that holds the pipes shows as a time-out."""
        try:
            return process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.faults.append("a run did not end, or left a child that holds its output")
            return process.communicate()

    def _ended(
        self, name: str, process: subprocess.Popen[str], output: tuple[str, str], requests: list[Recorded], started: float
    ) -> Ended:
        out, err = output
        facts = list(_known(name, len(requests), out, err))
        first = requests[0].at - started if requests else None
        self.facts += facts
        ended = Ended(name, process.returncode, err, facts, first)
        if ended.code not in (0, -signal.SIGKILL):
            self.faults.append(f"{name}: exit {ended.code}: {err.strip()[-400:]}")
        if ended.code == 0 and not any(fact.text.startswith("Answer") for fact in facts):
            self.faults.append(f"{name}: exit 0 without an answer")
        self.faults += [f"{name}: {one} runs on" for one in _left(process.pid, name)]
        self.faults += [f"{name}: {lock} is held by nobody" for lock in self._held()]
        self.faults += [f"{name}: {refusal}" for refusal in self.server.refusals]
        return ended

    def environ(self) -> dict[str, str]:
        return {**os.environ, **self.server.environ(), "PYTHONPATH": str(CHECKOUT), "LCODE_HOME": str(self.home)}

    # -- afterwards -------------------------------------------------------------------------------------------------

    def _held(self) -> list[str]:
        """Locks that are still held although no session runs."""
        import fcntl

        held = []
        for path in self.home.rglob("*.lock"):
            if path.name.startswith("session-"):
                if NamedLock(path).owner() is not None:
                    held.append(path.name)
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


def _texts(database: Database, sql: str) -> str:
    return "\n".join(row[0] for row in database.read(lambda connection: fetch_all(connection, sql)))


def _damage(database: Database) -> Iterator[str]:
    verdict = database.read(lambda connection: scalar(connection, "PRAGMA integrity_check"))
    if verdict != "ok":
        yield f"{database.path}: {verdict}"
    tables = database.read(lambda connection: fetch_all(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
    for table in ("messages", "passages"):
        if (f"{table}_fts",) in tables:
            rows = database.read(
                lambda connection, table=table: fetch_all(
                    connection,
                    f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {table}_fts_docsize),"
                    f" (SELECT total(seq) FROM {table}), (SELECT total(id) FROM {table}_fts_docsize)",
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
