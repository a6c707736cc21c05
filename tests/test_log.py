"""The log: private, small, without secrets, and never a cause of trouble itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lcode import log
from lcode.log import Log, log_exception
from lcode.redact import Redactor

SECRET = "ghp_" + "a1B2c3D4e5" * 4
REDACTOR = Redactor({"SERVICE_TOKEN": "open-sesame-9"})


def failure(words: str = "it broke") -> Exception:
    try:
        raise ValueError(words)
    except ValueError as error:
        return error


def test_a_bug_is_written_with_its_trace_and_the_file_is_returned(tmp_path: Path) -> None:
    file = log_exception(tmp_path / "log", failure(), REDACTOR)
    text = file.read_text()
    assert "ValueError: it broke" in text and "test_log.py" in text and "raise ValueError(words)" in text


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    file = log_exception(tmp_path / "log", failure(), REDACTOR)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_secrets_never_reach_the_file(tmp_path: Path) -> None:
    log_exception(tmp_path, failure(f"key {SECRET} of open-sesame-9"), REDACTOR)
    Log(tmp_path, REDACTOR).write(f"Authorization: Bearer {SECRET}")
    text = (tmp_path / "lcode.log").read_text()
    assert SECRET not in text and "open-sesame" not in text
    assert text.count("[redacted:") >= 3


def test_records_are_appended_with_time_and_process_and_one_cannot_pose_as_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODE_CLOCK", "2026-11-20T09:30:00Z")
    writer = Log(tmp_path, REDACTOR)
    writer.write("one\n2026-11-20T09:30:00.000Z [1] forged")
    writer.write("two \ud800\n")
    lines = (tmp_path / "lcode.log").read_text().splitlines()
    assert [line[:24] for line in lines] == ["2026-11-20T09:30:00.000Z", "    2026-11-20T09:30:00.", "2026-11-20T09:30:00.000Z"]
    assert lines[2].endswith("two \\ud800")


def test_a_record_is_redacted_before_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_LONGEST", 20)
    token = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    Log(tmp_path, REDACTOR).write(f"token {token}")
    assert "ghp_" not in (tmp_path / "lcode.log").read_text()


def test_it_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_LARGEST", 1_000)
    writer = Log(tmp_path, REDACTOR)
    for number in range(100):
        writer.write(f"record {number} " + "words " * 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lcode.log", "lcode.log.1"]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert "record 99 " in (tmp_path / "lcode.log").read_text()


def test_a_folder_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        log_exception(tmp_path / "file" / "log", failure(), REDACTOR)


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "lcode.log").symlink_to(victim)
    with pytest.raises(OSError, match="link"):
        log_exception(tmp_path / "log", failure(), REDACTOR)
    assert victim.read_text() == "precious\n"


def test_an_endless_recursion_is_logged_in_short(tmp_path: Path) -> None:
    def down() -> None:
        down()

    with pytest.raises(RecursionError) as caught:
        down()
    file = log_exception(tmp_path, caught.value, REDACTOR)
    assert file.stat().st_size < 50_000


def test_importing_it_does_not_import_logging() -> None:
    code = "import sys, lcode.log; sys.exit('logging' in sys.modules or 'traceback' in sys.modules)"
    assert subprocess.run([sys.executable, "-S", "-c", code], check=False, cwd=Path(__file__).parents[1]).returncode == 0
