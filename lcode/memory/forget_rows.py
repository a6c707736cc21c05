"""Forgetting in the rows of one database, be it the store itself or a backup: the rows stay, their texts go.

Every column that holds words is looked at, in whatever schema the file has; what joins rows to each other, says who and when,
or names a place on this machine stays. Done a second time it changes nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from lcode import clock
from lcode.ids import new_id
from lcode.memory.forget_context import SUMMARIES, settle_context
from lcode.memory.scrub import Scrub
from lcode.memory.terms import message_terms
from lcode.store import checksum, full_text
from lcode.store.database import Row, fetch_all

_LINES = {("blocks", "value"), ("block_versions", "value"), ("citations", "line")}
_JSON_LINES = {("blocks", "unverified"), ("block_versions", "arguments")}
_JSON = {
    *(
        ("tool_calls", "arguments"),
        ("prompts", "tools"),
        ("passages", "citations"),
        ("jobs", "payload"),
        ("git_state", "value"),
    ),
}
_JSON_LABELS = {("sessions", "memory_seen"), ("sessions", "memory_told")}
_LABELS = {("blocks", "label"), ("block_versions", "label")}
_WORDS = {  # the other columns that hold words
    "blocks": ("description",),
    "block_versions": ("description",),
    "sessions": ("title", "branch", "model", "note"),
    "prompts": ("system", "reason"),
    "runs": ("error",),
    "tool_calls": ("detail",),
    "messages": ("text", "terms"),
    "passages": ("text",),
    "passage_states": ("reason",),
    "citations": ("path", "symbol"),
    "commit_digests": ("branch", "reason"),
    "elisions": ("text",),
    "model_calls": ("model", "answered_by"),
}
_SOURCES = {"message_details": ("name", "tool", "paths", "source_id"), "session_origins": ("source_id",)}
_TABLES = [
    table
    for table in checksum.COLUMNS
    if table not in ("agents", "agent_paths", "identity", "steps", "passage_links", "compactions")
]
_INDEXED = ("messages", "passages")
_OUTPUT = re.compile(r"output-[0-9a-f]{8,32}")
_NAMES = {
    **{"blocks": "blocks", "block_versions": "versions of blocks", "messages": "messages", "passages": "passages"},
    **{"sessions": "sessions (titles, notes)", "prompts": "prompts that were sent", "tool_calls": "tool calls"},
}


@dataclass(frozen=True)
class Wish:
    """What the user wants forgotten: what `scrub` finds, and rows by their ids. `versions` are blocks' ids with a version."""

    scrub: Scrub
    messages: frozenset[str] = frozenset()
    passages: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    versions: frozenset[tuple[str, int]] = frozenset()


@dataclass
class Found:
    """What was changed: how many rows of each tier, some of it in a few words, and the files of outputs that belong to it."""

    counts: Counter[str] = field(default_factory=Counter)
    quotes: list[str] = field(default_factory=list)
    outputs: set[str] = field(default_factory=set)
    touched: set[tuple[str, int]] = field(default_factory=set)  # versions of blocks
    dropped: set[str] = field(default_factory=set)  # passages of which nothing is left


def beginning(connection: apsw.Connection, begin: str) -> list[str]:
    """The messages, passages or sessions whose id begins so, two at the most."""
    table = f"{begin.partition('-')[0]}s"
    sql = f"SELECT id FROM {table} WHERE id >= ? AND id < ? LIMIT 2"
    return [str(row[0]) for row in fetch_all(connection, sql, (begin, f"{begin}~"))]


def apply(connection: apsw.Connection, wish: Wish, *, edit: bool) -> Found:
    """Forget in this database, in the transaction that is open. `edit`: blocks that are in use lose their marked lines in a
    new version; otherwise their newest one keeps the mark."""
    found = Found()
    tables = {str(row[0]) for row in fetch_all(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if wish.scrub:
        for table in (table for table in _TABLES if table in tables):
            _scrub_table(connection, table, wish.scrub, found)
        if "passage_tags" in tables:
            _scrub_tags(connection, wish.scrub, found)
    if "messages" in tables:
        _forget_sessions(connection, wish, found, tables)
        _forget_messages(connection, wish, found, tables)
        _forget_passages(connection, wish, found, tables)
    _forget_versions(connection, wish, found)
    _settle_blocks(connection, wish.scrub.mark, found, edit=edit)
    found.counts = +found.counts  # without what was looked for and not there
    return found


# -- by what they say -------------------------------------------------------------------------------------------------


def _scrub_table(connection: apsw.Connection, table: str, scrub: Scrub, found: Found) -> None:
    there = {str(row[1]) for row in fetch_all(connection, f"PRAGMA table_info({table})")}
    changes = {column: change for column, change in _changes(table, scrub).items() if column in there}
    if not changes:
        return
    names = ", ".join(changes)
    for rowid, *values in fetch_all(connection, f"SELECT rowid, {names} FROM {table}"):
        after = [change(value) if value else value for change, value in zip(changes.values(), values, strict=True)]
        if after == values:
            continue
        new = {name: value for name, value, old in zip(changes, after, values, strict=True) if value != old}
        found.counts[_NAMES.get(table, "other notes")] += 1
        if table in ("messages", "passages", "blocks"):
            _quote(found, scrub, dict(zip(changes, values, strict=True)))
        if table == "block_versions":
            block_id, version = _key(connection, table, "block_id, version", rowid)
            found.touched.add((block_id, version))
        if table == "passages" and new.get("text") == scrub.mark:
            found.dropped.add(_key(connection, table, "id", rowid)[0])
        _update(connection, table, rowid, new)


def _key(connection: apsw.Connection, table: str, columns: str, rowid: int) -> Row:
    return fetch_all(connection, f"SELECT {columns} FROM {table} WHERE rowid = ?", (rowid,))[0]


def _changes(table: str, scrub: Scrub) -> dict[str, Callable[[str], str]]:
    """What is done to each column of a table that holds words."""
    changes: dict[str, Callable[[str], str]] = dict.fromkeys(_WORDS.get(table, ()), scrub.text)
    changes |= {column: scrub.json for name, column in _JSON if name == table}
    changes |= {column: scrub.lines for name, column in _LINES if name == table}
    changes |= {column: lambda text: scrub.json(text, scrub.lines) for name, column in _JSON_LINES if name == table}
    changes |= {column: lambda text: scrub.json(text, scrub.label) for name, column in _JSON_LABELS if name == table}
    changes |= {column: scrub.label for name, column in _LABELS if name == table}
    changes |= {"subject": scrub.small} if table == "passage_subjects" else {}
    changes |= dict.fromkeys(_SOURCES.get(table, ()), scrub.label)
    return changes | ({"content": scrub.content} if table == "messages" else {})


def _update(connection: apsw.Connection, table: str, rowid: int, new: dict[str, Any]) -> None:
    """Write the columns of a row, with its full text where it has one."""
    indexed = table in _INDEXED and not new.keys().isdisjoint(("text", "terms"))
    if indexed and "text" in new:
        new = {**new, "terms": terms_of(connection, new["text"], rowid if table == "messages" else 0)}
    if indexed:
        full_text.remove(connection, table, "seq = ?", (rowid,))
    columns = ", ".join(f"{name} = ?" for name in new)
    connection.execute(f"UPDATE {table} SET {columns} WHERE rowid = ?", (*new.values(), rowid))
    if indexed:
        full_text.add(connection, table, "seq = ?", (rowid,))
    if table == "message_details":  # what is searched of a message holds them too
        _update(connection, "messages", rowid, {"text": _key(connection, "messages", "text", rowid)[0]})


def terms_of(connection: apsw.Connection, text: str, message: int) -> str:
    """What is searched of a row beside its text; `message` is the number of one."""
    known = fetch_all(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'message_details'") if message else []
    sql = "SELECT tool, paths FROM message_details WHERE seq = ?"
    return message_terms(text, *next(iter(fetch_all(connection, sql, (message,)) if known else ()), ("", "")))


def _scrub_tags(connection: apsw.Connection, scrub: Scrub, found: Found) -> None:
    for (tag,) in fetch_all(connection, "SELECT DISTINCT tag FROM passage_tags"):
        if (new := scrub.small(tag)) != tag:
            connection.execute("UPDATE OR REPLACE passage_tags SET tag = ? WHERE tag = ?", (new, tag))
            found.counts["tags"] += 1


def _quote(found: Found, scrub: Scrub, row: dict[str, Any]) -> None:
    """Remember in a few words where it stood."""
    for text in row.values():
        if len(found.quotes) < 5 and isinstance(text, str) and (match := scrub.find(text)):
            part = text[max(0, match.start() - 25) : match.end() + 25]
            found.quotes.append(" ".join(part.split())[:100])
            return


# -- by their ids -----------------------------------------------------------------------------------------------------


def _among(values: Iterable[Any]) -> str:
    return json.dumps(sorted(values))


def _forget_sessions(connection: apsw.Connection, wish: Wish, found: Found, tables: set[str]) -> None:
    ids, mark = _among(wish.sessions), wish.scrub.mark
    among = "IN (SELECT value FROM json_each(?))"
    if not wish.sessions:
        return
    sql = f"UPDATE sessions SET title = ?, note = ?, prompt_id = '' WHERE id {among}"
    connection.execute(sql, (mark, mark, ids))
    found.counts["sessions (titles, notes)"] += connection.changes()
    if "session_origins" in tables:
        connection.execute(f"UPDATE session_origins SET source_id = '' WHERE session_id {among}", (ids,))
    connection.execute(f"UPDATE prompts SET system = ?, tools = '[]' WHERE session_id {among}", (mark, ids))
    connection.execute(f"UPDATE runs SET error = '' WHERE session_id {among}", (ids,))
    connection.execute(f"UPDATE tool_calls SET arguments = '{{}}', detail = '' WHERE session_id {among}", (ids,))
    found.counts["tool calls"] += connection.changes()


def _forget_messages(connection: apsw.Connection, wish: Wish, found: Found, tables: set[str]) -> None:
    """Messages by their ids, with what they are copies of, or by their session's, and the copies that forks have of them. The
    summaries that tell of them go too."""
    if not wish.messages and not wish.sessions:
        return
    sql = (
        "WITH named AS (SELECT id, copy_of FROM messages WHERE id IN (SELECT value FROM json_each(?1))),"
        " asked AS (SELECT id FROM named UNION SELECT copy_of FROM named WHERE copy_of != ''"
        " UNION SELECT id FROM messages WHERE session_id IN (SELECT value FROM json_each(?2))),"
        f" gone AS (SELECT id FROM asked UNION {SUMMARIES})"
        " SELECT seq, content, text, step_id, call_id, session_id, id, kind FROM messages WHERE id IN gone OR copy_of IN gone"
    )
    rows = fetch_all(connection, sql, (_among(wish.messages), _among(wish.sessions)))
    settle_context(connection, [row[6] for row in rows], {row[6]: row[5] for row in rows if row[7] == "summary"}, tables)
    for seq, content, text, step, call, session, *_ in rows:
        found.outputs.update(f"{name}.txt" for name in _OUTPUT.findall(content))
        if len(found.quotes) < 5 and text != wish.scrub.mark:
            found.quotes.append(" ".join(text.split())[:60])
        if "message_details" in tables:
            connection.execute("UPDATE message_details SET paths = '' WHERE seq = ?", (seq,))
        _update(connection, "messages", seq, {"content": wish.scrub.emptied(content), "text": wish.scrub.mark})
        found.counts["messages"] += 1
        for one in json.loads(content):
            name = one.get("id") if one.get("type") == "tool_call" else call
            connection.execute(
                "UPDATE tool_calls SET arguments = '{}', detail = '' WHERE session_id = ? AND call_id = ?"
                " AND (step_id = ? OR ?)",
                (session, name, step, not step),
            ) if name else None


def _forget_passages(connection: apsw.Connection, wish: Wish, found: Found, tables: set[str]) -> None:
    """Passages by their ids, and those that said nothing else: they were never true, so that no moment finds them."""
    gone = _among(wish.passages | found.dropped)
    sql = "SELECT seq, id, text FROM passages WHERE id IN (SELECT value FROM json_each(?))"
    for seq, passage_id, text in fetch_all(connection, sql, (gone,)):
        if passage_id in wish.passages:
            found.counts["passages"] += 1
            found.quotes.append(" ".join(text.split())[:60]) if len(found.quotes) < 5 and text != wish.scrub.mark else None
        _update(connection, "passages", seq, {"text": wish.scrub.mark, "citations": "[]"})
        connection.execute("DELETE FROM passage_tags WHERE passage_seq = ?", (seq,))
        begin = "coalesce(nullif(valid_from, ''), created_at)"
        connection.execute(
            f"UPDATE passages SET valid_from = {begin}, valid_to = {begin}, superseded_by = '' WHERE seq = ?", (seq,)
        )
        if "passage_states" not in tables:
            continue
        connection.execute("DELETE FROM citations WHERE owner = ?", (passage_id,))
        connection.execute("DELETE FROM passage_subjects WHERE passage_id = ?", (passage_id,))
        connection.execute(
            "UPDATE passage_states SET valid_from = (SELECT valid_from FROM passages WHERE id = passage_id), reason = '',"
            " valid_to = (SELECT valid_from FROM passages WHERE id = passage_id), superseded_by = '' WHERE passage_id = ?",
            (passage_id,),
        )


# -- blocks -----------------------------------------------------------------------------------------------------------


def _forget_versions(connection: apsw.Connection, wish: Wish, found: Found) -> None:
    for block_id, version in wish.versions:
        mine, mark = (block_id, version), wish.scrub.mark
        connection.execute("UPDATE block_versions SET value = ? WHERE block_id = ? AND version = ?", (mark, *mine))
        if connection.changes():
            found.counts["versions of blocks"] += 1
            found.touched.add(mine)
        connection.execute(
            "UPDATE blocks SET value = ?, unverified = '[]' WHERE id = ? AND version = ? AND NOT deleted", (mark, *mine)
        )


def _settle_blocks(connection: apsw.Connection, mark: str, found: Found, *, edit: bool) -> None:
    """Have the history of changed blocks replay to what their versions hold now; take marked lines out of those in use."""
    for block_id, version in sorted({(name, at + more) for name, at in found.touched for more in (0, 1)}):
        sql = "SELECT rowid, value, arguments FROM block_versions WHERE block_id = ? AND version = ?"
        for rowid, value, text in fetch_all(connection, sql, (block_id, version)):
            given = json.loads(text)
            kept = {name: given[name] for name in ("base_version", "version", "unverified") if name in given}
            record = json.dumps({**kept, "result": value}, ensure_ascii=False)
            connection.execute("UPDATE block_versions SET arguments = ? WHERE rowid = ?", (record, rowid))
    if edit:
        _take_lines(connection, mark)


def _take_lines(connection: apsw.Connection, mark: str) -> None:
    """A new version of each block in use that holds the mark, without it: an edit by the user like any other."""
    sql = "SELECT id, value, version, unverified FROM blocks WHERE NOT deleted AND instr(value, ?)"
    for block_id, value, version, unverified in fetch_all(connection, sql, (mark,)):
        lines = [line for line in value.split("\n") if line != mark]
        after, now, operation = "\n".join(lines), clock.stamp(), new_id("op")
        doubtful = json.dumps([line for line in json.loads(unverified) if line in lines], ensure_ascii=False)
        who: Sequence[str] = ("user", "said", "trusted", "", "", "", "")
        set_who = "actor = ?, source = ?, trust = ?, session_id = ?, step_id = ?, commit_id = ?, worktree = ?"
        connection.execute(
            f"UPDATE blocks SET value = ?, version = ?, unverified = ?, updated_at = ?, {set_who} WHERE id = ?",
            (after, version + 1, doubtful, now, *who, block_id),
        )
        connection.execute(
            "INSERT INTO block_versions (block_id, version, label, value, description, char_limit, deleted, operation,"
            " arguments, operation_id, created_at, actor, source, trust, session_id, step_id, commit_id, worktree)"
            " SELECT id, version, label, value, description, char_limit, 0, 'rethink', ?, ?, ?, actor, source, trust, '', '',"
            " '', '' FROM blocks WHERE id = ?",
            (json.dumps({"result": after}, ensure_ascii=False), operation, now, block_id),
        )
