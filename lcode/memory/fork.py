"""A fork: a session of its own that begins as a copy of another's messages in context.

Copies have ids of their own and the same content, to the byte, so that the fork's first request begins with what the
original would send next. Each names the message it is a copy of, so that a search finds every message once.
"""

from __future__ import annotations

import re

import apsw

from lcode import clock
from lcode.ids import new_id
from lcode.memory.compactions import in_summary
from lcode.memory.elisions import copy_elisions
from lcode.memory.model import SessionRow
from lcode.store import checksum, full_text
from lcode.store.database import fetch_all, fetch_one, scalar

_FORKED = re.compile(r" \(fork(?: \d+)?\)$")
_KEPT = "run_id, role, kind, content, text, terms, call_id, created_at, actor, source, trust, step_id, commit_id, worktree"
_DETAILS = ", ".join(checksum.COLUMNS["message_details"])
_NEW_ID = "'message-' || lower(hex(randomblob(16)))"
_ORIGINAL = "CASE copy_of WHEN '' THEN id ELSE copy_of END"


def fork_title(connection: apsw.Connection, title: str) -> str:
    """The title of the next fork of what is called `title`: … (fork), … (fork 2)."""
    base = _FORKED.sub("", title) or "untitled"
    taken = {str(row[0]) for row in fetch_all(connection, "SELECT title FROM sessions WHERE substr(title, 1, ?) = ?",
                                              (len(base), base))}  # fmt: skip
    number = 1
    while (name := f"{base} (fork)" if number == 1 else f"{base} (fork {number})") in taken:
        number += 1
    return name


def copy_session(connection: apsw.Connection, source: SessionRow, fork_id: str, *, head: str) -> None:
    """Make the session `fork_id` out of what `source` has in context: inside a transaction, and once.

    Its prompt (which is about its branch and worktree) and what it was told of memory come with it. Calls that have no
    result yet have none in the copy either.
    """
    if fetch_one(connection, "SELECT 1 FROM sessions WHERE id = ?", (fork_id,)):
        return
    now, title = clock.stamp(), fork_title(connection, source.title)
    connection.execute(
        "INSERT INTO sessions (id, title, created_at, updated_at, head, branch, worktree, model, memory_seen, memory_told,"
        " forked_from) SELECT ?, ?, ?, ?, ?, branch, worktree, model, memory_seen, memory_told, id FROM sessions WHERE id = ?",
        (fork_id, title, now, now, head, source.id),
    )
    prompt_id = new_id("prompt")
    connection.execute(
        "INSERT INTO prompts (id, session_id, created_at, api, system, tools, reason)"
        " SELECT ?, ?, ?, api, system, tools, 'fork' FROM prompts WHERE id = (SELECT prompt_id FROM sessions WHERE id = ?)",
        (prompt_id, fork_id, now, source.id),
    )
    connection.execute(
        "UPDATE sessions SET prompt_id = ? WHERE id = ? AND EXISTS (SELECT 1 FROM prompts WHERE id = ?)",
        (prompt_id, fork_id, prompt_id),
    )
    cut = int(scalar(connection, "SELECT context_from FROM sessions WHERE id = ?", (source.id,)) or 0)
    summary = in_summary(connection, source.id)
    copy = (
        f"INSERT INTO messages (id, session_id, copy_of, {_KEPT}) SELECT {_NEW_ID}, ?, {_ORIGINAL}, {_KEPT} FROM messages"
        " WHERE session_id = ?"
    )
    connection.execute(f"{copy} AND id = ? AND seq > ?", (fork_id, source.id, summary, cut))
    connection.execute(f"{copy} AND seq > ? AND kind != 'summary' ORDER BY seq", (fork_id, source.id, cut))
    connection.execute(
        f"INSERT INTO message_details (seq, {_DETAILS}) SELECT copy.seq, {_DETAILS} FROM messages AS copy"
        " JOIN messages AS original ON original.id = copy.copy_of JOIN message_details ON message_details.seq = original.seq"
        " WHERE copy.session_id = ?",
        (fork_id,),
    )
    copy_elisions(connection, source.id, fork_id)
    full_text.add(connection, "messages", "session_id = ?", (fork_id,))
