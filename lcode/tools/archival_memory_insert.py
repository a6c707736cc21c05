"""Keeps a passage in archival memory."""

from __future__ import annotations

import asyncio
from typing import Annotated, ClassVar, Literal

from lcode.memory.citation import Citation, parse
from lcode.memory.dates import local
from lcode.memory.model import Passage
from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import by_agent, direction_in, on_store, quoting


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
        missing = [cited for cited in citations or [] if not _is_there(context, cited)]
        cited = await asyncio.to_thread(_cited, context, content, citations or [])
        direction = await direction_in(context, content)
        passage = await on_store(
            context,
            context.memory.archival.insert,
            content,
            quoting(context, direction) if direction else by_agent(context),
            kind=kind,
            tags=tags or (),
            citations=cited,
        )
        short = passage.id.removeprefix("passage-")[:8]
        note = f" No such file: {', '.join(missing)}." if missing else ""
        lost = [str(one) for one in cited if not one.digest and one.symbol and context.memory.grounding.has(one.path)]
        note += f" Not in its file, so never found stale: {', '.join(lost)}." if lost else ""
        if direction:
            note += f" It repeats what {direction.where} says and not your user, so it is kept as an unverified quotation."
        if passage.id.removeprefix("passage-") != context.operation_id.removeprefix("op-"):
            return ToolOutput(f"{_known(passage, short)}{note}", f"was there already: {short}")
        note += f" It cites {', '.join(passage.citations)}, by its words." if passage.citations and not citations else ""
        return ToolOutput(f"kept as passage {short} ({passage.id}).{note}", f"kept passage {short}")


def _is_there(context: ToolContext, citation: str) -> bool:
    cited = parse(citation)
    return bool(cited.depends_on) or context.resolve(cited.path).exists()


def _cited(context: ToolContext, content: str, citations: list[str]) -> list[Citation]:
    """What was cited, with what it holds on to; where nothing was, what the text names of the files that were read."""
    grounding, root = context.memory.grounding, context.root
    if citations:
        return grounding.cite(citations, context.cwd)
    read = [path.relative_to(root).as_posix() for path in context.seen.files() if path.is_relative_to(root)]
    return grounding.found_in(content, read)


def _known(passage: Passage, short: str) -> str:
    """What is said of a text that was kept before: which passage it is, and what it holds with what was added now."""
    parts = [f"tags {', '.join(passage.tags)}"] if passage.tags else []
    parts += [f"citations {', '.join(passage.citations)}"] if passage.citations else []
    now = f" It now has the {' and the '.join(parts)}." if parts else ""
    return f"this text was kept already, as passage {short} ({passage.id}) on {local(passage.created_at)}.{now}"
