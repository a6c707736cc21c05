"""Rows that a damaged store still gives, put back into a restored copy of it: what is newer than the copy, and intact.

What is there already is replaced only by a later state of it, so that an older view of the damaged files changes nothing,
and what the user had forgotten stays forgotten.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import apsw

from lcode import clock
from lcode.ids import new_id
from lcode.memory.model import Actor, Source, Trust
from lcode.store import checksum, full_text, salvage


class Rule(NamedTuple):
    """How rows of a table come back: the columns of their key, and when the found row (`new`) is a later state of the one
    that is there (`old`); '' never."""

    table: str
    key: str
    later: str = ""


_MEMORY = (
    Rule("identity", "agent_id"),
    Rule(
        "sessions", "id", "new.updated_at > old.updated_at OR new.updated_at = old.updated_at AND new.ended_at > old.ended_at"
    ),
    Rule("prompts", "id"),
    Rule("session_origins", "session_id"),
    Rule("runs", "id", "new.ended_at > old.ended_at"),
    Rule("steps", "id"),
    Rule("tool_calls", "operation_id", "new.finished_at > old.finished_at"),
    Rule("messages", "id"),
    Rule("passages", "id", "old.superseded_by = '' AND new.superseded_by != '' OR old.valid_to = '' AND new.valid_to != ''"),
    Rule("jobs", "id", "new.updated_at > old.updated_at"),
    Rule("passage_states", "operation_id"),
    Rule("passage_links", "passage_id, depends_on"),
    Rule("passage_subjects", "passage_id"),
    Rule("citations", "owner, number"),
    Rule("commit_digests", "commit_id", "new.retired_at > old.retired_at"),
    Rule("git_state", "key"),
    Rule("compactions", "id", "new.undone_at > old.undone_at"),
    Rule("elisions", "session_id, message_id, call_id"),
    Rule("model_calls", "id"),
)
_USER = (
    Rule("agents", "id", "new.deleted_at > old.deleted_at OR new.initialised > old.initialised"),
    Rule("agent_paths", "path", "new.first_seen > old.first_seen"),
)
_NUMBERED = ("messages", "passages")  # their row numbers are the order in which they were written


def bring_back(target: apsw.Connection, views: Sequence[apsw.Connection]) -> Counter[str]:
    """Put the rows of `views` (the oldest state first) into `target`, in one transaction; how many rows of each table are
    new or later there."""
    brought: Counter[str] = Counter()
    user = not _has(target, "messages")
    with target:
        for view in views:
            for rule in _USER if user else _MEMORY:
                for row in _rows(view, rule.table):
                    brought[rule.table] += _put(target, view, rule, row)
            brought["blocks"] += _blocks(target, view)
            brought["message_details"] += _details(target, view)
        if not user:
            brought["sessions"] += _stub_sessions(target)
            _settle_lives(target)
            full_text.rebuild(target)
    return +brought


def _rows(view: apsw.Connection, table: str) -> Iterable[dict[str, Any]]:
    return salvage.rows(view, table) if _has(view, table) else ()


def _has(connection: apsw.Connection, table: str) -> bool:
    with suppress(apsw.Error, UnicodeDecodeError):
        return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)).fetchall())
    return False


def _put(target: apsw.Connection, view: apsw.Connection, rule: Rule, row: dict[str, Any]) -> int:
    """1 if the row is new in `target`, or a later state than what was there."""
    key = [row[name] for name in rule.key.split(", ")]
    marks = ", ".join("?" * len(key))
    there = target.execute(f"SELECT 1 FROM {rule.table} WHERE ({rule.key}) = ({marks})", key).fetchall()
    if there:
        return _replace(target, rule, row) if rule.later else 0
    numbered = rule.table in _NUMBERED
    values = {name: row[name] for name in checksum.COLUMNS[rule.table]}
    for number in (row["rowid"], None) if numbered else (None,):  # its own number, or the next where that is taken
        full = values | {"seq": number} if number is not None else values
        try:
            _insert(target, rule.table, full)
        except apsw.ConstraintError:  # its number is taken, or what it belongs to is lost
            continue
        if rule.table == "passages":
            seq = target.last_insert_rowid()
            tags = [(seq, tag) for tag in salvage.tags(view, row["rowid"])]
            target.executemany("INSERT INTO passage_tags VALUES (?, ?) ON CONFLICT DO NOTHING", tags)
        return 1
    return 0


def _replace(target: apsw.Connection, rule: Rule, row: dict[str, Any]) -> int:
    names = checksum.COLUMNS[rule.table]
    found = ", ".join(f"? AS {name}" for name in names)
    before = target.total_changes()
    target.execute(
        f"WITH new AS (SELECT {found}) UPDATE {rule.table} AS old SET {', '.join(f'{name} = new.{name}' for name in names)}"
        f" FROM new WHERE old.{rule.key} = new.{rule.key} AND ({rule.later})",
        [row[name] for name in names],
    )
    return target.total_changes() - before


def _details(target: apsw.Connection, view: apsw.Connection) -> int:
    """The details of messages that have none yet, under the numbers that those have now; how many came."""
    before = target.total_changes()
    for row in _rows(view, "message_details"):
        with suppress(apsw.Error, UnicodeDecodeError):
            for (message_id,) in view.execute("SELECT id FROM messages WHERE seq = ?", (row["rowid"],)).fetchall():
                names = checksum.COLUMNS["message_details"]
                target.execute(
                    f"INSERT INTO message_details (seq, {', '.join(names)}) SELECT seq, {', '.join('?' * len(names))}"
                    " FROM messages WHERE id = ? ON CONFLICT DO NOTHING",
                    (*(row[name] for name in names), message_id),
                )
    return target.total_changes() - before


def _blocks(target: apsw.Connection, view: apsw.Connection) -> int:
    """Versions of blocks that are not there yet, in their order; each block is its newest one then. How many came."""
    blocks = {row["id"]: row for row in _rows(view, "blocks")}
    came = 0
    for row in sorted(_rows(view, "block_versions"), key=lambda row: (row["block_id"], row["version"])):
        known = "SELECT 1 FROM block_versions WHERE operation_id = ?"
        if target.execute(known, (row["operation_id"],)).fetchall() or not _make_block(
            target, blocks.get(row["block_id"]), row
        ):
            continue
        last, value = _last_version(target, row["block_id"])
        if row["version"] <= last:
            continue  # another edit has its place: an older view, or a copy that went another way
        came += 1
        _add_version(target, row, last, value)
    for block in blocks.values():
        last, value = _last_version(target, block["id"])
        if block["version"] > last and _make_block(target, block, {"block_id": block["id"]}):
            came += 1  # its newest version is lost, and the block itself still holds that value
            how = {"block_id": block["id"], "operation": "recovered", "arguments": "{}", "operation_id": new_id("op")}
            _add_version(target, {**block, **how, "created_at": block["updated_at"]}, last, value, known=False)
        target.execute(  # what no version holds
            "UPDATE blocks SET unverified = ?, read_only = ? WHERE id = ? AND version = ? AND value = ?",
            (block["unverified"], block["read_only"], block["id"], block["version"], block["value"]),
        )
    return came


def _add_version(target: apsw.Connection, row: dict[str, Any], last: int, value: str, *, known: bool = True) -> None:
    """The version `row` of a block whose last one is `last` with `value`; those between them are lost. `known` False: so is
    how it came to be."""
    for number in range(last + 1, row["version"]):
        _insert(target, "block_versions", _lost_version(row, number, value))
    if not known or row["version"] > last + 1:
        row["arguments"] = json.dumps({"result": row["value"]}, ensure_ascii=False)  # it replays from what is known
    _insert(target, "block_versions", {name: row[name] for name in checksum.COLUMNS["block_versions"]})
    _settle_block(target, row)


def _last_version(target: apsw.Connection, block_id: str) -> tuple[int, str]:
    sql = "SELECT version, value FROM block_versions WHERE block_id = ? ORDER BY version DESC LIMIT 1"
    rows = target.execute(sql, (block_id,)).fetchall()
    return (int(str(rows[0][0])), str(rows[0][1])) if rows else (0, "")


def _lost_version(after: dict[str, Any], number: int, value: str) -> dict[str, Any]:
    """What stands in the place of a version that cannot be read, so that the others keep their numbers."""
    row = {name: after[name] for name in checksum.COLUMNS["block_versions"]}
    given = json.dumps({"result": value}, ensure_ascii=False)
    row |= {"version": number, "value": value, "deleted": 0, "operation": "lost", "arguments": given}
    row |= {"operation_id": new_id("op"), "actor": Actor.PROGRAM, "source": Source.INFERRED, "trust": Trust.TRUSTED}
    return row


def _insert(target: apsw.Connection, table: str, values: dict[str, Any]) -> None:
    target.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


def _make_block(target: apsw.Connection, block: dict[str, Any] | None, version: dict[str, Any]) -> bool:
    """Whether the block of a version is there, made from its own row where it was not."""
    if target.execute("SELECT 1 FROM blocks WHERE id = ?", (version["block_id"],)).fetchall():
        return True
    if block is None:  # its row is lost: nothing says whose block it is
        return False
    values = {name: block[name] for name in checksum.COLUMNS["blocks"]}
    with suppress(apsw.ConstraintError):  # the label is taken
        _insert(target, "blocks", values)
        return True
    return False


def _settle_block(target: apsw.Connection, version: dict[str, Any]) -> None:
    names = ("value", "description", "char_limit", "deleted", "actor", "source", "trust", "session_id", "step_id", "commit_id",
             "worktree")  # fmt: skip
    target.execute(
        f"UPDATE blocks SET version = ?, updated_at = ?, {', '.join(f'{name} = ?' for name in names)} WHERE id = ?",
        (version["version"], version["created_at"], *(version[name] for name in names), version["block_id"]),
    )


def _stub_sessions(target: apsw.Connection) -> int:
    """Messages whose session's own row is lost get one that holds them together; how many."""
    before = target.total_changes()
    target.execute(
        "INSERT INTO sessions (id, title, created_at, updated_at) SELECT session_id, '(recovered)', min(created_at),"
        " max(created_at) FROM messages WHERE session_id != '' AND session_id NOT IN (SELECT id FROM sessions)"
        " GROUP BY session_id"
    )
    return target.total_changes() - before


def _settle_lives(target: apsw.Connection) -> None:
    """Make each passage its newest state. Where it says what no state of it does, the state that made it so is lost, and one
    that says the same stands for it."""
    now = ("passages.valid_from", "passages.valid_to", "passages.superseded_by")
    same = " AND ".join(f"state.{name.partition('.')[2]} = {name}" for name in now)
    target.execute(
        "INSERT INTO passage_states (passage_id, number, recorded_at, valid_from, valid_to, superseded_by, reason,"
        " operation_id, actor, source, trust)"
        f" SELECT id, (SELECT max(number) + 1 FROM passage_states WHERE passage_id = id), ?, {', '.join(now)}, 'recovered',"
        " 'op-' || lower(hex(randomblob(16))), ?, ?, ? FROM passages"
        " WHERE EXISTS (SELECT 1 FROM passage_states WHERE passage_id = id)"
        f" AND NOT EXISTS (SELECT 1 FROM passage_states AS state WHERE state.passage_id = id AND {same})",
        (clock.stamp(), Actor.PROGRAM, Source.INFERRED, Trust.TRUSTED),
    )
    target.execute(
        "UPDATE passages SET valid_from = state.valid_from, valid_to = state.valid_to, superseded_by = state.superseded_by"
        " FROM passage_states AS state WHERE state.passage_id = passages.id AND state.number ="
        f" (SELECT max(number) FROM passage_states WHERE passage_id = passages.id) AND NOT ({same})"
    )


def tables_of(connection: apsw.Connection) -> list[str]:
    """The tables that rows are brought back into."""
    rules = _MEMORY if _has(connection, "messages") else _USER
    more = ["message_details"] if rules is _MEMORY else []
    return [*(rule.table for rule in rules), *more, "block_versions"]
