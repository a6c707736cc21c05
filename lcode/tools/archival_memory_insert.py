"""Keeps a passage in archival memory."""

from __future__ import annotations

import asyncio
from typing import Annotated, ClassVar, Literal

from lcode.memory.citation import Citation, parse
from lcode.memory.dates import local
from lcode.memory.model import Passage
from lcode.tools.base import Effect, Tool, ToolContext, ToolOutput
from lcode.tools.memory_text import by_agent, direction_in, on_store, quoting, shorten

_SUPERSEDES = "supersedes:"
_SHOWN = 160  # characters of a passage that ended


class ArchivalMemoryInsert(Tool):
    name = "archival_memory_insert"
    effect = Effect.MEMORY
    recalls = True

    aliases: ClassVar = {"text": "content", "memory": "content"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        content: Annotated[str, "The passage: whole sentences that make sense alone, with absolute dates"],
        tags: Annotated[list[str] | None, "Few, lower-case; supersedes:ID for each passage that this corrects"] = None,
        kind: Annotated[Literal["fact", "decision", "attempt", "note"], "attempt: what was tried, and how it ended"] = "fact",
        citations: Annotated[
            list[str] | None, "Code it speaks of: path, path:line or path#symbol; passage:ID that it builds on"
        ] = None,
    ) -> ToolOutput:
        missing = [cited for cited in citations or [] if not _is_there(context, cited)]
        cited = await asyncio.to_thread(_cited, context, content, citations or [])
        direction = await direction_in(context, content, most=True)
        by = quoting(context, direction) if direction else by_agent(context)
        labels, over = _superseding(tags or [])
        over = [] if direction else over  # a quotation ends nothing
        memory = context.memory.archival
        passage = await on_store(context, memory.insert, content, by, kind=kind, tags=labels, citations=cited, supersedes=over)
        fresh = passage.id.removeprefix("passage-") == by.operation_id.removeprefix("op-")
        lost = [str(one) for one in cited if not one.digest and one.symbol and context.memory.grounding.has(one.path)]
        notes = [
            _by_its_words(cited, passage) if fresh and cited and not citations else "",
            f"No such file: {', '.join(missing)}." if missing else "",
            f"Not in its file, so never found stale: {', '.join(lost)}." if lost else "",
            _quoted(direction.where) if direction else "",
            _ended(await on_store(context, memory.ended_by, by.operation_id), passage),
        ]
        said = f"kept as passage {passage.short} ({passage.id})." if fresh else _known(passage)
        return ToolOutput(
            " ".join(filter(None, [said, *notes])),
            f"kept passage {passage.short}" if fresh else f"was there already: {passage.short}",
        )


def _by_its_words(cited: list[Citation], passage: Passage) -> str:
    wrong = f"if that is wrong, insert it again with the right `citations` and the tag supersedes:{passage.short}"
    return f"It cites {', '.join(map(str, cited))}, by its words ({wrong})."


def _quoted(where: str) -> str:
    return (
        f"Most of it repeats what {where} says and not your user, so it is kept as an unverified quotation and ends nothing."
        " Say in your own words what the code does, or what you saw."
    )


def _superseding(tags: list[str]) -> tuple[list[str], list[str]]:
    """The tags without those that name a passage to end, and those passages."""
    marked = [tag.strip() for tag in tags if tag.strip().lower().startswith(_SUPERSEDES)]
    names = [tag[len(_SUPERSEDES) :].strip().removeprefix("passage:") for tag in marked]
    return [tag for tag in tags if tag.strip() not in marked], [name for name in names if name]


def _ended(ended: list[Passage], by: Passage) -> str:
    """What is true no more, so that the model can take it back."""
    if not ended:
        return ""
    texts = "; ".join(f"{one.short} «{shorten(' '.join(one.text.split()), _SHOWN)}»" for one in ended)
    about = (
        f" It is of the same {by.subject}; what is still true, insert again with the tag subject:none." if by.subject else ""
    )
    return f"No longer true: {texts}.{about}"


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


def _known(passage: Passage) -> str:
    """What is said of a text that was kept before: which passage it is, and what it holds with what was added now."""
    parts = [f"tags {', '.join(passage.tags)}"] if passage.tags else []
    parts += [f"citations {', '.join(passage.citations)}"] if passage.citations else []
    now = f" It now has the {' and the '.join(parts)}." if parts else ""
    return f"this text was kept already, as passage {passage.short} ({passage.id}) on {local(passage.created_at)}.{now}"
