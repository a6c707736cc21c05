"""What a model is shown is bounded and plain: long lines and long outputs are cut with a note, terminal codes are taken out."""

from __future__ import annotations

import re

LINE_LIMIT = 2_000  # characters of one line
OUTPUT_LIMIT = 50_000  # bytes of one result

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[P^_X][^\x1b]*\x1b\\"  # DCS, PM, APC, SOS
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]"
)
_OVERSTRIKE = re.compile(r"[^\n\x08]\x08")
_REDRAWN = re.compile(r"[^\n\r]*\r(?=[^\n\r])")  # a progress line: only its last state
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(text: str) -> str:
    """Terminal output as text: no escape sequences, overstrikes, redrawn progress lines or control characters."""
    if _CONTROL.search(text) is None:
        return text
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    text = _REDRAWN.sub("", _OVERSTRIKE.sub("", text))
    return _CONTROL.sub("", text)


def visible(text: str) -> str:
    """`text` as it can travel in a request: bytes that are no UTF-8 become U+FFFD, control characters too."""
    return re.sub(r"[\ud800-\udfff\x00-\x08\x0b\x0e-\x1f\x7f]", "\ufffd", text)


def line(text: str, limit: int = LINE_LIMIT) -> str:
    """One line, cut at `limit` characters with a note of how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}… [+{len(text) - limit:,} characters]"


def head_tail(text: str, head: int, tail: int, note: str) -> str:
    """`text` without its middle when it is longer than `head` + `tail` characters; `note` (with `{cut}`) stands there.

    Cuts at line ends where there is one nearby.
    """
    if len(text) <= head + tail:
        return text
    stop = text.rfind("\n", head // 2, head) + 1 or head
    start = text.find("\n", len(text) - tail, len(text) - tail // 2) + 1 or len(text) - tail
    return f"{text[:stop].rstrip()}\n{note.format(cut=f'{start - stop:,}')}\n{text[start:]}"


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1_000:
        return f"{count} B"
    amount = float(count)
    for unit in ("KB", "MB", "GB"):
        amount /= 1_000
        if amount < 1_000 or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
