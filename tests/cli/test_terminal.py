"""What needs a person at a terminal: the pick of a session, the confirmation of a deletion, colours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import CHECKOUT, Lcode, git, process


def terminal(folder: Path, *arguments: str, **environment: str) -> pexpect.spawn[str]:
    """`lcode ARGUMENTS` in a terminal of its own."""
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "dumb", "NO_COLOR": "", **environment}
    command = ["-m", "lcode", *arguments]
    return pexpect.spawn(
        sys.executable, command, cwd=str(folder), env=variables, encoding="utf-8", timeout=20, dimensions=(40, 200)
    )


@pytest.fixture
def sessions(lcode: Lcode, repository: Path) -> list[str]:
    """The ids of two sessions, the newest first."""
    return [lcode("-p", text, "--output-format", "json").json()["session_id"] for text in ("first words", "second words")][::-1]


def test_resume_without_an_id_lets_one_pick_from_a_list(repository: Path, sessions: list[str]) -> None:
    child = terminal(repository, "-r")
    child.expect(r"number \[1\]: ")
    assert re.findall(r"^(\d)  (\w{8})  .*(first|second) words\r$", child.before, re.M) == [
        ("1", sessions[0][8:16], "second"),
        ("2", sessions[1][8:16], "first"),
    ]
    child.sendline("9")
    child.expect(r"number \[1\]: ")
    child.sendline("2")
    child.expect(sessions[1][8:16])
    child.sendline("/exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_the_pick_can_be_left(repository: Path, sessions: list[str]) -> None:
    child = terminal(repository, "-r")
    child.expect(r"number \[1\]: ")
    child.sendline("0")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_copy_of_a_repository_is_asked_about_and_can_share_the_memory(
    repository: Path, lcode: Lcode, sessions: list[str], tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(repository), "copy")
    child = terminal(tmp_path / "copy")
    child.expect("1  share the memory of shop")
    child.expect(r"number \[0\]: ")
    child.sendline("1")
    child.expect("2 sessions")
    child.sendline("/exit")
    child.expect(pexpect.EOF)
    child.close()
    assert len(lcode("agents", "--json").json()) == 1


def test_deleting_asks_and_no_is_no(repository: Path, lcode: Lcode, sessions: list[str]) -> None:
    for answer, left, code in (("n", 1, 130), ("y", 0, 0)):
        child = terminal(repository, "agents", "delete", "shop")
        child.expect("2 sessions.*cannot be undone")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
        assert len(lcode("agents", "--json").json()) == left


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)]
)
def test_colours_are_for_terminals_that_want_them(repository: Path, environment: dict[str, str], coloured: bool) -> None:
    child = terminal(repository, "memory", **environment)
    child.expect(pexpect.EOF)
    child.close()
    assert ("\x1b[1mpersona" in child.before) is coloured


def test_a_pipe_gets_no_colours(repository: Path) -> None:
    assert "\x1b" not in process("memory", TERM="xterm", NO_COLOR="").stdout


def test_closed_standard_streams_do_no_harm(repository: Path, lcode: Lcode) -> None:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    for closed in ("<&-", ">&-", "<&- >&- 2>&-"):
        command = f"exec '{sys.executable}' -m lcode remember tea {closed}"
        assert subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 0
    assert lcode("search", "tea", "--json").json()["facts"]
    assert lcode("doctor").code == 0
