"""The tool `read_file`: a text file, or a range of its lines, numbered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from lcode.tools import truncate
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput


class ReadFile(Tool):
    name = "read_file"
    effect = Effect.READ
    aliases: ClassVar[Mapping[str, str]] = {"file_path": "path", "filename": "path", "start_line": "offset"}

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        path: str,
        offset: Annotated[int, "first line, from 1"] = 1,
        limit: Annotated[int, "lines"] = 2_000,
    ) -> ToolOutput:
        from lcode.tools import diffs, files

        target = context.resolve(path)
        file = files.read(context, target)
        lines = diffs.split_lines(file.text)
        first = max(offset, 1)
        if first > max(len(lines), 1):
            raise ToolError(
                f"{context.shown(target)} has {truncate.plural(len(lines), 'line')}; offset {offset} is past its end."
            )
        rows = _rows(context, lines, first, max(limit, 1))
        last = first + len(rows) - 1
        context.seen.output("\n".join(rows))
        context.seen.part(target)
        if len(rows) == len(lines) and all(len(line) <= truncate.LINE_LIMIT for line in lines):
            context.seen.whole(target, file.text)
        notes = [file.note] if file.note else []
        if not lines:
            notes.append("the file is empty")
        elif last < len(lines):
            notes.append(f"lines {first}-{last} of {len(lines):,}; go on with offset={last + 1}")
        elif first > 1:
            notes.append(f"end of file, {len(lines):,} lines")
        if lines and last == len(lines) and not file.text.endswith(("\n", "\r")):
            notes.append("no newline at the end of the file")
        rows += [f"[{'; '.join(notes)}]"] if notes else []
        return ToolOutput("\n".join(rows), truncate.plural(max(last - first + 1, 0), "line"))

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        offset, limit = arguments.get("offset"), arguments.get("limit")
        span = f" from line {offset}" if offset and offset != 1 else ""
        span += f", {limit} lines" if limit and limit != 2_000 else ""
        return f"read_file {arguments.get('path', '')}{span}"


def _rows(context: ToolContext, lines: list[str], first: int, limit: int) -> list[str]:
    """Numbered lines, as many as asked for and as fit into one result; at least one."""
    from lcode.tools import diffs

    rows: list[str] = []
    room = truncate.OUTPUT_LIMIT
    for number, line in enumerate(lines[first - 1 : first - 1 + limit], first):
        shown = diffs.shown_line(line)
        if len(shown) > truncate.LINE_LIMIT:  # half of a secret would not be known as one
            shown = context.redacted(shown)
        row = f"{number}→{truncate.line(shown)}"
        room -= len(row.encode("utf-8")) + 1
        if room < 0 and rows:
            break
        rows.append(row)
    return rows
