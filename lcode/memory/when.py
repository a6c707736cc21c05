"""Dates in a question, read without a model: `last week`, `in March`, `two days ago`, `between March and May`, `before June`.

What stands in a code span, in a path or in a name is no date, and words that are also months (`may`, `march`) or units
(`second`) are dates only where what stands beside them says so. Ranges and open ends (`since`, `before`) are put together
from the periods that `when_words` finds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcode.memory.periods import Period, beside, shifted, to_stamp
from lcode.memory.when_words import Found, found_in, number_of, whole_in

_IN = r"(?:in|on|at|during|within|for|from|of|over|around|about|throughout)"
_CUE = re.compile(
    rf"(?:^|(?<=\W))(?P<cue>(?P<since>since|from|starting|after|later\s+than)|(?P<until>before|until|till|up\s+to|by|prior\s+to|"
    rf"earlier\s+than|as\s+of|through)|(?P<between>between)|{_IN})(?:\s+the)?\s+$",
    re.I,
)
_TO = re.compile(r"\s*(?:-|–|—|\bto\b|\band\b|\buntil\b|\btill\b|\bthrough\b|\bup to\b)\s*(?:the\s+)?", re.I)
_ONWARDS = re.compile(r"\s+on(?:wards?)?\b(?!\s+\w)", re.I)
_STEP = re.compile(
    r"(?:\bthe\s+)?(?:\b(?P<number>a|one|two|three|four|five|six|\d{1,3})\s+)?\b(?P<unit>day|week|month|year)s?\s+$", re.I
)
_CODE = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class When:
    """A date that a text names. `start` and `end` (not in it) are stamps, '' for an open end; `words` is what says it, at
    `begin` to `stop` in the text.

    `sure`: the text asks for that time; else it only mentions it (`the March release`). `yearless`: no year was said, the
    latest such time was taken.
    """

    start: str
    end: str
    words: str
    begin: int
    stop: int
    sure: bool
    yearless: bool = False

    def holds(self, time: str) -> bool:
        """Whether a stamp is in it."""
        return self.start <= time and (not self.end or time < self.end)


def dates_in(text: str) -> tuple[When, ...]:
    """The dates that `text` names, in order."""
    plain = _CODE.sub(lambda code: "\0" * len(code[0]), text)
    found = found_in(plain)
    dates: list[When] = []
    at = 0
    while at < len(found):
        taken = _range(plain, found, at)
        if taken is not None:
            dates.append(taken)
            at += 2
            continue
        single = _single(plain, found[at])
        if single is not None and not (dates and single.begin < dates[-1].stop):
            dates.append(single)
        at += 1
    return tuple(dates)


def without(text: str, dates: Sequence[When]) -> str:
    """`text` without the words that name dates."""
    for date in reversed(dates):
        text = f"{text[: date.begin]} {text[date.stop :]}"
    return " ".join(text.split())


def period(text: str) -> Period | None:
    """What `text` means where the whole of it is one date."""
    return whole_in(" ".join(text.split()))


def _range(text: str, found: Sequence[Found], at: int) -> When | None:
    """`between A and B`, `from A to B`, `A - B` of two neighbours."""
    if at + 1 >= len(found):
        return None
    first, second = found[at], found[at + 1]
    gap = text[first.stop : second.begin]
    joined = _TO.fullmatch(gap)
    cue = _CUE.search(text[: first.begin])
    asked = cue is not None and bool(cue["between"] or cue["cue"].lower() == "from")
    if joined is None or (gap.strip().lower() == "and" and not (cue and cue["between"])) or not (asked or first.alone):
        return None
    start, end = first.period, second.period
    if start.yearless and not end.yearless:  # between March and May 2023
        start = replace(shifted(start, end.start.year - start.start.year), yearless=False)
    if start.yearless and end.yearless and start.start >= end.end:  # from November to February
        start = shifted(first.period, -1)
    if start.start >= end.end:
        return None
    begin = cue.start("cue") if asked and cue is not None else first.begin
    return _when(text, replace(start, end=end.end, yearless=start.yearless and end.yearless), begin, second.stop, sure=True)


def _single(text: str, one: Found) -> When | None:
    cue = _CUE.search(text[: one.begin])
    if not one.stands(cue["cue"].lower() if cue else ""):
        return None
    begin = cue.start("cue") if cue is not None else one.begin
    if cue is None:
        return _when(text, one.period, begin, one.stop, sure=one.sure)
    word = cue["cue"].lower()
    if word in ("before", "after") and (step := _STEP.search(text[:begin])):
        near = beside(one.period, number_of(step["number"]), step["unit"].lower(), word)
        return _when(text, near, step.start(), one.stop, sure=True)
    if cue["until"]:
        end = one.period.start if word in ("before", "prior to", "earlier than") else one.period.end
        return replace(_when(text, replace(one.period, end=end), begin, one.stop, sure=word != "by"), start="")
    onwards = _ONWARDS.match(text, one.stop)
    if cue["since"] and (word != "from" or onwards):
        start = one.period.end if word in ("after", "later than") else one.period.start
        stop = onwards.end() if onwards else one.stop
        return replace(_when(text, replace(one.period, start=start), begin, stop, sure=True), end="")
    return _when(text, one.period, begin, one.stop, sure=one.sure or word != "of")


def _when(text: str, period: Period, begin: int, stop: int, *, sure: bool) -> When:
    start, end = to_stamp(period.start), to_stamp(period.end)
    return When(start, end, text[begin:stop], begin, stop, sure, period.yearless)
