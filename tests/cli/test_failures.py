"""What cannot work ends with one line and a hint, and with the exit code that says whether to try again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, Lcode, process

ONE_LINE = r"lcode: .+\nhint: .+\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["memory", "show"], ["--help"], ["-p", "hi"]])
def test_an_output_that_cannot_be_written_is_one_line(
    lcode: Lcode, repository: Path, arguments: list[str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lcode("memory", "append", "human", "tea")
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lcode", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(ONE_LINE, done.stderr)
    assert "cannot write the output" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder in use cannot be removed")
@pytest.mark.parametrize("arguments", [["-p", "hi"], ["memory"], ["-C", ".", "agents"]])
def test_a_deleted_directory_is_one_line(
    lcode: Lcode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = lcode(*arguments, stdin="hello")
    assert done.code == 1
    assert re.fullmatch(ONE_LINE, done.err)
    assert "the current directory cannot be used" in done.err


def test_a_home_that_cannot_be_used_is_no_matter_of_time(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = process("-p", "hi", LCODE_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert re.fullmatch(ONE_LINE, done.stderr)
