"""The whole of what a call returned, where its result was cut: one private file, named by the handle that stands in the cut."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from lcode.tools import truncate
from lcode.tools.base import ToolContext

PREFIX = "output-"  # of the handle of a kept output; the results themselves are in recall memory
_TRIES = 8
_CUT = re.compile(rf"; read_result ({PREFIX}[0-9a-f]+) has all\]")


def shortened(context: ToolContext, text: str, head: int, tail: int) -> str:
    """Head and tail of `text` where it is longer than both; the whole is kept, and the cut says how to read it."""
    if len(text) <= head + tail:
        return text
    whole = context.redacted(text)  # before it is cut: half of a secret would not be known as one
    return truncate.head_tail(whole, head, tail, _note(context, whole))


def text_of(context: ToolContext, handle: str) -> str | None:
    """The output that was kept under `handle`, or None."""
    with suppress(OSError):
        return (context.output_dir / f"{handle}.txt").read_text(encoding="utf-8", errors="replace")
    return None


def whole_of(context: ToolContext, text: str) -> str:
    """What a result was cut out of, redacted; '' where it was not, or that is gone."""
    cut = _CUT.search(text)
    return (text_of(context, cut[1]) or "") if cut else ""


def _note(context: ToolContext, text: str) -> str:
    from lcode.errors import StoreUnwritable

    try:
        handle = _keep(context, text)
    except (OSError, StoreUnwritable) as error:
        reason = str(getattr(error, "strerror", None) or error).replace("{", "{{").replace("}", "}}")
        return "[{cut} characters cut; the whole could not be kept: " + reason + "]"
    return f"[{{cut}} characters cut of {truncate.plural(text.count(chr(10)) + 1, 'line')}; read_result {handle} has all]"


def _keep(context: ToolContext, text: str) -> str:
    """Write `text` (redacted) where the program keeps outputs; its handle."""
    from lcode.store.paths import private_folder

    private_folder(context.output_dir)
    for left in reversed(range(_TRIES)):
        handle = PREFIX + os.urandom(4).hex()
        try:
            descriptor = os.open(context.output_dir / f"{handle}.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if not left:
                raise
            continue
        with open(descriptor, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 (a descriptor)
            file.write(text)
        return handle
    raise AssertionError
