"""The results of calls: each is stored once, also where a call was cut off by an interrupt or with its process.

A call whose operation id is found in memory did land, and says so; any other gets an honest "interrupted". Nothing is run
again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lcode.agent.conversation import LOOKUPS
from lcode.llm.protocol import ToolResult
from lcode.llm.wire import part_to_json
from lcode.memory.model import Actor, MessageRow, PendingCall, Source, Trust
from lcode.memory.session_memory import SessionMemory


@dataclass(frozen=True)
class Cause:
    """Why calls were cut off, as the model is told: at the head of a sentence, and within one."""

    head: str
    clause: str


BY_USER = Cause("interrupted by the user", "the user interrupted")
BROKEN_OFF = Cause("interrupted: the run broke off with an error", "the run broke off")
CUT_OFF = Cause("interrupted: the session was cut off", "the session was cut off")


def store_result(
    memory: SessionMemory,
    operation_id: str,
    result: ToolResult,
    run_id: str,
    step_id: str,
    outcome: str,
    detail: str,
    path: object = None,
    whole: str = "",
) -> MessageRow:
    """Keep a call's result and its end in one transaction; the row as it was stored. `path` is the argument of that name,
    `whole` what the result was cut out of."""
    by = memory.provenance(Actor.PROGRAM, Source.TOOL, operation_id=operation_id, step_id=step_id, trust=Trust.UNVERIFIED)
    kind = "lookup" if result.name in LOOKUPS else "tool"

    def work() -> MessageRow:
        row = memory.recall.add_message(
            "tool",
            kind,
            [part_to_json(result)],
            result.text,
            by,
            run_id=run_id,
            call_id=result.call_id,
            tool=result.name,
            outcome=outcome,
            paths=[path] if isinstance(path, str) else (),
            whole=whole,
        )
        memory.recall.finish_call(operation_id, outcome, detail)
        if result.name.startswith(("core_memory_", "memory_")):  # the result shows a block's new version
            memory.save_known_versions()
        return row

    stored: MessageRow = memory.recall.atomically(work)
    return stored


def settle(memory: SessionMemory, session_id: str) -> list[MessageRow]:
    """Settle what a process left that is gone: its calls, and its run that nobody ended."""
    rows = settle_calls(memory, session_id)
    if memory.recall.open_runs(session_id):
        memory.recall.end_open_runs(session_id, CUT_OFF.clause)
    return rows


def settle_calls(memory: SessionMemory, session_id: str, cause: Cause = CUT_OFF) -> list[MessageRow]:
    """Give every call of the session that has no result one; the rows as they were stored."""
    rows = []
    for call in memory.recall.pending_calls(session_id):
        text, outcome = verdict(memory, call, cause)
        result = ToolResult(call.call_id, call.name, text, outcome != "ok")
        rows.append(
            store_result(
                memory, call.operation_id, result, "", call.step_id, outcome, "interrupted", call.arguments.get("path")
            )
        )
    return rows


def verdict(memory: SessionMemory, call: PendingCall, cause: Cause) -> tuple[str, str]:
    """What is known of a call that has no result, and its outcome."""
    if version := memory.blocks.landed(call.operation_id):
        memory.known_versions[version.label] = version.version
        return f"done before {cause.clause}. Block '{version.label}' was then:\n{version.value}", "ok"
    if passage := memory.archival.landed(call.operation_id):
        return f"done before {cause.clause}: kept as {passage.id}", "ok"
    if call.state != "started":
        return f"not run: {cause.clause} before it began", "interrupted"
    if call.effect in ("read", "memory"):
        return f"{cause.head} while it ran; nothing was changed by it", "interrupted"
    return f"{cause.head} while it ran; it may have had an effect, so check before you repeat it", "interrupted"


def landed(memory: SessionMemory, operation_id: str) -> bool:
    """Whether the memory write with this id is in the store."""
    return bool(memory.blocks.landed(operation_id) or memory.archival.landed(operation_id))


def stop_if_asked() -> None:
    """Raise CancelledError where this task was cancelled and what it waited for swallowed that, as `asyncio.wait_for` may."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
