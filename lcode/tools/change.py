"""The rules for every change of a file: only text that was seen, nothing that changed meanwhile, no placeholder, atomically."""

from __future__ import annotations

from pathlib import Path

from lcode.errors import LcodeError
from lcode.store import atomic
from lcode.tools import diffs, files, truncate
from lcode.tools.base import Preview, ToolContext, ToolError, ToolOutput, moved
from lcode.tools.files import TextFile

_SHOWN_DIFF = 8_000  # characters in a refusal
_KEPT_DIFF = 200_000  # characters for people


def check_text(text: str, name: str) -> None:
    """What may be written at all."""
    from lcode.redact import has_placeholder

    if has_placeholder(text):
        raise ToolError(
            f"`{name}` holds a secret's placeholder ([redacted:…]): secret placeholders are not written to files. "
            "Leave the lines with the secret as they are: change what is around them with edit_file."
        )


def check_unchanged(context: ToolContext, file: TextFile) -> None:
    """Refuse where the agent knew the file otherwise; what it holds now counts as seen from then on."""
    known = context.seen.content(file.path)
    if known is None or known == file.text:
        return
    shown = context.shown(file.path)
    difference = diffs.unified(known, file.text, shown, limit=_SHOWN_DIFF)
    context.seen.whole(file.path, file.text)
    raise ToolError(
        f"{shown} changed since you last saw it; nothing was written. What changed there:\n"
        f"{difference}Take that into account and do your change again."
    )


def save(context: ToolContext, path: Path, file: TextFile | None, text: str, data: bytes) -> None:
    """Write `data` (which is `text`) in place of `file` (None: a new one), if it still is what is there, and there is where
    it was: `path` is resolved, so that it leads elsewhere only where a symlink was put in its way since."""
    shown = context.shown(path)
    try:
        _check_place(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_place(path)
        atomic.write_bytes(path, data, expected=None if file is None else file.data)
    except atomic.ContentChanged as error:
        now = files.decoded(path, error.present or b"")
        if file is not None and now is not None:
            context.seen.whole(path, file.text)
            check_unchanged(context, now)
        raise ToolError(f"{shown} changed at this very moment; nothing was written. Read it again.") from None
    except (OSError, LcodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolError(f"{shown} cannot be written: {reason}.") from None
    context.seen.whole(path, text)


def _check_place(path: Path) -> None:
    try:
        same = path.resolve() == path
    except (OSError, RuntimeError):  # a loop of symlinks
        same = False
    if not same:
        raise moved(path)


def difference(context: ToolContext, path: Path, old: str, new: str) -> str:
    """The unified diff for people."""
    return diffs.unified(old, new, context.shown(path), limit=_KEPT_DIFF)


def preview(context: ToolContext, path: Path, title: str, diff: str) -> Preview:
    where = "" if path.is_relative_to(context.root) else f" in {path.parent}"
    return Preview("diff", f"{title} {context.shown(path)}", diff, f"edits{where}", f"all edits{where} in this session")


def output(context: ToolContext, path: Path, verb: str, old: str, new: str, rest: str = "") -> ToolOutput:
    """The result of a change: one line and `rest` for the model, the diff for people."""
    added, removed = diffs.changed(old, new)
    line = f"{verb} {context.shown(path)}: +{added} −{removed} {'line' if added + removed == 1 else 'lines'}"
    return ToolOutput(f"{line}.{rest}", line, difference(context, path, old, new))


def lines(text: str) -> str:
    return truncate.plural(len(diffs.split_lines(text)), "line")
