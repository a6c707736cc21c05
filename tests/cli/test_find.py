"""`lcode remember` and `search`: what is kept is found again."""

from __future__ import annotations

import json
from pathlib import Path

from lcode.cli import find, remember
from lcode.memory import archival
from tests.cli.conftest import Lcode, git


def test_what_is_remembered_is_found_with_tags_kind_and_citation(lcode: Lcode, repository: Path) -> None:
    done = lcode("remember", "the build needs", "node 20", "--tag", "Build", "--kind", "decision", "--cite", "package.json:3")
    assert done.code == 0
    assert done.out.startswith("kept as ")
    fact = lcode("search", "nodes", "--json").json()["facts"][0]
    assert (fact["text"], fact["kind"], fact["tags"]) == ("the build needs node 20", "decision", ["build"])
    assert (fact["citations"], fact["actor"], fact["source"]) == (["package.json:3"], "user", "said")
    shown = lcode("search", "node").out
    assert "#build" in shown
    assert "see package.json:3" in shown


def test_the_same_text_is_kept_once(lcode: Lcode, repository: Path) -> None:
    first = lcode("remember", "ports are odd", "--json").json()
    assert lcode("remember", "ports are odd", "--json").json()["id"] == first["id"]
    again = lcode("remember", "ports are odd", "--tag", "net", "--json").json()
    assert (again["id"], again["tags"]) == (first["id"], ["net"])
    assert f"was kept already, as {first['id'][8:16]} on 20" in lcode("remember", "ports are odd").out


def test_a_cited_file_that_is_not_there_is_a_warning(lcode: Lcode, repository: Path) -> None:
    done = lcode("remember", "odd ports", "--cite", "nope.py:3", "--cite", "app.py:1")
    assert done.code == 0
    assert "lcode: no such file: nope.py:3; cited all the same\nhint: " in done.err


def test_a_text_can_be_piped_in(lcode: Lcode, repository: Path) -> None:
    assert lcode("remember", "--json", stdin="one\ntwo\n").json()["text"] == "one\ntwo"
    assert lcode("remember", "-", stdin="three\n").code == 0
    for nothing in ((), ("",), ("  ",)):
        done = lcode("remember", *nothing, stdin="")
        assert done.code == 2
        assert "hint: " in done.err


def test_a_secret_is_not_kept(lcode: Lcode, repository: Path) -> None:
    key = "sk-ant-api03-" + "Ab3dE5gH7jK9" * 8
    kept = lcode("remember", f"the key is {key}", "--json").json()
    assert key not in kept["text"]


def test_facts_are_filtered_by_tag_and_kind_and_messages_are_then_left_out(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "tests need redis", "--tag", "tests")
    lcode("remember", "deploys need redis", "--kind", "decision")
    lcode("-p", "where is redis?")
    assert len(lcode("search", "redis", "--json").json()["messages"]) > 0
    for filters, text in ((["--tag", "tests"], "tests need redis"), (["--kind", "decision"], "deploys need redis")):
        found = lcode("search", "redis", *filters, "--json").json()
        assert [fact["text"] for fact in found["facts"]] == [text]
        assert found["messages"] == []


def test_the_scope_chooses_where_to_search(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "redis is at 6379")
    lcode("-p", "where is redis?")
    facts = lcode("search", "redis", "--scope", "facts", "--json").json()
    assert facts["facts"]
    assert not facts["messages"]
    messages = lcode("search", "redis", "--scope", "messages", "--json").json()
    assert messages["messages"]
    assert not messages["facts"]


def test_without_a_query_the_newest_come_first(lcode: Lcode, repository: Path) -> None:
    for text in ("alpha", "beta"):
        lcode("remember", text)
    assert [fact["text"] for fact in lcode("search", "--scope", "facts", "--json").json()["facts"]] == ["beta", "alpha"]


def test_the_kinds_are_those_of_archival_memory() -> None:
    assert find.KINDS == archival.KINDS
    assert set(remember.KINDS) <= set(archival.KINDS)


def test_an_ephemeral_command_does_not_pretend_to_keep_anything(lcode: Lcode, repository: Path) -> None:
    for command in (["remember", "x"], ["memory", "append", "human", "x"], ["agents", "split"], ["sessions", "archive", "x"]):
        assert lcode("--ephemeral", *command).code == 2


def test_nothing_found_is_said(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "alpha")
    done = lcode("search", "unicorn")
    assert "nothing found in archival memory" in done.out
    assert done.code == 0


def test_what_was_true_then_is_asked_by_a_date_or_a_commit(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "The linter is pylint", "--since", "2026-01-01")
    git(repository, "commit", "-q", "--allow-empty", "-m", "Later")
    made = lcode("remember", "The linter is ruff", "--json").json()
    assert made["subject"] == "linter" and len(made["ended"]) == 1
    assert [fact["text"] for fact in lcode("search", "linter", "--json").json()["facts"]] == ["The linter is ruff"]
    for moment in ("2026-02-01", "February 2026"):
        then = lcode("search", "linter", "--as-of", moment, "--json").json()
        assert [fact["text"] for fact in then["facts"]] == ["The linter is pylint"]
    shown = lcode("search", "linter", "--as-of", "HEAD", "--scope", "facts")
    assert "The linter is ruff" in shown.out and "as of " in shown.err
    assert lcode("search", "linter", "--as-of", "2026-02-01", "--known-at", "2026-02-01", "--json").json()["facts"] == []
    assert lcode("search", "linter", "--as-of", "someday").code == 1


def test_a_fact_says_what_it_ends(lcode: Lcode) -> None:
    old = lcode("remember", "Deploys go to Paris", "--subject", "deploy region", "--json").json()["id"]
    assert "no longer true: " in lcode("remember", "Deploys go to Oslo", "--subject", "deploy region").out
    other = lcode("remember", "Retries stop after 3").out.split()[-1]
    assert f"no longer true: {other} Retries stop after 3" in lcode("remember", "Retries go on", "--supersedes", other).out
    assert lcode("remember", "x", "--supersedes", "ffff").code == 1
    assert old not in lcode("search", "deploys", "--json").out


def test_commits_are_found_before_a_worker_has_digested_them(lcode: Lcode, repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "-m", "Drop the zebra cache")
    done = lcode("search", "--kind", "commit", "zebra", "cache")
    assert "Drop the zebra cache" in done.out
    assert "git's own words" in done.err
    assert lcode("search", "--kind", "decision", "zebra", "--json").json()["commits"] == []


def test_lines_of_questions_are_answered_by_rank_over_all_scopes(lcode: Lcode, repository: Path) -> None:
    lcode("remember", "the zebra lives in the zoo")
    lcode("remember", "the zebra eats grass")
    lcode("-p", "the zebra sleeps at noon")
    git(repository, "commit", "-q", "--allow-empty", "-m", "Feed the zebra")
    (line,) = lcode("search", "--stdin", "--scope", "all", "--limit", "3", stdin="zebra\n").out.splitlines()
    hits = json.loads(line)["hits"]
    assert [hit["scope"] for hit in hits] == ["facts", "commits", "messages"]
