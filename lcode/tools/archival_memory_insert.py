"""Keeps a passage in archival memory."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from lcode.memory.dates import local
from lcode.memory.model import Passage
from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import by_agent, on_store


class ArchivalMemoryInsert(Tool):
    name = "archival_memory_insert"
    effect = Effect.MEMORY
    recalls = True

    aliases: ClassVar = {"text": "content", "memory": "content"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        content: Annotated[str, "The passage: whole sentences that make sense alone, with absolute dates"],
        tags: Annotated[list[str] | None, "Few, lower-case"] = None,
        kind: Annotated[Literal["fact", "decision", "attempt", "note"], "attempt: what was tried, and how it ended"] = "fact",
        citations: Annotated[list[str] | None, "Code it speaks of: path, path:line or path#symbol"] = None,
    ) -> ToolOutput:
        missing = [cited for cited in citations or [] if not context.resolve(cited_path(cited)).exists()]
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
        if passage.id.removeprefix("passage-") != context.operation_id.removeprefix("op-"):
            return ToolOutput(f"{_known(passage, short)}{note}", f"was there already: {short}")
        return ToolOutput(f"kept as passage {short} ({passage.id}).{note}", f"kept passage {short}")


def _known(passage: Passage, short: str) -> str:
    """What is said of a text that was kept before: which passage it is, and what it holds with what was added now."""
    parts = [f"tags {', '.join(passage.tags)}"] if passage.tags else []
    parts += [f"citations {', '.join(passage.citations)}"] if passage.citations else []
    now = f" It now has the {' and the '.join(parts)}." if parts else ""
    return f"this text was kept already, as passage {short} ({passage.id}) on {local(passage.created_at)}.{now}"


def cited_path(citation: str) -> str:
    """The file of `path`, `path:12`, `path:12-20` or `path#symbol`."""
    bare = citation.split("#", 1)[0]
    head, _, lines = bare.rpartition(":")
    return head if head and lines.replace("-", "").isdigit() else bare
