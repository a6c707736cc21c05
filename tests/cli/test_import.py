"""`lcode import`: what it says, and what imported sessions are afterwards."""

from __future__ import annotations

import json
import re
import shutil
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


def test_speakers_are_called_by_their_names_wherever_they_are_shown(lcode: Lcode, repository: Path) -> None:
    printed = {
        "text": "exit code 1: expired",
        "id": "3",
        "role": "tool",
        "tool": "shell",
        "outcome": "error",
        "paths": ["a.py"],
    }
    renewed = {"text": "Renewed.", "role": "assistant", "id": "2", "name": "Bob"}
    lcode("import", "jsonl", "-", stdin=TALK.splitlines()[0] + "\n" + lines(renewed, printed))
    found = lcode("recall", "certificate", "--json").json()["hits"][0]
    assert (found["name"], [(one["id"], one["name"]) for one in found["after"]]) == ("Ada", [("2", "Bob")])
    assert "    Bob: Renewed." in lcode("recall", "certificate").out
    shown = lcode("sessions", "show", found["session"]).out
    assert "Ada  2026-03-08" in shown and "Bob  2026-03-08" in shown
    assert "## Bob, 2026-03-08" in lcode("sessions", "export", found["session"]).out
    result = lcode("recall", "exit code", "--role", "tool", "--json").json()["hits"][0]
    assert (result["tool"], result["tool_outcome"], result["paths"]) == ("shell", "error", ["a.py"])


def test_a_time_of_which_nothing_is_known_is_said(lcode: Lcode, repository: Path) -> None:
    lcode("import", "jsonl", "-", stdin=TALK)
    assert lcode("recall", "what did we do in May 2024").out.startswith("nothing found in the sessions\n")
    assert "nothing of that time was found" in lcode("recall", "which certificate expired in May 2024").out
    assert "nothing of that time" not in lcode("recall", "which certificate expired in March 2026").out


def test_a_line_of_a_giant_result_is_found_though_the_middle_is_not_kept(lcode: Lcode, repository: Path) -> None:
    printed = [f"building part {number}" for number in range(6_000)]
    text = "\n".join([*printed[:3_000], "FATAL zanzibar overflow", *printed[3_000:]])
    lcode("import", "jsonl", "-", stdin=lines({"text": text, "id": "9", "role": "tool", "tool": "shell"}))
    (hit,) = lcode("recall", "zanzibar overflow", "--json").json()["hits"]
    assert (hit["id"], "zanzibar" in hit["text"]) == ("9", False)


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


@pytest.fixture
def histories(tmp_path: Path, repository: Path) -> Path:
    """Histories of other agents, of this repository."""
    source = Path(__file__).parent.parent / "fixtures/histories"
    copy = tmp_path / "histories"
    shutil.copytree(source / "claude-code", copy / "claude/projects")
    shutil.copytree(source / "codex", copy / "codex")
    for path in copy.rglob("*.jsonl"):
        path.write_text(re.sub(r"/work/shop\b", str(repository), path.read_text()))
    return copy


@pytest.mark.parametrize(
    ("name", "variable", "folder", "question", "answer"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", "claude", "certificate of the upload host", "has expired; renew it"),
        ("codex", "CODEX_HOME", "codex", "weights grams", "Weights must be in grams, never in pounds."),
    ],
)
def test_a_peer_s_sessions_of_this_repository_come_in_and_are_found(
    lcode: Lcode,
    histories: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    variable: str,
    folder: str,
    question: str,
    answer: str,
) -> None:
    monkeypatch.setenv(variable, str(histories / folder))
    assert lcode("import", name, "--dry-run").out.split(" in ")[0].endswith("messages would be imported")
    done = lcode("import", name)
    assert " imported in " in done.out and "2 lines could not be read" in done.err
    assert "Another repository" not in lcode("recall", "another repository").out
    assert answer in lcode("recall", question).out
    assert lcode("import", name).out.startswith("nothing new")
    assert lcode("import", name, "--all").out.startswith("1 message imported in 1 new session")


def test_the_folder_of_all_that_a_peer_keeps_is_a_path_too(lcode: Lcode, histories: Path) -> None:
    whole = lcode("import", "claude-code", str(histories / "claude/projects"), "--json", "--dry-run").json()
    (histories / "claude/history.jsonl").write_text('{"display": "hello"}\n')
    assert lcode("import", "claude-code", str(histories / "claude"), "--json", "--dry-run").json() == whole
    assert whole["sessions"] == 5


def test_a_path_is_taken_wherever_its_sessions_were(lcode: Lcode, histories: Path) -> None:
    file = next((histories / "claude/projects/-work-other").glob("*.jsonl"))
    assert lcode("import", "claude-code", str(file)).out.startswith("1 message imported")


def test_a_place_without_sessions_says_where_they_were_looked_for(
    lcode: Lcode, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "none"))
    done = lcode("import", "codex")
    assert done.code == 1
    assert done.err.startswith(f"lcode: there are no sessions of codex of this repository in {tmp_path}/none/sessions")
    assert "hint: --all takes those of every place" in done.err


def test_a_file_that_cannot_be_read_is_one_line(lcode: Lcode, repository: Path) -> None:
    done = lcode("import", "jsonl", "missing.jsonl")
    assert (done.code, done.err) == (1, "lcode: cannot read missing.jsonl: No such file or directory\n")


def test_a_session_s_command_may_not_import(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODE_IN_SESSION", "1")
    assert "only the user can import" in lcode("import", "jsonl", "-", stdin=TALK).err
