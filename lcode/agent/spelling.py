"""How people type, as patterns can read it: typographic apostrophes, short forms of chats, missing ones, slips in a few words.

Only what is looked for is spelled anew; what is kept of somebody's words stays as it was typed.
"""

from __future__ import annotations

import re
from functools import cache

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ´`＇"), "'")
_SHORT = {
    "u": "you", "ur": "your", "r": "are", "pls": "please", "plz": "please", "nvm": "never mind", "nevermind": "never mind",
    "nvr": "never", "b4": "before", "w/": "with", "w/o": "without", "bc": "because", "cuz": "because", "gonna": "going to",
    "dont": "don't", "doesnt": "doesn't", "cant": "can't", "wont": "won't", "shouldnt": "shouldn't", "mustnt": "mustn't",
    "isnt": "isn't", "arent": "aren't", "im": "i'm", "ill": "i'll", "id": "i'd", "lets": "let's", "thats": "that's",
    "its": "it's",
}  # fmt: skip
_SLIPPED = ("never", "always", "prefer", "without", "instead", "before", "remember", "forbidden")
_NO_SLIPS = frozenset({"newer", "fever", "lever", "sever", "prefers", "remembers", "prefix"})
_WORDS = re.compile(r"(?<![\w`/.'-])(?:w/o?(?=\s)|[a-z]['a-z0-9]*)(?![\w/.-])", re.I)


def spelled(text: str) -> str:
    """`text` as a dictionary has it, for patterns."""
    return _WORDS.sub(lambda found: _word(found[0].lower()) or found[0], text.translate(_APOSTROPHES))


@cache
def _word(word: str) -> str:
    """What a word stands for; '' for itself."""
    if word in _SHORT or len(word) < 4 or word in _SLIPPED or word in _NO_SLIPS:
        return _SHORT.get(word, "")
    return next((meant for meant in _SLIPPED if _is_slip(word, meant)), "")


def _is_slip(word: str, meant: str) -> bool:
    """Whether one letter is missing, too much, or another, or two have changed places; never the first."""
    if word[0] != meant[0] or abs(len(word) - len(meant)) > 1:
        return False
    start = next(
        (at for at, (one, other) in enumerate(zip(word, meant, strict=False)) if one != other), min(len(word), len(meant))
    )
    one, other = word[start:], meant[start:]
    return one[1:] == other or one == other[1:] or one[1:] == other[1:] or (one[1::-1] == other[:2] and one[2:] == other[2:])
