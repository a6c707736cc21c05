"""Adds a line to a core memory block."""

from __future__ import annotations

from typing import Annotated

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import block_output, by_agent, on_store, vouched


class CoreMemoryAppend(Tool):
    name = "core_memory_append"
    effect = Effect.MEMORY
    recalls = True

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        label: Annotated[str, "Block to write to"],
        content: Annotated[str, "One line or a few; plain, general, dated where time matters"],
    ) -> ToolOutput:
        await vouched(context, content)
        block = await on_store(context, context.memory.blocks.append, label, content, by_agent(context))
        return block_output(context, block, "appended to")
