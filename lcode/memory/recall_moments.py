"""Found messages as moments: what was said around each, in which session, what came of it, and where the same was said again.

Around a message stands what people and the agent said: what tools printed between them is left out, but for the call whose
result was found.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import apsw

from lcode.errors import UserError
from lcode.memory.checks import check_of
from lcode.memory.model import MessageRow, Outcome, RecallHit, Repeat
from lcode.store.database import Row, fetch_all, fetch_one

MESSAGE = "seq, id, session_id, run_id, step_id, role, kind, content, text, created_at"
_SPOKEN = "kind IN ('user', 'assistant', 'summary') AND text != '' AND substr(text, 1, 1) != '→'"
_COMMIT = re.compile(r"\bgit\b(?:\s+-\S+(?:\s+[^\s-]\S*)?)*?\s+commit\b")
_SUBJECT = re.compile(r"\s(?:-\w*m|--message)[\s=]*(?P<quote>[\"'])(?P<subject>.+?)(?P=quote)", re.S)
_EDITS = frozenset({"edit_file", "write_file", "edit", "write", "multiedit", "notebookedit", "apply_patch", "str_replace"})
_SHELL = 3  # words of a command that is given to a shell
_IN_A_RUN = 400  # rows that are looked at for what came of a message
_FILES, _LINES, _LINE = 6, 3, 80  # that are told of an outcome; characters of a line
_ENDS = {
    "cancelled": "stopped by the user", "max_steps": "stopped at the limit of steps", "error": "ended with an error",
    "requires_approval": "waited for approval",
}  # fmt: skip


def to_message(row: Row) -> MessageRow:
    """The columns of `MESSAGE` as a record."""
    return MessageRow(*(*row[:7], json.loads(row[7]), *row[8:]))


def attributed(connection: apsw.Connection, rows: Iterable[MessageRow]) -> list[MessageRow]:
    """The same messages with who spoke them and what their source calls them, where that is known."""
    found = list(rows)
    sql = "SELECT seq, name, source_id FROM message_details WHERE origin != '' AND seq IN (SELECT value FROM json_each(?))"
    known = {seq: said for seq, *said in fetch_all(connection, sql, (json.dumps([row.seq for row in found]),))}
    return [replace(row, name=known[row.seq][0], source_id=known[row.seq][1]) if row.seq in known else row for row in found]


def moments(
    connection: apsw.Connection, ranked: Sequence[tuple[MessageRow, float]], *, limit: int, context: int = 1
) -> list[RecallHit]:
    """The first `limit` of `ranked` messages as moments, each with up to `context` others before and after it.

    What such a one shows already is no moment of its own, and the same words said again are told with the best of them; without
    `context` every message stands for itself.
    """
    hits: dict[str, RecallHit] = {}
    shown: set[str] = set()
    for message, score in ranked:
        same = _normal(message) if context else message.id
        if first := hits.get(same):
            again = Repeat(message.id, message.session_id, message.created_at)
            hits[same] = replace(first, repeats=(*first.repeats, again))
        elif len(hits) < limit and message.id not in shown:
            hits[same] = hit = moment(connection, message, score, context)
            shown |= {other.id for other in (*hit.before, *hit.after)}
    return list(hits.values())


def moment(connection: apsw.Connection, message: MessageRow, score: float, context: int = 1) -> RecallHit:
    """One message with all that is told of it."""
    session = fetch_one(connection, "SELECT title, branch FROM sessions WHERE id = ?", (message.session_id,))
    title, branch = session or ("", "")
    sql = "SELECT name, source_id, origin, tool, outcome, paths FROM message_details WHERE seq = ?"
    name, source_id, origin, tool, ended, paths = fetch_one(connection, sql, (message.seq,)) or [""] * 6
    before = _neighbours(connection, message, context, back=True)
    after = _neighbours(connection, message, context, back=False)
    outcome = _outcome(connection, message)
    return RecallHit(
        message, title, branch, score, before, after, name=name, source_id=source_id, origin=origin, outcome=outcome,
        tool=tool, ended=ended, paths=tuple(paths.splitlines()),
    )  # fmt: skip


def _normal(message: MessageRow) -> str:
    """What two messages that say the same have in common."""
    return f"{message.role} {' '.join(message.text.lower().split())}"


def _neighbours(connection: apsw.Connection, message: MessageRow, count: int, *, back: bool) -> tuple[MessageRow, ...]:
    """Up to `count` messages before or after this one, in order; before a tool's result its call."""
    if not count:
        return ()
    step, order = ("<", "DESC") if back else (">", "")
    sql = f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND seq {step} ? AND"
    here = (message.session_id, message.seq)
    rows = fetch_all(connection, f"{sql} {_SPOKEN} ORDER BY seq {order} LIMIT ?", (*here, count))
    if back and message.kind == "tool":
        call = fetch_all(connection, f"{sql} kind = 'assistant' ORDER BY seq DESC LIMIT 1", here)
        rows = [*call, *(row for row in rows if row[0] != call[0][0])][:count] if call else rows
    found = tuple(attributed(connection, map(to_message, rows)))
    return found[::-1] if back else found


def named(connection: apsw.Connection, name: str, session_id: str = "") -> MessageRow:
    """The message that is meant by its id, the beginning of that, or by what its source calls it. Raises UserError."""
    bare = name.strip().removeprefix("message-")
    first = f"message-{bare}"
    rows = fetch_all(
        connection,
        f"SELECT {MESSAGE} FROM messages WHERE id >= ? AND id < ? AND (? IN ('', session_id)) LIMIT 3",
        (first, f"{first}\U0010ffff", session_id),
    )
    if not rows:
        rows = fetch_all(
            connection,
            f"SELECT {MESSAGE} FROM messages WHERE seq IN (SELECT seq FROM message_details WHERE source_id = ?)"
            " AND (? IN ('', session_id)) LIMIT 3",
            (name.strip(), session_id),
        )
    if len(rows) != 1 or not bare:
        where = " in this session" if session_id else ""
        fault = f"'{name}' fits several messages" if bare and rows else f"there is no message '{name}'{where}"
        raise UserError(fault, "give more of its id; `lcode recall` and `lcode sessions show ID` show ids")
    return to_message(rows[0])


def around(connection: apsw.Connection, message: MessageRow, count: int) -> list[MessageRow]:
    """The message, and all that stands in its session from `count` before it to `count` after it."""
    sql = f"SELECT {MESSAGE} FROM messages WHERE session_id = ? AND seq"
    before = fetch_all(connection, f"{sql} <= ? ORDER BY seq DESC LIMIT ?", (message.session_id, message.seq, count + 1))
    after = fetch_all(connection, f"{sql} > ? ORDER BY seq LIMIT ?", (message.session_id, message.seq, count))
    return attributed(connection, map(to_message, [*reversed(before), *after]))


# -- what came of it ------------------------------------------------------------------------------------------------


def _outcome(connection: apsw.Connection, message: MessageRow) -> Outcome:
    """What came of the run (what the user said, and all up to what they said next) that a message belongs to."""
    first = _user_before(connection, message)
    last = fetch_one(
        connection,
        "SELECT seq FROM messages WHERE session_id = ? AND seq > ? AND kind = 'user' ORDER BY seq LIMIT 1",
        (message.session_id, message.seq),
    )
    rows = fetch_all(
        connection,
        "SELECT messages.kind, iif(messages.kind = 'assistant', content, ''), call_id, tool, outcome, paths FROM messages"
        " LEFT JOIN message_details ON message_details.seq = messages.seq WHERE session_id = ? AND messages.seq >= ?"
        " AND messages.seq < ? AND messages.kind IN ('assistant', 'tool') ORDER BY messages.seq LIMIT ?",
        (message.session_id, first, last[0] if last else 1 << 62, _IN_A_RUN),
    )
    return replace(_done(rows), ended=_ended(connection, message.run_id))


def _user_before(connection: apsw.Connection, message: MessageRow) -> int:
    sql = "SELECT seq FROM messages WHERE session_id = ? AND seq <= ? AND kind = 'user' ORDER BY seq DESC LIMIT 1"
    row = fetch_one(connection, sql, (message.session_id, message.seq))
    return int(row[0]) if row else message.seq


def _ended(connection: apsw.Connection, run_id: str) -> str:
    """'' for a run that ended well, or of which nothing is known."""
    run = fetch_one(connection, "SELECT stop_reason, ended_at FROM runs WHERE id = ?", (run_id,)) if run_id else None
    if run is None or not run[1] or run[0] == "end_turn":
        return ""
    return _ENDS.get(run[0], "broke off")


def _done(rows: Sequence[Row]) -> Outcome:
    """Files edited, how each check ended at its last run, commits."""
    ends = {row[2]: (row[3] or "", row[4] or "", row[5] or "") for row in rows if row[0] == "tool" and row[2]}
    edited: dict[str, None] = {}
    checks: dict[str, bool] = {}
    commits: list[str] = []
    for call_id, name, arguments in _calls(rows):
        tool, outcome, paths = ends.get(call_id, ("", "", ""))
        is_good = outcome in ("", "ok")
        if call_id not in ends:
            continue
        if (tool or name).lower() in _EDITS:
            edited |= dict.fromkeys(_paths(paths, arguments)) if is_good else {}
        elif command := _command(arguments):
            check = check_of(command)
            if check is not None and check.judges:
                checks.pop(check.line, None)
                checks[check.line] = is_good
            elif is_good and _COMMIT.search(command):
                commits.append(_subject(command))
    passed, failed = ([_cut(line) for line, good in checks.items() if good is wanted][-_LINES:] for wanted in (True, False))
    return Outcome("", tuple(edited)[:_FILES], tuple(passed), tuple(failed), tuple(commits[-_LINES:]))


def _calls(rows: Sequence[Row]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for row in rows:
        for part in json.loads(row[1]) if row[0] == "assistant" and "tool_call" in row[1] else ():
            arguments = part.get("arguments")
            if part.get("type") == "tool_call" and isinstance(arguments, dict):
                yield str(part.get("id", "")), str(part.get("name", "")), arguments


def _paths(told: str, arguments: dict[str, Any]) -> list[str]:
    named = arguments.get("path") or arguments.get("file_path") or ""
    return told.splitlines() or ([str(named)] if named else [])


def _command(arguments: dict[str, Any]) -> str:
    command = arguments.get("command", arguments.get("cmd", ""))
    if not isinstance(command, list):
        return str(command)
    words = list(map(str, command))
    return words[2] if len(words) == _SHELL and words[1] in ("-c", "-lc") else shlex.join(words)


def _subject(command: str) -> str:
    found = _SUBJECT.search(command)
    return _cut(found["subject"].strip().split("\n")[0]) if found else "a commit"


def _cut(line: str) -> str:
    return line if len(line) <= _LINE else line[: _LINE - 1].rstrip() + "…"
