"""Dates of a search: whole days in the user's zone, both ends included."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from lcode import clock
from lcode.errors import MemoryEditError


def start_of(text: str) -> str:
    """The stamp at which the day (or instant) `text` begins. Raises MemoryEditError."""
    return clock.stamp(_instant(text, end=False))


def end_of(text: str) -> str:
    """The first stamp after the day (or instant) `text`: a search takes what is before it."""
    return clock.stamp(_instant(text, end=True))


def _instant(text: str, *, end: bool) -> datetime:
    zone = clock.local_zone()
    bare = text.strip()
    try:
        if len(bare) == 10:
            day = date.fromisoformat(bare) + timedelta(days=1 if end else 0)
            return datetime.combine(day, time.min, zone)
        moment = datetime.fromisoformat(bare)
    except (ValueError, OverflowError) as error:
        today = clock.now().astimezone(zone).date().isoformat()
        raise MemoryEditError(f"'{text}' is not a date", f"write YYYY-MM-DD; today is {today}") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return moment + timedelta(milliseconds=1) if end else moment


def local(stamp: str) -> str:
    """A stamp as people read it: `2026-11-20 10:30` in the user's zone."""
    return clock.parse(stamp).astimezone(clock.local_zone()).strftime("%Y-%m-%d %H:%M")
