"""One agent's memory into another's: its sessions and passages as they are, its blocks as passages.

The source is read and left alone. Everything lands in one transaction or nothing does, and what is there already (by id)
is not copied twice, so that a merge can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from lcode.errors import UserError
from lcode.memory import lives
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.terms import identifier_parts
from lcode.store import full_text, migrations
from lcode.store.database import Database

# in the order of their references
_ROWS = ("sessions", "session_origins", "prompts", "runs", "steps", "tool_calls", "compactions", "elisions", "model_calls")
# what belongs to passages, and the column that says to which
_OF_PASSAGES = (("passage_states", "passage_id"), ("passage_links", "passage_id"), ("passage_subjects", "passage_id"),
                ("citations", "owner"), ("commit_digests", "passage_id"))  # fmt: skip
_Table = tuple[list[str], list[tuple[Any, ...]]]


def merge_agents(source: Path, target: Database, name: str) -> dict[str, int]:
    """Copy what `target` lacks from the database at `source`, whose agent is called `name`; how many sessions, messages and
    passages were copied. Raises UserError."""
    if not source.exists():
        raise UserError(f"{name} has no memory yet")
    tables = _read(source)

    def work(connection: apsw.Connection) -> dict[str, int]:
        sessions = _new_sessions(connection, tables["sessions"])
        copied = {table: _copy(connection, table, *tables[table]) for table in _ROWS}
        messages, moved = _copy_indexed(connection, "messages", *tables["messages"])
        _copy_details(connection, tables["message_details"], moved)
        _settle(connection, sessions, moved)
        passages, fresh = _copy_indexed(connection, "passages", *tables["passages"])
        _copy_tags(connection, tables["passage_tags"], fresh)
        _copy_lives(connection, tables, fresh)
        passages += sum(_keep_block(connection, block, name) for block in _blocks(tables["blocks"]))
        return {"sessions": copied["sessions"], "messages": messages, "passages": passages}

    return target.write(work)


def _read(source: Path) -> dict[str, _Table]:
    """Every table of the source as one state of it: nobody writes to it meanwhile."""
    database = Database(source, migrations.MEMORY, lock=source.parent / "locks" / "memory.lock")
    names = (*_ROWS, "messages", "message_details", "passages", "passage_tags", "blocks", *(table for table, _ in _OF_PASSAGES))
    try:
        return database.write(lambda connection: {table: _table(connection, table) for table in names})
    finally:
        database.close()


def _table(connection: apsw.Connection, table: str) -> _Table:
    columns = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]
    order = "passage_seq" if table == "passage_tags" else "rowid"
    return columns, connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchall()


def _copy(connection: apsw.Connection, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> int:
    """Insert the rows whose key is not there yet; how many."""
    marks = ", ".join("?" * len(columns))
    before = connection.total_changes()
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", rows)
    return connection.total_changes() - before


def _copy_indexed(
    connection: apsw.Connection, table: str, columns: list[str], rows: list[tuple[Any, ...]]
) -> tuple[int, dict[int, int]]:
    """The same for a table with full text, whose rows get new sequence numbers: how many, and old number to new."""
    names = [column for column in columns if column != "seq"]
    marks = ", ".join("?" * len(names))
    fresh: dict[int, int] = {}
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        if connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (values["id"],)).fetchone():
            continue
        connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [values[column] for column in names])
        seq = connection.last_insert_rowid()
        fresh[values["seq"]] = seq
    full_text.add(connection, table, "seq IN (SELECT value FROM json_each(?))", (json.dumps([*fresh.values()]),))
    return len(fresh), fresh


def _copy_details(connection: apsw.Connection, details: _Table, moved: dict[int, int]) -> None:
    columns, rows = details
    at = columns.index("seq")
    fresh = [(*row[:at], moved[row[at]], *row[at + 1 :]) for row in rows if row[at] in moved]
    _copy(connection, "message_details", columns, fresh)


def _new_sessions(connection: apsw.Connection, sessions: _Table) -> dict[str, int]:
    """The sessions that are not there yet, with the sequence number after which their messages are in context."""
    columns, rows = sessions
    found = (dict(zip(columns, row, strict=True)) for row in rows)
    known = {str(row[0]) for row in connection.execute("SELECT id FROM sessions")}
    return {session["id"]: session["context_from"] for session in found if session["id"] not in known}


def _settle(connection: apsw.Connection, sessions: dict[str, int], moved: dict[int, int]) -> None:
    """What in a copied session speaks of its old home: the number of its cut, and the prompt with the old blocks."""
    for session_id, cut in sessions.items():
        new = max((seq for old, seq in moved.items() if old <= cut), default=0) if cut else 0
        connection.execute(
            "UPDATE sessions SET context_from = ?, prompt_id = '', memory_seen = '{}' WHERE id = ?", (new, session_id)
        )


def _copy_tags(connection: apsw.Connection, tags: _Table, fresh: dict[int, int]) -> None:
    columns, rows = tags
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        if values["passage_seq"] in fresh:
            connection.execute(
                "INSERT INTO passage_tags (passage_seq, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (fresh[values["passage_seq"]], values["tag"]),
            )


def _copy_lives(connection: apsw.Connection, tables: dict[str, _Table], fresh: dict[int, int]) -> None:
    """What belongs to the passages that were copied, by their old sequence numbers."""
    columns, rows = tables["passages"]
    passages = (dict(zip(columns, row, strict=True)) for row in rows)
    copied = {passage["id"] for passage in passages if passage["seq"] in fresh}
    for table, owner in _OF_PASSAGES:
        columns, rows = tables[table]
        at = columns.index(owner)
        _copy(connection, table, columns, [row for row in rows if row[at] in copied])
    columns, rows = tables["passage_subjects"]
    subjects = sorted({row[columns.index("subject")] for row in rows})
    lives.settle(connection, subjects, Provenance(Actor.PROGRAM, Source.INFERRED), "merged")


def _blocks(table: _Table) -> Iterator[dict[str, Any]]:
    columns, rows = table
    for row in rows:
        block = dict(zip(columns, row, strict=True))
        if block["value"].strip() and not block["deleted"]:
            yield block


def _keep_block(connection: apsw.Connection, block: dict[str, Any], name: str) -> int:
    """A block's value as a passage, once for each version of it; 1 if it was not there yet."""
    passage_id = f"passage-{block['id'].partition('-')[2]}-{block['version']}"
    if connection.execute("SELECT 1 FROM passages WHERE id = ?", (passage_id,)).fetchone():
        return 0
    text = f"Core memory block '{block['label']}' of the agent {name} ({block['description']}):\n{block['value']}"
    terms = identifier_parts(text)
    trust = "unverified" if json.loads(block["unverified"]) else block["trust"]
    connection.execute(
        "INSERT INTO passages (id, operation_id, text, terms, kind, created_at, actor, source, trust, session_id, step_id,"
        " commit_id, worktree) VALUES (?, ?, ?, ?, 'note', ?, ?, ?, ?, ?, ?, ?, ?)",
        (passage_id, f"merge-{passage_id}", text, terms, block["updated_at"], block["actor"], block["source"], trust,
         block["session_id"], block["step_id"], block["commit_id"], block["worktree"]),
    )  # fmt: skip
    seq = connection.last_insert_rowid()
    full_text.add(connection, "passages", "seq = ?", (seq,))
    connection.executemany("INSERT INTO passage_tags VALUES (?, ?)", [(seq, "merged"), (seq, block["label"])])
    return 1
