"""The tool `edit_file`: replace pieces of a file, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, TypedDict

from lcode.tools import truncate
from lcode.tools.base import Effect, Preview, Tool, ToolContext, ToolError, ToolOutput

if TYPE_CHECKING:
    from lcode.tools.edits import Applied, UnseenLines
    from lcode.tools.files import TextFile

_SHOWN = 120  # lines of unseen text that a refusal shows


class EditItem(TypedDict):
    """One edit, as the model gives it."""

    old: str
    new: str
    all: NotRequired[bool]


class EditFile(Tool):
    name = "edit_file"
    effect = Effect.WRITE
    aliases: ClassVar[Mapping[str, str]] = {
        "file_path": "path",
        "filename": "path",
        "old_string": "old",
        "old_str": "old",
        "old_text": "old",
        "new_string": "new",
        "new_str": "new",
        "new_text": "new",
        "replace_all": "all",
    }

    async def run(  # type: ignore[override]
        self, context: ToolContext, path: str, edits: list[EditItem]
    ) -> ToolOutput:
        from lcode.tools import change, diffs

        target = context.resolve(path)
        file, applied = _planned(context, target, edits)
        change.save(context, target, file, applied.text, _encoded(file, applied.text))
        notes = "".join(f"\n[{note}]" for note in applied.notes)
        snippet = diffs.snippet(file.text, applied.text)
        return change.output(context, target, "Edited", file.text, applied.text, f"{notes}\n{snippet}".rstrip())

    def mend(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A single edit given without its list."""
        flat = {key: self.aliases.get(key, key) for key in given}
        if "edits" in given or not {"old", "new"} <= set(flat.values()):
            return given
        edit = {ours: given[key] for key, ours in flat.items() if ours in ("old", "new", "all")}
        rest = {key: value for key, value in given.items() if flat[key] not in edit}
        return {**rest, "edits": [edit]}

    def summary(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        edits = arguments.get("edits")
        count = f", {len(edits)} edits" if isinstance(edits, list) and len(edits) > 1 else ""
        return f"edit_file {arguments.get('path', '')}{count}"

    async def preview(self, context: ToolContext, arguments: Mapping[str, Any]) -> Preview:
        from lcode.tools import change

        target = context.resolve(arguments["path"])
        file, applied = _planned(context, target, arguments["edits"])
        return change.preview(context, target, "Edit", change.difference(context, target, file.text, applied.text))


def _planned(context: ToolContext, target: Path, items: Sequence[EditItem]) -> tuple[TextFile, Applied]:
    """The file as it is, and what it would become. Raises ToolError where that may not be."""
    from lcode.tools import change, files
    from lcode.tools.edits import Edit, UnseenLines, apply

    if not items:
        raise ToolError("`edits` is empty: give at least one {old, new}.")
    edits = [Edit(item["old"], item["new"], item.get("all", False)) for item in items]
    for edit in edits:
        change.check_text(edit.new, "new")
    file = files.read(context, target)
    change.check_unchanged(context, file)
    whole = context.seen.content(target) is not None
    try:
        applied = apply(file.text, edits, lambda line: whole or _knows(context, line))
    except UnseenLines as unseen:
        raise ToolError(_unseen(context, target, unseen)) from None
    if applied.text == file.text:
        raise ToolError("The edits cancel each other out: nothing would change.")
    _encoded(file, applied.text)
    return file, applied


def _knows(context: ToolContext, line: str) -> bool:
    """Whether `line` was seen, as it is or as it was shown."""
    return context.seen.knows(line) or context.seen.knows(truncate.visible(line))


def _unseen(context: ToolContext, target: Path, unseen: UnseenLines) -> str:
    """Shows the lines, which then count as seen: one more call is enough."""
    from lcode.tools import diffs

    shown = diffs.numbered(unseen.lines[:_SHOWN], unseen.first)
    context.seen.output("\n".join(unseen.lines[:_SHOWN]))  # not as shown: a long line was cut there
    more = len(unseen.lines) - _SHOWN
    rest = f"\n[{more:,} more lines: read them with read_file]" if more > 0 else ""
    return (
        f"You have not seen these lines of {context.shown(target)} yet; nothing was changed. They are:\n{shown}{rest}\n"
        "If the edit still is right, do it again."
    )


def _encoded(file: TextFile, text: str) -> bytes:
    try:
        return file.encoded(text)
    except UnicodeEncodeError as error:
        raise ToolError(
            f"The file is {file.encoding}, which cannot hold {text[error.start : error.start + 1]!r}; nothing was changed. "
            "Write it in other characters, or convert the file first."
        ) from None
