"""A session at a terminal whose disk fills (RLIMIT_FSIZE, set from outside on the running process) and empties again."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import Lcode
from tests.cli.test_terminal import terminal

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="the limit of another process can be set on Linux alone"
)


def limit(child: pexpect.spawn[str], size: int) -> None:
    if sys.platform == "linux":
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def say(child: pexpect.spawn[str], text: str) -> None:
    child.sendline(text)
    child.expect("No model is configured")
    child.expect("> ")


def test_a_full_disk_is_told_once_and_all_is_written_when_there_is_room(lcode: Lcode, repository: Path) -> None:
    child = terminal(repository)
    child.expect("> ")
    say(child, "first words")
    limit(child, 0)
    child.sendline("second words")
    child.expect("memory.db cannot be written: .*going on in memory; all is written as soon as it can be")
    child.expect("No model is configured")
    child.expect("> ")
    child.sendline("third words")
    child.expect("No model is configured")
    assert "going on in memory" not in child.before
    child.expect("> ")
    limit(child, resource.RLIM_INFINITY)
    child.sendline("fourth words")
    child.expect(r"memory can be written again: \d+ messages saved, nothing is missing")
    child.expect("> ")
    child.sendline("/exit")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    (row,) = lcode("sessions", "--json").json()
    messages = lcode("sessions", "show", row["id"], "--json").json()["messages"]
    asked = [message["text"] for message in messages if message["kind"] == "user"]
    assert asked == ["first words", "second words", "third words", "fourth words"]


def test_what_is_lost_at_the_end_is_said(lcode: Lcode, repository: Path) -> None:
    child = terminal(repository)
    child.expect("> ")
    say(child, "first words")
    limit(child, 0)  # no file can be written, the outbox neither
    say(child, "second words")
    child.sendline("/exit")
    child.expect(r"lcode: \d+ messages of session \w{8} could not be saved and are lost \(the memory store .*\)")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    (row,) = lcode("sessions", "--json").json()
    assert not row["live"]
    again = lcode("-c", "-p", "again")
    assert again.code == 0 and "could not be saved" not in again.err  # no file was left that holds nothing
