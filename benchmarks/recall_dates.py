"""How people name a time in a question ("last week", "in March", "before the release"), and the days that they mean by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """Words for a time, and its first and last day."""

    text: str
    first: date
    last: date

    def holds(self, moment: datetime) -> bool:
        return self.first <= moment.date() <= self.last


def spans(moment: datetime, asked: datetime, events: Sequence[tuple[str, datetime]] = ()) -> list[Span]:
    """Ways to name a time that `moment` is in, said at `asked`. `events`: what happened, as in "we released 2.1"."""
    day, today = moment.date(), asked.date()
    monday = today - timedelta(days=today.weekday())
    found = [
        Span("yesterday", today - timedelta(days=1), today - timedelta(days=1)),
        Span("last week", monday - timedelta(days=7), monday - timedelta(days=1)),
        Span("two weeks ago", monday - timedelta(days=14), monday - timedelta(days=8)),
        Span("three weeks ago", monday - timedelta(days=21), monday - timedelta(days=15)),
        *([Span(f"on {day:%A}", day, day)] if 0 < (today - day).days < 7 else []),
        Span("last month", _month(_month(today)[0] - timedelta(days=1))[0], _month(today)[0] - timedelta(days=1)),
        *_of_month(day, today),
        Span(f"on {day:%B} {day.day}", day, day),
        Span(f"on the {_ordinal(day.day)} of {day:%B}", day, day),
        Span(f"on {day.isoformat()}", day, day),
        Span(f"around {day:%B} {day.day}", day - timedelta(days=3), day + timedelta(days=3)),
    ]
    for what, when in events:
        if when != moment:
            found.append(Span(f"in the week before {what}", when.date() - timedelta(days=7), when.date()))
            found.append(Span(f"in the days after {what}", when.date(), when.date() + timedelta(days=7)))
    return [span for span in found if span.holds(moment)]


def _of_month(day: date, today: date) -> list[Span]:
    first, last = _month(day)
    if (today - first).days > 330:
        return [Span(f"in {day:%B %Y}", first, last)]
    name = f"{day:%B}"
    return [
        Span(f"in {name}", first, last),
        Span(f"back in {name}", first, last),
        Span(f"in early {name}", first, first + timedelta(days=9)),
        Span(f"in mid {name}", first + timedelta(days=9), first + timedelta(days=19)),
        Span(f"in late {name}", first + timedelta(days=19), last),
    ]


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
