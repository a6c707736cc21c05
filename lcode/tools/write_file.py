"""The tool `write_file`: create a file, or replace all of one that the agent has seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lcode.tools.base import Effect, Preview, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.files import TextFile


class WriteFile(Tool):
    name = "write_file"
    effect = Effect.WRITE
    aliases: ClassVar[Mapping[str, str]] = {"file_path": "path", "filename": "path", "contents": "content", "text": "content"}

    async def run(  # type: ignore[override]
        self, context: ToolContext, path: str, content: str
    ) -> ToolOutput:
        from lcode.tools import change

        target = context.resolve(path)
        file = _allowed(context, target, content)
        text, data = _as_before(file, content)
        shown = context.shown(target)
        if file is not None and data == file.data:
            context.seen.whole(target, text)
            return ToolOutput(f"{shown} already holds exactly this; nothing was written.", "unchanged")
        change.save(context, target, file, text, data)
        if file is None:
            line = f"Created {shown}: {change.lines(text)}"
            return ToolOutput(f"{line}.", line, change.difference(context, target, "", text))
        note = ""
        if file.encoding != "utf-8" and not data.startswith(file.bom or b"\0"):
            note = f" It is UTF-8 now; {file.encoding} cannot hold the new text."
        return change.output(context, target, "Replaced", file.text, text, note)

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        return f"write_file {arguments.get('path', '')}"

    async def preview(self, context: ToolContext, arguments: Mapping[str, Any]) -> Preview:
        from lcode.tools import change

        target, content = context.resolve(arguments["path"]), arguments["content"]
        file = _allowed(context, target, content)
        text, _ = _as_before(file, content)
        diff = change.difference(context, target, file.text if file else "", text)
        return change.preview(context, target, "Replace" if file else "Create", diff)


def _allowed(context: ToolContext, target: Path, content: str) -> TextFile | None:
    """The file that is there now, if the agent knows all of it; None where there is none."""
    from lcode.tools import change, files

    change.check_text(content, "content")
    if not files.exists(target):
        return None
    file = files.read(context, target)
    change.check_unchanged(context, file)
    if context.seen.content(target) is None and not context.seen.knows(file.text):
        raise ToolError(
            f"{context.shown(target)} exists ({change.lines(file.text)}) and you have not seen all of it; nothing was written. "
            "Read it with read_file first, or change a part of it with edit_file."
        )
    return file


def _as_before(file: TextFile | None, content: str) -> tuple[str, bytes]:
    """`content` with the newlines, BOM and encoding that the file had."""
    content = content.removeprefix("\ufeff") if file is not None else content
    if file is None:
        return content, content.encode("utf-8")
    feeds = file.text.count("\n")
    if feeds and file.text.count("\r\n") == feeds and "\r" not in content:
        content = content.replace("\n", "\r\n")
    try:
        return content, file.encoded(content)
    except UnicodeEncodeError:
        return content, content.encode("utf-8")
