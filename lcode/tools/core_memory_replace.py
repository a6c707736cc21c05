"""Replaces one exact text in a core memory block."""

from __future__ import annotations

from typing import Annotated, ClassVar

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import block_output, by_agent, on_store, vouched


class CoreMemoryReplace(Tool):
    name = "core_memory_replace"
    effect = Effect.MEMORY
    recalls = True
    aliases: ClassVar = {
        "old_string": "old_content",
        "old_str": "old_content",
        "new_string": "new_content",
        "new_str": "new_content",
    }

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        label: Annotated[str, "Block to change"],
        old_content: Annotated[str, "Text in the block, to the letter; must occur exactly once"],
        new_content: Annotated[str, "What stands there instead; empty deletes"],
    ) -> ToolOutput:
        await vouched(context, new_content, old_content)
        block = await on_store(context, context.memory.blocks.replace, label, old_content, new_content, by_agent(context))
        return block_output(context, block, "replaced in")
