from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.ui.shell.stream import BATCH, Block, BlockStream

LINES = st.sampled_from(
    ["", "text", "more text", "# Title", "- item", "1. item", "  continued", "   ```py", "```", "```python", "~~~", "> quote",
     "| a | b |", "|---|---|", "    code", "```not `a` fence", "\t", "-", "***"]
)  # fmt: skip


def blocks(text: str, size: int = 0) -> list[Block]:
    stream = BlockStream()
    pieces = [text[start : start + size] for start in range(0, len(text), size)] if size else [text]
    return [block for piece in pieces for block in stream.feed(piece)] + stream.finish()


def test_a_paragraph_is_released_at_the_blank_line_after_it() -> None:
    stream = BlockStream()
    assert stream.feed("one\ntwo\n") == []
    assert stream.pending(6) == ["one", "two"]
    assert stream.feed("\nthr") == [Block("markdown", "one\ntwo")]
    assert stream.pending(6) == ["thr"]


def test_a_list_is_released_when_the_next_block_starts() -> None:
    stream = BlockStream()
    assert stream.feed("- a\n\n- b\n\n  more of b\n\n") == []
    assert stream.feed("after\n") == [Block("markdown", "- a\n\n- b\n\n  more of b")]


def test_a_heading_is_released_at_once() -> None:
    assert BlockStream().feed("text\n## Title\n") == [Block("markdown", "text"), Block("markdown", "## Title")]


def test_a_fence_is_released_in_batches() -> None:
    code = [f"line {number}" for number in range(BATCH * 2 + 5)]
    found = blocks("before\n```py\n" + "\n".join(code) + "\n```\nafter")
    assert [(block.kind, block.continued) for block in found] == [
        ("markdown", False), ("code", False), ("code", True), ("code", True), ("markdown", False),
    ]  # fmt: skip
    assert "\n".join(block.text for block in found[1:4]).split("\n") == code
    assert {block.language for block in found[1:4]} == {"py"}


def test_a_list_before_a_fence_stays_a_list() -> None:
    assert blocks("- a\n\n```\nx\n```\n") == [Block("markdown", "- a"), Block("code", "x")]


def test_a_fence_inside_a_list_item_stays_with_it() -> None:
    text = "1. first\n   ```py\n   x\n\n   y\n   ```\n\n2. second"
    assert blocks(text) == [Block("markdown", text)]


def test_a_fence_is_closed_only_by_its_own_kind() -> None:
    assert blocks("````\n```\nx\n```\n````\nend") == [Block("code", "```\nx\n```"), Block("markdown", "end")]


def test_what_is_pending_is_forgotten_when_the_stream_restarts() -> None:
    stream = BlockStream()
    stream.feed("```py\nhalf")
    stream.discard()
    assert stream.feed("whole\n\n") == [Block("markdown", "whole")]


@given(st.lists(LINES, max_size=40), st.integers(1, 9))
def test_the_cut_does_not_depend_on_the_pieces(lines: list[str], size: int) -> None:
    text = "\n".join(lines)
    assert blocks(text, size) == blocks(text)


@given(st.lists(LINES, max_size=120))
def test_no_line_is_lost_doubled_or_moved(lines: list[str]) -> None:
    found = [line.strip() for block in blocks("\n".join(lines)) for line in block.text.split("\n") if line.strip()]
    wanted = [line.strip() for line in lines if line.strip()]
    fences = ("```", "~~~")
    assert [line for line in found if not line.startswith(fences)] == [line for line in wanted if not line.startswith(fences)]


@pytest.mark.parametrize(("opening", "unit"), [("```py\n", "code\n"), ("", "- item\n"), ("", "a\n\n"), ("", "## a\n")])
def test_no_more_than_a_batch_is_ever_pending(opening: str, unit: str) -> None:
    """However long the answer, a step looks at a bounded number of lines: the whole is linear."""
    stream = BlockStream()
    released = stream.feed(opening)
    for _ in range(500):
        released += stream.feed(unit)
        assert len(stream.pending(10_000)) <= BATCH
    assert sum(block.text.count(unit.strip()) for block in released + stream.finish()) == 500
