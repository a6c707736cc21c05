"""What a killed process left behind: calls without a result, sessions without a note.

A call whose operation id is found in memory did land, and says so; any other gets an honest "interrupted".
"""

from __future__ import annotations

from lcode.agent.calls import store_result
from lcode.llm.protocol import ToolResult
from lcode.memory.recall import PendingCall
from lcode.memory.session_memory import SessionMemory


def settle_calls(memory: SessionMemory, session_id: str) -> int:
    """Give every call of the session that has no result one; how many there were."""
    pending = memory.recall.pending_calls(session_id)
    for call in pending:
        text, outcome = _verdict(memory, call)
        store_result(
            memory,
            call.operation_id,
            ToolResult(call.call_id, call.name, text, outcome != "ok"),
            "",
            call.step_id,
            outcome,
            "interrupted",
        )
    return len(pending)


def _verdict(memory: SessionMemory, call: PendingCall) -> tuple[str, str]:
    if version := memory.blocks.landed(call.operation_id):
        return f"done before the session was cut off. Block '{version.label}' was then:\n{version.value}", "ok"
    if passage := memory.archival.landed(call.operation_id):
        return f"done before the session was cut off: kept as {passage.id}", "ok"
    if call.state != "started":
        return "not run: the session was cut off before it began", "interrupted"
    if call.effect in ("read", "memory"):
        return "interrupted: the session was cut off while it ran; nothing was changed by it", "interrupted"
    return (
        "interrupted: the session was cut off while it ran; it may have had an effect, so check before you repeat it",
        "interrupted",
    )
