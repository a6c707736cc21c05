"""What the user must know of a place is said whoever reads it; what is only good to know is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lcode.cli.run import _exit_code
from lcode.errors import EXIT_STOPPED
from lcode.events import RunFinished, StopReason, Usage
from tests.cli.conftest import Lcode, git


def test_the_first_time_is_told_to_a_person_or_with_v_only(lcode: Lcode, repository: Path, tmp_path: Path) -> None:
    assert lcode("-p", "hi").err == ""
    other = tmp_path / "other"
    other.mkdir()
    assert "first time here" in lcode("-v", "-C", str(other), "-p", "hi").err


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_move_and_a_copy_are_told_to_everybody(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    lcode("memory", "append", "conventions", "tabs")
    moved = tmp_path / "moved"
    monkeypatch.chdir(tmp_path)
    repository.rename(moved)
    done = lcode("-C", str(moved), "-p", "hi", "--output-format", form)
    assert done.err.startswith("lcode: shop moved here from ")
    git(tmp_path, "clone", "-q", str(moved), "copy")
    done = lcode("-C", str(tmp_path / "copy"), "-p", "hi", "--output-format", form)
    assert done.err.startswith("lcode: this repository shares its history with shop ")


def test_a_command_that_only_reads_tells_of_a_move_too(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lcode("memory", "append", "conventions", "tabs")
    monkeypatch.chdir(tmp_path)
    repository.rename(tmp_path / "moved")
    assert lcode("-C", str(tmp_path / "moved"), "memory").err.startswith("lcode: shop moved here from ")


def test_settings_that_were_ignored_are_told(lcode: Lcode, repository: Path) -> None:
    (repository / ".lcode").mkdir()
    (repository / ".lcode" / "config.toml").write_text('permission_mode = "yolo"\n')
    assert lcode("-p", "hi").err.startswith("lcode: ignored in ")


@pytest.mark.parametrize(("mode", "advice"), [("plan", "leave plan mode"), ("ask", "yolo")])
def test_the_advice_after_a_refusal_fits_the_mode(capsys: pytest.CaptureFixture[str], mode: str, advice: str) -> None:
    finished = RunFinished("run-1", StopReason.END_TURN, "done", Usage(), 1, refused=1)
    session: Any = SimpleNamespace(mode=mode, failure=None)
    assert _exit_code(session, finished) == EXIT_STOPPED
    told = capsys.readouterr().err
    assert advice in told
    assert ("yolo" in told) == (mode == "ask")
