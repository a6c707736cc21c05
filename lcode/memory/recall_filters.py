"""What a found message must pass, as SQL: session, role, dates, branch, file, tool, outcome, speaker; and what is never found.

A fork's copies are found once, what the asking session shows already is not found, nor is what a search of memory returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lcode.memory.dates import end_of, start_of

# A fork holds copies: a message is found once, where it was said, or where that was forgotten in its first copy.
_NO_COPY = (
    " AND (messages.copy_of = '' OR NOT EXISTS (SELECT 1 FROM messages AS twin WHERE twin.id = messages.copy_of"
    " OR (twin.copy_of = messages.copy_of AND twin.seq < messages.seq)))"
)
_NOT_SHOWN = (  # what a fork shows a copy of is in its sight too
    " AND NOT EXISTS (SELECT 1 FROM messages AS shown WHERE shown.session_id = ? AND shown.seq > ? AND shown.copy_of != ''"
    " AND shown.copy_of IN (messages.id, messages.copy_of))"
)
_OUT_OF_SIGHT = (  # compacted, or elided: a line stands in the place of what it said
    " AND (messages.session_id != ? OR messages.seq <= ? OR EXISTS (SELECT 1 FROM elisions WHERE"
    " elisions.session_id = messages.session_id AND elisions.message_id = messages.id))"
)
CALLS_ONLY = "(messages.kind = 'assistant' AND substr(messages.text, 1, 1) = '→')"
_HAS_WORDS = "messages.text != ''"  # a reply that only searches memory has none
_DETAIL = "messages.seq IN (SELECT seq FROM message_details WHERE"
_OF_FILE = f"{_DETAIL} paths != '' AND instr('/' || replace(paths, char(10), '//') || '/', ?))"

_OF_RUN = f"SELECT session_id, run_id FROM messages WHERE run_id != '' AND {_OF_FILE}"
_NAMES = " UNION ALL ".join(
    f"SELECT rowid FROM {index} WHERE {index} MATCH ?" for index in ("messages_fts", "tool_messages_fts")
)


@dataclass(frozen=True)
class Filters:
    """What a hit must pass. `start` and `end` are days, instants or periods; `in_context` leaves out what its session shows
    already, `spoken` what is nothing but calls. Of a file or folder (`path`) is what names it, and all of a run in which a tool
    was used on it. `outcome` is how a tool's call ended: ok, error, refused, interrupted."""

    roles: Sequence[str] = ()
    start: str = ""
    end: str = ""
    session_id: str = ""
    in_context: tuple[str, int] = ("", 0)
    spoken: bool = False
    branch: str = ""
    path: str = ""
    tool: str = ""
    outcome: str = ""
    name: str = ""

    @property
    def bounds(self) -> tuple[str, str]:
        """The time from which and the time before which a message was written, as stamps; '' for no bound."""
        return (start_of(self.start) if self.start else "", end_of(self.end) if self.end else "")

    @property
    def narrows(self) -> bool:
        """Whether more is left out than what is never found."""
        named = (self.start, self.end, self.session_id, self.branch, self.path, self.tool, self.outcome, self.name)
        return bool(self.roles or self.spoken or any(named))

    def clause(self) -> tuple[str, list[Any]]:
        """SQL that follows a WHERE, and its values. Raises MemoryEditError for a date that is none."""
        where = f" AND messages.kind != 'lookup' AND {_HAS_WORDS}"
        values: list[Any] = []
        if self.in_context[0]:
            where += _OUT_OF_SIGHT + _NOT_SHOWN
            values += [*self.in_context, *self.in_context]
        where += "" if self.session_id else _NO_COPY
        where += f" AND NOT {CALLS_ONLY}" if self.spoken else ""
        if self.roles:
            where += f" AND messages.role IN ({', '.join('?' * len(self.roles))})"
            values += self.roles
        for condition, value in self._conditions():
            if value:
                where += f" AND {condition}"
                values += [value] * condition.count("?")
        if path := self.path.strip().removeprefix("./").strip("/"):
            where += f" AND ({_OF_FILE} OR (messages.session_id, messages.run_id) IN ({_OF_RUN}) OR messages.seq IN ({_NAMES}))"
            words = 'text : "' + path.replace('"', '""') + '"'
            values += [f"/{path}/", f"/{path}/", words, words]
        return where, values

    def _conditions(self) -> tuple[tuple[str, str], ...]:
        return (
            ("messages.created_at >= ?", self.bounds[0]),
            ("messages.created_at < ?", self.bounds[1]),
            ("messages.session_id = ?", self.session_id),
            ("messages.session_id IN (SELECT id FROM sessions WHERE branch = ?)", self.branch),
            (f"{_DETAIL} tool = ?)", self.tool),
            (f"{_DETAIL} outcome = ?)", self.outcome),
            (f"{_DETAIL} name = ? COLLATE NOCASE)", self.name),
        )
