from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from lcode.tools.base import Effect
from tests.tools.conftest import Caller


def test_output_and_errors_come_together_with_the_exit_code(tools: Caller) -> None:
    output = tools.call("shell", command="echo one; echo two >&2; echo three; exit 3")
    assert re.fullmatch(r"one\ntwo\nthree\n\[exit code 3, \d+\.\d s\]", output.text)
    assert output.is_error and output.summary == "exit code 3, 3 lines"


def test_silence_is_said(tools: Caller) -> None:
    output = tools.call("shell", command="true")
    assert re.fullmatch(r"\[exit code 0, \d+\.\d s, no output\]", output.text)
    assert not output.is_error


def test_it_runs_in_the_project_or_in_cwd(tools: Caller) -> None:
    tools.write("sub/a.txt", "")
    assert tools.text("shell", command="pwd").startswith(f"{tools.root}\n")
    assert tools.text("shell", command="ls", cwd="sub").startswith("a.txt\n")
    assert "`cwd` is not a folder: gone" in tools.refused("shell", command="ls", cwd="gone")


def test_only_the_given_environment_is_passed_on_and_nothing_waits_for_a_person(
    tools: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEFT_OUT_API_KEY", "x")
    tools.context.environment = {**tools.context.environment, "GIVEN": "yes"}
    text = tools.text("shell", command="env")
    assert "GIVEN=yes" in text and "LEFT_OUT" not in text
    assert {"PAGER=cat", "GIT_PAGER=cat", "GIT_TERMINAL_PROMPT=0", "TERM=dumb"} <= set(text.splitlines())
    assert tools.text("shell", command="read line; echo $?; test -t 0 || echo no terminal").startswith("1\nno terminal\n")
    assert "No such device" in tools.text("shell", command="cat /dev/tty")


def test_what_terminals_need_is_taken_out(tools: Caller) -> None:
    command = r"printf '\033[31mred\033[0m\n\033]0;title\007ok\n10%%\r50%%\r100%%\nb\bbold\n\000\377end\n'"
    assert tools.text("shell", command=command).splitlines()[:5] == ["red", "ok", "100%", "bold", "\ufffdend"]


def kept(tools: Caller, text: str) -> Path:
    handle = re.search(r"read_result (output-[0-9a-f]{8}) has all\]", text)
    return tools.context.output_dir / f"{handle[1]}.txt"  # type: ignore[index]


def test_long_output_keeps_both_ends_and_a_handle_to_the_whole(tools: Caller) -> None:
    text = tools.text("shell", command="seq 1 20000")
    assert text.startswith("1\n2\n") and "\n20000\n[exit code 0" in text and len(text) < 17_000
    assert "characters cut of 20,000 lines" in text
    path = kept(tools, text)
    assert path.read_text().splitlines() == [str(number) for number in range(1, 20_001)]
    assert path.stat().st_mode & 0o077 == 0


def test_secrets_do_not_reach_the_file(tools: Caller) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    tools.write("token", token)
    path = kept(tools, tools.text("shell", command="cat token; echo; seq 1 20000"))
    assert token not in path.read_text() and "[redacted:" in path.read_text()


def test_an_endless_output_is_bounded(tools: Caller) -> None:
    output = tools.call("shell", command="yes 'a line of text' | head -c 30000000")
    assert len(output.text) < 17_000 and not output.is_error
    (path,) = tools.context.output_dir.iterdir()
    assert path.stat().st_size < 8_100_000 and "bytes were not kept" in path.read_text()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


FAMILY = (
    "echo $$ >> pids; "
    "(trap '' TERM; echo $BASHPID >> pids; while :; do sleep 0.1; done) & "
    "bash -c 'set -m; sleep 300 & echo $! >> pids; wait' & "
    "setsid bash -c 'echo $$ >> pids; sleep 301' & "
    "while [ $(wc -l < pids) -lt 4 ]; do sleep 0.02; done; echo ready > ready; wait"
)


@pytest.fixture
def quick_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcode.tools.process._GRACE", 0.3)


@pytest.mark.usefixtures("quick_kill")
def test_a_timeout_ends_the_whole_family(tools: Caller) -> None:
    started = time.monotonic()
    output = tools.call("shell", command=FAMILY, timeout=2)
    assert time.monotonic() - started < 8
    assert output.is_error and "timed out after 2 s and was ended" in output.text
    pids = [int(line) for line in (tools.root / "pids").read_text().split()]
    assert len(pids) == 4 and not [pid for pid in pids if alive(pid)]


@pytest.mark.usefixtures("quick_kill")
def test_a_cancelled_call_has_ended_its_family_before_it_returns(tools: Caller) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(tools.tools["shell"].run(tools.context, command=FAMILY))
        while not (tools.root / "ready").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # an impatient user
        with pytest.raises(asyncio.CancelledError):
            await task
        pids = [int(line) for line in (tools.root / "pids").read_text().split()]
        assert len(pids) == 4 and not [pid for pid in pids if alive(pid)]

    asyncio.run(cancelled())


def test_a_child_in_the_background_is_not_waited_for_and_lives_on(tools: Caller) -> None:
    started = time.monotonic()
    text = tools.text("shell", command="(for i in $(seq 600); do echo tick; sleep 0.1; done) & echo $! > pid; echo started")
    assert time.monotonic() - started < 3 and text.startswith("started\n")
    pid = int((tools.root / "pid").read_text())
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_all_output_of_a_quick_command_is_there(tools: Caller) -> None:
    for _ in range(20):
        assert tools.text("shell", command="head -c 15000 /dev/zero | tr '\\0' x; echo; echo END").split("\n")[1] == "END"


def test_a_command_that_cannot_be_is_refused(tools: Caller) -> None:
    assert "empty" in tools.refused("shell", command="  ")
    assert "NUL" in tools.refused("shell", command="a\0b")


def test_the_approval_shows_and_grants_the_whole_command(tools: Caller) -> None:
    command = "cd /tmp &&\n  rm -rf x " + "y" * 300
    preview = tools.preview("shell", command=command, description="Clean up")
    assert (preview.kind, preview.title, preview.detail, preview.grant_label) == ("command", "Clean up", command, command)
    assert tools.tools["shell"].paths(tools.context, {"command": command}) == []
    assert tools.tools["shell"].effect is Effect.EXECUTE


def test_a_grant_holds_for_the_folder_that_was_shown(tools: Caller) -> None:
    tools.write("sub/a.txt", "")
    preview = tools.preview("shell", command="rm *", cwd="sub")
    assert (preview.title, preview.detail) == ("Run a command in sub", "rm *")
    grants = {tools.preview("shell", command=command).grant for command in ("rm *", f"cd {tools.root}/sub && rm *")}
    assert preview.grant not in grants and len(grants) == 2


def test_a_secret_at_the_cut_leaves_no_half_behind(tools: Caller) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    for shift in range(0, 40, 7):
        text = tools.text("shell", command=f"printf '%0{10_000 - 20 + shift}d' 0; echo {token}; seq 1 20000")
        assert "ghp_" not in text
