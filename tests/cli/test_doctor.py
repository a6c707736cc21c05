"""`lcode doctor`: what is wrong is found, said with a remedy, and nothing is changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.cli.conftest import Lcode


def findings(lcode: Lcode, *, code: int = 0) -> dict[str, dict[str, Any]]:
    done = lcode("doctor", "--json")
    assert done.code == code, done.out
    return {row["check"]: row for row in json.loads(done.out)}


def memory_db(lcode: Lcode) -> Path:
    return Path(lcode("agents", "--json").json()[0]["folder"]) / "memory.db"


def test_a_fresh_machine_is_sound_and_nothing_is_made(lcode: Lcode, repository: Path, home: Path) -> None:
    found = findings(lcode)
    assert {"lcode", "python", "sqlite", "store", "git", "ripgrep", "terminal", "model"} <= set(found)
    assert "not made yet" in found["store"]["text"]
    assert not home.exists()


def test_a_used_store_is_reported_line_by_line(lcode: Lcode, repository: Path) -> None:
    lcode("-p", "where is parse_port?")
    found = findings(lcode)
    assert "1 session" in found["agent shop"]["text"]
    assert found["permissions"]["state"] == "ok"
    assert "belongs to shop" in found["here"]["text"]
    text = lcode("doctor").out
    assert all(line.startswith(("ok ", "warn ", "fail ", " ")) for line in text.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_a_store_that_others_can_read_is_a_warning(lcode: Lcode, repository: Path, home: Path) -> None:
    lcode("remember", "x")
    home.chmod(0o755)
    assert findings(lcode)["permissions"]["state"] == "warn"


def test_a_damaged_database_fails(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    path = memory_db(lcode)
    path.write_bytes(b"not a database" * 1_000)
    found = findings(lcode, code=1)
    assert found["agent shop"]["state"] == "fail"
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_that_is_gone_fails(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    memory_db(lcode).unlink()
    assert "its memory is gone" in findings(lcode, code=1)["agent shop"]["text"]


def test_full_text_that_does_not_fit_the_rows_fails(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    connection = apsw.Connection(str(memory_db(lcode)))
    connection.execute(
        "INSERT INTO passages_fts (passages_fts, rowid, text, terms) SELECT 'delete', seq, text, terms FROM passages"
    )
    connection.close()
    assert "full text of passages" in findings(lcode, code=1)["agent shop"]["text"]


def test_a_newer_store_fails_and_is_left_alone(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    connection = apsw.Connection(str(memory_db(lcode)))
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "newer lcode" in findings(lcode, code=1)["agent shop"]["text"]


def test_a_folder_that_is_gone_is_a_warning(lcode: Lcode, tmp_path: Path, repository: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    lcode("-C", str(folder), "remember", "x")
    folder.rmdir()
    found = findings(lcode)["agent notes"]
    assert found["state"] == "warn"
    assert "relocate" in found["hint"]


def test_keys_are_named_and_never_shown(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-proj-" + "abcd1234" * 4
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    done = lcode("doctor")
    assert done.code == 0
    assert "OPENAI_API_KEY" in done.out
    assert secret not in done.out + done.err
    assert "openai/" in findings(lcode)["model"]["text"]


def test_a_model_without_its_key_fails(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODE_MODEL", "openai/gpt-5.2")
    assert "OPENAI_API_KEY" in findings(lcode, code=1)["model"]["text"]


def test_broken_settings_are_one_finding_and_the_rest_is_checked(lcode: Lcode, repository: Path) -> None:
    path = Path(lcode("config", "path").out.strip())
    path.parent.mkdir(parents=True)
    path.write_text("max_steps = [\n")
    found = findings(lcode, code=1)
    assert found["model"]["state"] == "fail"
    assert found["sqlite"]["state"] == "ok"


# -- repairs ----------------------------------------------------------------------------------------------------------


def mended(lcode: Lcode, *more: str) -> dict[str, str]:
    """What `--fix` says that it did, by check; afterwards nothing may fail."""
    done = lcode("doctor", "--fix", "--json", *more)
    assert done.code == 0, done.out + done.err
    assert lcode("doctor").code == 0
    return {row["check"]: row["text"] for row in json.loads(done.out) if row["state"] == "fixed"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_permissions_are_closed(lcode: Lcode, repository: Path, home: Path) -> None:
    lcode("remember", "x")
    home.chmod(0o755)
    memory_db(lcode).chmod(0o644)
    assert "for you alone" in mended(lcode)["permissions"]
    assert home.stat().st_mode & 0o077 == memory_db(lcode).stat().st_mode & 0o077 == 0


def test_full_text_is_made_anew_from_the_rows(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "the deploy is on tuesday")
    connection = apsw.Connection(str(memory_db(lcode)))
    connection.execute(
        "INSERT INTO passages_fts (passages_fts, rowid, text, terms) SELECT 'delete', seq, text, terms FROM passages"
    )
    found = "SELECT count(*) FROM passages_fts WHERE passages_fts MATCH 'deploy'"  # a search finds it by its meaning too
    assert connection.execute(found).fetchall() == [(0,)]
    connection.close()
    assert "full text" in mended(lcode)["agent shop"]
    connection = apsw.Connection(str(memory_db(lcode)))
    assert connection.execute(found).fetchall() == [(1,)]
    connection.close()


def test_a_damaged_database_is_restored_only_after_a_yes(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "kept")
    lcode("backup", "create")
    path = memory_db(lcode)
    path.write_bytes(b"not a database" * 1_000)
    asked = lcode("doctor", "--fix")
    assert asked.code == 1
    assert "--yes" in asked.err
    assert path.read_bytes().startswith(b"not a database")
    assert "restored from the backup" in mended(lcode, "--yes")["agent shop"]
    assert [row["text"] for row in lcode("search", "kept", "--json").json()["facts"]] == ["kept"]


def test_a_database_that_is_gone_without_a_backup_is_made_anew_and_that_is_said(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    memory_db(lcode).unlink()
    text = mended(lcode, "--yes")["agent shop"]
    assert "made anew: no backup was good" in text
    assert "lacks: everything" in text


def test_leftovers_of_killed_work_and_stale_locks_go(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "x")
    part = memory_db(lcode).with_name(".memory-0123.part")
    part.write_bytes(b"half a copy")
    lock = memory_db(lcode).parent / "locks" / "session-0123456789abcdef.lock"
    lock.write_text("{}")
    assert findings(lcode)["agent shop"]["text"]
    done = mended(lcode)
    assert "stale lock" in done["agent shop locks"]
    assert not part.exists()
    assert not lock.exists()


def test_a_missing_backup_is_made_when_it_is_due(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("-p", "where is parse_port?")
    monkeypatch.setattr("lcode.store.backup.FIRST_MESSAGES", 1)  # only now: else the session has one made beside the test
    assert findings(lcode)["agent shop backups"]["state"] == "warn"
    assert "made the backup" in mended(lcode)["agent shop backups"]
    assert findings(lcode)["agent shop backups"]["state"] == "ok"


def test_an_agent_that_the_registry_does_not_know_is_taken_in(lcode: Lcode, repository: Path, home: Path) -> None:
    lcode("remember", "x")
    before = lcode("agents", "--json").json()
    (home / "user.db").unlink()
    assert findings(lcode, code=1)["user.db"]["state"] == "fail"
    assert "made anew" in mended(lcode, "--yes")["user.db"]
    assert lcode("agents", "--json").json() == before


def test_an_overgrown_log_is_carried_over(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("remember", "x")
    monkeypatch.setattr("lcode.cli.doctor_store._LARGE_LOG", 10_000)
    holder = apsw.Connection(str(memory_db(lcode)))
    holder.execute("SELECT count(*) FROM passages").fetchall()  # keeps the log from going when the writer ends
    lcode("remember", "y")
    log = memory_db(lcode).with_name("memory.db-wal")
    assert log.stat().st_size > 10_000
    lcode("doctor", "--fix")
    assert log.stat().st_size == 0
    holder.close()


def test_a_store_on_a_network_is_a_warning(lcode: Lcode, repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("remember", "x")
    monkeypatch.setattr("lcode.store.filesystem._mounts", lambda: "22 1 8:1 / / rw - nfs4 server:/ rw\n")
    assert findings(lcode)["file system"]["state"] == "warn"
    done = lcode("-p", "where is parse_port?")
    assert (done.out + done.err).count("memory lies on nfs4") == 1
