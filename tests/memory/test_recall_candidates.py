"""What recall search chooses from: rare words before common ones, speech apart from what tools print, filters as conditions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcode import clock
from lcode.memory import recall_candidates
from lcode.memory.model import Actor, Source
from lcode.memory.recall_candidates import OUTPUTS, SPEECH
from tests.memory.conftest import Tiers, by


@pytest.fixture(autouse=True)
def real_clock():
    yield
    clock.set_source(None)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so narrow that a few messages reach them."""
    monkeypatch.setattr(recall_candidates, "_SCORED", {SPEECH: 8, OUTPUTS: 8})
    monkeypatch.setattr(recall_candidates, "_BEST", {SPEECH: 3, OUTPUTS: 2})


def session(tiers: Tiers) -> str:
    return tiers.recall.create_session(branch="main", worktree="/repo", head="", model="offline")


def say(tiers: Tiers, where: str, text: str, role: str = "user") -> str:
    whose = {"user": Actor.USER, "assistant": Actor.AGENT, "tool": Actor.PROGRAM}[role]
    source = Source.TOOL if role == "tool" else Source.SAID
    return tiers.recall.add_message(role, role, [{"type": "text", "text": text}], text, by(whose, source, where)).id


def best(tiers: Tiers, question: str, **filters) -> str:
    return tiers.recall.search(question, limit=1, context=0, **filters)[0].message.id


def test_a_rare_word_chooses_where_common_ones_would_fill_every_place(tiers: Tiers, narrow: None) -> None:
    told = say(tiers, session(tiers), "the tests run on the zanzibar machine")
    for number in range(40):
        say(tiers, session(tiers), f"run the tests once more, {number}")
    assert best(tiers, "where do the tests of zanzibar run") == told


def test_common_words_alone_choose_what_holds_two_of_them(tiers: Tiers, narrow: None) -> None:
    for number in range(30):
        say(tiers, session(tiers), f"the server again {number}")
        say(tiers, session(tiers), f"the password again {number}")
    told = say(tiers, session(tiers), "the password of the server is kept in the vault")
    for number in range(30):
        say(tiers, session(tiers), f"the server once more {number}")
        say(tiers, session(tiers), f"the password once more {number}")
    assert best(tiers, "server password") == told


def test_one_common_word_finds_the_newest_that_hold_it(tiers: Tiers, narrow: None) -> None:
    for number in range(30):
        last = say(tiers, session(tiers), f"deploy number {number}")
    assert last in {hit.message.id for hit in tiers.recall.search("deploy", limit=8, context=0)}


def test_what_tools_print_does_not_drown_what_was_said(tiers: Tiers) -> None:
    told = say(tiers, session(tiers), "we keep the zanzibar cache for an hour")
    for number in range(60):
        say(tiers, session(tiers), f"zanzibar cache hit {number}\n" * 5, "tool")
    assert best(tiers, "how long is the zanzibar cache kept") == told
    assert tiers.recall.search("zanzibar cache hit 7", limit=1, roles=["tool"])[0].message.role == "tool"


def test_a_filter_is_a_condition_of_the_choice_not_of_what_came_of_it(tiers: Tiers, narrow: None) -> None:
    here = session(tiers)
    told = say(tiers, here, "and there is something about a lamp too, in passing, among many other things that were said")
    for number in range(40):
        say(tiers, session(tiers), f"lamp lamp {number}")
    assert best(tiers, "lamp", session_id=here) == told


def test_a_time_that_is_asked_for_brings_what_was_said_then_without_a_word_in_common(tiers: Tiers) -> None:
    day = datetime(2026, 3, 10, 12, tzinfo=UTC)
    told = ""
    for number in range(80):
        clock.set_source(lambda number=number: day.replace(month=1 + number % 9))
        said = say(tiers, session(tiers), f"we talked about shelf {number}")
        told = said if number % 9 == 6 else told
    clock.set_source(lambda: day.replace(month=11))
    found = {hit.message.created_at[:7] for hit in tiers.recall.search("what did we do in July?", limit=3, context=0)}
    assert told and found == {"2026-07"}


def test_an_answer_is_found_by_the_question_before_it(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "which port does the zanzibar service listen on?")
    answer = say(tiers, where, "8443, behind the proxy", "assistant")
    for number in range(30):
        say(tiers, session(tiers), f"something else about a service {number}")
    assert answer in {hit.message.id for hit in tiers.recall.search("port of zanzibar", limit=3, context=0)}


def test_a_session_in_sight_does_not_take_the_places_of_others(tiers: Tiers, narrow: None) -> None:
    told = say(tiers, session(tiers), "the lamp is in the cellar")
    here = session(tiers)
    for number in range(30):
        say(tiers, here, f"lamp {number}")
    assert best(tiers, "lamp", in_context=(here, 0)) == told


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=60), max_size=6))
def test_any_question_of_any_messages_is_answered(tiers: Tiers, question: str, texts: list[str]) -> None:
    where = session(tiers)
    for text in texts:
        say(tiers, where, text)
    hits = tiers.recall.search(question, limit=5)
    assert len(hits) <= 5
    assert len({hit.message.id for hit in hits}) == len(hits)
