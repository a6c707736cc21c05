"""The tool `list_dir`: what is in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lcode.tools import truncate
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.walk import Entry, Ignored

_SHOWN = 500
_COUNTED = 20_000


class ListDir(Tool):
    name = "list_dir"
    effect = Effect.READ
    aliases: ClassVar[Mapping[str, str]] = {"dir": "path", "directory": "path"}

    async def run(  # type: ignore[override]
        self, context: ToolContext, path: str = ".", depth: Annotated[int, "1 to 3"] = 1
    ) -> ToolOutput:
        import asyncio

        from lcode.tools import files

        target = context.resolve(path)
        if not files.exists(target):
            raise ToolError(files.missing(context, target))
        if not files.is_folder(target):
            raise ToolError(f"{context.shown(target)} is a file, not a folder. Use read_file.")
        files.check_listable(context, target)
        text, count = await asyncio.to_thread(_listed, context, target, min(max(depth, 1), 3))
        context.seen.output(text)
        return ToolOutput(text, count)

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        return context.touched(str(arguments.get("path") or "."))


def _listed(context: ToolContext, folder: Path, depth: int) -> tuple[str, str]:
    from lcode.tools.walk import Ignored, walk

    ignored = Ignored()
    children: dict[Path, list[Entry]] = {}
    for entry in islice(walk(folder, context.root, depth=depth, ignored=ignored), _COUNTED):
        children.setdefault(entry.path.parent, []).append(entry)
    rows = list(_rows(folder, children, ignored, "  "))
    entries = truncate.plural(len(children.get(folder, [])), "entry").replace("entrys", "entries")
    left_out = ignored.counts.get(folder, 0)
    count = f"{entries}, {left_out} ignored by .gitignore" if left_out else entries
    head = f"{context.shown(folder)}/ ({count})"
    if len(rows) > _SHOWN:
        rows = [*rows[:_SHOWN], f"[{_SHOWN} of {len(rows):,} shown; list a sub-folder, or use less depth]"]
    return "\n".join([head, *rows]), entries


def _rows(folder: Path, children: Mapping[Path, list[Entry]], ignored: Ignored, indent: str) -> Iterator[str]:
    """Folders first, each with what is in it, then files with their sizes."""
    for entry in sorted(children.get(folder, []), key=lambda entry: not entry.is_dir):
        name = truncate.visible(entry.name.replace("\n", "\\n"))
        if not entry.is_dir:
            yield f"{indent}{name}{_about(entry)}"
            continue
        left_out = ignored.counts.get(entry.path, 0)
        yield f"{indent}{name}/" + (f" ({left_out} ignored)" if left_out else "")
        yield from _rows(entry.path, children, ignored, indent + "  ")


def _about(entry: Entry) -> str:
    from lcode.tools import files

    try:
        if entry.is_link:
            return f" -> {truncate.visible(str(entry.path.readlink()))}"
        status = entry.path.lstat()
    except OSError:
        return ""
    return f"  {truncate.size(status.st_size)}" if entry.is_file else f"  ({files.kind(status.st_mode)})"
