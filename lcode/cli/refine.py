"""Shows what the model makes of the overview, and writes it once the user agrees."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from lcode.cli.options import Options
from lcode.cli.output import Styled, is_terminal, say
from lcode.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from lcode.agent.refine import Proposal
    from lcode.agent.runtime import Runtime
    from lcode.events import Event


def check(options: Options, *, ask: bool) -> None:
    """Raise UsageError where it cannot be refined: before anything is done."""
    from lcode.cli.place import settings_of
    from lcode.llm.providers import default_model

    settings = settings_of(options)
    if (settings.model or default_model(os.environ)).startswith("offline"):
        raise UsageError(
            "there is no model to refine it", "set a provider's key, or --model; `lcode doctor` says which are set"
        )
    if ask and not is_terminal():
        raise UsageError("what the model would write has to be agreed to", "run it in a terminal, or add --yes")


def refine(options: Options, *, ask: bool) -> int:
    """Ask the model, show the differences, and write what the user agrees to. Raises UserError."""
    from lcode.agent.runtime import Runtime
    from lcode.cli.place import directory, opened, settings_of
    from lcode.memory.model import Actor, Source

    runtime = Runtime.open(settings_of(options), directory(options), agent=options.agent, ephemeral=True)
    found = asyncio.run(_proposals(runtime))
    if not found:
        say("the model would change nothing")
        return EXIT_OK
    for proposal in found:
        _show(proposal)
    if ask and not click.confirm("Write this to core memory?", default=False):
        say("nothing was written")
        return EXIT_OK
    with opened(options, writes=True) as writing:
        memory = writing.memory()
        for proposal in found:
            by = memory.provenance(Actor.AGENT, Source.INFERRED)
            block = memory.blocks.rethink(proposal.block.label, proposal.value, by, base_version=proposal.block.version)
            say(f"{block.label}: version {block.version}, {len(block.value):,}/{block.limit:,} characters")
    return EXIT_OK


async def _proposals(runtime: Runtime) -> list[Proposal]:
    from lcode.agent.refine import proposals
    from lcode.cli.progress import Progress

    progress = Progress()

    def emit(event: Event) -> None:
        from lcode.events import StepStarted

        if isinstance(event, StepStarted):
            progress.show("the model reads, step", event.number, 0)

    try:
        return await proposals(runtime, emit)
    finally:
        progress.close()
        await runtime.close()


def _show(proposal: Proposal) -> None:
    from difflib import unified_diff

    label = proposal.block.label
    lines = unified_diff(proposal.block.value.split("\n"), proposal.value.split("\n"), label, f"{label}, refined", lineterm="")
    styles = {"+": "green", "-": "red", "@": "dim"}
    for line in lines:
        say(Styled(line, styles.get(line[:1], "")))
    say()
