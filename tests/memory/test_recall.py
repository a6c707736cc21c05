"""Recall: every message, ranked, tolerant of inflection, by days in the user's zone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lcode import clock
from lcode.errors import MemoryEditError, UserError
from lcode.events import Usage
from lcode.memory.model import Actor, PendingCall, Source
from lcode.memory.model_calls import STEP, ModelCall, estimates, last_usage, model_calls
from tests.memory.conftest import Tiers, by


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    clock.set_source(None)
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> None:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    clock.set_source(lambda: moment)


def session(tiers: Tiers, title: str = "") -> str:
    made = tiers.recall.create_session(branch="main", worktree="/repo", head="", model="offline")
    if title:
        tiers.recall.update_session(made, title=title)
    return made


def say(tiers: Tiers, where: str, text: str, role: str = "user", kind: str = "") -> int:
    by_whom = by(Actor.USER if role == "user" else Actor.AGENT, Source.SAID, where)
    return tiers.recall.add_message(role, kind or role, [{"type": "text", "text": text}], text, by_whom).seq


def found(tiers: Tiers, query: str, **filters) -> list[str]:
    return [hit.message.text for hit in tiers.recall.search(query, **filters)]


def test_words_are_found_in_any_order_and_inflection(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "we switched the retry backoff to exponential")
    say(tiers, where, "something else")
    for query in ("backoff retry", "exponential backoff", "retries", "switching", "why did we switch?"):
        assert found(tiers, query)[0].startswith("we switched"), query
    assert found(tiers, "text") == []


def test_identifiers_are_found_by_their_parts_and_whole(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "look at parseRetryAfter in http_client/transport.py")
    for query in ("parseRetryAfter", "retry after", "transport", "http client", "http_client"):
        assert len(found(tiers, query)) == 1, query


def test_a_query_is_never_a_syntax_error(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, 'a "quoted" word AND (more)')
    for query in ('"', "AND OR NOT", "a*b", "NEAR(x y)", "'; DROP TABLE", "col:word", "-x", "(", "", "…"):
        tiers.recall.search(query)
    assert found(tiers, 'the "quoted"') == ['a "quoted" word AND (more)']


def test_hits_come_with_their_neighbours_title_and_branch(tiers: Tiers) -> None:
    where = session(tiers, "Fix the retry")
    say(tiers, where, "please fix it")
    say(tiers, where, "the flux capacitor was loose", "assistant")
    say(tiers, where, "thanks")
    (hit,) = tiers.recall.search("capacitor")
    assert (hit.session_title, hit.branch) == ("Fix the retry", "main")
    assert [row.text for row in (*hit.before, *hit.after)] == ["please fix it", "thanks"]


def test_days_are_the_users_and_both_are_included(tiers: Tiers) -> None:
    where = session(tiers)
    at("2026-03-10T03:30:00")  # the evening of the 9th in New York
    say(tiers, where, "evening talk about lamps")
    at("2026-03-10T14:00:00")
    say(tiers, where, "morning talk about lamps")
    assert found(tiers, "lamps", start="2026-03-09", end="2026-03-09") == ["evening talk about lamps"]
    assert found(tiers, "lamps", start="2026-03-10", end="2026-03-10") == ["morning talk about lamps"]
    assert len(tiers.recall.by_date("2026-03-09", "2026-03-10")) == 2
    assert tiers.recall.by_date("2026-03-11", "2026-03-12") == []


def test_a_date_that_is_none_says_how_to_write_one(tiers: Tiers) -> None:
    with pytest.raises(MemoryEditError, match="'next week' is not a date") as caught:
        tiers.recall.search("x", start="next week")
    assert "YYYY-MM-DD" in caught.value.hint


def test_replies_without_words_are_left_out_and_take_no_room(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "which port")
    for _ in range(3):
        say(tiers, where, "", "assistant")
    say(tiers, where, "port 80", "assistant")
    assert [hit.message.text for hit in tiers.recall.by_date("2020-01-01", "2099-01-01", limit=2)] == ["which port", "port 80"]
    assert [hit.after[0].text for hit in tiers.recall.search("which")] == ["port 80"]
    assert found(tiers, "", limit=2) == ["port 80", "which port"]


def test_roles_filter_and_what_is_in_context_is_left_out(tiers: Tiers) -> None:
    old, new = session(tiers), session(tiers)
    say(tiers, old, "apple one")
    say(tiers, old, "between", "assistant")
    say(tiers, old, "apple two", "assistant")
    say(tiers, old, "between")
    cut = say(tiers, new, "apple three")
    say(tiers, new, "apple four")
    assert found(tiers, "apple", roles=["assistant"]) == ["apple two"]
    assert set(found(tiers, "apple", in_context=(new, cut))) == {"apple one", "apple two", "apple three"}
    say(tiers, old, "apple five", "tool", "lookup")
    assert "apple five" not in found(tiers, "apple", limit=50)


def test_what_is_stored_is_redacted_and_is_what_comes_back(tiers: Tiers) -> None:
    where = session(tiers)
    content = [{"type": "tool_call", "id": "call_1", "name": "shell", "arguments": {"command": "echo correct-horse-battery"}}]
    row = tiers.recall.add_message("assistant", "assistant", content, "→ shell echo correct-horse-battery", by(session=where))
    assert "correct-horse" not in str(row)
    assert tiers.recall.messages(where) == [row]
    assert tiers.memory.path is not None
    for file in tiers.memory.path.parent.glob("memory.db*"):
        assert b"correct-horse" not in file.read_bytes()


def test_where_a_session_works_is_redacted_however_it_is_written(tiers: Tiers) -> None:
    place = {"branch": "try/correct-horse-battery", "worktree": "/home/me/correct-horse-battery"}
    made = tiers.recall.create_session(**place, head="", model="offline")
    begun = tiers.recall.session(made)
    tiers.recall.update_session(made, **place)
    again = tiers.recall.session(made)
    assert (begun.branch, begun.worktree) == (again.branch, again.worktree)
    assert "correct-horse" not in f"{begun.branch} {begun.worktree}"


def test_the_same_message_is_stored_once(tiers: Tiers) -> None:
    where = session(tiers)
    operation = by(session=where)
    for _ in range(2):
        tiers.recall.add_message("user", "user", [{"type": "text", "text": "x"}], "x", operation)
    assert len(tiers.recall.messages(where)) == 1


def test_sessions_are_found_by_prefix_and_title_newest_first(tiers: Tiers) -> None:
    first, second = session(tiers, "one"), session(tiers, "two")
    assert tiers.recall.sessions() == []
    say(tiers, first, "a")
    say(tiers, second, "b")
    assert [row.id for row in tiers.recall.sessions()] == [second, first]
    assert tiers.recall.session(first[8:20]).id == first
    assert tiers.recall.session("two").id == second
    with pytest.raises(UserError, match="there is no session 'nope'"):
        tiers.recall.session("nope")
    tiers.recall.update_session(first, archived=1)
    assert [row.id for row in tiers.recall.sessions()] == [second]
    assert len(tiers.recall.sessions(archived=True)) == 2


def test_a_summary_stands_before_what_came_after_its_cut(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "old")
    cut = say(tiers, where, "older")
    say(tiers, where, "kept")
    say(tiers, where, "the summary", "user", "summary")
    tiers.recall.update_session(where, context_from=cut)
    say(tiers, where, "newer")
    assert [row.text for row in tiers.recall.context(where)] == ["the summary", "kept", "newer"]


def test_calls_without_a_result_are_known(tiers: Tiers) -> None:
    where = session(tiers)
    run = tiers.recall.start_run(where)
    tiers.recall.add_step("step-1", run, 1, model="m", usage=Usage(1, 2, 3, 4, 5), latency=0.5, stop_reason="tool_calls")
    calls = [PendingCall(f"op-{n}", "step-1", f"call_{n}", n, "shell", {"command": "ls"}, "execute", "asked") for n in range(2)]
    tiers.recall.add_calls(calls, where)
    tiers.recall.start_call("op-0")
    tiers.recall.finish_call("op-1", "ok", "exit 0")
    assert [(call.operation_id, call.state) for call in tiers.recall.pending_calls(where)] == [("op-0", "started")]
    assert tiers.recall.finished_calls(where) == [("shell", {"command": "ls"}, "ok", "exit 0", "execute")]


def test_what_calls_of_models_took_is_kept_once_and_in_order(tiers: Tiers) -> None:
    where = session(tiers)
    used = Usage(100, 60, 20, 7, 3, 5)
    step = ModelCall("step-1", where, "run-1", STEP, "anthropic/m", "m-1", "2026-01-02T00:00:00.000Z", used, 90, 1234, "{}")
    side = replace(step, id="call-1", purpose="compaction", created_at="2026-01-03T00:00:00.000Z", usage=Usage(5), price="")
    for call in (step, side, step):
        tiers.recall.add_model_call(call)
    assert model_calls(tiers.recall, session_id=where) == [step, side]
    assert model_calls(tiers.recall, start="2026-01-02T12:00") == [side]
    assert model_calls(tiers.recall, end="2026-01-02T12:00") == [step]
    assert model_calls(tiers.recall, session_id="session-other") == []
    assert (step.priced, side.priced) == (True, False)
    assert last_usage(tiers.recall, where) == used
    assert last_usage(tiers.recall, where, "2026-01-02T12:00") is None
    assert estimates(tiers.recall, "anthropic/m", 8) == [(90, 5), (90, 100)]


def test_neighbours_that_match_fold_into_the_better_hit(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "the lamp is in the lamp shop")
    say(tiers, where, "which lamp?", "assistant")
    say(tiers, where, "something else")
    say(tiers, where, "a lamp again", "assistant")
    assert len(found(tiers, "lamp")) == 2
    assert "a lamp again" in found(tiers, "lamp")


def test_what_is_nothing_but_calls_ranks_behind_words(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "→ grep lamp", "assistant")
    say(tiers, where, "filler")
    say(tiers, where, "the lamp", "assistant")
    say(tiers, where, "filler")
    assert found(tiers, "lamp")[0] == "the lamp"
    assert [hit.message.text for hit in tiers.recall.by_date("2020-01-01", "2099-01-01")] == ["filler", "the lamp", "filler"]
