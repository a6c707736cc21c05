"""The dates that a question names, on a Saturday in November."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode import clock
from lcode.errors import MemoryEditError
from lcode.memory.dates import end_of, start_of
from lcode.memory.periods import DAYS, MONTHS
from lcode.memory.when import dates_in, without

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)  # a Saturday


@pytest.fixture(autouse=True)
def at_a_fixed_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    for name in ("LC_ALL", "LC_TIME", "LANG"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    clock.set_source(lambda: NOW)
    yield
    clock.set_source(None)
    monkeypatch.undo()
    time.tzset()


def days(text: str) -> list[tuple[str, str]]:
    """First and last day of each date in `text`; '' for an open end."""
    return [(one.start[:10], _last(one.end)) for one in dates_in(text)]


def _last(end: str) -> str:
    return (clock.parse(end) - timedelta(milliseconds=1)).date().isoformat() if end else ""


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("what did we change yesterday", "2026-11-20", "2026-11-20"),
        ("yesterday's session about the parser", "2026-11-20", "2026-11-20"),
        ("the day before yesterday", "2026-11-19", "2026-11-19"),
        ("what failed today?", "2026-11-21", "2026-11-21"),
        ("two days ago we fixed it", "2026-11-19", "2026-11-19"),
        ("what broke last week", "2026-11-09", "2026-11-15"),
        ("so far this week", "2026-11-16", "2026-11-22"),
        ("the week before last", "2026-11-02", "2026-11-08"),
        ("last weekend", "2026-11-14", "2026-11-15"),
        ("over the past week", "2026-11-14", "2026-11-21"),
        ("in the last 3 days", "2026-11-18", "2026-11-21"),
        ("3 weeks ago", "2026-10-28", "2026-11-03"),
        ("a few weeks ago", "2026-10-12", "2026-11-05"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("the end of last month", "2026-10-21", "2026-10-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("last quarter", "2026-07-01", "2026-09-30"),
        ("last Tuesday", "2026-11-17", "2026-11-17"),
        ("on Saturday", "2026-11-14", "2026-11-14"),
        ("Tuesday of last week", "2026-11-10", "2026-11-10"),
        ("what was decided in March", "2026-03-01", "2026-03-31"),
        ("in December", "2025-12-01", "2025-12-31"),
        ("in may", "2026-05-01", "2026-05-31"),
        ("early March", "2026-03-01", "2026-03-10"),
        ("mid-May 2025", "2025-05-11", "2025-05-20"),
        ("May of last year", "2025-05-01", "2025-05-31"),
        ("on 8 May 2023", "2023-05-08", "2023-05-08"),
        ("the 8th of May, 2023", "2023-05-08", "2023-05-08"),
        ("May 8th, 2023", "2023-05-08", "2023-05-08"),
        ("8-May-2023", "2023-05-08", "2023-05-08"),
        ("2023-05-08", "2023-05-08", "2023-05-08"),
        ("2023/05/08", "2023-05-08", "2023-05-08"),
        ("8.5.2023", "2023-05-08", "2023-05-08"),
        ("5/8/2023", "2023-05-08", "2023-05-08"),
        ("13/8/2023", "2023-08-13", "2023-08-13"),
        ("since 2024-02", "2024-02-01", ""),
        ("Q1", "2026-01-01", "2026-03-31"),
        ("in Q3 2025", "2025-07-01", "2025-09-30"),
        ("the second quarter of 2024", "2024-04-01", "2024-06-30"),
        ("in 2023", "2023-01-01", "2023-12-31"),
        ("summer 2023", "2023-06-01", "2023-08-31"),
        ("in winter 2023", "2023-12-01", "2024-02-29"),
        ("between March and May", "2026-03-01", "2026-05-31"),
        ("between March and May 2023", "2023-03-01", "2023-05-31"),
        ("from November to February", "2025-11-01", "2026-02-28"),
        ("from Monday to Wednesday", "2026-11-16", "2026-11-18"),
        ("3-8 May 2023", "2023-05-03", "2023-05-08"),
        ("May 3 to 8, 2023", "2023-05-03", "2023-05-08"),
        ("before June", "", "2026-05-31"),
        ("until last Friday", "", "2026-11-20"),
        ("since Monday", "2026-11-16", ""),
        ("after 8 May 2023", "2023-05-09", ""),
        ("from Monday on", "2026-11-16", ""),
        ("on 29 February", "2024-02-29", "2024-02-29"),
        ("on December 1,2023", "2023-12-01", "2023-12-01"),
        ("the week before 16 November 2023", "2023-11-09", "2023-11-15"),
        ("the day after 8 May 2023", "2023-05-09", "2023-05-09"),
        ("two weeks before August 11, 2023", "2023-07-25", "2023-07-31"),
        ("3 days after 2026-03-01", "2026-03-04", "2026-03-04"),
        ("the month before May 2023", "2023-04-01", "2023-04-30"),
    ],
)
def test_a_date_in_words_or_figures_is_resolved(text: str, first: str, last: str) -> None:
    assert days(text) == [(first, last)]


@pytest.mark.parametrize(
    "text",
    [
        "may I delete the cache", "which tests may fail", "what may 3 workers do at once", "the workers march on",
        "the second attempt", "one second later", "does it fall back to polling", "the fall-through case",
        "spring boot upgrade",
        "since the release of 2.0", "before the rewrite", "the last 3 commits", "last time", "the previous session",
        "`date.today()` fails", "date.today() is wrong", "yesterday_total is None", "src/march/may.py", "CVE-2023-05-1",
        "error 2023 happened", "after 2000 requests", "dec 16 to hex", "mon.sock", "version 1.2.3",
        "from 1.1.13 to 1.3.0", "Redis 6.2.16",
        "127.0.0.1", "10:30",
        "June said so", "Apr is short", "2023-13-45", "next Friday", "every Monday", "99999 days ago",
        "half past", "day one", "the sun", "in the end", "in the morning", "http://x.org/2024/05/06/post", "",
    ],
)  # fmt: skip
def test_ordinary_words_and_names_are_no_dates(text: str) -> None:
    assert dates_in(text) == ()


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("last week", True), ("in March", True), ("on 8 May 2023", True), ("between March and May", True),
        ("before June", True), ("the March release", False), ("Q1 goals", False), ("the 2023-05-08 migration", False),
        ("Monday's standup", False), ("done by Friday", False),
    ],
)  # fmt: skip
def test_asking_for_a_time_is_told_from_mentioning_one(text: str, sure: bool) -> None:
    assert [one.sure for one in dates_in(text)] == [sure]


def test_a_time_of_day_is_part_of_its_day() -> None:
    (morning,) = dates_in("what broke this morning")
    assert (morning.start, morning.end) == ("2026-11-21T05:00:00.000Z", "2026-11-21T12:00:00.000Z")
    (night,) = dates_in("last night's build")
    assert (night.start, night.end) == ("2026-11-20T18:00:00.000Z", "2026-11-21T06:00:00.000Z")


def test_the_words_of_a_date_can_be_taken_out() -> None:
    text = "why did the build fail on 8 May 2023 and what changed since last week?"
    dates = dates_in(text)
    assert [one.words for one in dates] == ["on 8 May 2023", "since last week"]
    assert without(text, dates) == "why did the build fail and what changed ?"


def test_the_day_comes_first_where_the_users_language_has_it_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert days("5/8/2023") == [("2023-08-05", "2023-08-05")]


def test_days_are_those_of_the_users_zone_in_summer_and_in_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    (summer,), (winter,) = dates_in("on 8 May 2023"), dates_in("yesterday")
    assert (summer.start, summer.end) == ("2023-05-07T22:00:00.000Z", "2023-05-08T22:00:00.000Z")
    assert (winter.start, winter.end) == ("2026-11-19T23:00:00.000Z", "2026-11-20T23:00:00.000Z")
    assert start_of("2023-05-08") == summer.start


def test_a_search_takes_dates_in_words_for_its_bounds() -> None:
    assert (start_of("last week"), end_of("last week")) == ("2026-11-09T00:00:00.000Z", "2026-11-16T00:00:00.000Z")
    with pytest.raises(MemoryEditError, match="not a date"):
        start_of("in March or so")


dates = st.dates(date(1995, 1, 1), NOW.date())
SPELLINGS: tuple[Callable[[date], str], ...] = (
    lambda day: day.isoformat(),
    lambda day: f"{day.day} {MONTHS[day.month - 1].title()} {day.year}",
    lambda day: f"{MONTHS[day.month - 1].title()} {day.day}, {day.year}",
    lambda day: f"{day.day}. {MONTHS[day.month - 1][:3]} {day.year}",
    lambda day: f"{day.month}/{day.day}/{day.year}",
    lambda day: f"{day.day}.{day.month}.{day.year}",
    lambda day: f"{day.year}/{day.month:02}/{day.day:02}",
)


@given(dates, st.sampled_from(SPELLINGS))
def test_every_day_is_known_in_every_spelling(day: date, spelling: Callable[[date], str]) -> None:
    assert days(f"what happened on {spelling(day)}?") == [(day.isoformat(), day.isoformat())]


@given(dates, dates)
def test_a_range_reaches_from_its_first_day_to_its_last(one: date, other: date) -> None:
    first, last = sorted((one, other))
    assert days(f"between {first} and {last}") == [(first.isoformat(), last.isoformat())]
    assert days(f"since {first}") == [(first.isoformat(), "")]
    before = (first - timedelta(days=1)).isoformat()
    assert days(f"before {first}") == [("", before)]


@given(st.integers(1_000_000_000, 3_700_000_000), st.sampled_from(DAYS), st.sampled_from(MONTHS))
def test_what_is_relative_lies_in_the_past_and_near(seconds: int, day: str, month: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    clock.set_source(lambda: at)
    try:
        ((first, last),) = days(f"last {day}")
        assert first == last < at.date().isoformat()
        assert date.fromisoformat(first).weekday() == DAYS.index(day)
        assert at.date() - date.fromisoformat(first) <= timedelta(days=7)
        ((first, last),) = days(f"in {month.title()}")
        assert date.fromisoformat(first) <= at.date() < date.fromisoformat(first) + timedelta(days=366)
        ((first, last),) = days("last week")
        assert date.fromisoformat(last) - date.fromisoformat(first) == timedelta(days=6)
        assert last < at.date().isoformat()
    finally:
        clock.set_source(lambda: NOW)


@given(st.text(max_size=80), st.sampled_from(["last week", "on 8 May 2023", "in March", "0000-00-00", "9999-12-31", "since"]))
def test_any_text_is_read_and_its_words_stand_where_they_are_said_to(text: str, more: str) -> None:
    whole = f"{text} {more} {text}"
    found = dates_in(whole)
    assert all(whole[one.begin : one.stop] == one.words for one in found)
    assert all(one.stop <= other.begin for one, other in pairwise(found))
    assert all(not (one.start and one.end) or one.start < one.end for one in found)
