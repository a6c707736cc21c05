"""Which parts of the prompt may go, in which order, and when that pays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.agent.eviction_plan import Part, newest_parts, parts_of, plan
from lcode.memory.elisions import REASONING, RESULT, Elision, apply
from lcode.memory.model import MessageRow
from lcode.tokens import content_tokens

ROOM = 32_000  # tokens; a long result has some 930, and 6 % of the room stay at the end
LONG = "\n".join(f"    value_{number} = compute(number={number})" for number in range(90))


def row(at: int, role: str, *content: dict[str, Any]) -> MessageRow:
    kind = role if role != "tool" else "tool"
    return MessageRow(at, f"message-{at:032x}", "session-1", "run-1", "", role, kind, list(content), "", "2026-01-01T00:00:00Z")


class Talk:
    """Rows as a session has them, a step a call."""

    def __init__(self) -> None:
        self.rows: list[MessageRow] = []

    def user(self, text: str = "Go on.") -> None:
        self._add("user", {"type": "text", "text": text})

    def step(self, name: str = "read_file", text: str = LONG, error: bool = False, thinking: str = "", **arguments: Any) -> int:
        """Where the result stands."""
        call_id = f"call_{len(self.rows)}"
        thought = [{"type": "thinking", "text": thinking, "signature": "s", "origin": "anthropic"}] if thinking else []
        self._add("assistant", *thought, {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments})
        result = {"type": "tool_result", "call_id": call_id, "name": name, "text": text, "is_error": error}
        return self._add("tool", result)

    def says(self, text: str = "Done.") -> None:
        self._add("assistant", {"type": "text", "text": text})

    def _add(self, role: str, *content: dict[str, Any]) -> int:
        self.rows.append(row(len(self.rows), role, *content))
        return len(self.rows) - 1

    def going(self, room: int = ROOM) -> set[int]:
        return {part.at for part in parts_of(self.rows, room)}


def unlike(number: int) -> str:
    return f"# file {number}\n{LONG}"


def test_old_results_go_and_the_newest_stay() -> None:
    talk = Talk()
    talk.user("Look at everything.")
    results = [talk.step(path=f"{number}.py", text=unlike(number)) for number in range(12)]
    assert talk.going() == set(results[:-2])


def test_results_that_the_model_has_not_seen_stay() -> None:
    talk = Talk()
    talk.user()
    seen = talk.step(path="a.py", text=unlike(1))
    results = [talk.step(path=f"{number}.py", text=unlike(number) * 3) for number in range(2)]
    assert talk.going(room=0) == {seen, results[0]}


def test_what_was_read_of_a_file_that_is_being_edited_stays() -> None:
    talk = Talk()
    talk.user()
    first = talk.step(path="a.py", text=unlike(1))
    again = talk.step(path="a.py", text=unlike(2))
    other = talk.step(path="b.py", text=unlike(3))
    talk.step("edit_file", text="Edited a.py", path="a.py")
    for number in range(4):
        talk.step(path=f"{number}.c", text=unlike(100 + number))
    assert {first, other} <= talk.going() and again not in talk.going()
    for number in range(12):
        talk.step("shell", text="ok", command=f"make {number}")
    assert again in talk.going()


def test_the_last_command_that_failed_stays_until_it_passes() -> None:
    talk = Talk()
    talk.user()
    first = talk.step("shell", text=unlike(1), error=True, command="pytest tests/a")
    second = talk.step("shell", text=unlike(2), error=True, command="pytest tests/b")
    for number in range(4):
        talk.step(path=f"{number}.c", text=unlike(100 + number))
    assert first in talk.going() and second not in talk.going()
    talk.step("shell", text="3 passed", command="pytest tests/b")
    assert second in talk.going() and first not in talk.going()


def test_a_result_that_stands_there_again_goes_although_it_is_new() -> None:
    talk = Talk()
    talk.user()
    first = talk.step(path="a.py", text=LONG[:2000])
    brought = talk.step("read_result", text=unlike(1)[:2000], handle="result-00000001")
    again = talk.step(path="a.py", text=LONG[:2000] + "\n\n[from memory, not of the file: facts that cite this code]\n- x")
    talk.step("shell", text="ok", command="make")
    assert talk.going() == {first, brought} and again not in talk.going()


def test_small_results_and_those_that_show_core_memory_stay() -> None:
    talk = Talk()
    talk.user()
    talk.step("shell", text="ok", command="make")
    talk.step("core_memory_append", text=LONG, label="conventions")
    for number in range(3):
        talk.step(path=f"{number}.c", text=unlike(100 + number))
    assert talk.going() == {6}


def test_thinking_of_earlier_answers_goes_and_that_of_this_one_stays() -> None:
    talk = Talk()
    talk.user()
    talk.step(thinking=LONG, text="short", path="a.py")
    talk.says()
    talk.user()
    talk.step(thinking=LONG, text="short", path="b.py")
    assert [(part.at, part.form) for part in parts_of(talk.rows, ROOM)] == [(1, REASONING)]
    assert not parts_of(talk.rows, ROOM, {RESULT})


@pytest.mark.parametrize(
    ("name", "arguments", "text", "error", "line"),
    [
        ("read_file", {"path": "src/a.py"}, LONG, False, "[read_file src/a.py: 90 lines, 3.0 KB; read_result result-00000000]"),
        ("shell", {"command": "make\n test"}, f"{LONG}\n[exit code 2, 1.4 s]", True,
         "[shell make test: 91 lines, 3.1 KB, exit code 2; read_result result-00000000]"),
        ("grep", {"pattern": "x(", "path": "."}, LONG, True,
         "[grep x(: 90 lines, 3.0 KB, failed; read_result result-00000000]"),
    ],
)  # fmt: skip
def test_the_line_says_what_it_was_how_long_how_it_ended_and_the_handle(
    name: str, arguments: dict[str, Any], text: str, error: bool, line: str
) -> None:
    talk = Talk()
    talk.user()
    talk.step(name, text=text, error=error, **arguments)
    for number in range(8):
        talk.step(path=f"{number}.c", text=unlike(100 + number))
    if error:
        talk.step("shell", text="ok", error=True, command="another failure")
    assert parts_of(talk.rows, ROOM)[0].text == line


def test_the_last_resort_cuts_what_the_model_has_not_seen() -> None:
    talk = Talk()
    talk.user()
    old = talk.step(path="a.py", text=LONG * 5)
    new = talk.step(path="b.py", text=LONG * 5)
    (part,) = newest_parts(talk.rows)
    assert (part.at, part.handle) == (new, f"result-{0:08x}") and old != new
    assert part.text.startswith("    value_0") and part.text.endswith("number=89)")
    assert f"read_result {part.handle} has all]" in part.text


# whether it pays


def session(steps: int, size: int = 90) -> Talk:
    talk = Talk()
    talk.user()
    for number in range(steps):
        talk.step(path=f"{number}.py", text="\n".join([f"# file {number}", *LONG.splitlines()[:size]]))
    return talk


def test_much_at_once_pays_and_a_little_does_not() -> None:
    many, few = session(40), session(4)
    large = plan(many.rows, parts_of(many.rows, ROOM), "anthropic")
    small = plan(few.rows, parts_of(few.rows, ROOM), "anthropic")
    assert large is not None and small is not None
    assert large.saved > large.cost and large.even_after < large.lasts
    assert small.saved < small.cost
    assert large.freed > 30_000 and len(large.parts) > 35
    assert "tokens freed against" in large.words and "pays for itself after" in large.words


def test_what_was_taken_out_before_stays_in_the_cache() -> None:
    talk = session(30)
    first = plan(talk.rows, parts_of(talk.rows, ROOM), "anthropic")
    assert first is not None
    talk.rows = apply(talk.rows, elisions(talk.rows, first.parts))
    for number in range(30):
        talk.step(path=f"{number}.c", text=unlike(100 + number))
    second = plan(talk.rows, parts_of(talk.rows, ROOM), "anthropic")
    assert second is not None
    assert min(part.at for part in second.parts) > max(part.at for part in first.parts)
    assert second.written < sum(content_tokens(row.content) for row in talk.rows) - second.parts[0].before


def test_a_cheap_part_far_up_is_left_where_all_behind_it_would_be_written_again() -> None:
    talk = Talk()
    talk.user()
    lone = talk.step(path="a.py", text=LONG[:600])
    for _ in range(60):
        talk.says("A long answer that nobody can take out of the prompt again. " * 20)
        talk.user()
    tail = [talk.step(path=f"{number}.c", text=unlike(100 + number)) for number in range(20)]
    best = plan(talk.rows, parts_of(talk.rows, ROOM), "anthropic")
    assert best is not None
    assert {part.at for part in best.parts} == set(tail[:-2]) and lone in talk.going()


def test_nothing_to_take_out_is_no_plan() -> None:
    assert plan([], [], "openai") is None


def elisions(rows: list[MessageRow], parts: Any) -> list[Elision]:
    return [
        Elision("session-1", rows[part.at].id, part.call_id, part.form, part.text, part.handle, "room", "now") for part in parts
    ]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["read_file", "shell", "edit_file"]), st.integers(0, 200), st.booleans()), max_size=25),
    st.floats(0.6, 1.8),
)
def test_a_plan_frees_what_it_says_and_counts_what_stands_behind_it(steps: list[tuple[str, int, bool]], scale: float) -> None:
    talk = Talk()
    talk.user()
    for name, size, error in steps:
        talk.step(
            name, text="\n".join(LONG.splitlines()[: size % 90]) * (1 + size // 90), error=error, path="a", command=str(size)
        )
    parts: list[Part] = parts_of(talk.rows, ROOM)
    best = plan(talk.rows, parts, "openai", scale)
    if best is None:
        assert not parts
        return
    before = sum(content_tokens(row.content) for row in talk.rows)
    out = apply(talk.rows, elisions(talk.rows, best.parts))
    after = sum(content_tokens(row.content) for row in out)
    assert best.freed == pytest.approx((before - after) * scale, abs=1)
    first = best.parts[0]
    assert best.written == pytest.approx((after - first.before) * scale, abs=1)
    assert [row.id for row in out] == [row.id for row in talk.rows]
    assert all(a == b for a, b in zip(out[: first.at], talk.rows[: first.at], strict=True))
