"""Rewrites a core memory block whole."""

from __future__ import annotations

from typing import Annotated, ClassVar

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import block_output, by_agent, on_store, vouched


class MemoryRethink(Tool):
    name = "memory_rethink"
    effect = Effect.MEMORY
    recalls = True
    aliases: ClassVar = {"new_value": "new_memory", "content": "new_memory", "value": "new_memory"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        label: Annotated[str, "Block to rewrite"],
        new_memory: Annotated[str, "The whole new value"],
    ) -> ToolOutput:
        memory = context.memory
        base = memory.known_versions.get(label, 0)  # what the model never saw it may not rewrite
        held = await on_store(context, memory.blocks.get, label)
        await vouched(context, new_memory, held.value)
        block = await on_store(context, memory.blocks.rethink, label, new_memory, by_agent(context), base)
        return block_output(context, block, "rewrote")
