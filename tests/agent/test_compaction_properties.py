"""Whatever a session holds: where it is cut, what is sent then, and what an extract says."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.agent.compaction import MUST_FREE, choose_cut, last_cut, row_tokens
from lcode.agent.conversation import to_messages
from lcode.agent.extract import extract
from lcode.agent.pressure import notice
from lcode.llm import codec_anthropic, codec_openai
from lcode.llm.protocol import Message, Request, Text, ToolSpec
from lcode.memory.model import MessageRow
from tests.agent.transcripts import TURNS, Turn, rows_of
from tests.support import anthropic_check, openai_check

TOOL = ToolSpec("read_file", "Reads.", {"type": "object", "properties": {"path": {"type": "string"}}})
BUDGETS = st.sampled_from([2_000, 12_800, 100_000])


def calls(rows: list[MessageRow]) -> set[str]:
    return {str(part["id"]) for row in rows for part in row.content if part["type"] == "tool_call"}


def results(rows: list[MessageRow]) -> set[str]:
    return {str(part["call_id"]) for row in rows for part in row.content if part["type"] == "tool_result"}


@settings(max_examples=60, deadline=None)
@given(TURNS, BUDGETS, st.booleans())
def test_a_cut_parts_no_call_from_its_result_and_keeps_the_last_step(turns: list[Turn], budget: int, summary: bool) -> None:
    rows = rows_of(turns, summary=summary)
    cut = choose_cut(rows, budget, sum(map(row_tokens, rows)))
    assert [*cut.evicted, *cut.kept] == rows
    assert calls(cut.evicted) == results(cut.evicted)
    assert calls(cut.kept) == results(cut.kept)
    last = last_cut(rows).kept
    assert last
    assert cut.kept[-len(last) :] == last


@settings(max_examples=60, deadline=None)
@given(TURNS, BUDGETS)
def test_a_cut_frees_its_share_or_all_that_can_go(turns: list[Turn], budget: int) -> None:
    rows = rows_of(turns)
    used = sum(map(row_tokens, rows))
    cut = choose_cut(rows, budget, used)
    freed = sum(map(row_tokens, cut.evicted))
    assert freed >= MUST_FREE * used or cut == last_cut(rows)


@settings(max_examples=30, deadline=None)
@given(TURNS, BUDGETS)
def test_what_is_sent_after_a_cut_is_valid_for_both_apis(turns: list[Turn], budget: int) -> None:
    rows = rows_of(turns)
    cut = choose_cut(rows, budget, sum(map(row_tokens, rows)))
    summary = Message("user", (Text("<summary>…</summary>"), Text("<restated>…</restated>")))
    asked = Message("user", (Text("go on"),))
    for messages in ((summary, *to_messages(cut.kept), asked), (*to_messages(cut.evicted), asked)):
        openai_check.check(codec_openai.encode(Request("gpt-4.1", "system", (TOOL,), messages, 1_000)))
        anthropic_check.check(codec_anthropic.encode(Request("claude-sonnet-4-5", "system", (TOOL,), messages, 1_000)))


@settings(max_examples=40, deadline=None)
@given(TURNS, st.sampled_from([400, 2_000, 6_000]), st.text(max_size=40))
def test_an_extract_fits_its_room_and_a_notice_is_short(turns: list[Turn], room: int, keep: str) -> None:
    rows = rows_of(turns)
    assert len(extract(rows, "What was before. " * 300, room, keep)) <= room * 1.25 + 200
    assert len(notice(choose_cut(rows, 2_000, 4_000), 1_600, 2_000)) < 2_500
