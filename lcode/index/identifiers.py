"""Which identifiers a file uses: a scan over its bytes that passes over comments and quoted texts; its tree would be slower."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

MOST = 3_000  # distinct identifiers of one file that are kept: those used most
_LONGEST = 64
_LINE_TEXT = r'"(?:[^"\\\n]|\\.){0,2000}"'
_LETTER = r"'(?:[^'\\\n]|\\.[^'\n]{0,8})'"
_LINE_TEXT_2 = r"'(?:[^'\\\n]|\\.){0,2000}'"
_BLOCK = r"/\*[\s\S]*?(?:\*/|\Z)"  # one that is never closed goes to the end: looked for once
_SKIPPED = {  # each begins with a literal: so they are searched for fast
    "slash": [_BLOCK, r"//[^\n]*", _LINE_TEXT, _LETTER],
    "script": [_BLOCK, r"//[^\n]*", _LINE_TEXT, _LINE_TEXT_2],
    "php": [_BLOCK, r"//[^\n]*", r"#(?!\[)[^\n]*", _LINE_TEXT, _LINE_TEXT_2],
    "python": [r'"""[\s\S]*?(?:"""|\Z)', r"'''[\s\S]*?(?:'''|\Z)", r"#[^\n]*", _LINE_TEXT, _LINE_TEXT_2],
    "hash": [r"#(?<![$\w{]#)[^\n]*", _LINE_TEXT_2],
    "dash": [r"--\[\[[\s\S]*?(?:\]\]|\Z)", r"--[^\n]*", _BLOCK, _LINE_TEXT, _LINE_TEXT_2],
    "haskell": [r"\{-[\s\S]*?(?:-\}|\Z)", r"--[^\n]*", _LINE_TEXT],
    "plain": [_LINE_TEXT],
}
_KEYWORDS = (
    "abstract alias and as assert async await auto begin bool boolean break byte case catch chan char class companion const "
    "constexpr continue crate data declare def default defer del delete do double dyn elif else elseif elsif end ensure enum "
    "esac except exit export extends extern false False fi final finally float fn for foreach from fun func function global go "
    "goto guard if impl implements implicit import in include inline instanceof int int32_t int64_t interface internal into is "
    "lambda lazy let local long loop macro match mod module move mut mutable namespace native new nil None nonlocal not null "
    "nullptr object of open operator or override package pass priv private protected protocol pub public raise range readonly "
    "ref register require rescue return sealed select Self self short signed size_t sizeof static str string String struct "
    "super switch template then this throw throws trait true True try type typedef typename typeof u8 u16 u32 u64 uint "
    "uint8_t uint32_t uint64_t union unless unsafe unsigned until use using usize val var virtual void volatile when where "
    "while with xor yield"
)
_WORDS = frozenset(word.encode() for word in _KEYWORDS.split())
_PROSE = re.compile(rb"`+([^`\n]{2,80})`+")
_DIGITS = b"0123456789"
_LETTERS = re.compile(r"[\w$]", re.ASCII)
_SPACED = bytes(byte if _LETTERS.match(chr(byte)) else ord(" ") for byte in range(256))


@cache
def _skipped(comments: str) -> re.Pattern[bytes]:
    return re.compile("|".join(_SKIPPED[comments]).encode())


def _identifiers(text: bytes) -> Counter[bytes]:
    """What begins with a letter, `_` or `$` and goes on with these and digits, of two letters at least."""
    found: Counter[bytes] = Counter()
    for token, count in Counter(text.translate(_SPACED).split()).items():
        word = token.lstrip(_DIGITS)
        if len(word) > 1:
            found[word] = found.get(word, 0) + count
    return found


def references(data: bytes, comments: str, defined: Iterable[str]) -> dict[str, int]:
    """Identifiers of `data` with how often they are used, without keywords and without those that are `defined` there."""
    if comments == "prose":
        found = _identifiers(b" ".join(_PROSE.findall(data)))
    elif comments in _SKIPPED:
        found = _identifiers(b" ".join(_skipped(comments).split(data)))
    else:
        return {}
    for name in defined:
        found.pop(name.encode("utf-8", "replace"), None)
    for word in found.keys() & _WORDS:
        del found[word]
    usual = found.most_common(MOST) if len(found) > MOST else found.items()
    return {word.decode("ascii"): count for word, count in usual if len(word) <= _LONGEST}
