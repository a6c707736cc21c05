"""Recall memory: every message of every session, with the runs and steps that made them.

Writes go through the redaction gate here: what `add_message` returns is what was stored, and it alone may be sent to a
model, so that the live and the resumed prompt are the same bytes. Search reads `memory`; in an ephemeral session new
messages go to `log`, a private database that ends with the process. A write is an operation (see `recall_writes`):
`recorded` collects operations instead of applying them, `replay` applies them when the store can be written again.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import apsw

from lcode import clock
from lcode.errors import UserError
from lcode.events import Usage
from lcode.ids import new_id
from lcode.memory.compactions import Compaction, context_rows
from lcode.memory.elisions import Elision
from lcode.memory.indexed_text import searched
from lcode.memory.meaning import Meaning
from lcode.memory.model import MessageRow, PendingCall, Provenance, Recalled, RecallHit, SessionRow
from lcode.memory.model_calls import ModelCall, to_row
from lcode.memory.recall_filters import Filters
from lcode.memory.recall_moments import MESSAGE, around, attributed, moment, named, to_message
from lcode.memory.recall_writes import Operation, apply, apply_later
from lcode.memory.terms import title_of
from lcode.redact import Redactor, cut
from lcode.redact_content import redacted_json, redacted_parts
from lcode.store.database import Database, fetch_all, fetch_one, scalar

T = TypeVar("T")

_UNSTORED = 1 << 40  # sequence numbers of messages that are not in the store yet begin here
_SESSION = (
    "SELECT id, title, created_at, updated_at, ended_at, archived, branch, worktree, model,"
    " (SELECT count(*) FROM messages WHERE session_id = sessions.id), note, forked_from,"
    " (SELECT origin FROM session_origins WHERE session_id = sessions.id) FROM sessions"
)


class Recall:
    """Sessions and messages of one agent."""

    def __init__(self, log: Database, memory: Database, redactor: Redactor, meaning: Meaning | None = None) -> None:
        self._log = log
        self._memory = memory
        self._redactor = redactor
        self._meaning = meaning
        self._recording = threading.local()
        self._unstored = itertools.count(_UNSTORED)

    # -- writing ----------------------------------------------------------------------------------------------------

    def _write(self, name: str, **data: Any) -> Any:
        """Apply an operation now, in a transaction of its own or in the one that is open; None while it is only recorded."""
        operation = (name, data)
        recorded: list[Operation] | None = getattr(self._recording, "operations", None)
        if recorded is not None:
            return recorded.append(operation)
        return self._log.write(lambda connection: apply(connection, operation))

    def atomically(self, work: Callable[[], T]) -> T:
        """`work()` with all its writes to recall in one transaction."""
        if getattr(self._recording, "operations", None) is not None:
            return work()
        return self._log.write(lambda _: work())

    def recorded(self, work: Callable[[], T]) -> tuple[T, list[Operation]]:
        """`work()` and the writes to recall that it made in this thread, of which none was applied. It must not read."""
        operations: list[Operation] = []
        self._recording.operations = operations
        try:
            return work(), operations
        finally:
            self._recording.operations = None

    def replay(self, operations: Sequence[Operation]) -> None:
        """Apply recorded writes in one transaction; what landed before stays as it is. Raises ValueError for what are none."""

        def work(connection: apsw.Connection) -> None:
            for operation in operations:
                apply_later(connection, operation)

        self._log.write(work)

    def numbers(self, message_ids: Sequence[str]) -> dict[str, int]:
        """The sequence numbers of those messages that are in the store."""
        rows = self._log.read(
            lambda connection: fetch_all(
                connection,
                "SELECT id, seq FROM messages WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(message_ids),),
            )
        )
        return {row[0]: row[1] for row in rows}

    # -- sessions ---------------------------------------------------------------------------------------------------

    def create_session(self, *, branch: str, worktree: str, head: str, model: str, session_id: str = "") -> str:
        session_id = session_id or new_id("session")
        self._write(
            "add_session", id=session_id, created_at=clock.stamp(), branch=self.redacted(branch),
            worktree=self.redacted(worktree), head=head, model=self.redacted(model),
        )  # fmt: skip
        return session_id

    def update_session(self, session_id: str, **values: Any) -> None:
        """Set columns of a session: title, ended_at, archived, model, note, prompt_id, context_from, memory_seen,
        memory_told, branch, worktree."""
        given = {name: self._redactor.redact(value) if isinstance(value, str) else value for name, value in values.items()}
        self._write("set_session", session_id=session_id, values=given)

    def session_value(self, session_id: str, column: str) -> Any:
        """One column of a session's row (see `update_session`), or None."""
        row = self._log.read(
            lambda connection: fetch_one(connection, f"SELECT {column} FROM sessions WHERE id = ?", (session_id,))
        )
        return row[0] if row else None

    def sessions(self, limit: int = 50, *, archived: bool = False, imported: bool = False) -> list[SessionRow]:
        """Sessions that hold a message, newest first; with `imported` also those of other programs."""
        rows = self._memory.read(
            lambda connection: fetch_all(
                connection,
                f"{_SESSION} WHERE archived <= ? AND EXISTS (SELECT 1 FROM messages WHERE session_id = sessions.id)"
                " AND (? OR id NOT IN (SELECT session_id FROM session_origins)) ORDER BY updated_at DESC, rowid DESC LIMIT ?",
                (int(archived), imported, limit),
            )
        )
        return [_session(row) for row in rows]

    def session(self, name: str) -> SessionRow:
        """The session with this id, unique beginning of an id, or title. Raises UserError."""
        name = self.redacted(name)  # as a title is kept
        bare = name if name.startswith("session-") else f"session-{name}"
        if bare == "session-":  # the beginning of every id
            raise UserError(f"there is no session '{name}'", "`lcode sessions` lists them")
        rows = self._memory.read(
            lambda connection: fetch_all(
                connection,
                f"{_SESSION} WHERE id = ? OR substr(id, 1, ?) = ? OR title = ? ORDER BY id = ? DESC, updated_at DESC LIMIT 3",
                (name, len(bare), bare, name, name),
            )
        )
        if not rows:
            raise UserError(f"there is no session '{name}'", "`lcode sessions` lists them")
        if len(rows) > 1 and rows[0][0] != name:
            raise UserError(f"'{name}' fits several sessions", "give more of the id; `lcode sessions` lists them")
        return _session(rows[0])

    # -- prompts, runs, steps ---------------------------------------------------------------------------------------

    def save_prompt(self, session_id: str, *, api: str, system: str, tools: list[dict[str, Any]], reason: str) -> str:
        """Keep system text and tool schemas as they were sent: they are sent again verbatim."""
        prompt_id = new_id("prompt")
        schemas = json.dumps(tools, ensure_ascii=False)
        self._write(
            "add_prompt", id=prompt_id, session_id=session_id, created_at=clock.stamp(), api=api, system=system, tools=schemas,
            reason=reason,
        )  # fmt: skip
        return prompt_id

    def prompt(self, session_id: str) -> tuple[str, str, list[dict[str, Any]]] | None:
        """(api, system text, tool schemas) that the session sends, or None before its first request."""
        row = self._log.read(
            lambda connection: fetch_one(
                connection,
                "SELECT api, system, tools FROM prompts WHERE id = (SELECT prompt_id FROM sessions WHERE id = ?)",
                (session_id,),
            )
        )
        return (row[0], row[1], json.loads(row[2])) if row else None

    def start_run(self, session_id: str, run_id: str = "") -> str:
        run_id = run_id or new_id("run")
        self._write("start_run", id=run_id, session_id=session_id, started_at=clock.stamp())
        return run_id

    def end_run(self, run_id: str, stop_reason: str, error: str = "") -> None:
        text = self._redactor.redact(error)
        self._write("end_run", run_id=run_id, ended_at=clock.stamp(), stop_reason=stop_reason, error=text)

    def open_runs(self, session_id: str) -> int:
        """How many runs of the session were begun and not ended."""
        sql = "SELECT count(*) FROM runs WHERE session_id = ? AND ended_at = ''"
        return int(self._log.read(lambda connection: scalar(connection, sql, (session_id,))))

    def end_open_runs(self, session_id: str, error: str) -> None:
        """End what a process that is gone had begun."""
        self._write("end_open_runs", session_id=session_id, ended_at=clock.stamp(), error=error)

    def add_step(
        self, step_id: str, run_id: str, number: int, *, model: str, usage: Usage, latency: float, stop_reason: str
    ) -> None:
        self._write(
            "add_step", id=step_id, run_id=run_id, number=number, model=model, created_at=clock.stamp(),
            tokens_input=usage.input, tokens_cached=usage.cached, tokens_written=usage.written, tokens_output=usage.output,
            tokens_reasoning=usage.reasoning, latency_ms=int(latency * 1000), stop_reason=stop_reason,
        )  # fmt: skip

    def add_model_call(self, call: ModelCall) -> None:
        """Keep what a call of a model took and cost."""
        self._write("add_model_call", **to_row(call) | {"model": self.redacted(call.model)})

    def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """`work` on what this session sees of its own, for modules that have their own SQL."""
        return self._log.read(work)

    # -- messages ---------------------------------------------------------------------------------------------------

    def add_message(
        self,
        role: str,
        kind: str,
        content: list[dict[str, Any]],
        text: str | Callable[[list[dict[str, Any]]], str],
        by: Provenance,
        *,
        run_id: str = "",
        call_id: str = "",
        tool: str = "",
        outcome: str = "",
        paths: Sequence[str] = (),
        whole: str = "",
    ) -> MessageRow:
        """Store a message and return it as it was stored: redacted. The same operation id is stored once.

        `text` is what people and search see of it; where that is cut or flattened it must be made of redacted content, and is
        given as a function of it. A tool's result is of that `tool`, ended so (`outcome`), on those files (`paths`); where
        it was cut, search sees lines of the `whole`, which is redacted.
        """
        redact = cache(self._redactor.redact)  # what is shown is often what a part says
        clean = redacted_parts(content, redact)
        shown = redact(text if isinstance(text, str) else text(clean))
        files = "\n".join(map(self.redacted, paths))
        words, terms = searched(shown, whole, tool, files)
        message_id, now = by.operation_id.replace("op-", "message-", 1), clock.stamp()
        seq = self._write(
            "add_message", id=message_id, run_id=run_id, role=role, kind=kind, content=json.dumps(clean, ensure_ascii=False),
            text=words, terms=terms, call_id=call_id, created_at=now, actor=by.actor.value, source=by.source.value,
            trust=by.trust.value, session_id=by.session_id, step_id=by.step_id, commit_id=by.commit, worktree=by.worktree,
            tool=tool, outcome=outcome, paths=files,
        )  # fmt: skip
        seq = next(self._unstored) if seq is None else seq
        return MessageRow(seq, message_id, by.session_id, run_id, by.step_id, role, kind, clean, words, now)

    def redacted(self, text: str) -> str:
        """`text` as it may be shown to a model or stored."""
        return self._redactor.redact(text)

    def title(self, text: str) -> str:
        """The beginning of `text` on one line, as it may be stored."""
        return title_of(text, self._redactor.redact)

    def context(self, session_id: str) -> list[MessageRow]:
        """The messages of a session that are in its prompt: the newest summary, then what came after its cut."""
        return self._log.read(lambda connection: context_rows(connection, session_id))

    def ask(self, question: Callable[[apsw.Connection, str], T], session_id: str) -> T:
        """The answer to `question` (such as `compactions` or `thread`) about a session."""
        return self._memory_or_log(session_id).read(lambda connection: question(connection, session_id))

    def add_compaction(self, made: Compaction) -> None:
        """Record a compaction and put it in force: with its summary, in one transaction."""
        self._write("add_compaction", **made.row)

    def add_elisions(self, made: Sequence[Elision]) -> None:
        """Have other text in the prompt in the place of parts of messages."""
        if made:
            self._write("add_elisions", elisions=[one.row for one in made])

    def undo_compaction(self, compaction_id: str) -> None:
        """Have in the prompt what was there before a compaction, the last one that stands, and what came since."""
        self._write("undo_compaction", compaction_id=compaction_id, undone_at=clock.stamp())

    def messages(self, session_id: str, *, after: int = 0, limit: int = -1, copies: bool = True) -> list[MessageRow]:
        """The messages of a session with a sequence number over `after`, in order; without `copies` a fork's own ones."""
        sql = f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND seq > ? AND (? OR copy_of = '') ORDER BY seq LIMIT ?"
        values = (session_id, after, copies, limit)
        return self._log.read(lambda connection: attributed(connection, map(to_message, fetch_all(connection, sql, values))))

    def add_calls(self, calls: Sequence[PendingCall], session_id: str) -> None:
        """Store the calls a reply asks for, before any of them runs."""
        now = clock.stamp()
        rows = [
            {
                "operation_id": call.operation_id, "step_id": call.step_id, "session_id": session_id, "call_id": call.call_id,
                "number": call.number, "name": self.redacted(call.name), "effect": call.effect, "state": call.state,
                "started_at": now,
                "arguments": json.dumps(redacted_json(call.arguments, self._redactor.redact), ensure_ascii=False),
            }
            for call in calls
        ]  # fmt: skip
        self._write("add_calls", calls=rows)

    def ask_call(self, operation_id: str) -> None:
        """The user is being asked whether the call may run."""
        self._write("ask_call", operation_id=operation_id)

    def start_call(self, operation_id: str) -> None:
        self._write("start_call", operation_id=operation_id, started_at=clock.stamp())

    def finish_call(self, operation_id: str, outcome: str, detail: str = "") -> None:
        """`outcome`: ok, error, refused, interrupted. `detail`: a short fact such as an exit code or a path."""
        short = cut(self._redactor.redact(detail), 500)
        self._write("finish_call", operation_id=operation_id, finished_at=clock.stamp(), outcome=outcome, detail=short)

    def pending_calls(self, session_id: str) -> list[PendingCall]:
        """Calls of a session that have no result, in order: what a killed process left."""
        rows = self._log.read(
            lambda connection: fetch_all(
                connection,
                "SELECT operation_id, step_id, call_id, number, name, arguments, effect, state FROM tool_calls"
                " WHERE session_id = ? AND state != 'finished' ORDER BY rowid",
                (session_id,),
            )
        )
        return [PendingCall(*(*row[:5], json.loads(row[5]), *row[6:])) for row in rows]

    def finished_calls(self, session_id: str) -> list[tuple[str, dict[str, Any], str, str, str]]:
        """(name, arguments, outcome, detail, effect) of a session's calls in order: what was done."""
        rows = self._memory_or_log(session_id).read(
            lambda connection: fetch_all(
                connection,
                "SELECT name, arguments, outcome, detail, effect FROM tool_calls WHERE session_id = ? AND state ="
                " 'finished' ORDER BY rowid",
                (session_id,),
            )
        )
        return [(row[0], json.loads(row[1]), row[2], row[3], row[4]) for row in rows]

    def touched(self, session_id: str) -> dict[str, str]:
        """What the edits of a session were of, in names of symbols, by the ids of their calls."""
        sql = "SELECT call_id, detail FROM tool_calls WHERE session_id = ? AND effect = 'write' AND outcome = 'ok'"
        return dict(self._memory_or_log(session_id).read(lambda connection: fetch_all(connection, sql, (session_id,))))

    def _memory_or_log(self, session_id: str) -> Database:
        return self._log if self.session_value(session_id, "id") else self._memory

    # -- search -----------------------------------------------------------------------------------------------------

    def search(self, query: str, *, limit: int = 10, context: int = 1, **filters: Any) -> Recalled:
        """Messages that match words of `query` in any inflection, best first, as moments with `context` messages on each side.

        The filters are those of `Filters`. `in_context` is a session and the sequence number after which its messages are in
        the caller's sight already: those are left out. Without a query: the newest messages that pass the filters.
        """
        from lcode.memory.recall_search import search  # a session need not have it to begin

        given = Filters(**filters)
        return self._memory.read(
            lambda connection: search(connection, query, given, limit=limit, context=context, meaning=self._meaning)
        )

    def by_date(self, start: str, end: str, *, limit: int = 20, in_context: tuple[str, int] = ("", 0)) -> list[RecallHit]:
        """What users and the agent said from `start` to `end` (days included), oldest first; see `search` for `in_context`."""
        from lcode.memory.recall_search import in_order

        filters = Filters(("user", "assistant"), start, end, in_context=in_context, spoken=True)
        return self._memory.read(lambda connection: in_order(connection, filters, limit))

    def around(self, session_id: str, name: str, count: int) -> tuple[str, list[MessageRow]]:
        """The id of the message that `name` names in a session (its id, the beginning of it, or what its source calls it), and
        the messages from `count` before it to `count` after it. Raises UserError."""

        def work(connection: apsw.Connection) -> tuple[str, list[MessageRow]]:
            message = named(connection, name, session_id)
            return message.id, around(connection, message, count)

        return self._memory_or_log(session_id).read(work)

    def opened(self, name: str, context: int = 3) -> RecallHit:
        """The message that `name` names in any session, as a moment. Raises UserError."""
        return self._memory.read(lambda connection: moment(connection, named(connection, name), 0.0, context))

    def unembedded(self) -> int:
        """How many messages are found by their words alone, until the worker has embedded them."""
        from lcode.index.message_vectors import MESSAGES

        meaning = self._meaning
        return 0 if meaning is None else self._memory.read(lambda connection: meaning.waiting(connection, MESSAGES))

    def count(self) -> int:
        """How many messages recall holds, each once."""
        sql = "SELECT count(*) FROM messages WHERE copy_of = ''"
        return int(self._memory.read(lambda connection: scalar(connection, sql)))


def _session(row: tuple[Any, ...]) -> SessionRow:
    return SessionRow(*(*row[:5], bool(row[5]), *row[6:11], False, "", row[11], 0, "", "", "", row[12] or ""))
