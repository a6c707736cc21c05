"""Tells the agent, in a session's first message, which lines of its core memory no longer fit the code.

The lines stand in the system text as they are, which stays the same bytes; what became of them travels here. Nobody waits long
for it: what is not known in time is left out, and `archival_memory_search` and `lcode memory stale` still tell.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from lcode.errors import LcodeError
from lcode.memory import block_lines
from lcode.memory.session_memory import SessionMemory

if TYPE_CHECKING:
    from lcode.memory.grounded import Doubt

WAIT = 0.5  # seconds that the first message waits at the most
MOST = 5  # lines that are told
_LONGEST = 120  # characters of each


def stale_lines(memory: SessionMemory, wait: float = WAIT) -> list[str]:
    """What the first message says of them; nothing where there are none."""
    labels = {block.id: block.label for block in memory.blocks.list() if block.id}
    if not block_lines.any_cited(memory.database, list(labels)):
        return []
    found: list[Doubt] = []

    def look() -> None:
        try:
            found.extend(memory.grounding.judged(lines, labels))
        except (LcodeError, OSError):  # it is no more than a hint
            return

    lines = memory.grounding.cited_lines(list(labels))
    thread = Thread(target=look, name="lcode stale lines", daemon=True)
    thread.start()
    thread.join(wait)
    told = [] if thread.is_alive() else [doubt for doubt in found if doubt.verdict.words.startswith("STALE")]
    if not told:
        return []
    shown = [f"- {doubt.label}: {_cut(doubt.text)} [{doubt.verdict.words}]" for doubt in told[:MOST]]
    more = [f"- and {len(told) - MOST} more"] if len(told) > MOST else []
    return ["lines of core memory whose code changed (look at it, then correct the block):", *shown, *more]


def _cut(line: str) -> str:
    bare = line.strip().lstrip("-* ")
    return bare if len(bare) <= _LONGEST else f"{bare[:_LONGEST].rstrip()}…"
