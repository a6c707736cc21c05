"""`lcode backup`, and the backups that make themselves."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from lcode.agent import upkeep
from lcode.agent.upkeep import Upkeep
from lcode.config import Settings
from lcode.git.repository import find
from lcode.memory.store import Store
from lcode.store import backup
from lcode.store.backup import Origin, list_backups, note_damage
from lcode.store.locks import NamedLock
from tests.cli.conftest import Lcode


def origin(lcode: Lcode) -> Origin:
    agent = lcode("agents", "--json").json()[0]
    store = Store(os.environ, ephemeral=True)
    store.close()
    return Origin.of_agent(store.paths.agent(agent["id"]))


def passages(lcode: Lcode) -> set[str]:
    return {row["text"] for row in lcode("search", "kept", "--json").json()["facts"]}


@pytest.fixture
def kept(lcode: Lcode, repository: Path) -> Origin:
    """An agent with something to lose, and a backup of it."""
    lcode("remember", "kept one")
    assert lcode("backup", "create").code == 0
    return origin(lcode)


def test_a_backup_of_memory_and_of_the_users_database_is_made_and_listed(lcode: Lcode, kept: Origin) -> None:
    rows = lcode("backup", "list", "--json").json()
    assert {Path(row["database"]).name for row in rows} == {"memory.db", "user.db"}
    assert lcode("backup").out.count("memory.db") == 1
    done = lcode("backup", "verify", "--json").json()
    assert [row["problems"] for row in done] == [[], []]


def test_without_backups_that_is_said(lcode: Lcode, repository: Path, home: Path) -> None:
    assert "no backups yet" in lcode("backup").out
    assert lcode("backup", "verify").code == 0
    assert not home.exists()


def test_a_damaged_backup_fails_to_verify(lcode: Lcode, kept: Origin) -> None:
    path = list_backups(kept)[0].path
    path.write_bytes(path.read_bytes().replace(b"kept one", b"kept 0ne"))
    done = lcode("backup", "verify")
    assert done.code == 1
    assert "damaged" in done.out


def test_a_restore_brings_the_newest_good_backup_and_what_is_newer(lcode: Lcode, kept: Origin) -> None:
    lcode("remember", "kept two")
    kept.path.write_bytes(b"garbage in the header" + kept.path.read_bytes()[21:])
    refused = lcode("search", "kept")
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 2  # one line, and the hint
    assert "lcode doctor --fix" in refused.err
    done = lcode("backup", "restore", "--yes", "--json").json()
    assert done["lacks"] == []
    assert done["brought"]["passages"] == 1
    assert passages(lcode) == {"kept one", "kept two"}


def test_a_restore_to_a_named_backup(lcode: Lcode, kept: Origin) -> None:
    named = list_backups(kept)[0].id
    lcode("backup", "create")
    assert lcode("backup", "restore", named, "--yes", "--json").json()["backup"] == named
    assert lcode("backup", "restore", "1999", "--yes").code == 1


def test_a_restore_has_to_be_confirmed(lcode: Lcode, kept: Origin) -> None:
    before = kept.path.stat().st_ino
    done = lcode("backup", "restore")
    assert done.code == 2
    assert "--yes" in done.err
    assert kept.path.stat().st_ino == before


def test_a_restore_under_an_open_session_is_refused_and_names_it(lcode: Lcode, kept: Origin) -> None:
    lock = NamedLock(kept.path.parent / "locks" / "session-fedcba9876543210.lock")
    assert lock.acquire("session")
    done = lcode("backup", "restore", "--yes")
    lock.release()
    assert done.code == 75
    assert "fedcba98" in done.err


def test_the_users_database_is_restored_with_every_agent(lcode: Lcode, kept: Origin, home: Path) -> None:
    before = lcode("agents", "--json").json()
    (home / "user.db").write_bytes(b"")
    assert "lcode doctor --fix" in lcode("agents").err
    assert lcode("backup", "restore", "--user", "--yes").code == 0
    assert lcode("agents", "--json").json() == before


def test_none_is_made_when_none_is_due(lcode: Lcode, kept: Origin) -> None:
    assert lcode("backup", "create", "--if-due", "--json").json() == []
    assert len(list_backups(kept)) == 1


def test_a_store_that_is_damaged_is_not_backed_up(lcode: Lcode, kept: Origin) -> None:
    kept.path.write_bytes(kept.path.read_bytes().replace(b"kept one", b"kept 0ne"))
    done = lcode("backup", "create")
    assert done.code == 1
    assert "lcode doctor --fix" in done.err
    assert len(list_backups(kept)) == 1


# -- by themselves ----------------------------------------------------------------------------------------------------


class Started:
    """Which backups were started instead of a process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.agents: list[str] = []
        monkeypatch.setattr(upkeep, "start_backup", lambda agent, environ: self.agents.append(agent))


def test_no_backup_of_a_new_store_is_started(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started(monkeypatch)
    assert lcode("-p", "where is parse_port?").code == 0
    assert started.agents == []


def test_one_is_started_after_an_answer_when_it_is_due(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started(monkeypatch)
    monkeypatch.setattr(backup, "FIRST_MESSAGES", 2)
    assert lcode("-p", "where is parse_port?").code == 0
    assert started.agents == [lcode("agents", "--json").json()[0]["id"]]
    lcode("backup", "create")
    assert lcode("-p", "where is parse_port?").code == 0
    assert len(started.agents) == 1


def test_an_ephemeral_session_starts_none(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started(monkeypatch)
    lcode("-p", "where is parse_port?")
    monkeypatch.setattr(backup, "FIRST_MESSAGES", 1)
    assert lcode("--ephemeral", "-p", "where is parse_port?").code == 0
    assert started.agents == []


def test_the_process_makes_the_backup_and_nobody_waits_for_it(
    lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "FIRST_MESSAGES", 2)
    children: list[Any] = []
    import subprocess

    popen = subprocess.Popen

    def noted(command: list[str], **how: Any) -> Any:
        # the child has the real limits: a store this small is due for it only without --if-due
        child = popen([word for word in command if word != "--if-due"], **how)
        children.append((child, how))
        return child

    monkeypatch.setattr(subprocess, "Popen", noted)
    assert lcode("-p", "where is parse_port?").code == 0
    ours = [(child, how) for child, how in children if "backup" in child.args]
    (child, how), *more = ours
    assert more == []
    assert how["stdin"] == how["stdout"] == how["stderr"] == subprocess.DEVNULL
    assert not any(name.endswith("_API_KEY") for name in how["env"])
    child.wait(60)
    assert len(list_backups(origin(lcode))) == 1


def test_deciding_takes_less_than_a_turn_of_the_clock(lcode: Lcode, kept: Origin, repository: Path) -> None:
    """Counted generously: what is measured in benchmarks stays far below."""
    store = Store(os.environ)
    agent = store.agents.known(find(repository))
    assert agent is not None
    watched = Upkeep(store, agent, store.open(agent), os.environ, repository, Settings(worker=False))

    async def decide() -> float:
        await watched.after_answer()
        begin = time.perf_counter()
        for _ in range(20):
            await watched.after_answer()
        return (time.perf_counter() - begin) / 20

    assert asyncio.run(decide()) < 0.05
    store.close()


def test_what_the_background_found_is_told_at_the_next_start(lcode: Lcode, kept: Origin) -> None:
    note_damage(kept, "a page is not as it was written")
    done = lcode("-p", "where is parse_port?", "--output-format", "json")
    told = done.out + done.err
    assert "a page is not as it was written" in told
    lcode("backup", "create")
    done = lcode("-p", "where is parse_port?", "--output-format", "json")
    assert "as it was written" not in done.out + done.err


def test_what_is_printed_as_json_can_be_read(lcode: Lcode, kept: Origin) -> None:
    made = json.loads(lcode("backup", "create", "--json").out)
    assert {"id", "path", "taken", "size", "mark", "database"} <= set(made[0])


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_backups_are_private(lcode: Lcode, kept: Origin) -> None:
    assert kept.folder.stat().st_mode & 0o077 == 0
    assert all(found.path.stat().st_mode & 0o077 == 0 for found in list_backups(kept))


def test_a_backup_is_a_database_that_sqlite_reads(lcode: Lcode, kept: Origin) -> None:
    connection = apsw.Connection(str(list_backups(kept)[0].path), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("SELECT text FROM passages").fetchall() == [("kept one",)]
    connection.close()
