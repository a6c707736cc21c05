"""`lcode sessions`: the list, one of them in full, and as a document to take away."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from lcode.cli.transcript import _fenced
from lcode.store.locks import NamedLock
from tests.cli.conftest import Lcode


def ask(lcode: Lcode, text: str) -> str:
    return str(lcode("-p", text, "--output-format", "json").json()["session_id"])


@pytest.fixture
def session(lcode: Lcode, repository: Path) -> str:
    """A session with one answer in it."""
    return ask(lcode, "where is the port parsed?")


def listed(lcode: Lcode, *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lcode("sessions", "--json", *arguments).json()
    return rows


def test_the_list_is_newest_first_and_limited(lcode: Lcode, session: str) -> None:
    second = ask(lcode, "what is in app.py?")
    assert [row["id"] for row in listed(lcode)] == [second, session]
    assert [row["id"] for row in listed(lcode, "--limit", "1")] == [second]
    text = lcode("sessions").out.splitlines()
    assert text[0].split() == ["ID", "WHEN", "BRANCH", "MODEL", "MSGS", "TITLE"]
    assert text[1].startswith(second[8:16])
    assert text[2].endswith("where is the port parsed?")


def test_a_session_that_is_open_elsewhere_says_so(lcode: Lcode, session: str, home: Path) -> None:
    agent = lcode("agents", "--json").json()[0]
    lock = NamedLock(Path(agent["folder"]) / "locks" / f"{session}.lock")
    assert lock.acquire("a test")
    try:
        assert listed(lcode)[0]["live"]
        assert f"open: process {os.getpid()}" in lcode("sessions").out
        assert lcode("-r", session, "-p", "x").code == 75
        assert lcode("-c", "-p", "x").code == 1
        assert lcode("agents", "delete", agent["id"], "--yes").code == 75
    finally:
        lock.release()


def test_a_session_is_shown_with_its_calls_and_results(lcode: Lcode, session: str) -> None:
    shown = lcode("sessions", "show", session[8:16]).out
    assert shown.startswith("where is the port parsed?\n")
    assert re.search(r"^you  ", shown, re.M)
    assert re.search(r"^lcode  ", shown, re.M)
    assert "app.py" in shown


def test_json_holds_the_session_and_every_message(lcode: Lcode, session: str) -> None:
    data = lcode("sessions", "show", session, "--json").json()
    assert data["session"]["id"] == session
    assert len(data["messages"]) == data["session"]["messages"]
    assert {"id", "seq", "role", "kind", "content", "text", "created_at"} <= set(data["messages"][0])


def test_at_a_message_only_its_surroundings_are_shown(lcode: Lcode, session: str) -> None:
    for number in range(5):
        lcode("-c", "-p", f"question {number}")
    messages = lcode("sessions", "show", session, "--json").json()["messages"]
    middle = messages[len(messages) // 2]
    around = lcode("sessions", "show", session, "--at", middle["id"][8:18], "--json").json()["messages"]
    assert middle["id"] in [message["id"] for message in around]
    assert len(around) == min(11, len(messages))
    assert re.search(r"^> \w", lcode("sessions", "show", session, "--at", middle["id"]).out, re.M)
    assert lcode("sessions", "show", session, "--at", "zzzz").code == 1


def test_an_export_as_markdown_reads_as_a_document(lcode: Lcode, session: str, tmp_path: Path) -> None:
    file = tmp_path / "out.md"
    done = lcode("sessions", "export", session, "-o", str(file))
    assert done.code == 0
    assert not done.out
    text = file.read_text()
    assert text.startswith("# where is the port parsed?\n")
    assert "> where is the port parsed?" in text
    assert "## lcode, " in text
    assert lcode("sessions", "export", session).out == text


def test_an_export_as_json_is_what_show_says(lcode: Lcode, session: str) -> None:
    assert (
        json.loads(lcode("sessions", "export", session, "--format", "json").out)
        == lcode("sessions", "show", session, "--json").json()
    )


def test_an_export_that_cannot_be_written_is_an_error(lcode: Lcode, session: str) -> None:
    done = lcode("sessions", "export", session, "-o", "/no/such/folder/out.md")
    assert done.code == 1
    assert done.err.startswith("lcode: cannot write ")


def test_a_fence_is_longer_than_any_in_its_text() -> None:
    assert _fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_a_session_is_renamed_and_found_by_its_title(lcode: Lcode, session: str) -> None:
    assert lcode("sessions", "rename", session, "the  port").code == 0
    assert listed(lcode)[0]["title"] == "the port"
    assert lcode("sessions", "show", "the port").code == 0
    assert lcode("sessions", "rename", session, " ").code == 2


def test_an_archived_session_is_left_out_until_all_are_asked_for(lcode: Lcode, session: str) -> None:
    assert lcode("sessions", "archive", session).code == 0
    assert listed(lcode) == []
    assert [row["archived"] for row in listed(lcode, "--all")] == [True]
    assert "archived" in lcode("sessions", "--all").out
    assert lcode("sessions", "archive", session, "--undo").code == 0
    assert len(listed(lcode)) == 1


def test_an_unknown_session_is_an_error_with_a_hint(lcode: Lcode, session: str) -> None:
    for command in ("show", "export", "archive"):
        done = lcode("sessions", command, "ffffffff")
        assert done.code == 1
        assert "`lcode sessions` lists them" in done.err


@pytest.mark.parametrize("name", ["", "session-"])
def test_an_empty_id_is_not_the_beginning_of_every_id(lcode: Lcode, session: str, tmp_path: Path, name: str) -> None:
    for words in (
        ("sessions", "show", name),
        ("sessions", "export", name),
        ("sessions", "rename", name, "another title"),
        ("sessions", "archive", name),
        ("-r", name, "-p", "where is the port parsed?"),
        ("-r", name, "--fork", "-p", "where is the port parsed?"),
        ("sessions", "show", session, "--at", name.replace("session", "message")),
        ("backup", "verify", name),
        ("backup", "restore", name, "--yes"),
    ):
        done = lcode(*words)
        assert done.code == 1 and not done.out, words
        assert [line for line in done.err.splitlines() if line.startswith("lcode: there is no ")], done.err
        assert len(done.err.splitlines()) <= 2
    (row,) = listed(lcode)
    assert row["title"] == "where is the port parsed?"
    assert lcode("-p", "where is the port parsed?", "-r").code == 0  # no id at all: the newest
    assert len(listed(lcode)) == 1


def test_an_ephemeral_look_sees_the_stored_messages(lcode: Lcode, session: str) -> None:
    data = lcode("--ephemeral", "sessions", "show", session, "--json").json()
    assert len(data["messages"]) == data["session"]["messages"] > 0
