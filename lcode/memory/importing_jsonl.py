"""The neutral form of imports: one message a line, as JSON, in the order in which they were said.

    {"session": "standup", "time": "2026-03-08T09:30:00+01:00", "role": "user", "name": "Ada", "text": "…", "id": "17"}

`text` and `time` are needed. `time` is ISO 8601 (without a zone: the user's) or seconds since 1970; `role` is user (the
default), assistant, tool or system; `name` is who spoke; `id` is what the source calls the message; without `session` the
file is one session. A line may also say `title` and `branch` of its session, and of a tool's result `tool`, `outcome` (ok,
error) and `paths`. Whatever does not fit is passed over and named: files come from outside.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import IO, Any

from lcode import clock
from lcode.memory.importing import Damages, ImportedMessage, ImportedSession, digest

LONGEST = 16_000_000  # bytes of a line
_LATEST = 253_402_300_799  # the last second that a date can name
_MILLISECONDS = 100_000_000_000  # numbers from here on are no seconds
_ROLES = {
    **{role: role for role in ("user", "assistant", "tool", "system")},
    **{
        "human": "user",
        "ai": "assistant",
        "agent": "assistant",
        "model": "assistant",
        "function": "tool",
        "developer": "system",
    },
}
OUTCOMES = ("ok", "error", "refused", "interrupted")


class Unfit(ValueError):
    """Why a line cannot be taken."""


def lines(file: IO[bytes], name: str, damages: Damages) -> Iterator[tuple[int, Any]]:
    """The lines of a file as JSON, each with its number; blank ones are passed over, damaged ones noted."""
    number = 0
    while data := file.readline(LONGEST):
        number += 1
        if len(data) == LONGEST and not data.endswith(b"\n"):
            while (more := file.readline(LONGEST)) and not more.endswith(b"\n"):
                pass
            damages.add(name, number, f"longer than {LONGEST // 1_000_000} MB")
            continue
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if not data.strip():
            continue
        try:
            yield number, json.loads(data.decode())
        except UnicodeDecodeError:
            damages.add(name, number, "not UTF-8")
        except RecursionError:
            damages.add(name, number, "nested too deeply")
        except ValueError as error:
            damages.add(name, number, f"not JSON: {str(error).partition(':')[0].lower()}")


def messages(file: IO[bytes], name: str, damages: Damages) -> Iterator[ImportedMessage]:
    """The messages in a file of the neutral form; `name` is what the file is called."""
    sessions: dict[str, ImportedSession] = {}
    twins: Counter[str] = Counter()
    taken: dict[str, tuple[int, str]] = {}  # by its key: the line of a message, and its text
    for number, row in lines(file, name, damages):
        try:
            message = _message(row, name, sessions, twins)
            before, text = taken.setdefault(message.key, (number, digest(message.text)))
            if text != digest(message.text):
                raise Unfit(f"the id '{message.id[:40]}' is that of line {before}")
            yield message
        except Unfit as why:
            damages.add(name, number, str(why))


def _message(row: Any, file: str, sessions: dict[str, ImportedSession], twins: Counter[str]) -> ImportedMessage:
    if not isinstance(row, dict):
        raise Unfit("not an object")
    text = row.get("text")
    if not isinstance(text, str):
        raise Unfit("no text" if text is None else "the text is none")
    if not text.strip():
        raise Unfit("the text is empty")
    role = _word(row, "role") or "user"
    if role.lower() not in _ROLES:
        raise Unfit(f"the role '{role[:40]}' is not user, assistant, tool or system")
    written, time = instant(row.get("time"))
    session = _session(row, file, sessions)
    source_id = _word(row, "id")
    spoken = f"{time}\0{role}\0{_word(row, 'name')}\0{text}"
    twin = f"{session.key}\0{digest(spoken)}"
    if not source_id:  # the same words in the same second may have been said twice
        twins[twin] += 1
    key = f"{session.key}\0#{source_id}" if source_id else f"{twin}\0{twins[twin]}"
    outcome = _word(row, "outcome")
    return ImportedMessage(
        session, key, source_id, time, written, _ROLES[role.lower()], text, _word(row, "name"), tool=_word(row, "tool"),
        outcome=outcome if outcome in OUTCOMES else "", paths=_words(row, "paths"),
    )  # fmt: skip


def _session(row: dict[str, Any], file: str, sessions: dict[str, ImportedSession]) -> ImportedSession:
    key = _word(row, "session") or PurePath(file).stem  # wherever it lies
    session = sessions.setdefault(key, ImportedSession(key))
    session.title = _word(row, "title") or session.title
    session.branch = _word(row, "branch") or session.branch
    return session


def _word(row: dict[str, Any], name: str) -> str:
    """A text or a number of the line; '' where it has none."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unfit(f"the {name} is neither a text nor a number")
    return str(value).strip()


def _words(row: dict[str, Any], name: str) -> tuple[str, ...]:
    value = row.get(name) or []
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def instant(value: Any) -> tuple[str, str]:
    """A time as it is written, and as the store keeps it. Raises Unfit."""
    if value is None or value == "":
        raise Unfit("no time")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1_000 if abs(value) >= _MILLISECONDS else value
        if not 0 <= seconds <= _LATEST:  # NaN too
            raise Unfit(f"the time {value} is none")
        return str(value), clock.stamp(datetime.fromtimestamp(seconds, UTC))
    try:
        moment = datetime.fromisoformat(str(value).strip())
        return str(value).strip(), clock.stamp(moment)  # one without a zone is of the user's, as it was at that time
    except (ValueError, OverflowError, OSError):
        raise Unfit(f"the time '{str(value)[:40]}' is not ISO 8601") from None
