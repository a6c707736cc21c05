"""Searches the messages of all sessions."""

from __future__ import annotations

from typing import Annotated, Literal

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import hits_text, on_store, take_in


class ConversationSearch(Tool):
    name = "conversation_search"
    effect = Effect.READ
    recalls = True

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        query: Annotated[str, "Words to look for; any inflection matches, best match first"],
        roles: Annotated[list[Literal["user", "assistant", "tool"]] | None, "Only messages of these"] = None,
        start_date: Annotated[str | None, "YYYY-MM-DD, included, user's zone"] = None,
        end_date: Annotated[str | None, "YYYY-MM-DD, included"] = None,
        limit: Annotated[int, "How many"] = 5,
    ) -> ToolOutput:
        memory = context.memory
        hits = await on_store(
            context, memory.recall.search, query, roles=roles or (), start=start_date or "", end=end_date or "",
            limit=max(1, min(limit, 50)), in_context=memory.in_context,
        )  # fmt: skip
        if not hits:
            total = await on_store(context, memory.recall.count)
            return ToolOutput(
                f"Nothing found for '{query}' in {total} messages of all sessions. Memory does not know; do not make it up.",
                "nothing found",
            )
        take_in(context, hits)
        return ToolOutput(hits_text(hits), f"{len(hits)} found")
