"""Keeps a passage in archival memory."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import by_agent, on_store


class ArchivalMemoryInsert(Tool):
    name = "archival_memory_insert"
    effect = Effect.MEMORY

    aliases: ClassVar = {"text": "content", "memory": "content"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        content: Annotated[str, "The passage: whole sentences that make sense alone, with absolute dates"],
        tags: Annotated[list[str] | None, "Few, lower-case"] = None,
        kind: Annotated[Literal["fact", "decision", "attempt", "note"], "attempt: what was tried, and how it ended"] = "fact",
        citations: Annotated[list[str] | None, "Code it speaks of: path, path:line or path#symbol"] = None,
    ) -> ToolOutput:
        missing = [cited for cited in citations or [] if not context.resolve(_path(cited)).exists()]
        passage = await on_store(
            context,
            context.memory.archival.insert,
            content,
            by_agent(context),
            kind=kind,
            tags=tags or (),
            citations=citations or (),
        )
        short = passage.id.removeprefix("passage-")[:8]
        note = f" No such file: {', '.join(missing)}." if missing else ""
        return ToolOutput(f"kept as passage {short} ({passage.id}).{note}", f"kept passage {short}")


def _path(citation: str) -> str:
    """The file of `path`, `path:12`, `path:12-20` or `path#symbol`."""
    bare = citation.split("#", 1)[0]
    head, _, lines = bare.rpartition(":")
    return head if head and lines.replace("-", "").isdigit() else bare
