"""Hits are moments: who said it, what stood around it, what came of it, where the same was said again."""

from __future__ import annotations

from typing import Any

import pytest

from lcode.errors import UserError
from lcode.memory.model import Actor, Outcome, Source
from tests.memory.conftest import Tiers, by


def session(tiers: Tiers, branch: str = "main") -> str:
    return tiers.recall.create_session(branch=branch, worktree="/repo", head="", model="offline")


def say(tiers: Tiers, where: str, text: str, role: str = "user", run: str = "") -> str:
    by_whom = by(Actor.USER if role == "user" else Actor.AGENT, Source.SAID, where)
    return tiers.recall.add_message(role, role, [{"type": "text", "text": text}], text, by_whom, run_id=run).id


def use(tiers: Tiers, where: str, run: str, tool: str, outcome: str = "ok", text: str = "done", **arguments: Any) -> str:
    """A call and its result."""
    call = f"call-{tiers.recall.count()}"
    part = {"type": "tool_call", "id": call, "name": tool, "arguments": arguments}
    line = f"→ {tool} {' '.join(map(str, arguments.values()))}"
    tiers.recall.add_message("assistant", "assistant", [part], line, by(Actor.AGENT, Source.SAID, where), run_id=run)
    result = {"type": "tool_result", "call_id": call, "name": tool, "text": text}
    paths = [arguments["path"]] if "path" in arguments else ()
    by_whom = by(Actor.AGENT, Source.TOOL, where)
    return tiers.recall.add_message(
        "tool", "tool", [result], text, by_whom, run_id=run, call_id=call, tool=tool, outcome=outcome, paths=paths
    ).id


def test_around_a_hit_stands_what_was_said_without_the_noise_of_tools(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "please mend the flux capacitor")
    for number in range(5):
        use(tiers, where, "", "grep", text=f"match {number}", pattern="flux")
    say(tiers, where, "the spring was loose", "assistant")
    say(tiers, where, "thanks")
    (hit,) = tiers.recall.search("capacitor", context=2)
    assert [row.text for row in hit.after] == ["the spring was loose", "thanks"]
    (hit,) = tiers.recall.search("spring loose", roles=["assistant"], context=1)
    assert [row.text for row in hit.before] == ["please mend the flux capacitor"]


def test_before_what_a_tool_returned_stands_its_call(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "look for it")
    use(tiers, where, "", "grep", text="parser.py:3: zebra", pattern="striped")
    (hit,) = tiers.recall.search("zebra", context=1)
    assert [row.text for row in hit.before] == ["→ grep striped"]


def test_what_came_of_a_request_is_told(tiers: Tiers) -> None:
    where = session(tiers)
    run = tiers.recall.start_run(where)
    say(tiers, where, "why does the zebra crash", run=run)
    use(tiers, where, run, "shell", "error", command="pytest -q tests/zebra")
    use(tiers, where, run, "edit_file", path="zebra.py", old_string="a", new_string="b")
    use(tiers, where, run, "edit_file", "error", path="horse.py", old_string="a", new_string="b")
    use(tiers, where, run, "shell", command="pytest -q tests/zebra")
    use(tiers, where, run, "shell", "error", command="ruff check .")
    use(tiers, where, run, "shell", command="git add -A && git commit -q -m 'Mend the zebra'")
    say(tiers, where, "it does not any more", "assistant", run=run)
    tiers.recall.end_run(run, "end_turn")
    for query in ("zebra crash", "not any more"):
        hit = next(hit for hit in tiers.recall.search(query) if hit.message.kind in ("user", "assistant"))
        assert hit.outcome == Outcome("", ("zebra.py",), ("pytest -q tests/zebra",), ("ruff check .",), ("Mend the zebra",))


def test_a_command_may_be_a_list_of_words(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "why does the zebra crash")
    use(tiers, where, "", "exec", command=["bash", "-lc", "pytest -q tests/zebra"])
    use(tiers, where, "", "exec", command=["git", "commit", "-am", "Mend the zebra"])
    (hit,) = tiers.recall.search("zebra crash", roles=["user"])
    assert hit.outcome.told == ["passed pytest -q tests/zebra", "committed Mend the zebra"]


@pytest.mark.parametrize(
    ("reason", "told"), [("end_turn", ""), ("cancelled", "stopped by the user"), ("llm_api_error", "broke off")]
)
def test_a_run_that_did_not_end_well_is_told(tiers: Tiers, reason: str, told: str) -> None:
    where = session(tiers)
    run = tiers.recall.start_run(where)
    say(tiers, where, "count the zebras", run=run)
    tiers.recall.end_run(run, reason)
    (hit,) = tiers.recall.search("zebras")
    assert hit.outcome.ended == told


def test_what_came_of_one_request_is_not_told_of_the_next(tiers: Tiers) -> None:
    where = session(tiers)
    say(tiers, where, "mend the zebra")
    use(tiers, where, "", "write_file", path="zebra.py", content="x")
    say(tiers, where, "and the horse")
    (hit,) = tiers.recall.search("horse")
    assert not hit.outcome


def test_the_same_words_are_one_hit_with_where_they_were_said_again(tiers: Tiers) -> None:
    places = [session(tiers) for _ in range(3)]
    said = [
        say(tiers, where, text)
        for where, text in zip(places, ("Run  the tests", "run the tests", "run the tests"), strict=True)
    ]
    (hit,) = tiers.recall.search("run tests")
    assert {hit.message.id, *(one.message_id for one in hit.repeats)} == set(said)
    assert {one.session_id for one in hit.repeats} < set(places)
    assert len(tiers.recall.search("run tests", context=0)) == 3


def test_filters_by_branch_tool_outcome_file_and_session(tiers: Tiers) -> None:
    main, other = session(tiers), session(tiers, "other")
    for where in (main, other):
        run = tiers.recall.start_run(where)
        say(tiers, where, f"zebra in {where}", run=run)
        use(tiers, where, run, "shell", "error", text="zebra failed", command="make")
        use(tiers, where, run, "read_file", text="a zebra", path=f"src/{'main' if where == main else 'other'}.py")

    def found(**filters: Any) -> set[tuple[str, str]]:
        hits = tiers.recall.search("zebra", limit=50, context=0, **filters)
        return {(hit.message.session_id, hit.message.role) for hit in hits}

    assert found() == {(where, role) for where in (main, other) for role in ("user", "tool")}
    assert found(branch="other") == {(other, "user"), (other, "tool")}
    assert found(tool="shell") == {(main, "tool"), (other, "tool")}
    assert found(outcome="error", session_id=main) == {(main, "tool")}
    for path in ("src/main.py", "main.py", "./src/main.py"):
        assert found(path=path) == {(main, "user"), (main, "tool")}, path
    assert found(path="src") == found()
    assert found(path="ain.py") == found(tool="none") == set()


def test_a_message_is_opened_by_its_id_or_its_beginning(tiers: Tiers) -> None:
    where, other = session(tiers), session(tiers)
    ids = [say(tiers, where, f"zebra {number}") for number in range(7)]
    elsewhere = say(tiers, other, "zebra")
    name, rows = tiers.recall.around(where, ids[3][:20], 2)
    assert (name, [row.text for row in rows]) == (ids[3], [f"zebra {number}" for number in range(1, 6)])
    assert [row.id for row in tiers.recall.around(where, ids[0].removeprefix("message-"), 1)[1]] == ids[:2]
    for wrong in (elsewhere, "", "message-", "nope"):
        with pytest.raises(UserError):
            tiers.recall.around(where, wrong, 1)


def test_what_was_elided_from_the_prompt_is_out_of_sight(tiers: Tiers) -> None:
    where = session(tiers)
    gone, there = (use(tiers, where, "", "shell", text=f"a zebra {number}", command="ls") for number in range(2))
    row = (where, gone, "", "line", "[read_result output-1 has it]", "2026-11-21T10:00:00.000Z")
    sql = "INSERT INTO elisions (session_id, message_id, call_id, form, text, created_at) VALUES (?, ?, ?, ?, ?, ?)"
    tiers.memory.write(lambda connection: connection.execute(sql, row))
    found = tiers.recall.search("zebra", in_context=(where, 0), context=0)
    assert [hit.message.id for hit in found] == [gone] != [there]
