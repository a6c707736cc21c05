"""Names of folders and words of the command line may be any bytes: what is not UTF-8 is shown replaced, and nothing fails."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Lcode, make_repository

ODD = os.fsdecode(b"caf\xe9")
SHOWN = "caf\ufffd"

if sys.platform in ("win32", "darwin"):
    pytest.skip("names are Unicode there", allow_module_level=True)


@pytest.fixture
def odd_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_repository(tmp_path / ODD)
    (folder / ODD).write_text("x")
    monkeypatch.chdir(folder)
    return folder


def test_a_message_that_is_not_utf_8_is_answered_kept_and_found(lcode: Lcode, repository: Path) -> None:
    assert lcode("-p", f"where is {ODD} parsed?").code == 0
    assert lcode("-p", "-c", f"and {ODD}?").code == 0
    (session,) = lcode("sessions", "--json").json()
    assert session["title"] == f"where is {SHOWN} parsed?"
    assert SHOWN in lcode("sessions", "export", session["id"]).out
    for command in (["remember", ODD, "--tag", ODD, "--cite", ODD], ["recall", ODD], ["search", ODD, "--tag", ODD]):
        assert lcode(*command).code == 0, command
    assert lcode("sessions", "rename", session["id"], ODD).code == 0
    assert lcode("sessions", "show", ODD).code == 0
    assert lcode("agents", "rename", "shop", ODD).code == 0
    assert lcode("config", "set", "model", f"ollama/{ODD}").code == 0


def test_a_model_whose_name_is_not_utf_8_is_an_error_of_the_service(
    lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("LCODE_RETRIES", "0")
    done = lcode("-p", "hello", "--model", f"ollama/{ODD}")
    assert done.code and "bug" not in done.err and "internal" not in done.err, done.err


@pytest.mark.parametrize("ephemeral", [[], ["--ephemeral"]])
def test_a_session_works_in_a_folder_whose_name_is_not_utf_8(lcode: Lcode, odd_repository: Path, ephemeral: list[str]) -> None:
    done = lcode(*ephemeral, "-p", "where is parse_port?")
    assert done.code == 0 and "app.py" in done.out, done.err
    assert lcode("doctor").err == ""
    assert lcode("memory", "append", "conventions", "Use tabs.").code == 0


def test_folders_that_look_the_same_have_agents_of_their_own_and_are_known_again(
    lcode: Lcode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (b"caf\xe9", b"caf\xe8"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert lcode("-p", "hello").code == 0
    listed = lcode("agents").out
    assert listed.count(f"{tmp_path}/{SHOWN}") == 2 and "(gone)" not in listed
    assert len(lcode("agents", "--json").json()) == 2
    folder.rmdir()
    monkeypatch.chdir(tmp_path)
    assert lcode("agents").out.count("(gone)") == 1


def test_a_repository_that_was_moved_is_followed(lcode: Lcode, odd_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lcode("-p", "hello").code == 0
    odd_repository.rename(odd_repository.parent / os.fsdecode(b"moved\xe9"))
    monkeypatch.chdir(odd_repository.parent / os.fsdecode(b"moved\xe9"))
    assert lcode("-p", "-c", "hello again").code == 0
    assert len(lcode("agents", "--json").json()) == 1


def test_a_session_in_a_worktree_whose_name_is_not_utf_8_keeps_its_prompt(lcode: Lcode, odd_repository: Path) -> None:
    assert lcode("-p", "hello").code == 0
    assert lcode("-p", "-c", "hello again").code == 0
    (session,) = lcode("sessions", "--json").json()
    assert session["worktree"].startswith("file:///") and session["worktree"].endswith("caf%E9")
