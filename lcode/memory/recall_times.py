"""How near the time of a message is to the times that a question names.

No message is left out for its time: what happened in July is often told in August, and a question names either. What was said
within a time that was named stands out; what was said soon after it, or just before, counts in part, less with each day. Of an
open time (`before June`) what was said next to its end means most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from lcode import clock
from lcode.memory.when import When

_DAY = timedelta(days=1)
_OPEN = 14 * _DAY  # what is meant first by `before` and `since`
_SPANS = ((45, 1.0), (130, 0.7))  # days, up to which a time counts so much: a longer one says less
_LONG = 0.4
_WITHIN_OPEN = 0.25
_AFTER, _BEFORE = 0.5, 0.3  # of what counts within
_FADES_AFTER, _FADES_BEFORE = 7, 3  # days beyond the length of the time itself, after which a third of that is left
_LONGEST = 31  # days of that length


def nearness(stamp: str, dates: Sequence[When]) -> float:
    """From 0 to 1: of several dates the nearest counts."""
    if not stamp:
        return 0.0
    return max((_nearness(clock.parse(stamp), date) for date in dates), default=0.0)


def _nearness(moment: datetime, date: When) -> float:
    start, end = (clock.parse(stamp) if stamp else None for stamp in (date.start, date.end))
    if start is None or end is None:
        within = _WITHIN_OPEN if (start is None or moment >= start) and (end is None or moment < end) else 0.0
        first = start or (end - _OPEN if end else moment)
        return max(within, _of_span(moment, first, end or first + _OPEN))
    return _of_span(_in_the_year(moment, start) if date.yearless else moment, start, end)


def _of_span(moment: datetime, start: datetime, end: datetime) -> float:
    days = (end - start) / _DAY
    worth = next((worth for most, worth in _SPANS if days <= most), _LONG)
    if moment >= end:
        return worth * _AFTER * math.exp(-((moment - end) / _DAY) / (min(days, _LONGEST) + _FADES_AFTER))
    if moment < start:
        return worth * _BEFORE * math.exp(-((start - moment) / _DAY) / (min(days, _LONGEST) + _FADES_BEFORE))
    return worth


def _in_the_year(moment: datetime, start: datetime) -> datetime:
    """The same day of the year, brought to within half a year of `start`."""
    years = round((start - moment) / _DAY / 365.25)
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, day=28)
