"""The tool `grep`: lines that match a regular expression. What it shows does not depend on which engine searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from lcode.tools import truncate
from lcode.tools.base import Effect, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.search import FileHits, Found, Hit, Query

_LINE = 500  # characters of one hit
_BEFORE = 100  # of them in front of the match, where the line is cut
_OUTPUT = 40_000


class Grep(Tool):
    name = "grep"
    effect = Effect.READ
    aliases: ClassVar[Mapping[str, str]] = {
        "include": "glob",
        "dir": "path",
        "file_path": "path",
        "context": "context_lines",
        "-C": "context_lines",
        "-i": "ignore_case",
        "output_mode": "mode",
    }

    async def run(  # type: ignore[override]
        self,
        context: ToolContext,
        pattern: str,
        path: Annotated[str, "folder or file"] = ".",
        glob: Annotated[str | None, "only these files, e.g. *.py"] = None,
        ignore_case: bool = False,
        context_lines: int = 0,
        mode: Literal["lines", "files", "count"] = "lines",
        limit: int = 100,
    ) -> ToolOutput:
        from lcode.tools.search import Query, run

        target = context.resolve(path)
        _check(context, target)
        query = Query(pattern, target, context.root, glob, ignore_case, min(max(context_lines, 0), 20), mode)
        found = await run(query, context.environment)
        if not found.files:
            return ToolOutput(_nothing(context, query, found), "no matches")
        text, summary = _shown(context, query, found, max(limit, 1))
        context.seen.output(text)
        return ToolOutput(text, summary)

    def paths(self, context: ToolContext, arguments: Mapping[str, Any]) -> list[Path]:
        return context.touched(str(arguments.get("path") or "."))


def _check(context: ToolContext, target: Path) -> None:
    """Nothing but folders and text files is opened."""
    from lcode.tools import files

    if not files.exists(target):
        raise ToolError(files.missing(context, target))
    if files.is_folder(target):
        files.check_listable(context, target)
        return
    shown = context.shown(target)
    head = files.head(context, target)
    if files.is_binary(head):
        raise ToolError(f"{shown} is not text: {files.binary_kind(head)}.")


def _shown(context: ToolContext, query: Query, found: Found, limit: int) -> tuple[str, str]:
    total = sum(hits.count for hits in found.files)
    in_files = truncate.plural(len(found.files), "file")
    if query.mode == "lines":
        noun = "match" if total == 1 else "matches"
        rows, shown, everything = _line_rows(context, query, found.files, limit), min(limit, total), total
        summary = f"{total:,} {noun} in {in_files}"
    else:
        rows = (context.shown(hits.path) + _counted(query, hits) for hits in found.files[:limit])
        shown, everything, summary = min(limit, len(found.files)), len(found.files), in_files
    kept, cut = _fitting(rows)
    more = "at least " if found.problem else ""
    notes = []
    if cut:
        notes.append(f"cut at {truncate.size(_OUTPUT)}; {more}{summary} in all: narrow the search")
    elif shown < everything:
        notes.append(f"{shown:,} shown of {more}{summary}: narrow the search, or raise `limit`")
    if found.problem:
        notes.append(found.problem)
    return "\n".join([*kept, *(f"[{note}]" for note in notes)]), f"{more}{summary}"


def _counted(query: Query, hits: FileHits) -> str:
    return f":{hits.count}" if query.mode == "count" else ""


def _line_rows(context: ToolContext, query: Query, found: list[FileHits], limit: int) -> Iterator[str]:
    """`path:12:text` for a match, `path:11-text` for a line of context, `--` between blocks that do not touch."""
    left = limit
    before = False
    for hits in found:
        name = context.shown(hits.path)
        last = -1
        for hit in hits.lines:
            left -= hit.column >= 0
            if left < 0 or (left == 0 and hit.column < 0 and not _follows(hits.lines, hit, query.around)):
                break
            if query.around and before and hit.number != last + 1:
                yield "--"
            yield f"{name}:{hit.number}{'-' if hit.column < 0 else ':'}{_cut(context, hit)}"
            before, last = True, hit.number
        if left <= 0:
            return


def _follows(lines: list[Hit], hit: Hit, around: int) -> bool:
    """Whether a line of context stands after a match that is shown, not only before the next one."""
    return any(other.column >= 0 and 0 < hit.number - other.number <= around for other in lines)


def _cut(context: ToolContext, hit: Hit) -> str:
    """The line; of a long one the part around the match."""
    text = truncate.visible(hit.text)
    if len(text) <= _LINE:
        return text
    text = context.redacted(text)  # half of a secret would not be known as one
    start = max(0, hit.column - _BEFORE) if hit.column > _LINE - _BEFORE else 0
    part = truncate.line(text[start:], _LINE)
    return f"[{start:,} characters +] …{part}" if start else part


def _fitting(rows: Iterator[str]) -> tuple[list[str], bool]:
    """As many rows as fit into one result, and whether some did not."""
    kept: list[str] = []
    room = _OUTPUT
    for row in rows:
        room -= len(row) + 1
        if room < 0 and kept:
            return kept, True
        kept.append(row)
    return kept, False


def _nothing(context: ToolContext, query: Query, found: Found) -> str:
    from lcode.tools import files

    where = "the project" if query.target == context.root else context.shown(query.target)
    only = f", in files {query.glob}" if query.glob else ""
    case = "" if query.ignore_case else " Upper and lower case were told apart."
    rules = (
        ""
        if not files.is_folder(query.target)
        else (" Binary files, files for secrets and what .gitignore leaves out were not searched.")
    )
    problem = f" [{found.problem}]" if found.problem else ""
    return f"No line matches {query.pattern!r} in {where}{only}.{case}{rules}{problem}"
