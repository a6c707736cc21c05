"""Random transcripts of sessions, for properties that hold whatever was said."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from lcode.memory.model import MessageRow
from tests.support.anthropic_check import signature_of

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Step:
    """A reply with calls, each with a result of so many words; `thought` is reasoning in front of it."""

    words: int
    results: tuple[int, ...] = ()
    thought: bool = False


@dataclass(frozen=True)
class Turn:
    asked: int
    steps: tuple[Step, ...]
    notice: bool = False


SIZES = st.sampled_from([1, 20, 300, 1_200])
STEPS = st.builds(Step, SIZES, st.lists(SIZES, max_size=3).map(tuple), st.booleans())
TURNS = st.lists(st.builds(Turn, SIZES, st.lists(STEPS, max_size=4).map(tuple), st.booleans()), min_size=1, max_size=9)


def rows_of(turns: list[Turn], *, summary: bool = False) -> list[MessageRow]:
    """The messages in context of a session that had these turns, maybe after a summary."""
    rows: list[MessageRow] = []

    def add(role: str, kind: str, content: list[dict[str, Any]]) -> None:
        text = " ".join(str(part.get("text", "")) for part in content)
        seq = len(rows) + 1
        rows.append(MessageRow(seq, f"message-{seq:04}", "session-1", "run-1", "", role, kind, content, text, "2026-01-01"))

    if summary:
        add("user", "summary", [{"type": "text", "text": "<summary>\nhead\n\nWhat was.\n</summary>"}])
    for turn in turns:
        add("user", "user", [{"type": "text", "text": "ask " * turn.asked}])
        for step in turn.steps:
            ids = [f"call_{next(_numbers)}" for _ in step.results]
            thought = (
                [{"type": "thinking", "text": "hm", "signature": signature_of("hm"), "origin": "anthropic"}]
                if step.thought
                else []
            )
            calls = [{"type": "tool_call", "id": one, "name": "read_file", "arguments": {"path": "a.py"}} for one in ids]
            add("assistant", "assistant", [*thought, {"type": "text", "text": "say " * step.words}, *calls])
            for one, words in zip(ids, step.results, strict=True):
                result = {"type": "tool_result", "call_id": one, "name": "read_file", "text": "line " * words}
                add("tool", "tool", [result])
        if turn.notice:
            add("user", "notice", [{"type": "text", "text": "<memory_update>\nchanged\n</memory_update>"}])
    return rows
