"""What a live session is doing, read from the store: its open run, the call that runs or that the user is asked about."""

from __future__ import annotations

import json
from dataclasses import dataclass

import apsw

from lcode.memory.dates import local
from lcode.store.database import fetch_one

IDLE = "idle"
_SHOWN = 60  # characters of a message or an argument


@dataclass(frozen=True)
class Activity:
    """`state`: idle, answering, running or waiting. `detail` is the message or the call, `since` a stamp."""

    state: str = IDLE
    detail: str = ""
    since: str = ""

    def __str__(self) -> str:
        since = f" since {local(self.since)}" if self.since else ""
        match self.state:
            case "answering":
                return f"answering «{self.detail}»{since}"
            case "running":
                return f"running {self.detail}{since}"
            case "waiting":
                return f"waiting for an answer: {self.detail}"
        return self.state


def activity(connection: apsw.Connection, session_id: str) -> Activity:
    """What the session does, if it is live: a dead one's last run may never have ended."""
    run = fetch_one(
        connection,
        "SELECT id, started_at FROM runs WHERE session_id = ? AND ended_at = '' ORDER BY rowid DESC LIMIT 1",
        (session_id,),
    )
    if run is None:
        return Activity()
    call = fetch_one(
        connection,
        "SELECT name, arguments, state, started_at FROM tool_calls WHERE session_id = ? AND state IN ('waiting', 'started')"
        " ORDER BY state = 'waiting' DESC, rowid DESC LIMIT 1",
        (session_id,),
    )
    if call is not None:
        waits = call[2] == "waiting"
        return Activity("waiting" if waits else "running", _call(call[0], call[1]), "" if waits else call[3])
    said = fetch_one(
        connection,
        "SELECT text FROM messages WHERE session_id = ? AND run_id = ? AND kind = 'user' ORDER BY seq DESC LIMIT 1",
        (session_id, run[0]),
    )
    return Activity("answering", _short(str(said[0]) if said else ""), run[1])


def _call(name: str, arguments: str) -> str:
    """A call in a few words: `shell: make test`."""
    given = json.loads(arguments)
    main = next((str(value) for value in given.values() if isinstance(value, str)), "") if isinstance(given, dict) else ""
    return f"{name}: {_short(main)}" if main else name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1].rstrip() + "…"
