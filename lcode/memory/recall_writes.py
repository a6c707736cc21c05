"""The writes of recall as operations: a name and plain data, so that they can wait outside the store and be applied later.

Each carries ids and times made by its client and may be applied again: what is there already stays as it is. Applied in
the order in which they were made, they give the same rows whenever that is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import apsw

from lcode import clock
from lcode.memory import compactions, elisions
from lcode.store import checksum
from lcode.store.database import fetch_one

Operation = tuple[str, dict[str, Any]]

_MAY_BE_SET = frozenset(
    {
        "title",
        "ended_at",
        "archived",
        "model",
        "note",
        "prompt_id",
        "context_from",
        "memory_seen",
        "memory_told",
        "branch",
        "worktree",
    }
)
_MESSAGE = (
    "id", "run_id", "role", "kind", "content", "text", "terms", "call_id", "created_at", "actor", "source", "trust",
    "session_id", "step_id", "commit_id", "worktree",
)  # fmt: skip
_DETAILS = checksum.COLUMNS["message_details"]
_FULL_TEXT = {"tool": "tool_messages_fts", "lookup": ""}  # as the views say that they are of
_STEP = (
    "id", "run_id", "number", "model", "created_at", "tokens_input", "tokens_cached", "tokens_written", "tokens_output",
    "tokens_reasoning", "latency_ms", "stop_reason",
)  # fmt: skip
_MODEL_CALL = (
    "id", "session_id", "run_id", "purpose", "model", "answered_by", "created_at", "tokens_input", "tokens_cached",
    "tokens_written", "tokens_written_hour", "tokens_output", "tokens_reasoning", "tokens_estimated", "cost", "price",
)  # fmt: skip
_CALL = (
    "operation_id", "step_id", "session_id", "call_id", "number", "name", "arguments", "effect", "state", "started_at",
)  # fmt: skip


def apply(connection: apsw.Connection, operation: Operation) -> Any:
    """Apply one operation inside a transaction. Raises ValueError for what is none."""
    name, data = operation
    if name not in OPERATIONS:
        raise ValueError(f"not a write of recall: {name!r}")
    return OPERATIONS[name](connection, **data)


def apply_later(connection: apsw.Connection, operation: Operation) -> None:
    """The same after a while, in which a restore may have lost what the operation belongs to: a session that is gone gets a row
    that holds its messages together; of a run that is gone neither steps nor calls are kept. Raises ValueError."""
    name, data = operation
    try:
        if session_id := data.get("session_id"):
            when = data.get("created_at") or data.get("started_at") or clock.stamp()
            columns = ("id", "title", "created_at", "updated_at")
            row = {"id": session_id, "title": "(recovered)", "created_at": when, "updated_at": when}
            _insert(connection, "sessions", columns, row)
        if name == "add_step" and not _there(connection, "runs", data["run_id"]):
            return
        if name == "add_calls":
            data = {"calls": [call for call in data["calls"] if _there(connection, "steps", call["step_id"])]}
        apply(connection, (name, data))
    except apsw.ConstraintError as error:
        raise ValueError(f"not a write of recall: {error}") from error


def _there(connection: apsw.Connection, table: str, row_id: str) -> bool:
    return fetch_one(connection, f"SELECT 1 FROM {table} WHERE id = ?", (row_id,)) is not None


def _insert(connection: apsw.Connection, table: str, columns: Sequence[str], row: Mapping[str, Any]) -> None:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    values = [row[name] for name in columns]
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)


def _add_session(connection: apsw.Connection, **row: Any) -> None:
    columns = ("id", "created_at", "updated_at", "branch", "worktree", "head", "model")
    _insert(connection, "sessions", columns, {**row, "updated_at": row["created_at"]})


def _set_session(connection: apsw.Connection, session_id: str, values: Mapping[str, Any]) -> None:
    if unknown := set(values) - _MAY_BE_SET:
        raise ValueError(f"not a column of a session that may be set: {', '.join(sorted(unknown))}")
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE sessions SET {names} WHERE id = ?", (*values.values(), session_id))


def _add_prompt(connection: apsw.Connection, **row: Any) -> None:
    _insert(connection, "prompts", ("id", "session_id", "created_at", "api", "system", "tools", "reason"), row)
    connection.execute("UPDATE sessions SET prompt_id = ? WHERE id = ?", (row["id"], row["session_id"]))


def _start_run(connection: apsw.Connection, **row: Any) -> None:
    _insert(connection, "runs", ("id", "session_id", "started_at"), row)


def _end_run(connection: apsw.Connection, run_id: str, ended_at: str, stop_reason: str, error: str) -> None:
    connection.execute(
        "UPDATE runs SET ended_at = ?, stop_reason = ?, error = ? WHERE id = ?", (ended_at, stop_reason, error, run_id)
    )


def _end_open_runs(connection: apsw.Connection, session_id: str, ended_at: str, error: str) -> None:
    """A run that nobody ended was cut off with its process."""
    connection.execute(
        "UPDATE runs SET ended_at = ?, stop_reason = 'error', error = ? WHERE session_id = ? AND ended_at = ''",
        (ended_at, error, session_id),
    )


def _add_step(connection: apsw.Connection, **row: Any) -> None:
    _insert(connection, "steps", _STEP, row)


def _add_model_call(connection: apsw.Connection, **row: Any) -> None:
    _insert(connection, "model_calls", _MODEL_CALL, row)


def _add_message(connection: apsw.Connection, **row: Any) -> int:
    """The message's sequence number."""
    found = fetch_one(connection, "SELECT seq FROM messages WHERE id = ?", (row["id"],))
    if found:
        return int(found[0])
    _insert(connection, "messages", _MESSAGE, row)
    seq = connection.last_insert_rowid()
    if any(row.get(name) for name in _DETAILS):
        details = {name: row.get(name, "") for name in _DETAILS}
        _insert(connection, "message_details", ("seq", *_DETAILS), {"seq": seq, **details})
    if index := _FULL_TEXT.get(row["kind"], "messages_fts"):
        connection.execute(f"INSERT INTO {index} (rowid, text, terms) VALUES (?, ?, ?)", (seq, row["text"], row["terms"]))
    connection.execute(
        "UPDATE sessions SET updated_at = max(updated_at, ?), ended_at = '' WHERE id = ?",
        (row["created_at"], row["session_id"]),
    )
    return seq


def _add_calls(connection: apsw.Connection, calls: Sequence[Mapping[str, Any]]) -> None:
    for call in calls:
        _insert(connection, "tool_calls", _CALL, call)


def _ask_call(connection: apsw.Connection, operation_id: str) -> None:
    """The user is being asked about the call."""
    connection.execute("UPDATE tool_calls SET state = 'waiting' WHERE operation_id = ?", (operation_id,))


def _start_call(connection: apsw.Connection, operation_id: str, started_at: str) -> None:
    connection.execute(
        "UPDATE tool_calls SET state = 'started', started_at = ? WHERE operation_id = ?", (started_at, operation_id)
    )


def _finish_call(connection: apsw.Connection, operation_id: str, finished_at: str, outcome: str, detail: str) -> None:
    connection.execute(
        "UPDATE tool_calls SET state = 'finished', finished_at = ?, outcome = ?, detail = ? WHERE operation_id = ?",
        (finished_at, outcome, detail, operation_id),
    )


OPERATIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "add_session": _add_session,
        "set_session": _set_session,
        "add_prompt": _add_prompt,
        "start_run": _start_run,
        "end_run": _end_run,
        "end_open_runs": _end_open_runs,
        "add_step": _add_step,
        "add_model_call": _add_model_call,
        "add_message": _add_message,
        "add_calls": _add_calls,
        "ask_call": _ask_call,
        "start_call": _start_call,
        "finish_call": _finish_call,
        **compactions.OPERATIONS,
        **elisions.OPERATIONS,
    }
)


def to_line(operations: Sequence[Operation]) -> str:
    """The operations of one transaction as one line of a file."""
    return json.dumps(operations, ensure_ascii=True, separators=(",", ":")) + "\n"


def from_line(line: str) -> list[Operation]:
    """What `to_line` wrote. Raises ValueError."""
    data = json.loads(line)
    if not isinstance(data, list):
        raise ValueError("not a list of operations")
    operations: list[Operation] = []
    for item in data:
        if not (isinstance(item, list) and len(item) == 2 and item[0] in OPERATIONS and isinstance(item[1], dict)):
            raise ValueError("not a write of recall")
        operations.append((item[0], item[1]))
    return operations
