"""The command in this process: real stores in the test's home, a real repository, no key and so the offline model."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lcode.cli.main import main

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`lcode ARGUMENTS` as a process of its own, without input."""
    return subprocess.run(
        [sys.executable, "-m", "lcode", *arguments],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


class Result(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Lcode = Callable[..., Result]


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def make_repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("def parse_port(text):\n    return int(text)\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a commit; the test's current directory."""
    folder = make_repository(tmp_path / "shop")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def lcode(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lcode:
    """Run `lcode ARGUMENTS`, with `stdin` piped in."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def home(isolated_environment: Path) -> Path:
    """The folder of the store, which a command may or may not have made."""
    return isolated_environment / "lcode"
