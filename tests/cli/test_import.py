"""`lcode import`: what it says, and what imported sessions are afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Lcode


def lines(*rows: dict[str, Any]) -> str:
    base = {"session": "standup", "time": "2026-03-08T09:30:00Z"}
    return "".join(json.dumps({**base, **row}) + "\n" for row in rows)


TALK = lines({"text": "The upload certificate expired.", "id": "1", "name": "Ada"}, {"text": "Renewed.", "role": "assistant"})


def test_it_says_what_came_in_and_what_could_not_be_read(lcode: Lcode, repository: Path) -> None:
    (repository / "talk.jsonl").write_text(TALK + "broken\n")
    done = lcode("import", "jsonl", "talk.jsonl")
    assert (done.code, done.out) == (0, "2 messages imported in 1 new session, of 2026-03-08\n")
    assert done.err == "1 line could not be read:\n  talk.jsonl:3: not JSON: expecting value\n"
    assert lcode("import", "jsonl", "talk.jsonl").out == "nothing new; 2 messages were there already\n"
    assert "certificate expired" in lcode("recall", "certificate").out


def test_standard_input_and_json(lcode: Lcode, repository: Path) -> None:
    found = lcode("import", "jsonl", "-", "--json", stdin=TALK).json()
    assert (found["messages"], found["sessions"], found["damaged"], found["damages"]) == (2, 1, 0, [])


def test_a_dry_run_makes_no_agent(lcode: Lcode, repository: Path, home: Path) -> None:
    assert lcode("import", "jsonl", "-", "--dry-run", stdin=TALK).out.startswith("2 messages would be imported")
    assert not list(home.glob("agents/*"))


def test_an_imported_session_is_listed_and_read_but_neither_continued_nor_forked(lcode: Lcode, repository: Path) -> None:
    own = lcode("-p", "what is in app.py?", "--output-format", "json").json()["session_id"]
    later = TALK.replace("2026-03", "2099-03")
    lcode("import", "jsonl", "-", stdin=later)
    rows = lcode("sessions", "--json").json()
    assert [(row["origin"], row["title"]) for row in rows][:1] == [("jsonl", "The upload certificate expired.")]
    imported = rows[0]["id"]
    assert "Renewed." in lcode("sessions", "show", imported).out
    assert lcode("-c", "-p", "and now?", "--output-format", "json").json()["session_id"] == own
    for option in ((), ("--fork",)):
        refused = lcode("-r", imported[8:16], *option, "-p", "go on")
        assert refused.code == 1 and "was imported (jsonl)" in refused.err


def test_a_file_that_cannot_be_read_is_one_line(lcode: Lcode, repository: Path) -> None:
    done = lcode("import", "jsonl", "missing.jsonl")
    assert (done.code, done.err) == (1, "lcode: cannot read missing.jsonl: No such file or directory\n")


def test_a_session_s_command_may_not_import(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODE_IN_SESSION", "1")
    assert "only the user can import" in lcode("import", "jsonl", "-", stdin=TALK).err
