"""Memory pressure: before anything leaves the prompt, one appended message says what will, and the agent has one step to save
what matters.

Without a model to do that, an extract of what will go is kept in archival memory, as data. Once each time the window fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from lcode.agent.compaction import Cut, row_tokens
from lcode.agent.conversation import call_line
from lcode.agent.extract import extract
from lcode.agent.outbox import NOT_NOW
from lcode.agent.restated import unframed
from lcode.agent.summary import earlier_summary
from lcode.errors import LcodeError
from lcode.llm.protocol import ToolCall
from lcode.llm.wire import parts_from_json
from lcode.memory.dates import local
from lcode.memory.model import Actor, MessageRow, Source, Trust
from lcode.redact import cut as shortened

if TYPE_CHECKING:
    from lcode.agent.session import Session

_OPEN = "<memory_pressure>"
_ASKED, _RESULTS = 4, 5  # that are named
_LARGE = 400  # tokens of a result that is worth naming
_EXTRACT = 3_000  # characters
_TEXT = (
    "{open}\nThe context window is {share:.0%} full ({tokens:,} of {budget:,} tokens). What is oldest leaves the prompt next;"
    " recall keeps it and conversation_search finds it.\n{going}\nSave now, in this step, what later steps need and memory does"
    " not hold: the plan and the next action in current_work, what lasts in core memory or with archival_memory_insert. If"
    " there is nothing, go on. You are told once.\n</memory_pressure>"
)


def is_notice(row: MessageRow) -> bool:
    return row.kind == "notice" and row.text.startswith(_OPEN)


def notice(cut: Cut, tokens: int, budget: int) -> str:
    """What the agent is told: how full the window is, and what would go at `cut`."""
    return _TEXT.format(open=_OPEN, share=tokens / max(1, budget), tokens=tokens, budget=budget, going="\n".join(_going(cut)))


def _going(cut: Cut) -> list[str]:
    rows = [row for row in cut.evicted if row.kind != "summary"]
    asked = [unframed(shortened(" ".join(row.words.split()), 80)) for row in rows if row.kind == "user"]
    lines = [
        f"- {len(rows)} messages with {len(asked)} requests"
        + (": " + _few([f"«{text}»" for text in asked], _ASKED) if asked else "")
    ]
    calls = {
        part.id: unframed(shortened(call_line(part), 80))
        for row in rows
        if row.role == "assistant"
        for part in parts_from_json(row.content)
        if isinstance(part, ToolCall)
    }
    large = sorted(
        ((row_tokens(row), name) for row in rows if row.role == "tool" and (name := _call_of(row, calls))), reverse=True
    )
    shown = [f"{name} ({tokens:,} tokens)" for tokens, name in large if tokens >= _LARGE][:_RESULTS]
    return [*lines, *([f"- results: {'; '.join(shown)}"] if shown else [])]


def _call_of(row: MessageRow, calls: dict[str, str]) -> str:
    return next((calls.get(str(part.get("call_id")), "") for part in row.content), "")


def _few(items: Sequence[str], most: int) -> str:
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[: most // 2])} … {', '.join(items[-most // 2 :])}"


async def save_extract(session: Session, cut: Cut) -> None:
    """Keep in archival memory, as data, what goes at `cut`: once."""
    memory = session.memory
    if memory.ephemeral or not cut.possible:
        return
    text = extract(cut.evicted, earlier_summary(cut.evicted), _EXTRACT)
    if not text:
        return
    key = sha256(f"{session.id}\0{cut.evicted[-1].id}".encode()).hexdigest()[:32]
    by = memory.provenance(Actor.PROGRAM, Source.TOOL, operation_id=f"op-{key}", trust=Trust.UNVERIFIED)
    head = f"Session «{unframed(session.title)}» until {local(cut.evicted[-1].created_at)}:"
    insert = partial(memory.archival.insert, f"{head}\n{text}", by, kind="note", tags=["session"])
    with suppress(LcodeError, *NOT_NOW):
        await memory.run(insert)
