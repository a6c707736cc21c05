"""Searches the messages of all sessions."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from lcode.errors import UserError
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput
from lcode.tools.memory_text import on_store, take_in
from lcode.tools.message_text import hits_text, nothing_text, whole_text, worth

_MOST = 50
_ID = re.compile(r"(?:message[- ])?(?P<id>[0-9a-f]{8,32})")


class ConversationSearch(Tool):
    name = "conversation_search"
    effect = Effect.READ
    recalls = True

    aliases: ClassVar = {"path": "file", "session_id": "session", "start": "start_date", "end": "end_date"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        query: Annotated[str, "A question or words, dates too; or the id of a message, to read it whole"],
        roles: Annotated[list[Literal["user", "assistant", "tool"]] | None, "Only messages of these"] = None,
        start_date: Annotated[str | None, "YYYY-MM-DD, March, last week; included, user's zone"] = None,
        end_date: Annotated[str | None, "Included"] = None,
        limit: Annotated[int, "How many"] = 5,
        session: Annotated[str | None, "Its id"] = None,
        branch: str | None = None,
        file: Annotated[str | None, "Only what is of this file or folder"] = None,
        tool: Annotated[str | None, "Only results of this tool"] = None,
        outcome: Annotated[Literal["ok", "error"] | None, "Only results that ended so"] = None,
    ) -> ToolOutput:
        memory = context.memory
        if opened := await _opened(context, query):
            return opened
        filters = {
            "roles": roles, "start": start_date, "end": end_date, "branch": branch, "path": file, "tool": tool,
            "outcome": outcome, "session_id": await _session(context, session),
        }  # fmt: skip
        found = await on_store(
            context, memory.recall.search, query, limit=max(1, min(limit, _MOST)), in_context=memory.in_context,
            **{name: value for name, value in filters.items() if value},
        )  # fmt: skip
        if not found:
            return ToolOutput(nothing_text(query, await on_store(context, memory.recall.count), found), "nothing found")
        take_in(context, found)
        text = "\n\n".join(filter(None, [worth(found), hits_text(found, here=memory.session_id)]))
        return ToolOutput(text, f"{len(found)} found" + (", weak" if found.confidence in ("weak", "none") else ""))


async def _session(context: ToolContext, name: str | None) -> str:
    """The id of a session that is named; '' where none is."""
    if not name:
        return ""
    try:
        return (await on_store(context, context.memory.recall.session, name)).id
    except UserError as error:
        raise ToolError(f"{error.message}; results of this tool name sessions.") from error


async def _opened(context: ToolContext, query: str) -> ToolOutput | None:
    """The message of which the question is the id; None where it is a question."""
    asked = _ID.fullmatch(query.strip())
    if asked is None:
        return None
    try:
        hit = await on_store(context, context.memory.recall.opened, asked["id"])
    except UserError:
        return None  # the words of a commit, perhaps
    take_in(context, [hit])
    return ToolOutput(whole_text(hit, context.memory.session_id), "1 message")
