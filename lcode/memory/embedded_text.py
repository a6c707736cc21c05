"""What of a message, and of a passage, becomes its vector. `FORM` changes with it: vectors of another form are made anew."""

from __future__ import annotations

from collections.abc import Collection

FORM = "2"
_LONGEST = 4_000  # characters: of longer texts the beginning says what they are about
_BEFORE = 400  # characters of what was said before: an answer often leaves out what it is about
_SPOKEN = ("user", "assistant", "tool")


def of_message(
    kind: str, text: str, *, name: str = "", copy: bool = False, previous: str = "", names: Collection[str] = ()
) -> str:
    """The text to embed; '' for what is to be found by its words alone. `previous` is what was said before it in its session,
    `names` are those of all who spoke anywhere: a dialogue is full of them, and a question's are taken out as well."""
    from lcode.memory.recall_question import without_names  # only the worker makes vectors

    if kind not in _SPOKEN or copy:
        return ""
    words = "\n".join(line for line in text.split("\n") if not line.startswith("→ ")) if kind == "assistant" else text
    if not words.strip():
        return ""
    before = previous[-_BEFORE:] + "\n" if previous and kind != "tool" else ""
    return without_names(before + words[:_LONGEST], names)


def of_passage(text: str) -> str:
    return text[:_LONGEST]
