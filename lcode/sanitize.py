"""Makes text that others wrote (models, tools, files, branch names, memory) safe to show on a terminal.

Such text must not move the cursor, set the title, write to the clipboard, or hide a part of itself from the reader. What
would do so is removed; what would only look odd is kept. Line ends become `\\n`; `\\n` and `\\t` are the only controls left.
"""

from __future__ import annotations

import re
from functools import cache

# Strings that a terminal swallows (titles, clipboard, device control). One that does not end on its line is not taken
# whole: else its introducer would hide the rest of the text from the reader.
_STRING = r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x1b\x07\x80-\x9f\n\r]{0,4096}(?:\x07|\x9c|\x1b\\)"
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}[@-~]?"
_ESCAPE = r"\x1b[ -/]{0,16}[0-~]?"
_LINE_END = r"\r\n|[\r\u2028\u2029]"
_SURROGATE = r"[\ud800-\udfff]"
_INVISIBLE = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f"


@cache
def _unsafe() -> re.Pattern[str]:
    return re.compile(f"[{_CONTROL}{_INVISIBLE}\u2028\u2029\ud800-\udfff]")


@cache
def _expression() -> re.Pattern[str]:
    return re.compile(
        f"(?P<end>{_LINE_END})|(?P<odd>{_SURROGATE})|{_STRING}|{_CSI}|{_ESCAPE}|[{_CONTROL}{_INVISIBLE}]",
    )


def clean(text: str) -> str:
    """`text` without terminal escapes, control, bidirectional and invisible characters. Never raises."""
    if _unsafe().search(text) is None:
        return text
    return _expression().sub(_safe, text)


def encodable(text: str) -> str:
    """`text` without lone surrogates, which no file, store or stream takes: Python's stand-ins for bytes that are not UTF-8,
    and halves of a pair. Each becomes U+FFFD; two halves that stand together become their character."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _safe(match: re.Match[str]) -> str:
    if match.lastgroup == "end":
        return "\n"
    return "\ufffd" if match.lastgroup == "odd" else ""
