"""Inserts lines at a place in a core memory block."""

from __future__ import annotations

from typing import Annotated, ClassVar

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import block_output, by_agent, on_store, vouched


class MemoryInsert(Tool):
    name = "memory_insert"
    effect = Effect.MEMORY
    recalls = True
    aliases: ClassVar = {"content": "new_string", "line": "insert_line"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        label: Annotated[str, "Block to write to"],
        new_string: Annotated[str, "Text to insert"],
        insert_line: Annotated[int, "After this line; 0 = top, -1 = end"] = -1,
    ) -> ToolOutput:
        await vouched(context, new_string)
        block = await on_store(context, context.memory.blocks.insert, label, new_string, insert_line, by_agent(context))
        return block_output(context, block, "inserted into")
