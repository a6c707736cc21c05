"""Forgetting a message: what was made of it for the prompts of sessions goes with it.

A summary that was written after the message may tell of it, so it goes too; its compaction is undone, and whoever goes on
with the session has its messages again, without what was forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import apsw

from lcode import clock

# the ids of summaries (and of what they are copies of) that may tell of messages among `asked`
SUMMARIES = (
    "SELECT CASE later.copy_of WHEN '' THEN later.id ELSE later.copy_of END FROM messages JOIN messages AS later"
    " ON later.session_id = messages.session_id AND later.seq > messages.seq AND later.kind = 'summary'"
    " WHERE messages.id IN asked OR messages.copy_of IN asked"
)


def settle_context(
    connection: apsw.Connection, messages: Collection[str], summaries: Mapping[str, str], tables: Collection[str]
) -> None:
    """After `messages` were chosen to be forgotten: nothing stands for them in a prompt any more, and of the sessions of
    `summaries` (by their ids) none is cut by one of these. `tables` are those that the database has."""
    among = "IN (SELECT value FROM json_each(?))"
    if summaries:
        sessions = json.dumps(sorted(set(summaries.values())))
        connection.execute(f"UPDATE sessions SET context_from = 0, prompt_id = '' WHERE id {among}", (sessions,))
    if "compactions" in tables:
        connection.execute(
            "UPDATE compactions SET undone_at = ? WHERE undone_at = '' AND session_id IN (SELECT session_id FROM compactions"
            f" WHERE summary_id {among})",
            (clock.stamp(), json.dumps(sorted(summaries))),
        )
        connection.execute(f"DELETE FROM elisions WHERE message_id {among}", (json.dumps(sorted(messages)),))
