"""How near the time of a message is to the times that a question names.

No message is left out for its time: what happened in July is often told in August, and a question names either. What was said
within a short span that was named stands out most; what was said soon after it counts in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from lcode import clock
from lcode.memory.when import When

_DAY = timedelta(days=1)
_SPANS = ((3, 1.0), (10, 0.8), (45, 0.6), (130, 0.4))  # days up to which a span counts so much
_LONG = 0.25
_AFTERWARDS = 0.35  # as a share of what counts within
_LEAST_AFTER = 3 * _DAY


def nearness(stamp: str, dates: Sequence[When]) -> float:
    """From 0 to 1: of several dates the nearest counts."""
    if not stamp:
        return 0.0
    return max((_nearness(stamp, date) for date in dates), default=0.0)


def _nearness(stamp: str, date: When) -> float:
    if not (date.start and date.end):
        return _LONG if (not date.start or stamp >= date.start) and (not date.end or stamp < date.end) else 0.0
    start, end = clock.parse(date.start), clock.parse(date.end)
    span = end - start
    worth = next((worth for days, worth in _SPANS if span <= days * _DAY), _LONG)
    moment = clock.parse(stamp)
    if date.yearless:
        moment = _in_the_year(moment, start)
    if start <= moment < end:
        return worth
    if end <= moment < end + max(min(span, 31 * _DAY), _LEAST_AFTER):
        return worth * _AFTERWARDS
    return 0.0


def _in_the_year(moment: datetime, start: datetime) -> datetime:
    """The same time of the year that follows `start` or is the nearest before it."""
    for year in (start.year, start.year + 1):
        try:
            shifted = moment.replace(year=year)
        except ValueError:  # 29 February
            shifted = moment.replace(year=year, day=28)
        if shifted >= start:
            return shifted
    return shifted
