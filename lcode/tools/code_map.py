"""The tool `code_map`: the repository's shape within a budget of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput
from lcode.tools.code_text import below

_LEAST, _MOST = 200, 8_000


class CodeMap(Tool):
    name = "code_map"
    effect = Effect.READ

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        path: Annotated[str, "Only this folder or file"] = "",
        budget: Annotated[int, "Tokens, 200 to 8000"] = 1_200,
    ) -> ToolOutput:
        inside, room = below(context, path), min(max(budget, _LEAST), _MOST)
        drawn = await self._from_index(context, inside, room)
        if drawn is None:
            import asyncio

            from lcode.index.map import no_files, without_index

            if context.code is not None and (await context.code.run(context.code.standing)).ready:
                raise ToolError(f"{no_files(inside)}; list_dir shows what is not indexed.")
            found = await asyncio.to_thread(without_index, context.root, inside, room)
            drawn = f"{found or no_files(inside)}\n[the code is not indexed yet: this is what a look at the files tells]"
        text = context.redacted(drawn)
        context.seen.output(text)
        return ToolOutput(text, f"map of {inside or 'the repository'}")

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        return []  # what it shows is inside the root, or it is an error

    @staticmethod
    async def _from_index(context: ToolContext, path: str, room: int) -> str | None:
        reader = context.code
        if reader is None:
            return None

        def draw() -> str | None:
            found = reader.map(path, budget=room)
            return found.text(room) if found is not None else None

        return await reader.run(draw)
