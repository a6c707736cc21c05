"""`lcode sessions compact` and `uncompact`: the context of a session that is open nowhere, without a conversation."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from lcode.cli.options import Options, place_options
from lcode.cli.output import say, short

if TYPE_CHECKING:
    from lcode.agent.session import Session
    from lcode.events import Emit


@click.command()
@click.argument("name", metavar="ID")
@click.option("--keep", metavar="TEXT", default="", help="What the summary is to keep in particular.")
@place_options
@click.pass_obj
def compact(options: Options, name: str, keep: str) -> None:
    """Take what is oldest out of a session's prompt; a summary takes its place."""

    async def work(session: Session, emit: Emit) -> None:
        await session.compact(keep, emit)

    _on(options, name, work)


@click.command()
@click.argument("name", metavar="ID")
@place_options
@click.pass_obj
def uncompact(options: Options, name: str) -> None:
    """Take the last compaction of a session back."""

    async def work(session: Session, emit: Emit) -> None:
        await session.uncompact(emit)

    _on(options, name, work)


def _on(options: Options, name: str, work: Callable[[Session, Emit], Awaitable[None]]) -> None:
    import asyncio

    from lcode.agent.runtime import Runtime
    from lcode.cli.place import directory, settings_of
    from lcode.ui.plain import PlainFace

    runtime = Runtime.open(settings_of(options), directory(options), agent=options.agent, ephemeral=options.ephemeral)

    async def run() -> None:
        try:
            session = await runtime.resume_session(name)
            await work(session, PlainFace(sys.stdout, sys.stderr, progress=True).emit)
            say(f"{short(session.id)}: {session.context_tokens:,} of {session.context_window:,} tokens are in its prompt")
        finally:
            await runtime.close()

    asyncio.run(run())
