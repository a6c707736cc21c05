"""Work on the context of a session that is open nowhere, without a conversation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from lcode.agent.runtime import Runtime
from lcode.agent.session import Session
from lcode.cli.options import Options
from lcode.cli.output import say, short
from lcode.cli.place import directory, settings_of
from lcode.events import Emit
from lcode.ui.plain import PlainFace


def with_session(options: Options, name: str, work: Callable[[Session, Emit], Awaitable[Any]]) -> None:
    """Take the session up, do the work, and say how full its window is then. Raises UserError."""
    runtime = Runtime.open(settings_of(options), directory(options), agent=options.agent, ephemeral=options.ephemeral)

    async def run() -> None:
        try:
            session = await runtime.resume_session(name)
            await work(session, PlainFace(sys.stdout, sys.stderr, progress=True).emit)
            say(f"{short(session.id)}: {session.context_tokens:,} of {session.context_window:,} tokens are in its prompt")
        finally:
            await runtime.close()

    asyncio.run(run())
