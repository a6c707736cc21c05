"""What the model is told of earlier talk: moments with ids and dates, what they are worth, and that nothing is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lcode import clock
from lcode.memory.model import Actor, MessageRow, Recalled, RecallHit, Source
from lcode.memory.session_memory import SessionMemory
from lcode.tools.message_text import worth
from tests.tools.conftest import Caller
from tests.tools.test_memory_rethink import caller, memory

__all__ = ["caller", "memory"]


@pytest.fixture(autouse=True)
def at_a_fixed_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    on("2026-11-21")
    yield
    clock.set_source(None)


def on(day: str) -> None:
    clock.set_source(lambda: datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=UTC))


def begin(memory: SessionMemory, title: str = "", branch: str = "main") -> str:
    made = memory.recall.create_session(branch=branch, worktree="/x", head="", model="offline")
    memory.recall.update_session(made, title=title)
    return made


def say(memory: SessionMemory, where: str, text: str, role: str = "user") -> MessageRow:
    memory.session_id = where
    by = memory.provenance(Actor.USER if role == "user" else Actor.AGENT, Source.SAID)
    return memory.recall.add_message(role, role, [{"type": "text", "text": text}], text, by)


def test_a_hit_is_a_moment_with_ids_date_and_neighbours(caller: Caller, memory: SessionMemory) -> None:
    on("2026-11-18")
    where = begin(memory, "Fix the clock", "clock")
    say(memory, where, "please look at the clock")
    found = say(memory, where, "the flux capacitor was loose", "assistant")
    say(memory, where, "thanks")
    on("2026-11-21")
    memory.session_id = begin(memory)
    text = caller.text("conversation_search", query="what was loose in the capacitor")
    head, *body = text.split("\n")[-4:]
    session, message = where.removeprefix("session-")[:8], found.id.removeprefix("message-")[:8]
    assert head.startswith(f"[2026-11-18 10:00, 3 days ago, session {session} «Fix the clock» on clock, message {message}")
    assert body == [
        "  before: user: please look at the clock",
        "assistant: the flux capacitor was loose",
        "  after: user: thanks",
    ]


def test_nothing_found_is_said_with_the_best_score(caller: Caller, memory: SessionMemory) -> None:
    say(memory, begin(memory), "the horse is brown")
    assert caller.text("conversation_search", query="qwertz") == (
        "Nothing found for 'qwertz' in 1 messages of all sessions (best score 0.00). Memory does not know; do not make it up."
    )


def test_weak_matches_are_said_to_be_weak(memory: SessionMemory) -> None:
    hit = RecallHit(say(memory, begin(memory), "a horse"), "", "main", 0.2, confidence="weak")
    assert worth(Recalled([hit], best=0.2, confidence="weak")) == (
        "[only weak matches, the best 0.20 of 1: they may have nothing to do with it; invent nothing from them]"
    )
    assert worth(Recalled([hit], best=0.8, confidence="good")) == ""


def test_a_message_is_read_whole_by_its_id(caller: Caller, memory: SessionMemory) -> None:
    long = say(memory, begin(memory), "the zebra " + "runs and runs and " * 200 + "stops at the gate")
    memory.session_id = begin(memory)
    cut = caller.text("conversation_search", query="zebra")
    assert len(cut) < 1_500
    short = long.id.removeprefix("message-")[:8]
    for name in (short, f"message {short}", long.id):
        assert long.text in caller.text("conversation_search", query=name)


def test_a_date_in_the_question_is_said_as_it_was_understood(caller: Caller, memory: SessionMemory) -> None:
    on("2026-11-11")
    say(memory, begin(memory), "the zebra is fast")
    on("2026-11-21")
    memory.session_id = begin(memory)
    text = caller.text("conversation_search", query="what about the zebra last week")
    assert "«last week» is 2026-11-09 00:00 to 2026-11-16 00:00" in text
    assert "the zebra is fast" in text


def test_what_was_compacted_out_of_this_session_is_marked_and_what_is_in_sight_left_out(
    caller: Caller, memory: SessionMemory
) -> None:
    where = begin(memory)
    gone = say(memory, where, "the zebra is striped")
    say(memory, where, "the zebra is fast")
    memory.in_context = (where, gone.seq)
    text = caller.text("conversation_search", query="zebra")
    assert "earlier in this session, out of your sight" in text
    assert "zebra is striped" in text
    assert "\nuser: the zebra is fast" not in text


def test_filters_narrow_and_a_session_that_is_not_there_is_refused(caller: Caller, memory: SessionMemory) -> None:
    first = begin(memory, branch="one")
    say(memory, first, "zebra one")
    second = begin(memory, branch="two")
    say(memory, second, "zebra two")
    memory.session_id = begin(memory)
    assert "zebra two" not in caller.text("conversation_search", query="zebra", branch="one")
    assert "zebra one" not in caller.text("conversation_search", query="zebra", session=second.removeprefix("session-")[:8])
    assert "Nothing found" in caller.text("conversation_search", query="zebra", tool="shell", outcome="error")
    assert "no session 'ffffffff'" in caller.refused("conversation_search", query="zebra", session="ffffffff")
    assert "not a date" in caller.refused("conversation_search", query="zebra", start_date="someday")


def test_days_are_listed_in_order_and_in_words(caller: Caller, memory: SessionMemory) -> None:
    for day in ("2026-11-09", "2026-11-10", "2026-11-17"):
        on(day)
        say(memory, begin(memory), f"said on {day}")
    on("2026-11-21")
    memory.session_id = begin(memory)
    text = caller.text("conversation_search_date", start_date="last week", end_date="last week")
    assert [line for line in text.splitlines() if line.startswith("user:")] == [
        "user: said on 2026-11-09",
        "user: said on 2026-11-10",
    ]
    some = caller.text("conversation_search_date", start_date="2026-11-01", end_date="today", limit=1)
    assert some.endswith("[the first 1: ask from 2026-11-09 10:00 on for more]")
    assert caller.text("conversation_search_date", start_date="2026-01-01", end_date="2026-01-02").startswith(
        "Nothing was said"
    )
