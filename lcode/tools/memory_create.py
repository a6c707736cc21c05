"""Makes a new core memory block."""

from __future__ import annotations

from typing import Annotated

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import block_output, by_agent, on_store, vouched


class MemoryCreate(Tool):
    name = "memory_create"
    effect = Effect.MEMORY
    recalls = True

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        label: Annotated[str, "Short name such as api_design"],
        description: Annotated[str, "What belongs in it, in a sentence"],
        value: Annotated[str, "Its first text"] = "",
        limit: Annotated[int | None, "Characters it may hold, 100 to 100000"] = None,
    ) -> ToolOutput:
        await vouched(context, f"{description}\n{value}")
        block = await on_store(context, context.memory.blocks.create, label, description, value, limit, by_agent(context))
        return block_output(context, block, "created")
