"""Periods of the calendar: from what words say (`two weeks ago`, `March`, `Q1`) to a beginning and an end on the wall clock.

Nothing here reads a text: see `when`, which finds the words. A week begins on Monday. A year that was not said is the latest
one in which the period has begun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from lcode import clock

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = ("spring", "summer", "autumn", "winter")  # of the northern half, from March on
PARTS = {"morning": (5, 12), "afternoon": (12, 18), "evening": (17, 24), "night": (18, 30)}  # hours of a day
_THIRDS = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2}
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
_HALF_A_MONTH = timedelta(days=15)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From `start` up to `end` (not in it), both wall-clock times without a zone.

    `point` is the end of the day that was named where the period only says how far from it one may look (`3 weeks ago`). In a
    `yearless` one the year was not said.
    """

    start: datetime
    end: datetime
    point: datetime | None = None
    yearless: bool = False

    @property
    def stamps(self) -> tuple[str, str]:
        """Both ends as the store writes times."""
        return to_stamp(self.start), to_stamp(self.end)


def to_stamp(wall: datetime) -> str:
    """A wall-clock time as the store writes it; the rules of the zone on that very day decide."""
    return clock.stamp(clock.from_wall(wall))


def now() -> datetime:
    """The wall clock."""
    return clock.to_local(clock.now()).replace(tzinfo=None)


def days(first: date, last: date | None = None, *, yearless: bool = False) -> Period:
    """Whole days, the last one included."""
    return Period(_midnight(first), _midnight(last or first) + _DAY, yearless=yearless)


def day_of(year: int, month: int, day: int) -> Period:
    """Raises ValueError for a day that there is not."""
    return days(date(year, month, day))


def recent_day(month: int, day: int, today: date) -> Period:
    """The latest such day of any year that is not to come. Raises ValueError."""
    if (month, day) == (2, 29):
        year = next(year for year in range(today.year, today.year - 9, -1) if _leap(year) and date(year, 2, 29) <= today)
    else:
        year = today.year - (date(today.year, month, day) > today)
    return days(date(year, month, day), yearless=True)


def month_of(month: int, today: date, year: int | None = None) -> Period:
    known = year if year is not None else today.year - (month > today.month)
    return days(date(known, month, 1), _last_of(known, month), yearless=year is None)


def months_of(first: int, count: int, today: date, year: int | None = None) -> Period:
    """`count` months from the month `first` on, which may reach into the next year."""
    known = year if year is not None else today.year - (first > today.month)
    over = first + count - 2
    return days(date(known, first, 1), _last_of(known + over // 12, over % 12 + 1), yearless=year is None)


def year_of(year: int) -> Period:
    return days(date(year, 1, 1), date(year, 12, 31))


def calendar_unit(unit: str, today: date, back: int) -> Period:
    """The week, weekend, month, quarter or year that lies `back` of them before the present one."""
    if unit in ("week", "weekend"):
        monday = today - timedelta(days=today.weekday() + 7 * back)
        return days(monday + timedelta(days=5 if unit == "weekend" else 0), monday + timedelta(days=6))
    if unit == "day":
        return days(today - timedelta(days=back))
    size = _MONTHS_OF[unit]
    first = (today.year * 12 + today.month - 1) // size * size - back * size
    over = first + size - 1
    return days(date(first // 12, first % 12 + 1, 1), _last_of(over // 12, over % 12 + 1))


def weekday(number: int, today: date, *, weeks_back: int | None = None) -> Period:
    """The latest such day before today; or that of the present week or of an earlier one."""
    if weeks_back is None:
        return days(today - timedelta(days=(today.weekday() - number - 1) % 7 + 1))
    return days(today - timedelta(days=today.weekday() - number + 7 * weeks_back))


def ago(number: int, unit: str, at: datetime, *, vague: bool = False) -> Period:
    """So many units before `at`: a day is meant as it stands, of longer units half a one on each side too; with `vague` two."""
    if unit in ("minute", "hour"):
        step = timedelta(minutes=number * (60 if unit == "hour" else 1))
        around = timedelta(minutes=60 if unit == "hour" else 10) * (2 if vague else 1) / 2
        return Period(at - step - around, min(at, at - step + around))
    day = _before(at.date(), number, unit)
    slack = {"day": timedelta(0), "week": timedelta(days=3), "month": _HALF_A_MONTH, "quarter": 3 * _HALF_A_MONTH}
    around = slack.get(unit, 12 * _HALF_A_MONTH) if not vague else max(_DAY * 2, 4 * slack.get(unit, 12 * _HALF_A_MONTH))
    whole = days(day)
    return Period(whole.start - around, min(whole.end + around, _midnight(at.date()) + _DAY), point=whole.end)


def beside(period: Period, number: int | None, unit: str, side: str) -> Period:
    """`the week before` a period (`number` is None), or what lies so many units `before` or `after` it."""
    if number is not None:
        at = period.start if side == "before" else period.end - _DAY
        day = _before(at.date(), number if side == "before" else -number, unit)
        around = timedelta(days={"day": 0, "week": 3}.get(unit, 15))
        return Period(_midnight(day) - around, _midnight(day) + _DAY + around, yearless=period.yearless)
    if side == "before":
        return replace(period, start=_midnight(_before(period.start.date(), 1, unit)), end=period.start, point=None)
    return replace(period, start=period.end, end=_midnight(_before(period.end.date(), -1, unit)), point=None)


def past(number: int, unit: str, at: datetime) -> Period:
    """The `number` units that end now."""
    if unit in ("minute", "hour"):
        return Period(at - timedelta(minutes=number * (60 if unit == "hour" else 1)), _midnight(at.date()) + _DAY)
    first = _before(at.date(), number, unit)
    return replace(days(first, at.date()), point=_midnight(first) + _DAY)


def part_of_day(day: Period, part: str) -> Period:
    first, last = PARTS[part]
    return replace(day, start=day.start + timedelta(hours=first), end=day.start + timedelta(hours=last), point=None)


def third(period: Period, which: str) -> Period:
    """The beginning, middle or end of a period, in whole days."""
    number = _THIRDS[which]
    length = (period.end - period.start).days
    first, last = length * number // 3, max(length * (number + 1) // 3, length * number // 3 + 1)
    return replace(period, start=period.start + _DAY * first, end=period.start + _DAY * last, point=None)


def shifted(period: Period, years: int) -> Period:
    """The same days of another year. Raises ValueError for a 29th of February that there is not."""
    moved = [at.replace(year=at.year + years) for at in (period.start, period.end)]
    return replace(period, start=moved[0], end=moved[1], point=None)


def around(at: datetime, minutes: int = 30) -> Period:
    return Period(at - timedelta(minutes=minutes), at + timedelta(minutes=minutes))


def _before(today: date, number: int, unit: str) -> date:
    """The same day so many units ago, or the last of its month where that has no such day. Raises ValueError, OverflowError."""
    if unit in ("day", "week", "fortnight"):
        return today - timedelta(days=number * {"day": 1, "week": 7, "fortnight": 14}[unit])
    months = today.year * 12 + today.month - 1 - number * _MONTHS_OF[unit]
    last = _last_of(months // 12, months % 12 + 1)
    return last.replace(day=min(today.day, last.day))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)


def _last_of(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - _DAY


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
