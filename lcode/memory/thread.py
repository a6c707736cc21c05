"""Everything that led to where a session is: its own messages and, of a fork, those of its original that it was not given.

A fork begins with the summary that its original had in its prompt; what that summary stands for is in the original.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from lcode.memory.model import MessageRow
from lcode.memory.recall_moments import MESSAGE, to_message
from lcode.store.database import fetch_all, fetch_one

_FORKS = 20  # of forks, whose originals are looked at
_SPOKEN = ("user", "assistant")


def thread(connection: apsw.Connection, session_id: str, kinds: Sequence[str] = _SPOKEN) -> list[MessageRow]:
    """The messages of these kinds, oldest first."""
    found: list[MessageRow] = []
    for session, below, copied in _sessions(connection, session_id):
        sql = (
            f"SELECT {MESSAGE} FROM messages WHERE session_id = ?1 AND seq < ?2 AND kind IN (SELECT value FROM json_each(?3))"
            " AND id NOT IN (SELECT value FROM json_each(?4)) ORDER BY seq"
        )
        rows = fetch_all(connection, sql, (session, below, json.dumps(list(kinds)), json.dumps(copied)))
        found = [*(to_message(row) for row in rows), *found]
    return found


def file_calls(connection: apsw.Connection, session_id: str) -> list[tuple[str, dict[str, Any], bool]]:
    """The calls that read or changed a file and went well, oldest first: the tool's name, its arguments, and whether it made
    the file."""
    found: list[tuple[str, dict[str, Any], bool]] = []
    for session, _, _ in _sessions(connection, session_id):
        made = {
            (row[0], row[1])
            for row in fetch_all(
                connection,
                "SELECT step_id, call_id FROM messages WHERE session_id = ? AND kind = 'tool' AND text LIKE 'Created %'",
                (session,),
            )
        }
        calls = fetch_all(
            connection,
            "SELECT name, arguments, step_id, call_id FROM tool_calls WHERE session_id = ? AND state = 'finished'"
            " AND outcome = 'ok' AND name IN ('read_file', 'edit_file', 'write_file', 'shell') ORDER BY rowid",
            (session,),
        )
        found = [*((row[0], json.loads(row[1]), (row[2], row[3]) in made) for row in calls), *found]
    return found


def attempts_of(connection: apsw.Connection, session_id: str) -> list[str]:
    """What archival memory holds of the session's attempts, each on one line, oldest first."""
    sql = "SELECT text FROM passages WHERE kind = 'attempt' AND session_id = ? AND valid_to = '' ORDER BY seq DESC LIMIT 20"
    return [" ".join(str(row[0]).split()) for row in fetch_all(connection, sql, (session_id,))][::-1]


def _sessions(connection: apsw.Connection, session_id: str) -> list[tuple[str, int, list[str]]]:
    """A session and those it was forked from, the newest first: each with the number below which its messages count, and the
    messages that the fork has copies of."""
    found: list[tuple[str, int, list[str]]] = [(session_id, 1 << 62, [])]
    for _ in range(_FORKS):
        session = found[-1][0]
        first = fetch_one(
            connection, "SELECT kind, copy_of FROM messages WHERE session_id = ? ORDER BY seq LIMIT 1", (session,)
        )
        if first is None or first[0] != "summary" or not first[1]:
            break
        original = fetch_one(connection, "SELECT session_id, seq FROM messages WHERE id = ?", (first[1],))
        if original is None or original[0] in {name for name, _, _ in found}:
            break
        copies = fetch_all(connection, "SELECT copy_of FROM messages WHERE session_id = ? AND copy_of != ''", (session,))
        found.append((original[0], original[1], [row[0] for row in copies]))
    return found
