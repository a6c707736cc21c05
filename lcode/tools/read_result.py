"""The tool `read_result`: what an earlier call returned, by its handle, in parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lcode.tools import truncate
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.memory.results import Result

_ROOM = 12_000  # characters of one part
_LINE = 1_000  # of one line
_BEFORE = 100  # of them in front of what matches, where the line is cut
_SHAPE = re.compile(r"(?:(output|result)-)?([0-9a-f]{8,32})")


class ReadResult(Tool):
    name = "read_result"
    effect = Effect.READ
    aliases: ClassVar[Mapping[str, str]] = {"id": "handle", "offset": "line", "start_line": "line", "limit": "lines"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        handle: str,
        line: Annotated[int, "first line, from 1"] = 1,
        lines: int = 200,
        pattern: Annotated[str | None, "only lines that match this regular expression"] = None,
    ) -> ToolOutput:
        what, text = await _whole(context, handle)
        rows = text.removesuffix("\n").split("\n")
        first = max(line, 1)
        if first > max(len(rows), 1):
            raise ToolError(f"{handle} has {truncate.plural(len(rows), 'line')}; line {line} is past its end.")
        numbered = list(enumerate(rows, 1))[first - 1 :]
        if pattern is not None:
            shown, note = _matching(numbered, _compiled(pattern), max(lines, 1))
        else:
            shown, note = _part(numbered, max(lines, 1))
            note = f"{note} of {len(rows):,}" if shown else "it is empty"
            note += f"; go on with line={numbered[0][0] + len(shown)}" if len(shown) < len(numbered) else ""
        context.seen.output("\n".join(shown))
        return ToolOutput("\n".join([*shown, f"[{what}; {note}]"]), truncate.plural(len(shown), "line"))

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        pattern = arguments.get("pattern")
        return f"read_result {arguments.get('handle', '')}" + (f" {str(pattern)[:60]!r}" if pattern else "")


async def _whole(context: ToolContext, handle: str) -> tuple[str, str]:
    """What it was, and its text. Raises ToolError."""
    from lcode.memory.results import find_result
    from lcode.tools import kept
    from lcode.tools.memory_text import on_store

    shape = _SHAPE.fullmatch(handle.strip().removeprefix("message-"))
    if shape is None:
        raise ToolError(f"{handle!r} is no handle of a result. One looks like result-3f2a91bc, where a result was cut.")
    kind, digits = shape[1], shape[2]
    if kind != "result" and (text := kept.text_of(context, f"{kept.PREFIX}{digits}")) is not None:
        return "the output before it was cut", text
    found = None
    if kind != "output":
        found = await on_store(context, find_result, context.memory.recall, digits, context.memory.session_id)
    if found is None:
        raise ToolError(
            f"There is no result {handle}: it was forgotten, or the handle is not to the letter. conversation_search finds"
            " results by their words; a file or command can be read or run again."
        )
    return _called(found), found.text


def _called(found: Result) -> str:
    from lcode.memory.dates import local

    name = " ".join(filter(None, [found.name, found.about]))
    return f"what {name} returned {local(found.created_at)}"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(re.escape(pattern))


def _part(numbered: list[tuple[int, str]], most: int) -> tuple[list[str], str]:
    """As many lines as are asked for and fit; at least one."""
    shown: list[str] = []
    room = _ROOM
    for _, row in numbered[:most]:
        text = truncate.line(row, _LINE)
        room -= len(text) + 1
        if room < 0 and shown:
            break
        shown.append(text)
    first = numbered[0][0] if numbered else 0
    return shown, f"line {first}" if len(shown) == 1 else f"lines {first}-{first + len(shown) - 1}"


def _matching(numbered: list[tuple[int, str]], pattern: re.Pattern[str], most: int) -> tuple[list[str], str]:
    """The lines that match, with their numbers, as many as fit."""
    shown: list[str] = []
    room, found = _ROOM, 0
    for number, row in numbered:
        match = pattern.search(row)
        if match is None:
            continue
        found += 1
        start = match.start() - _BEFORE if len(row) > _LINE and match.start() > _LINE - _BEFORE else 0
        text = f"{number}: {'…' if start else ''}{truncate.line(row[start:], _LINE)}"
        room -= len(text) + 1
        if len(shown) < most and (room >= 0 or not shown):
            shown.append(text)
    words = "match" if found == 1 else "matches"
    if not found:
        return [], f"no line of {len(numbered):,} matches {pattern.pattern!r}"
    return shown, f"{found:,} {words}" if len(shown) == found else f"{len(shown):,} of {found:,} {words}; narrow the pattern"
