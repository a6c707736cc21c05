"""What of a message, and of a passage, becomes its vector. `FORM` changes with it: vectors of another form are made anew."""

from __future__ import annotations

from collections.abc import Collection

FORM = "1"
_LONGEST = 4_000  # characters: of longer texts the beginning says what they are about
_SPOKEN = ("user", "assistant", "tool")


def of_message(
    kind: str, text: str, *, name: str = "", copy: bool = False, previous: str = "", names: Collection[str] = ()
) -> str:
    """The text to embed; '' for what is to be found by its words alone. `previous` is what was said before it in its session,
    `names` are those of all who spoke anywhere."""
    if kind not in _SPOKEN or copy:
        return ""
    words = "\n".join(line for line in text.split("\n") if not line.startswith("→ ")) if kind == "assistant" else text
    return words[:_LONGEST]


def of_passage(text: str) -> str:
    return text[:_LONGEST]
