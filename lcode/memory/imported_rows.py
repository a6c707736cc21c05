"""The rows of imported messages and sessions, as recall keeps them: what another program's message is here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from lcode.memory.importing import ImportedMessage, ImportedSession, digest
from lcode.memory.indexed_text import searched
from lcode.memory.model import Actor, Source, Trust
from lcode.memory.recall_writes import apply
from lcode.memory.reply_text import reply_text
from lcode.redact import cut
from lcode.redact_content import redacted_parts
from lcode.store.database import fetch_all

Redact = Callable[[str], str]
Row = dict[str, Any]

_LONGEST = 50_000  # characters of a tool's result: of longer ones head and tail are kept
_PLACES = {  # by the role: as what it stands in a session, of which kind it is, whose it is, and from what
    "user": ("user", "user", Actor.USER, Source.SAID),
    "assistant": ("assistant", "assistant", Actor.AGENT, Source.INFERRED),
    "tool": ("tool", "tool", Actor.PROGRAM, Source.TOOL),
    "system": ("user", "notice", Actor.PROGRAM, Source.TOOL),
    "summary": ("user", "summary", Actor.AGENT, Source.INFERRED),
}


def message_id(origin: str, message: ImportedMessage) -> str:
    """The id that a message of this program has here, whenever it is imported."""
    return f"message-{digest(chr(0).join((origin, message.key)))}"


def session_id(origin: str, session: ImportedSession) -> str:
    return f"session-{digest(chr(0).join((origin, session.key)))}"


def message_row(origin: str, message: ImportedMessage, redact: Redact) -> Row:
    """A message as `add_message` takes it: redacted, and by nobody vouched for."""
    role, kind, actor, source = _PLACES[message.role]
    content = [_shortened(part) for part in redacted_parts(message.content, redact)]
    whole = redact(reply_text(content)) if content else redact(message.text)
    text = _bounded(whole) if role == "tool" else whole
    content = content or _parts(message, role, text)
    content[0]["time"] = redact(message.written)
    files = "\n".join(map(redact, message.paths))
    tool = redact(message.tool)
    shown, terms = searched(text, whole if text != whole else "", tool, files)
    return {
        "id": message_id(origin, message), "session_id": session_id(origin, message.session), "run_id": "", "role": role,
        "kind": kind, "content": json.dumps(content, ensure_ascii=False), "text": shown,
        "terms": terms, "call_id": message.call_id, "created_at": message.time,
        "actor": actor.value, "source": source.value, "trust": Trust.UNVERIFIED.value, "step_id": "", "commit_id": "",
        "worktree": redact(message.session.worktree), "name": redact(message.name), "tool": tool,
        "outcome": message.outcome, "paths": files, "origin": origin, "source_id": redact(message.id),
    }  # fmt: skip


def _parts(message: ImportedMessage, role: str, text: str) -> list[Row]:
    """The content of a message that is nothing but its text."""
    if role != "tool":
        return [{"type": "text", "text": text}]
    part = {"type": "tool_result", "call_id": message.call_id, "name": message.tool, "text": text}
    return [part | ({"is_error": True} if message.outcome not in ("", "ok") else {})]


def _shortened(value: Any) -> Any:
    """A JSON value with every long text in it bounded: arguments hold whole files."""
    if isinstance(value, str):
        return _bounded(value)
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return [_shortened(item) for item in value] if isinstance(value, list) else value


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    left_out = len(text) - _LONGEST
    return f"{cut(text, half)}\n[… {left_out:,} characters were not imported …]\n{text[-half:]}"


def session_row(origin: str, session: ImportedSession, first: ImportedMessage, redact: Redact) -> Row:
    """A session that begins with this message."""
    return {
        "id": session_id(origin, session), "created_at": first.time, "branch": redact(session.branch),
        "worktree": redact(session.worktree), "head": "", "model": redact(session.model),
    }  # fmt: skip


def known(connection: apsw.Connection, table: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that have a row in the table."""
    sql = f"SELECT id FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
    return {str(row[0]) for row in fetch_all(connection, sql, (json.dumps(list(ids)),))}


def add(connection: apsw.Connection, origin: str, sessions: Sequence[tuple[Row, str]], messages: Sequence[Row]) -> int:
    """Add sessions, each with what its program calls it, and messages in the transaction that is open; how many messages were
    not there."""
    for row, source_id in sessions:
        apply(connection, ("add_session", row))
        sql = "INSERT INTO session_origins (session_id, origin, source_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        connection.execute(sql, (row["id"], origin, source_id))
    there = known(connection, "messages", [row["id"] for row in messages])
    fresh = [row for row in messages if row["id"] not in there]
    for row in fresh:
        apply(connection, ("add_message", row))
    ids = json.dumps(sorted({row["session_id"] for row in fresh}))
    ended = "UPDATE sessions SET ended_at = updated_at WHERE id IN (SELECT value FROM json_each(?))"
    connection.execute(ended, (ids,))
    return len(fresh)


def set_title(connection: apsw.Connection, session: str, title: str, *, before: str) -> None:
    """Title a session, unless somebody gave it another title than `before`."""
    connection.execute("UPDATE sessions SET title = ? WHERE id = ? AND title = ?", (title, session, before))
