"""The prompt, most stable part first: instructions, tools, project instruction files, core memory; then the messages.

System text and tool schemas are rendered once for a session, stored, and sent verbatim from then on. Nothing in them
tells the time, the branch or a count: what changes travels in the newest user message (`context_header`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from lcode import clock
from lcode.agent.guidance import GuidanceFile, render_guidance
from lcode.llm.protocol import ToolSpec
from lcode.memory.model import Block
from lcode.memory.render import render_blocks
from lcode.tools import schema
from lcode.tools.base import Effect, Tool

CACHE_LIFETIME = 300  # seconds a provider keeps a prompt (Anthropic: 5 minutes; OpenAI: 5 to 10)


@cache
def instructions() -> str:
    """The text of `instructions.md`."""
    return files("lcode.agent").joinpath("instructions.md").read_text(encoding="utf-8").strip()


def system_text(guidance: Sequence[GuidanceFile], blocks: Sequence[Block], *, ephemeral: bool = False) -> str:
    """Instructions, project instruction files, core memory: the same bytes for the same content."""
    parts = [instructions()]
    if guidance:
        parts.append(render_guidance(list(guidance)))
    parts.append(render_blocks(blocks))
    if ephemeral:
        parts.append(
            "This session is ephemeral: memory is read and nothing is written to it. There are no tools that write memory."
        )
    return "\n\n".join(parts)


def offered(tools: Sequence[Tool], *, ephemeral: bool = False) -> list[ToolSpec]:
    """The tools as the model sees them, sorted by name."""
    return [
        schema.spec(tool)
        for tool in sorted(tools, key=lambda tool: tool.name)
        if not (ephemeral and tool.effect is Effect.MEMORY)
    ]


def specs_to_json(specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    return [asdict(spec) for spec in specs]


def specs_from_json(data: Sequence[dict[str, Any]]) -> tuple[ToolSpec, ...]:
    return tuple(ToolSpec(**spec) for spec in data)


def context_header(lines: Sequence[str]) -> str:
    """What is true now: the date, and news the caller gives, a line each."""
    now = clock.now().astimezone(clock.local_zone())
    date = now.strftime("%A %Y-%m-%d %H:%M %z").strip()
    return "\n".join(["<context>", f"date: {date}", *lines, "</context>"])
