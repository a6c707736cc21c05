"""`lcode memory log|diff|blame|revert|facts` and `show --at`: what was, and going back to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Lcode, git


def on(monkeypatch: pytest.MonkeyPatch, day: str, hour: int = 12) -> None:
    monkeypatch.setenv("LCODE_CLOCK", f"{day}T{hour}:00:00Z")


@pytest.fixture
def edited(lcode: Lcode, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three days of edits."""
    on(monkeypatch, "2026-03-01")
    lcode("memory", "set", "human", "answers in German")
    on(monkeypatch, "2026-03-02")
    lcode("memory", "append", "human", "likes short commits")
    on(monkeypatch, "2026-03-02", 13)
    lcode("memory", "add", "deploy", "--description", "how", "--value", "make ship")
    on(monkeypatch, "2026-03-03")
    lcode("memory", "set", "human", "answers in English\nlikes short commits")
    on(monkeypatch, "2026-03-03", 13)
    lcode("memory", "remove", "deploy")
    on(monkeypatch, "2026-03-10")
    return repository


def test_the_log_without_a_label_is_of_every_block_newest_first(lcode: Lcode, edited: Path) -> None:
    entries = lcode("memory", "log", "--json").json()
    mine = [(entry["label"], entry["operation"]) for entry in entries if entry["actor"] == "user"]
    assert mine == [("deploy", "delete"), ("human", "rethink"), ("deploy", "create"), ("human", "append"), ("human", "rethink")]
    shown = lcode("memory", "log").out
    assert "BLOCK" in shown
    assert "+likes short commits" in shown


def test_the_log_is_cut_by_time_and_number(lcode: Lcode, edited: Path) -> None:
    assert len(lcode("memory", "log", "human", "--json").json()) == 3
    assert len(lcode("memory", "log", "human", "--limit", "1", "--json").json()) == 1
    cut = lcode("memory", "log", "human", "--since", "2026-03-02", "--until", "2026-03-02", "--json").json()
    assert [entry["version"] for entry in cut] == [2]
    assert "nothing was edited then" in lcode("memory", "log", "human", "--since", "2026-03-09").out


def test_the_log_tells_the_lives_of_facts(lcode: Lcode, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("remember", "The test command is tox.")
    on(monkeypatch, "2026-03-11")
    lcode("remember", "The test command is nox.")
    entries = lcode("memory", "log", "--facts", "--json").json()
    told = [(entry["what"], entry["text"]) for entry in entries if entry["entry"] == "fact"]
    assert sorted(told) == [
        ("recorded", "The test command is nox."), ("recorded", "The test command is tox."),
        ("superseded", "The test command is tox."),
    ]  # fmt: skip
    assert "superseded" in lcode("memory", "log", "--facts").out
    assert lcode("memory", "log", "human", "--facts").code == 2


def test_a_block_is_shown_as_it_was(lcode: Lcode, edited: Path) -> None:
    def value(at: str, label: str = "human") -> str:
        return str(lcode("memory", "show", label, "--at", at, "--json").json()["value"])

    assert value("2026-03-01") == "answers in German"
    assert value("2026-03-02") == value("v2") == "answers in German\nlikes short commits"
    assert value("2 weeks ago") == ""
    assert value("2026-03-02", "deploy") == "make ship"
    labels = [block["label"] for block in lcode("memory", "show", "--at", "2026-03-02", "--json").json()]
    assert labels == ["persona", "human", "architecture", "conventions", "current_work", "deploy"]


def test_a_block_that_was_not_there_then_is_not_shown(lcode: Lcode, edited: Path) -> None:
    for at in ("2026-03-01", "2026-03-04", "v2"):
        done = lcode("memory", "show", "deploy", "--at", at)
        assert done.code == 1
        assert "there was no block 'deploy' then" in done.err


def test_memory_is_shown_as_it_was_at_a_commit(lcode: Lcode, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-02T18:00:00Z")
    git(edited, "commit", "-q", "--allow-empty", "-m", "Between")
    git(edited, "tag", "v1.0")
    for name in ("HEAD", "v1.0", "main"):
        found = lcode("memory", "show", "human", "--at", name, "--json").json()
        assert found["version"] == 2


def test_memory_is_shown_as_it_was_when_a_session_ended(lcode: Lcode, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("-p", "hello")
    session = lcode("sessions", "--json").json()[0]["id"]
    on(monkeypatch, "2026-03-12")
    lcode("memory", "set", "human", "something else")
    assert lcode("memory", "show", "human", "--at", session[:16], "--json").json()["version"] == 3


def test_the_diff_is_of_the_last_edit_by_default(lcode: Lcode, edited: Path) -> None:
    last = lcode("memory", "diff", "human").out
    assert "-answers in German" in last
    assert "+answers in English" in last
    assert "version 2" in last
    (pair,) = lcode("memory", "diff", "--json").json()
    assert (pair["label"], pair["from"]["value"], pair["to"]) == ("deploy", "make ship", None)


def test_the_diff_is_between_any_two_moments(lcode: Lcode, edited: Path) -> None:
    (pair,) = lcode("memory", "diff", "human", "1", "2026-03-02", "--json").json()
    assert pair["diff"] == "+likes short commits"
    changed = lcode("memory", "diff", "2026-03-01", "2026-03-02", "--json").json()
    assert [pair["label"] for pair in changed] == ["human", "deploy"]
    assert [pair["label"] for pair in lcode("memory", "diff", "2026-03-02", "--json").json()] == ["human", "deploy"]
    assert "nothing changed" in lcode("memory", "diff", "2026-03-05", "2026-03-06").out
    assert lcode("memory", "diff", "human", "1", "2", "3").code == 2


def test_blame_shows_where_each_line_comes_from(lcode: Lcode, edited: Path) -> None:
    lines = lcode("memory", "blame", "human", "--json").json()
    assert [(line["line"], line["version"], line["actor"]) for line in lines] == [
        ("answers in English", 3, "user"), ("likes short commits", 2, "user"),
    ]  # fmt: skip
    assert all(line["verified"] for line in lines)
    assert "said" in lcode("memory", "blame", "human").out
    assert not any(line["verified"] for line in lcode("memory", "blame", "architecture", "--json").json())


def test_a_revert_is_a_new_version(lcode: Lcode, edited: Path) -> None:
    lcode("memory", "set", "conventions", "one")
    lcode("memory", "set", "conventions", "two")
    before = len(lcode("memory", "log", "conventions", "--json").json())
    assert lcode("memory", "revert", "conventions", "--to", str(before - 1)).code == 0
    entries = lcode("memory", "log", "conventions", "--json").json()
    assert (len(entries), entries[0]["value"], entries[0]["operation"]) == (before + 1, "one", "restore")
    assert "is as it was then" in lcode("memory", "revert", "conventions", "--to", str(before - 1)).out


def test_what_is_shared_or_more_than_one_block_is_confirmed_first(lcode: Lcode, edited: Path) -> None:
    for words in (["human", "--to", "1"], ["--to", "2026-03-02"]):
        done = lcode("memory", "revert", *words)
        assert done.code == 2
        assert "--yes" in done.err
    assert lcode("memory", "show", "human", "--json").json()["version"] == 3


def test_all_of_core_memory_goes_back(lcode: Lcode, edited: Path) -> None:
    then = lcode("memory", "show", "--at", "2026-03-02", "--json").json()
    assert lcode("memory", "revert", "--to", "2026-03-02", "--yes").code == 0
    now = lcode("memory", "show", "--json").json()
    assert [(block["label"], block["value"]) for block in now] == [(block["label"], block["value"]) for block in then]


def test_facts_are_listed_as_they_were_true_and_known(lcode: Lcode, edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lcode("remember", "The test command is tox.", "--tag", "ci")
    on(monkeypatch, "2026-03-12")
    lcode("remember", "The test command is nox.", "--since", "2026-03-11")

    def texts(*words: str) -> list[str]:
        return [fact["text"] for fact in lcode("memory", "facts", *words, "--json").json()]

    assert texts() == ["The test command is nox."]
    assert texts("--as-of", "2026-03-10") == ["The test command is tox."]
    assert texts("--as-of", "2026-03-11") == ["The test command is nox."]
    assert texts("--as-of", "2026-03-11", "--known-at", "2026-03-11") == ["The test command is tox."]
    assert texts("--tag", "ci") == []
    assert texts("--kind", "note") == []
    assert "as of 2026-03-10" in lcode("memory", "facts", "--as-of", "2026-03-10").err
    assert lcode("memory", "facts", "--kind", "x").code == 2


def test_stale_facts_are_listed_alone(lcode: Lcode, edited: Path) -> None:
    lcode("remember", "Ports are parsed strictly.", "--cite", "app.py#parse_port")
    lcode("remember", "Something else.")
    assert lcode("memory", "facts", "--stale", "--json").json() == []
    (edited / "app.py").write_text("def parse_port(text):\n    return 80\n")
    (stale,) = lcode("memory", "facts", "--stale", "--json").json()
    assert stale["text"] == "Ports are parsed strictly."
    assert json.dumps(stale).count("stale") >= 1
