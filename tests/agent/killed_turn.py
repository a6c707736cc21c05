"""A process that answers one message and dies by SIGKILL before or after its n-th write to the store.

    python -m tests.agent.killed_turn FOLDER MODEL N before|after

What it was told is stored goes to standard output, a JSON line each: the acknowledgements. N = 0: it lives and prints the
number of writes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.events import Event, MemoryChanged, ReplyFinished, RunStarted, ToolFinished
from lcode.store.database import Database


def acknowledge(**fact: Any) -> None:
    os.write(1, (json.dumps(fact) + "\n").encode())


def count_writes(target: int, moment: str) -> list[int]:
    """Let the process die at its `target`-th write; the list holds how many there were."""
    writes = [0]
    attempt = Database._attempt

    def counted(self: Database, connection: Any, work: Any, **how: Any) -> Any:
        writes[0] += 1
        mine = writes[0]
        if mine == target and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = attempt(self, connection, work, **how)
        if mine == target and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Database._attempt = counted  # type: ignore[method-assign]
    return writes


def face(event: Event) -> None:
    if isinstance(event, RunStarted):
        acknowledge(session=event.session_id, said=event.text)
    elif isinstance(event, ReplyFinished):
        acknowledge(reply=event.text, calls=event.calls)
    elif isinstance(event, ToolFinished):
        acknowledge(tool=event.name, text=event.text)
    elif isinstance(event, MemoryChanged):
        acknowledge(block=event.label, diff=event.diff)


async def main(folder: Path, model: str, target: int, moment: str) -> None:
    runtime = Runtime.open(load(None, os.environ, {"permission_mode": "yolo", "model": model}), folder)
    writes = count_writes(target, moment)
    session = await runtime.new_session()
    await session.run("do the work", face)
    await runtime.close()
    acknowledge(writes=writes[0])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
