"""Forking a session: its copy in the store, with an honest result for every call that has none yet."""

from __future__ import annotations

from lcode.agent.live import none_free, refuse_imported
from lcode.agent.recovery import CUT_OFF, Cause, store_result, verdict
from lcode.errors import UserError
from lcode.ids import new_id
from lcode.llm.protocol import ToolResult
from lcode.memory.fork import copy_session
from lcode.memory.model import PendingCall, SessionRow
from lcode.memory.session_memory import SessionMemory

FORKED = Cause("no result here: this session was forked from another one", "this session was forked from another one")


async def find(memory: SessionMemory, name: str | None) -> SessionRow:
    """The session that is to be forked: the one named, or the newest. Raises UserError."""
    if name is not None:
        row: SessionRow = await memory.run(memory.recall.session, name)
        refuse_imported(row)
    else:
        rows = await memory.run(memory.recall.sessions, 1)
        if not rows:
            raise none_free(False)
        row = rows[0]
    if not row.messages:
        raise UserError("nothing was said in that session yet: there is nothing to fork", "start a new session")
    return row


def make(memory: SessionMemory, source: SessionRow, fork_id: str, *, head: str, live: bool) -> SessionRow:
    """The fork of `source` as it is now, made in one transaction. `live` is whether its calls may still be running."""
    memory.session_id = fork_id

    def work() -> SessionRow:
        memory.database.write(lambda connection: copy_session(connection, source, fork_id, head=head))
        memory.load_known_versions()
        for call in memory.recall.pending_calls(source.id):
            text, outcome = _answer(memory, call, live)
            result = ToolResult(call.call_id, call.name, text, outcome != "ok")
            store_result(memory, new_id("op"), result, "", call.step_id, outcome, "forked")
        return memory.recall.session(fork_id)

    row: SessionRow = memory.recall.atomically(work)
    return row


def _answer(memory: SessionMemory, call: PendingCall, live: bool) -> tuple[str, str]:
    text, outcome = verdict(memory, call, FORKED if live else CUT_OFF)
    if live and call.state != "started" and outcome != "ok":
        text = "not run here: the session that this one was forked from had yet to run it; look whether it did"
    return text, outcome
