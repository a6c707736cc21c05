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
