"""A process that takes a session up, compacts it, goes on and takes the compaction back; it dies at its n-th write.

    python -m tests.agent.killed_compaction FOLDER MODEL N before|after

See `killed_turn`. What it was told goes to standard output, a JSON line each.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.events import Compacted, Event
from tests.agent.killed_turn import acknowledge, count_writes


def face(event: Event) -> None:
    if isinstance(event, Compacted):
        acknowledge(compacted=event.messages)


async def main(folder: Path, model: str, target: int, moment: str) -> None:
    runtime = Runtime.open(load(None, os.environ, {"permission_mode": "yolo", "model": model}), folder)
    session = await runtime.resume_session()
    writes = count_writes(target, moment)
    await session.compact("", face)
    await session.run("go on", face)
    await session.uncompact(face)
    acknowledge(undone=True)
    await runtime.close()
    acknowledge(writes=writes[0])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
