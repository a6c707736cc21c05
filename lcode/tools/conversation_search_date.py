"""Lists what was said between two days."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import hits_text, on_store, take_in


class ConversationSearchDate(Tool):
    name = "conversation_search_date"
    effect = Effect.READ
    recalls = True

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        start_date: Annotated[str, "YYYY-MM-DD, included, user's zone"],
        end_date: Annotated[str, "YYYY-MM-DD, included"],
        limit: Annotated[int, "How many"] = 20,
    ) -> ToolOutput:
        memory = context.memory
        bounds = {"limit": max(1, min(limit, 100)), "in_context": memory.in_context}
        hits = await on_store(context, memory.recall.by_date, start_date, end_date, **bounds)
        if not hits:
            return ToolOutput(f"Nothing was said from {start_date} to {end_date}.", "nothing found")
        take_in(context, hits)
        return ToolOutput(hits_text([replace(hit, before=(), after=()) for hit in hits]), f"{len(hits)} found")
