"""Recall memory: every message of every session, with the runs and steps that made them.

Writes go through the redaction gate here: what `add_message` returns is what was stored, and it alone may be sent to a
model, so that the live and the resumed prompt are the same bytes. Search reads `memory`; in an ephemeral session new
messages go to `log`, a private database that ends with the process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from lcode import clock
from lcode.errors import UserError
from lcode.events import Usage
from lcode.ids import new_id
from lcode.memory.model import MessageRow, Provenance, RecallHit, SessionRow
from lcode.memory.recall_search import MESSAGE, Filters, in_order, ranked, to_message
from lcode.memory.terms import identifier_parts
from lcode.redact import Redactor
from lcode.store.database import Database, fetch_all, fetch_one, scalar

_INDEXED = 20_000  # characters of a message that search sees: the head and the tail of longer ones
_VERBATIM = frozenset({"type", "id", "call_id", "signature", "redacted", "origin"})  # the provider's own: sent back to the byte
_SESSION = (
    "SELECT id, title, created_at, updated_at, ended_at, archived, branch, worktree, model,"
    " (SELECT count(*) FROM messages WHERE session_id = sessions.id), note FROM sessions"
)


@dataclass(frozen=True)
class PendingCall:
    """A tool call that was stored and has no result yet."""

    operation_id: str
    step_id: str
    call_id: str
    number: int
    name: str
    arguments: dict[str, Any]
    effect: str
    state: str


class Recall:
    """Sessions and messages of one agent."""

    def __init__(self, log: Database, memory: Database, redactor: Redactor) -> None:
        self._log = log
        self._memory = memory
        self._redactor = redactor

    # -- sessions ---------------------------------------------------------------------------------------------------

    def create_session(self, *, branch: str, worktree: str, head: str, model: str, session_id: str = "") -> str:
        session_id = session_id or new_id("session")
        now = clock.stamp()
        self._log.write(
            lambda connection: connection.execute(
                "INSERT INTO sessions (id, created_at, updated_at, branch, worktree, head, model) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (session_id, now, now, branch, worktree, head, model),
            )
        )
        return session_id

    def update_session(self, session_id: str, **values: Any) -> None:
        """Set columns of a session: title, ended_at, archived, model, note, prompt_id, context_from, memory_seen, branch."""
        names = ", ".join(f"{name} = ?" for name in values)
        given = [self._redactor.redact(value) if isinstance(value, str) else value for value in values.values()]
        self._log.write(
            lambda connection: connection.execute(f"UPDATE sessions SET {names} WHERE id = ?", (*given, session_id))
        )

    def session_value(self, session_id: str, column: str) -> Any:
        """One column of a session's row (see `update_session`), or None."""
        row = self._log.read(
            lambda connection: fetch_one(connection, f"SELECT {column} FROM sessions WHERE id = ?", (session_id,))
        )
        return row[0] if row else None

    def sessions(self, limit: int = 50, *, archived: bool = False) -> list[SessionRow]:
        """Sessions that hold a message, newest first."""
        rows = self._memory.read(
            lambda connection: fetch_all(
                connection,
                f"{_SESSION} WHERE archived <= ? AND EXISTS (SELECT 1 FROM messages WHERE session_id = sessions.id)"
                " ORDER BY updated_at DESC, rowid DESC LIMIT ?",
                (int(archived), limit),
            )
        )
        return [_session(row) for row in rows]

    def session(self, name: str) -> SessionRow:
        """The session with this id, unique beginning of an id, or title. Raises UserError."""
        bare = name if name.startswith("session-") else f"session-{name}"
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

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT INTO prompts (id, session_id, created_at, api, system, tools, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (prompt_id, session_id, clock.stamp(), api, system, json.dumps(tools, ensure_ascii=False), reason),
            )
            connection.execute("UPDATE sessions SET prompt_id = ? WHERE id = ?", (prompt_id, session_id))

        self._log.write(work)
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

    def start_run(self, session_id: str) -> str:
        run_id = new_id("run")
        self._log.write(
            lambda connection: connection.execute(
                "INSERT INTO runs (id, session_id, started_at) VALUES (?, ?, ?)", (run_id, session_id, clock.stamp())
            )
        )
        return run_id

    def end_run(self, run_id: str, stop_reason: str, error: str = "") -> None:
        self._log.write(
            lambda connection: connection.execute(
                "UPDATE runs SET ended_at = ?, stop_reason = ?, error = ? WHERE id = ?",
                (clock.stamp(), stop_reason, self._redactor.redact(error), run_id),
            )
        )

    def add_step(
        self, step_id: str, run_id: str, number: int, *, model: str, usage: Usage, latency: float, stop_reason: str
    ) -> None:
        self._log.write(
            lambda connection: connection.execute(
                "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (step_id, run_id, number, model, clock.stamp(), usage.input, usage.cached, usage.written, usage.output,
                 usage.reasoning, int(latency * 1000), stop_reason),
            )
        )  # fmt: skip

    def last_usage(self, session_id: str) -> Usage | None:
        """What the session's last step took, as its provider reported it."""
        row = self._log.read(
            lambda connection: fetch_one(
                connection,
                "SELECT tokens_input, tokens_cached, tokens_written, tokens_output, tokens_reasoning FROM steps JOIN runs"
                " ON runs.id = steps.run_id WHERE runs.session_id = ? ORDER BY steps.rowid DESC LIMIT 1",
                (session_id,),
            )
        )
        return Usage(*row) if row else None

    # -- messages ---------------------------------------------------------------------------------------------------

    def add_message(
        self,
        role: str,
        kind: str,
        content: list[dict[str, Any]],
        text: str,
        by: Provenance,
        *,
        run_id: str = "",
        call_id: str = "",
    ) -> MessageRow:
        """Store a message and return it as it was stored: redacted. The same operation id is stored once."""
        clean = self._redacted(content)
        shown = self._redactor.redact(text)
        indexed = shown if len(shown) <= _INDEXED else f"{shown[: _INDEXED // 2]}\n…\n{shown[-_INDEXED // 2 :]}"
        terms = identifier_parts(indexed)
        message_id = by.operation_id.replace("op-", "message-", 1)
        now = clock.stamp()

        def work(connection: apsw.Connection) -> int:
            found = fetch_one(connection, "SELECT seq FROM messages WHERE id = ?", (message_id,))
            if found:
                return int(found[0])
            connection.execute(
                "INSERT INTO messages (id, run_id, role, kind, content, text, terms, call_id, created_at, actor, source, trust,"
                " session_id, step_id, commit_id, worktree) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (message_id, run_id, role, kind, json.dumps(clean, ensure_ascii=False), indexed, terms, call_id, now, by.actor,
                 by.source, by.trust, by.session_id, by.step_id, by.commit, by.worktree),
            )  # fmt: skip
            seq = connection.last_insert_rowid()
            connection.execute("INSERT INTO messages_fts (rowid, text, terms) VALUES (?, ?, ?)", (seq, indexed, terms))
            connection.execute("UPDATE sessions SET updated_at = ?, ended_at = '' WHERE id = ?", (now, by.session_id))
            return seq

        seq = self._log.write(work)
        return MessageRow(seq, message_id, by.session_id, run_id, by.step_id, role, kind, clean, indexed, now)

    def redacted(self, text: str) -> str:
        """`text` as it may be shown to a model or stored."""
        return self._redactor.redact(text)

    def context(self, session_id: str) -> list[MessageRow]:
        """The messages of a session that are in its prompt: the newest summary, then what came after its cut."""
        cut = int(self.session_value(session_id, "context_from") or 0)
        rows = self.messages(session_id, after=cut)
        summaries = [row for row in rows if row.kind == "summary"]
        return [*summaries[-1:], *(row for row in rows if row.kind != "summary")]

    def _redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redactor.redact(value)
        if isinstance(value, list):
            return [self._redacted(item) for item in value]
        if isinstance(value, dict):
            return {key: item if key in _VERBATIM else self._redacted(item) for key, item in value.items()}
        return value

    def messages(self, session_id: str, *, after: int = 0, limit: int = -1) -> list[MessageRow]:
        """The messages of a session with a sequence number over `after`, in order."""
        rows = self._log.read(
            lambda connection: fetch_all(
                connection,
                f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?",
                (session_id, after, limit),
            )
        )
        return [to_message(row) for row in rows]

    def add_calls(self, calls: Sequence[PendingCall], session_id: str) -> None:
        """Store the calls a reply asks for, before any of them runs."""
        self._log.write(
            lambda connection: connection.executemany(
                "INSERT INTO tool_calls (operation_id, step_id, session_id, call_id, number, name, arguments, effect,"
                " state, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (call.operation_id, call.step_id, session_id, call.call_id, call.number, call.name,
                     json.dumps(self._redacted(call.arguments), ensure_ascii=False), call.effect, call.state, clock.stamp())
                    for call in calls
                ],
            )
        )  # fmt: skip

    def start_call(self, operation_id: str) -> None:
        self._log.write(
            lambda connection: connection.execute(
                "UPDATE tool_calls SET state = 'started', started_at = ? WHERE operation_id = ?", (clock.stamp(), operation_id)
            )
        )

    def finish_call(self, operation_id: str, outcome: str, detail: str = "") -> None:
        """`outcome`: ok, error, refused, interrupted. `detail`: a short fact such as an exit code or a path."""
        self._log.write(
            lambda connection: connection.execute(
                "UPDATE tool_calls SET state = 'finished', finished_at = ?, outcome = ?, detail = ? WHERE operation_id = ?",
                (clock.stamp(), outcome, self._redactor.redact(detail)[:500], operation_id),
            )
        )

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

    def _memory_or_log(self, session_id: str) -> Database:
        return self._log if self.session_value(session_id, "id") else self._memory

    def atomically(self, work: Any) -> Any:
        """`work()` with all its writes to recall in one transaction."""
        return self._log.write(lambda _: work())

    # -- search -----------------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        roles: Sequence[str] = (),
        start: str = "",
        end: str = "",
        limit: int = 10,
        session_id: str = "",
        in_context: tuple[str, int] = ("", 0),
    ) -> list[RecallHit]:
        """Messages that match words of `query` in any inflection, best first, each with its neighbours.

        `start` and `end` are days (inclusive) or instants in the user's zone. `in_context` is a session and the sequence
        number after which its messages are in the caller's sight already: those are left out, as are results of earlier
        searches. Without a query: the newest messages that pass the filters.
        """
        filters = Filters(tuple(roles), start, end, session_id, in_context)
        return self._memory.read(lambda connection: ranked(connection, query, filters, limit))

    def by_date(self, start: str, end: str, *, limit: int = 20, in_context: tuple[str, int] = ("", 0)) -> list[RecallHit]:
        """What users and the agent said from `start` to `end` (days included), oldest first; see `search` for `in_context`."""
        filters = Filters(("user", "assistant"), start, end, in_context=in_context, spoken=True)
        return self._memory.read(lambda connection: in_order(connection, filters, limit))

    def count(self) -> int:
        """How many messages recall holds."""
        return int(self._memory.read(lambda connection: scalar(connection, "SELECT count(*) FROM messages")))


def _session(row: tuple[Any, ...]) -> SessionRow:
    return SessionRow(*(*row[:5], bool(row[5]), *row[6:]))
