"""Searches archival memory."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import hits_text, on_store, passages_text


class ArchivalMemorySearch(Tool):
    name = "archival_memory_search"
    effect = Effect.READ

    aliases: ClassVar = {
        "tag_match_mode": "tag_match",
        "top_k": "limit",
        "start_datetime": "start_date",
        "end_datetime": "end_date",
    }

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        query: Annotated[str, "Words to look for; any inflection matches. Empty: the newest"],
        scope: Annotated[Literal["facts", "messages", "all"], "Passages, past messages, or both"] = "facts",
        kind: Annotated[Literal["fact", "decision", "attempt", "note", "summary", "commit"] | None, "Only this kind"] = None,
        tags: Annotated[list[str] | None, "Only passages with these tags"] = None,
        tag_match: Annotated[Literal["any", "all"], "How many of the tags"] = "any",
        start_date: Annotated[str | None, "YYYY-MM-DD, included"] = None,
        end_date: Annotated[str | None, "YYYY-MM-DD, included"] = None,
        limit: Annotated[int, "How many"] = 10,
    ) -> ToolOutput:
        memory, count = context.memory, max(1, min(limit, 50))
        dates = {"start": start_date or "", "end": end_date or ""}
        passages, hits = [], []
        if scope != "messages":
            passages = await on_store(
                context,
                memory.archival.search,
                query,
                kind=kind or "",
                tags=tags or (),
                tag_match=tag_match,
                limit=count,
                **dates,
            )
        if scope != "facts":
            hits = await on_store(context, memory.recall.search, query, limit=count, in_context=memory.in_context, **dates)
        found = len(passages) + len(hits)
        if not found:
            total = await on_store(context, memory.archival.count)
            return ToolOutput(
                f"Nothing found for '{query}' among {total} passages with these filters. Memory does not know; do not make"
                " it up.",
                "nothing found",
            )
        return ToolOutput("\n\n".join(filter(None, (passages_text(passages), hits_text(hits)))), f"{found} found")
