"""The terminal over the scripted session, as a program: what the tests run in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lcode.events import Notice
from lcode.ui.shell.app import run_shell
from tests.ui.fakes import FakeRuntime, FakeSession, message, release_on_signal


async def main(words: list[str]) -> int:
    session = FakeSession()
    if "resumed" in words:
        session.past = [message(1, "user", "old question"), message(2, "assistant", "old *answer*")]
    runtime = FakeRuntime(Path.cwd(), notices=[Notice("a notice of the start", "warning")] if "notice" in words else [])
    release_on_signal(session)
    return await run_shell(runtime, session, environ=os.environ)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
