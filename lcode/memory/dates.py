"""Dates of a search: whole days in the user's zone, both ends included."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from lcode import clock
from lcode.errors import MemoryEditError

_AGES = (
    (60, "minute", 60), (3_600, "hour", 36), (86_400, "day", 14), (7 * 86_400, "week", 9), (30 * 86_400, "month", 24),
    (365 * 86_400, "year", 10_000),
)  # fmt: skip


def start_of(text: str) -> str:
    """The stamp at which the day, instant or period `text` begins. Raises MemoryEditError."""
    return clock.stamp(_instant(text, end=False))


def end_of(text: str) -> str:
    """The first stamp after the day, instant or period `text`: a search takes what is before it."""
    return clock.stamp(_instant(text, end=True))


def _instant(text: str, *, end: bool) -> datetime:
    bare = text.strip()
    try:
        if len(bare) == 10 and bare[0].isdigit():
            day = date.fromisoformat(bare) + timedelta(days=1 if end else 0)
            return clock.from_wall(datetime.combine(day, time.min))
        moment = datetime.fromisoformat(bare)
    except (ValueError, OverflowError) as error:
        from lcode.memory.when import period

        if found := period(bare):
            return clock.from_wall(found.end if end else found.start)
        today = clock.to_local(clock.now()).date().isoformat()
        hint = f"write YYYY-MM-DD, March, last week, 3 days ago; today is {today}"
        raise MemoryEditError(f"'{text}' is not a date", hint) from error
    moment = moment if moment.tzinfo else clock.from_wall(moment)
    return moment + timedelta(milliseconds=1) if end else moment


def local(stamp: str) -> str:
    """A stamp as people read it: `2026-11-20 10:30` in the user's zone."""
    return clock.to_local(clock.parse(stamp)).strftime("%Y-%m-%d %H:%M")


def age(stamp: str) -> str:
    """How long ago a stamp was, as people say it: `3 days ago`."""
    seconds = max(0, int((clock.now() - clock.parse(stamp)).total_seconds()))
    for length, unit, most in _AGES:
        if seconds < length * most:
            number = seconds // length
            return f"{number} {unit}{'' if number == 1 else 's'} ago" if number else "just now"
    return "long ago"
