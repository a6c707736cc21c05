"""What search sees of a long text: its head and its tail, and of what is between each line that says something else.

It is bounded, so that no output of a program costs more to keep than a page or two, and so that none of them is found for every
question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lcode.memory.terms import message_terms
from lcode.redact import cut

INDEXED = 5_000  # characters of a text that are kept for search: as many of its head as of its tail
_BETWEEN = 1_200  # characters of the lines between them
_READ = 4_000_000  # characters of a text whose lines are looked at: of a longer one in so many places all over it
_PLACES = 8
_LINE = 200  # characters of a line
_DIGITS = bytes.maketrans(b"123456789", b"000000000")  # what differs in numbers alone says the same
_WRONG = (
    "error",
    "fail",
    "fatal",
    "traceback",
    "exception",
    "warn",
    "panic",
    "assert",
    "denied",
    "refused",
    "missing",
    "not found",
    "undefined",
)


def searched(text: str, whole: str, tool: str = "", paths: str = "") -> tuple[str, str]:
    """A redacted text as it is searched, and the terms that are searched beside it; `whole` is what it was cut out of, '' for
    nothing more."""
    shown = indexed(text)
    terms = message_terms(shown, tool, paths)
    between = lines_between(whole or text, shown) if whole or shown is not text else ""
    return shown, " ".join(filter(None, (terms, between)))


def indexed(text: str) -> str:
    """The head and the tail of a long text."""
    return text if len(text) <= INDEXED else f"{cut(text, INDEXED // 2)}\n…\n{text[-INDEXED // 2 :]}"


def lines_between(whole: str, shown: str) -> str:
    """The lines of `whole` of which none like them is in `shown`, each once, as many as there is room for: those that tell of
    something wrong first, then some from all over it."""
    whole = _sample(whole)
    known = set(_alike(shown))
    first = dict(zip(reversed(_alike(whole)), reversed(whole.split("\n")), strict=True))
    new = [line for like, line in reversed(first.items()) if like not in known and like.strip()]
    low = whole.lower()
    wrong = [word for word in _WRONG if word in low]
    kept: dict[str, None] = {}
    room = _BETWEEN
    step = sum(map(len, new)) // _BETWEEN + 1
    for line in (*_with_one_of(wrong, new), *new[::step]):
        part = cut(line.strip(), _LINE)
        if part not in kept and (room := room - len(part)) < 0:
            break
        kept[part] = None
    return "\n".join(kept)


def _sample(text: str) -> str:
    """Whole lines from all over a text, where it is too long to be looked at."""
    if len(text) <= _READ:
        return text
    starts = range(0, len(text), len(text) // _PLACES + 1)
    parts = (text[start : start + _READ // _PLACES] for start in starts)
    return "\n".join(part.partition("\n")[2].rpartition("\n")[0] or part for part in parts)


def _alike(text: str) -> list[bytes]:
    """The lines of a text, those that differ in numbers alone being equal."""
    return text.encode("utf-8", "replace").translate(_DIGITS).split(b"\n")


def _with_one_of(words: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    for line in lines if words else ():
        low = line.lower()
        for word in words:
            if word in low:
                yield line
                break
