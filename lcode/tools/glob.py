"""The tool `glob`: files whose path matches a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lcode.tools import truncate
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.walk import Entry

_SHOWN = 200


class Glob(Tool):
    name = "glob"
    effect = Effect.READ
    aliases: ClassVar[Mapping[str, str]] = {"dir": "path", "directory": "path"}

    async def run(  # type: ignore[override]
        self, context: ToolContext, pattern: str, path: Annotated[str, "folder"] = "."
    ) -> ToolOutput:
        import asyncio

        start, rest = _start(context, pattern, path)
        text, summary = await asyncio.to_thread(_found, context, start, rest)
        context.seen.output(text)
        return ToolOutput(text, summary)

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        """The folder that is searched; a pattern may lead out of `path`."""
        try:
            return [_start(context, str(arguments.get("pattern", "")), str(arguments.get("path") or "."))[0]]
        except ToolError:  # run says so
            return []


def _start(context: ToolContext, pattern: str, path: str) -> tuple[Path, str]:
    """The folder where the search starts, with what stands in the pattern before the first wildcard, and the rest."""
    parts = pattern.split("/")
    fixed: list[str] = []
    while len(parts) > 1 and not set(parts[0]) & set("*?[{"):
        fixed.append(parts.pop(0))
    folder = "/".join(fixed) or ("/" if pattern.startswith("/") else ".")
    if ".." in parts:
        raise ToolError("`..` cannot stand after a wildcard: give the folder as `path`.")
    return context.resolve(str(Path(path) / Path(folder))), "/".join(parts)


def _found(context: ToolContext, start: Path, pattern: str) -> tuple[str, str]:
    from lcode.tools import files
    from lcode.tools.walk import glob_test, walk

    if not files.is_folder(start):
        if files.exists(start):
            raise ToolError(f"{context.shown(start)} is a file, not a folder.")
        raise ToolError(files.missing(context, start))
    files.check_listable(context, start)
    if not pattern:
        raise ToolError("`pattern` is empty. `**/*` matches every file.")
    test = glob_test(pattern.removesuffix("/"))
    depth = None if "**" in pattern else pattern.rstrip("/").count("/") + 1
    matches = [entry for entry in walk(start, context.root, depth=depth) if test(entry.relative)]
    note = ""
    if not matches and "/" not in pattern:
        test = glob_test(f"**/{pattern}")
        matches = [entry for entry in walk(start, context.root) if test(entry.relative)]
        note = f"[nothing matches {pattern} in {context.shown(start)} itself; these are below it]" if matches else ""
    found = [entry for entry in matches if not entry.is_dir] or matches
    if not found:
        where = "in the project" if start == context.root else f"below {context.shown(start)}"
        what = f"No file {where} matches {pattern} (files that .gitignore leaves out were not looked at)."
        return what, "no files"
    rows = [_row(context, entry) for entry in found[:_SHOWN]]
    if len(found) > _SHOWN:
        rows.append(f"[{_SHOWN} of {len(found):,} shown; narrow the pattern or the path]")
    return "\n".join([*rows, *([note] if note else [])]), truncate.plural(len(found), "file")


def _row(context: ToolContext, entry: Entry) -> str:
    return context.shown(entry.path) + ("/" if entry.is_dir else "")
