"""What of a user's words still binds: found, kept to the letter, and out once it is taken back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.agent.binding import LONGEST, still_binding


def kept(*words: str) -> list[str]:
    return [rule.text for rule in still_binding(words)]


@pytest.mark.parametrize(
    "words",
    [
        "Never touch queue.py without asking me.",
        "Don't add new dependencies.",
        "I prefer short functions over clever ones.",
        "From now on write British English.",
        "Actually, use npm instead of pnpm here.",
        "No, that's wrong: the limit is per user.",
        "Make sure that every change has a test.",
        "Keep the public API of loader.py as it is.",
        "The test command is `tox -e py311`.",
        "Our staging host is db-eu-4417.",
        "Ask me before you push.",
        "The failing one was request req-64011eae on the audit pool.",
        "Commit 9fceb02a brought the slow pool.",
        "The ticket is OPS-267.",
        "don’t touch the lockfile",
        "don´t touch the lockfile",
        "dont touch the tests, ok?",
        "can you not touch the readme?",
        "nvr push to main pls",
        "alwyas run black before u commit",
        "neverr delete anything in /data",
        "we're on postgres 14 in prod so no MERGE",
        "log with structlog, print is banned",
        "nah thats wrong, timeout is in ms not s",
        "ask b4 you delete stuff",
        "answer in german",
        "skip the changelog",
        "use 2 spaces",
        "let me do the deploys",
        "we need this by friday, no refactoring pls",
        "when ur done open a pr against develop not main",
        "max 3 retries, backoff 2s",
    ],
)
def test_rules_preferences_corrections_and_facts_bind(words: str) -> None:
    assert kept("Hello.", words, "Thanks, go on.") == [words]


@pytest.mark.parametrize(
    "words",
    [
        "What does app.py do?",
        "Add a retry to the queue.",
        "thanks",
        "Looks good, go on.",
        "Fix it please",
        "Run it again",
        "does this never end?",
        "i dont know",
        "it never worked",
        "why cant i use tabs?",
        "ok thx",
        "use it",
    ],
)
def test_questions_and_tasks_do_not(words: str) -> None:
    assert kept(words) == []


@pytest.mark.parametrize(
    "words",
    [
        "Bitte niemals queue.py anfassen, ohne mich zu fragen.",
        "queue.pyには絶対に触らないでください。",
        "Никогда не трогай queue.py.",
    ],
)
def test_what_is_said_in_another_language_binds_as_it_is(words: str) -> None:
    assert kept("Add a retry to the queue.", words, "Fix it please") == [words]


def test_a_sentence_in_another_language_binds_in_any_message() -> None:
    german = "Bitte ändere an der Schnittstelle von billing nichts, das Team braucht sie so."
    assert kept(f"Cache the queue of orders, when the request comes in twice within a second. {german}") == [german]


def test_what_binds_without_a_doubt_is_told_from_what_may() -> None:
    words = "The queue was slow so that nobody has to look at it again. Never rename the column order_id: reports read it. " * 2
    assert [(rule.text[:5], rule.firm) for rule in still_binding([words])] == [("The q", False), ("Never", True)]


def test_of_a_long_message_only_what_binds_is_kept() -> None:
    story = "The importer reads rows and writes them to the table in batches. " * 12
    assert kept(f"{story}Never drop a column. {story}") == ["Never drop a column."]


@pytest.mark.parametrize("end", [". ", ", and "])
def test_of_a_long_message_without_capitals_or_an_end_the_rule_is_kept(end: str) -> None:
    story = "the importer reads rows and writes them to the table" + end
    (found,) = kept(story * 15 + "dont ever drop a column in orders" + end + story * 15)
    assert "dont ever drop a column in orders" in found and len(found) < 60


@pytest.mark.parametrize(
    "words", ["don't forget the pool of audit", "drop the pool of audit", "ignore the pool of audit for now"]
)
def test_an_order_about_the_same_thing_takes_no_rule_back(words: str) -> None:
    assert "Never touch the pool of audit." in kept("Never touch the pool of audit.", words)


@pytest.mark.parametrize(
    ("rule", "lifted"),
    [
        ("Never touch queue.py without asking me.", "You may edit queue.py now."),
        ("Don't rename parse_rows.", "Forget what I said about parse_rows, renaming it is fine."),
        ("Always run the slow suite before a commit.", "You no longer have to run the slow suite before a commit."),
        ("Do not use mocks.", "never mind"),
        ("dont use mocks", "nvm"),
        ("dont touch migrations/ its owned by bob", "ok u can touch migrations/ now"),
    ],
)
def test_what_is_taken_back_is_out(rule: str, lifted: str) -> None:
    assert rule not in kept("Use tabs, never spaces.", rule, lifted)
    assert "Use tabs, never spaces." in kept("Use tabs, never spaces.", rule, lifted)


def test_a_newer_word_on_the_same_single_thing_takes_the_place_of_the_older() -> None:
    assert kept("The test command is `pytest`.", "The test command is `tox`.") == ["The test command is `tox`."]
    assert kept("Never push.", "Add a test.", "Never push.") == ["Never push."]


@given(st.lists(st.text(max_size=400), max_size=12))
def test_whatever_is_typed_what_is_kept_was_typed(words: list[str]) -> None:
    for rule in still_binding(words):
        assert rule.text in " ".join(words[rule.message].split())
        assert len(rule.text) <= LONGEST
