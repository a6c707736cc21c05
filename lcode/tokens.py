"""How much of a model's window a text takes, about: the one estimate that budgets are kept by.

Vocabularies differ and none is shipped. What they share is how they cut text: words in pieces of some letters, numbers in
groups of digits, punctuation, line ends and runs of blanks on their own, and other scripts by the character. So those are
counted and weighed. The weights are fitted on code, prose and tool output of ten repositories against four public
vocabularies; what is left between a model and this estimate is one factor, which `Calibration` learns from what its
provider reports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_WORD = re.compile(r"[A-Za-z]{1,7}")
_NUMBER = re.compile(r"[0-9]{1,3}")
_BLANKS = re.compile(r"[ \t]{2,}")
_PUNCTUATION: Final = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_WIDE = re.compile("[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]")  # Chinese, Japanese, Korean
_ACCENTED = re.compile("[\u0080-\u024f]")
_LETTER = re.compile("[\u0250-\u1fff]")  # Greek, Cyrillic, Hebrew, Arabic, Indian scripts …

MESSAGE = 4  # tokens around each message: its role, its bounds
CALL = 12  # around a tool call or a result: ids and field names
TOOL = 10  # around the schema of a tool
REQUEST = 8  # around everything
NEWEST = 256  # requests that a calibration is made of: those of one session are alike
_WIDEST = (0.5, 2.0)  # beyond these a report is of something else than this estimate


def approximate_tokens(text: str) -> int:
    """Tokens of `text`, about."""
    data = text.encode("ascii", "ignore")
    lines = text.count("\n") - text.count("\n\n")
    marks = len(data) - len(data.translate(None, _PUNCTUATION))
    # in hundredths of a token
    found = 98 * len(_WORD.findall(text)) + 151 * len(_NUMBER.findall(text)) + 93 * len(_BLANKS.findall(text))
    found += 48 * marks + 97 * lines
    if len(data) != len(text):
        wide, accented, letters = (len(pattern.findall(text)) for pattern in (_WIDE, _ACCENTED, _LETTER))
        signs = len(text) - len(data) - wide - accented - letters
        found += 83 * wide + 116 * accented + 40 * letters + 78 * signs
    return -(-found // 100)


def content_tokens(content: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of a stored message with this content. Reasoning that only its own model gets back counts as its text."""
    return MESSAGE + sum(map(part_tokens, content))


def part_tokens(part: Mapping[str, Any]) -> int:
    """Tokens of one part of a stored message."""
    kind = part.get("type")
    if kind == "tool_call":
        arguments = part.get("arguments")
        text = json.dumps(arguments, ensure_ascii=False) if arguments is not None else str(part.get("raw", ""))
        return CALL + approximate_tokens(f"{part.get('name', '')} {text}")
    return (CALL if kind == "tool_result" else 0) + approximate_tokens(str(part.get("text", "")))


def schema_tokens(name: str, description: str, parameters: Mapping[str, Any]) -> int:
    """Tokens of a tool's schema."""
    return TOOL + approximate_tokens(f"{name} {description} {json.dumps(parameters, ensure_ascii=False)}")


@dataclass(frozen=True)
class Calibration:
    """What a model's provider counts for one token of the estimate, learnt from `requests` requests."""

    factor: float = 1.0
    requests: int = 0

    def __call__(self, estimate: int) -> int:
        return round(estimate * self.factor)


def calibrate(pairs: Iterable[tuple[int, int]]) -> Calibration:
    """From (estimated, reported) input tokens of a model's requests, newest first. The median: a request that was counted in
    another way (a server that reports only what its cache lacked, or nothing) does not turn it."""
    ratios = [reported / estimated for estimated, reported in list(pairs)[:NEWEST] if estimated > 0 and reported > 0]
    usable = sorted(ratio for ratio in ratios if _WIDEST[0] <= ratio <= _WIDEST[1])
    if not usable:
        return Calibration()
    middle = len(usable) // 2
    return Calibration((usable[middle] + usable[-middle - 1]) / 2, len(usable))
