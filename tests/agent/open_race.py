"""A process that tries to open one session again and again, each time at the instant at which others try it too.

    python -m tests.agent.open_race FOLDER SESSION ROUNDS look|open

Each round: a line `ready` goes out, any line comes in, and `won` or `lost` goes out; at the next line a winner lets go.
With `look` it only asks, all the time, who holds the session.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.errors import SessionBusy


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def compete(runtime: Runtime, session_id: str, rounds: int) -> None:
    for _ in range(rounds):
        say("ready")
        sys.stdin.readline()
        try:
            session = await runtime.resume_session(session_id)
        except SessionBusy as busy:
            say(f"lost {busy.message}")
            session = None
        else:
            say("won")
        sys.stdin.readline()
        if session is not None:
            await session.close()


async def look(runtime: Runtime) -> None:
    while True:
        await runtime.sessions(5)


def main(folder: str, session_id: str, rounds: str, task: str) -> None:
    runtime = Runtime.open(load(None, os.environ, {"permission_mode": "yolo", "model": "offline"}), Path(folder))
    asyncio.run(compete(runtime, session_id, int(rounds)) if task == "open" else look(runtime))
    runtime.store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
