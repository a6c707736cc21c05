"""`lcode agents`: every error of identity can be mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Lcode, git, make_repository


def listed(lcode: Lcode) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lcode("agents", "--json").json()
    return rows


@pytest.fixture
def shop(lcode: Lcode, repository: Path) -> Path:
    """A repository whose agent knows something."""
    assert lcode("memory", "append", "conventions", "tabs in the shop").code == 0
    assert lcode("remember", "the shop sells tea").code == 0
    return repository


@pytest.fixture
def other(lcode: Lcode, tmp_path: Path) -> Path:
    """Another repository with an agent of its own."""
    folder = make_repository(tmp_path / "depot")
    (folder / "b.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--amend", "-m", "Another beginning")
    assert lcode("-C", str(folder), "remember", "the depot stores tea").code == 0
    return folder


def facts(lcode: Lcode, folder: Path, query: str = "tea") -> set[str]:
    return {fact["text"] for fact in lcode("-C", str(folder), "search", query, "--json").json()["facts"]}


def test_the_agent_of_this_place_is_marked(lcode: Lcode, shop: Path, other: Path) -> None:
    assert {row["name"]: row["here"] for row in listed(lcode)} == {"shop": True, "depot": False}
    lines = lcode("agents").out.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("*")] == ["shop"]


def test_one_agent_is_shown_with_what_it_holds(lcode: Lcode, shop: Path) -> None:
    data = lcode("agents", "show", "--json").json()
    assert (data["name"], data["counts"]["passages"]) == ("shop", 1)
    assert "1 passage" in lcode("agents", "show", data["id"][6:14]).out


def test_an_agent_is_renamed(lcode: Lcode, shop: Path) -> None:
    assert lcode("agents", "rename", "shop", "store").code == 0
    assert [row["name"] for row in listed(lcode)] == ["store"]
    assert lcode("agents", "rename", "store", " ").code == 2


@pytest.mark.parametrize("name", ["", "agent-"])
def test_an_empty_id_is_not_the_beginning_of_every_id(lcode: Lcode, shop: Path, name: str) -> None:
    for words in (
        ("agents", "show", name),
        ("agents", "rename", name, "depot"),
        ("agents", "share", name),
        ("agents", "merge", name, "shop"),
        ("agents", "merge", "shop", name),
        ("agents", "delete", name, "--yes"),
        ("--agent", name, "agents", "show"),
        ("--agent", name, "backup"),
        ("--agent", name, "memory"),
        ("--agent", name, "-p", "what is sold?"),
    ):
        done = lcode(*words)
        assert done.code == 1 and not done.out, words
        assert done.err.splitlines()[0] == f"lcode: there is no agent '{name}'"
    assert [row["name"] for row in listed(lcode)] == ["shop"]


def test_a_name_that_is_taken_is_refused(lcode: Lcode, shop: Path, other: Path) -> None:
    done = lcode("agents", "rename", "depot", "shop")
    assert done.code == 1
    assert "hint: " in done.err
    assert {row["name"] for row in listed(lcode)} == {"shop", "depot"}
    assert lcode("agents", "rename", "shop", "shop").code == 0


def test_a_folder_that_became_a_repository_is_listed_once(lcode: Lcode, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    lcode("-C", str(folder), "remember", "one")
    git(folder, "init", "-q")
    lcode("-C", str(folder), "remember", "two")
    assert lcode("agents").out.count(str(folder)) == 1
    assert lcode("agents", "show", "plain").out.count(f" {folder}\n") == 1


def test_the_place_of_a_submodule_is_its_worktree(lcode: Lcode, shop: Path) -> None:
    vendored = make_repository(shop.parent / "vendored")
    git(shop, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(vendored), "vend")
    lcode("-C", str(shop / "vend"), "remember", "one")
    listing = lcode("agents").out
    assert str(shop / "vend") in listing
    assert ".git" not in listing


def test_a_clone_can_share_the_memory_and_be_split_again(lcode: Lcode, shop: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(shop), "copy")
    copy = tmp_path / "copy"
    done = lcode("-C", str(copy), "remember", "the copy has coffee")
    assert "shares its history with shop" in done.err
    assert lcode("-C", str(copy), "agents", "share", "shop").code == 0
    assert facts(lcode, copy) == {"the shop sells tea"}
    assert "already" in lcode("-C", str(copy), "agents", "share", "shop").out
    assert lcode("-C", str(copy), "agents", "split").code == 0
    assert facts(lcode, copy) == set()
    assert facts(lcode, shop) == {"the shop sells tea"}


def test_what_a_place_had_before_is_named_when_it_has_no_place_any_more(lcode: Lcode, shop: Path, other: Path) -> None:
    done = lcode("-C", str(other), "agents", "share", "shop")
    assert "depot" in done.err
    assert "agents merge" in done.err


def test_an_agent_known_in_one_place_is_not_split(lcode: Lcode, shop: Path) -> None:
    assert lcode("agents", "split").code == 1


def test_an_agent_follows_its_folder(lcode: Lcode, tmp_path: Path) -> None:
    old, new = tmp_path / "notes", tmp_path / "papers"
    old.mkdir()
    lcode("-C", str(old), "remember", "tea notes")
    old.rename(new)
    assert facts(lcode, new) == set()
    assert lcode("agents", "relocate", str(new), "--agent", "notes").code == 0
    assert facts(lcode, new) == {"tea notes"}
    assert [row["paths"] for row in listed(lcode)] == [[str(new)]]


def test_a_place_without_an_agent_says_what_to_do(lcode: Lcode, repository: Path) -> None:
    for command in (["show"], ["split"], ["relocate", "."]):
        done = lcode("agents", *command)
        assert done.code == 1
        assert "hint: " in done.err
    assert listed(lcode) == []


def test_an_agent_is_deleted_with_its_folder_once_confirmed(lcode: Lcode, shop: Path) -> None:
    folder = Path(listed(lcode)[0]["folder"])
    assert lcode("agents", "delete", "shop").code == 2
    assert folder.exists()
    assert lcode("agents", "delete", "shop", "--yes").code == 0
    assert not folder.exists()
    assert listed(lcode) == []


def test_an_unknown_agent_is_an_error(lcode: Lcode, shop: Path) -> None:
    for command in (["show", "x"], ["delete", "x", "--yes"], ["share", "x"], ["merge", "x", "shop"]):
        assert lcode("agents", *command).code == 1
    assert lcode("--agent", "x", "memory").code == 1


def test_a_merge_brings_sessions_passages_and_blocks(lcode: Lcode, shop: Path, other: Path) -> None:
    lcode("-p", "where does tea come from?")
    done = lcode("agents", "merge", "shop", "depot")
    assert done.code == 0
    assert facts(lcode, other) >= {"the shop sells tea", "the depot stores tea"}
    hits = lcode("-C", str(other), "recall", "tea", "come", "--json").json()["hits"]
    assert hits[0]["before"][0]["text"] == "where does tea come from?"
    assert "the shop sells tea" in hits[0]["text"]
    blocks = lcode("-C", str(other), "search", "tabs", "--tag", "merged", "--json").json()["facts"]
    assert "tabs in the shop" in blocks[0]["text"]
    assert facts(lcode, shop) == {"the shop sells tea"}


def test_a_merge_can_be_repeated_and_brings_only_what_is_new(lcode: Lcode, shop: Path, other: Path) -> None:
    lcode("agents", "merge", "shop", "depot")
    assert "holds everything" in lcode("agents", "merge", "shop", "depot").out
    lcode("remember", "green tea too")
    assert "1 passage" in lcode("agents", "merge", "shop", "depot").out


def test_a_merged_session_can_be_continued(lcode: Lcode, shop: Path, other: Path) -> None:
    session = lcode("-p", "where is parse_port", "--output-format", "json").json()["session_id"]
    lcode("agents", "merge", "shop", "depot")
    done = lcode("-C", str(other), "-r", session, "-p", "and where is it?", "--output-format", "json")
    assert done.json()["session_id"] == session
    messages = lcode("-C", str(other), "sessions", "show", session, "--json").json()["messages"]
    assert [row["text"] for row in messages if row["kind"] == "user"] == ["where is parse_port", "and where is it?"]


def test_an_agent_is_not_merged_with_itself(lcode: Lcode, shop: Path) -> None:
    assert lcode("agents", "merge", "shop", "shop").code == 2


def test_an_unknown_fork_is_asked_about_at_a_terminal(
    lcode: Lcode, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    from lcode.cli.place import choose_agent
    from lcode.memory.agents import AgentRow

    agents = [AgentRow("agent-1", "shop", "git", (), ("/x",), True, "2026-01-01T00:00:00.000Z")]
    monkeypatch.setattr("sys.stdin", io.StringIO("7\n1\n"))
    assert choose_agent(tmp_path, agents) == agents[0]
    told = capsys.readouterr().out
    assert "share the memory of shop (/x (gone))" in told
    assert "'7' is not one of the choices: type a number from 0 to 1" in told
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert choose_agent(tmp_path, agents) is None
