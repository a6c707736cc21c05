"""Words on the command line: help, mistakes and what is said about them, exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lcode import __version__
from lcode.cli.main import TABLE
from tests.cli.conftest import CHECKOUT, Lcode, process


def test_the_help_lists_every_command_without_importing_one(lcode: Lcode) -> None:
    done = lcode("--help")
    assert done.code == 0
    assert not done.err
    for name, row in TABLE.items():
        assert re.search(rf"^  {name} +{re.escape(row.help[:30])}", done.out, re.M)


def test_no_module_of_a_command_is_loaded_for_the_help() -> None:
    done = process("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & ({row.module for row in TABLE.values()} | {"asyncio", "apsw", "urllib3", "lcode.cli.run"})


@pytest.mark.parametrize("name", TABLE)
def test_each_command_of_the_table_is_there_and_has_help(lcode: Lcode, name: str) -> None:
    done = lcode(name, "--help")
    assert done.code == 0, done.err
    assert done.out.startswith(f"Usage: lcode {name}")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_one_line(lcode: Lcode, option: str) -> None:
    assert lcode(option) == (0, f"lcode {__version__}\n", "")


def test_a_bare_word_is_a_usage_error_that_says_how_to_ask(lcode: Lcode) -> None:
    done = lcode("explain")
    assert done.code == 2
    assert done.err.startswith("lcode: there is no command 'explain'\nhint: ")
    assert 'lcode -p "explain …"' in done.err
    assert not done.out


@pytest.mark.parametrize(
    ("word", "meant"), [("memroy", "lcode memory"), ("session", "lcode sessions"), ("help", "lcode --help")]
)
def test_a_word_close_to_a_command_is_answered_with_that_command(lcode: Lcode, word: str, meant: str) -> None:
    done = lcode(word)
    assert done.code == 2
    assert f"`{meant}`" in done.err


def test_a_word_close_to_a_sub_command_is_answered_with_it(lcode: Lcode) -> None:
    assert "`lcode memory append`" in lcode("memory", "appnd").err
    assert "lcode memory show human" in lcode("memory", "human").err
    assert "lcode sessions show abc" in lcode("sessions", "abc").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--output-format", "json"],
        ["-c", "-r", "abc", "-p", "hi"],
        ["-c", "memory"],
        ["--plain", "sessions"],
        ["--permission-mode", "always"],
        ["--max-turns", "0", "-p", "hi"],
        ["-C", "/no/such/folder", "-p", "hi"],
        ["memory", "set"],
        ["memory", "show", "human", "extra"],
        ["completion", "cmd"],
        ["-p"],
        ["-p", "  "],
    ],
)
def test_wrong_usage_ends_with_2_and_one_line_on_standard_error(lcode: Lcode, repository: Path, arguments: list[str]) -> None:
    done = lcode(*arguments)
    assert done.code == 2
    assert not done.out
    assert re.fullmatch(r"lcode: .+\n(hint: .+\n)?", done.err)


def test_a_bug_is_one_line_and_its_trace_is_in_the_log(
    lcode: Lcode, home: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("lcode.cli.sessions._list", broken)
    done = lcode("sessions")
    assert done.code == 1
    assert done.err.startswith("lcode: internal error: ZeroDivisionError: one\nhint: the trace is in ")
    assert "Traceback" not in done.err
    assert any("ZeroDivisionError" in path.read_text() for path in (home / "log").iterdir())


def test_a_bug_of_an_ephemeral_run_writes_no_log(
    lcode: Lcode, home: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one")

    monkeypatch.setattr("lcode.cli.run._open", broken)
    done = lcode("-p", "hi", "--ephemeral")
    assert (done.code, home.exists()) == (1, False)
    assert "internal error: ZeroDivisionError: one\nhint: the trace is in no log" in done.err
    assert lcode("-p", "hi").code == 1 and (home / "log").exists()


def test_a_bug_shows_its_trace_when_asked_to(lcode: Lcode, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lcode.cli.sessions._list", broken)
    monkeypatch.setenv("LCODE_DEBUG", "1")
    assert "Traceback" in lcode("sessions").err


def test_an_interrupt_ends_with_130(lcode: Lcode, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lcode.cli.sessions._list", interrupted)
    assert lcode("sessions").code == 130


def test_a_reader_that_goes_away_is_no_noise(repository: Path) -> None:
    command = f"'{sys.executable}' -m lcode memory show | true"
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_store_that_cannot_be_made_ends_with_1(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = process("remember", "x", LCODE_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    assert "hint: " in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(lcode: Lcode, shell: str) -> None:
    done = lcode("completion", shell)
    assert done.code == 0
    assert "_LCODE_COMPLETE" in done.out


def test_the_completion_knows_commands_and_sub_commands() -> None:
    def complete(words: str) -> list[str]:
        found = process(_LCODE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split())))
        return [line.partition(",")[2] for line in found.stdout.splitlines()]

    assert set(TABLE) <= set(complete("lcode"))
    assert "append" in complete("lcode memory")
