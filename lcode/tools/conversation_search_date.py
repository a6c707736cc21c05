"""Lists what was said between two days."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from lcode.memory.dates import local
from lcode.memory.model import Outcome
from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import on_store, take_in
from lcode.tools.message_text import hits_text


class ConversationSearchDate(Tool):
    name = "conversation_search_date"
    effect = Effect.READ
    recalls = True

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        start_date: Annotated[str, "YYYY-MM-DD or in words, included, user's zone"],
        end_date: Annotated[str, "Included"],
        limit: Annotated[int, "How many"] = 20,
    ) -> ToolOutput:
        memory = context.memory
        bounds = {"limit": max(1, min(limit, 100)), "in_context": memory.in_context}
        hits = await on_store(context, memory.recall.by_date, start_date, end_date, **bounds)
        if not hits:
            return ToolOutput(f"Nothing was said from {start_date} to {end_date}.", "nothing found")
        take_in(context, hits)
        bare = [replace(hit, before=(), after=(), outcome=Outcome()) for hit in hits]
        more = [f"[the first {len(hits)}: ask from {local(hits[-1].message.created_at)} on for more]"]
        parts = [hits_text(bare, here=memory.session_id), *(more if len(hits) == bounds["limit"] else [])]
        return ToolOutput("\n\n".join(parts), f"{len(hits)} found")
