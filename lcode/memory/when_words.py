"""The words that name a period, each pattern with what it means. What stands around them is judged in `when`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache

from lcode import clock
from lcode.memory import periods
from lcode.memory.periods import DAYS, MONTHS, SEASONS, Period

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "last": 4}
_FEW = {"few": 4, "several": 4, "couple": 2}
_ALIKE = frozenset({"may", "march", "mar", "dec", "oct", "jan", "sep", "jun"})  # words, names or short for something else too
_SEASON_WORDS = frozenset({"fall", "spring"})
_DAY_CUES = frozenset(
    {"on", "since", "before", "after", "until", "till", "by", "from", "between", "starting", "up to", "through"}
)
_MONTH_CUES = frozenset({"in", "since", "during", "between", "until", "till", "before", "after", "throughout", "up to"})
_NAME_CUES = _MONTH_CUES | {"from", "by", "of", "through", "starting", "for", "around", "about", "over", "as of"}
_OLDEST = 1990  # year that a bare number may mean


@dataclass(frozen=True)
class Found:
    """Words of a text that name a period. `sure`: they ask for it by themselves; `alone`: they stand without a word like `in`
    in front, others need one of `cues`."""

    begin: int
    stop: int
    period: Period
    sure: bool = False
    alone: bool = True
    cues: frozenset[str] = frozenset()

    def stands(self, cue: str) -> bool:
        return self.alone or " ".join(cue.split()) in self.cues


Meaning = Callable[[re.Match[str], datetime], Found | None]

_NUM = rf"(?P<number>\d{{1,4}}|an?|{'|'.join(_NUMBERS)}|(?:a\s+)?(?P<vague>few|several|couple)(?:\s+of)?)"
_UNIT = r"(?P<unit>minute|hour|day|week|fortnight|month|quarter|year)"
_THIRD = r"(?:(?:the\s+)?(?P<third>early|mid|late|beginning\s+of|start\s+of|middle\s+of|end\s+of)(?:[\s-]+|\s+the\s+))?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
_ORDINAL = r"(?P<ordinal>st|nd|rd|th)?"
_PART = r"(?:,?\s+(?P<part>morning|afternoon|evening|night))"
_BEFORE = r"(?<![\w./\\@#$=&:\0])"  # neither in a name nor in a path
_AFTER = r"(?![\w(=/\\\0]|\.\w|-(?-i:[a-z]))"
_DIGITS = r"(?<![\w./\\@#$=&:-])"


def found_in(text: str) -> list[Found]:
    """What names a period in `text`, in order; of what overlaps the first, and of those that begin together the longest."""
    at = periods.now()
    found: list[Found] = []
    for pattern, meaning in _patterns().items():
        for match in pattern.finditer(text):
            try:
                one = meaning(match, at)
            except (ValueError, OverflowError, StopIteration):
                continue  # no such day, or none that a calendar has
            if one is not None:
                found.append(one)
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: (one.begin, -one.stop)):
        if not kept or one.begin >= kept[-1].stop:
            kept.append(one)
    return kept


def whole_in(text: str) -> Period | None:
    """The period that the whole of `text` names, as an answer to `when?`: `March`, `in march`, `3 weeks ago`."""
    bare = re.sub(r"^(?:in|on|at)\s+(?:the\s+)?", "", text.strip(), flags=re.I)
    at = periods.now()
    for pattern, meaning in _patterns().items():
        match = pattern.fullmatch(bare)
        try:
            one = meaning(match, at) if match else None
        except (ValueError, OverflowError, StopIteration):
            continue
        if one is not None:
            return one.period
    year = re.fullmatch(r"(?P<year>\d{4})", bare)
    return periods.year_of(int(year["year"])) if year and int(year["year"]) else None


def _wordings() -> Mapping[str, Meaning]:
    """Patterns of words."""
    weekday, season = "|".join(DAYS), "|".join((*SEASONS, "fall"))
    of_year = rf"(?:(?:,\s*|\s+)(?:of\s+)?{_YEAR})?"
    day = rf"(?P<day>\d{{1,2}}){_ORDINAL}"
    day_to_day = rf"{day}\s*(?:-|–|to|until)\s*(?P<last>\d{{1,2}})(?:st|nd|rd|th)?"
    unit = r"(?P<unit>week(?:end)?|month|quarter|year)"
    which_year = rf"(?:{_YEAR}|(?P<other>last|this)\s+year)"
    which_days = r"last|this\s+past|this|previous|next|every|each|coming"
    return {
        rf"(?:the\s+)?day\s+before\s+yesterday{_PART}?": _two_days_ago,
        rf"(?:earlier\s+)?(?P<day>today|yesterday){_PART}?": _day,
        r"(?:earlier\s+)?(?P<which>this|last)\s+(?P<part>morning|afternoon|evening|night)|tonight": _part,
        rf"(?:(?:about|around|roughly|almost|over|more\s+than)\s+)?{_NUM}\s+{_UNIT}s?\s+ago": _ago,
        rf"(?:the\s+)?(?:last|past|previous)\s+{_NUM}\s+{_UNIT}s?": _past,
        r"(?:the\s+)?past\s+(?P<unit>hour|day|week|month|quarter|year)": _past,
        rf"{_THIRD}(?:earlier\s+)?(?:the\s+)?(?P<which>this|last|previous|current)\s+{unit}": _unit,
        rf"(?:the\s+)?{unit}\s+before\s+last": _before_last,
        rf"(?:(?P<which>{which_days})\s+)?(?P<day>{weekday}){_PART}?(?:\s+(?:of\s+)?(?P<week>last|this)\s+week)?": _weekday,
        rf"(?P<week>last|this)\s+week(?:'s|\s+on)?\s+(?P<day>{weekday}){_PART}?": _weekday,
        rf"{day}\.?(?:\s+of)?[\s-]+(?:the\s+)?{_MONTH}\.?(?:-{_YEAR.replace('year', 'dashed')}|{of_year})": _date,
        rf"{_MONTH}\.?\s+(?:the\s+)?{day}{of_year}(?!\s*(?:%|:\d))": _date,
        rf"{day_to_day}\s+(?:of\s+)?{_MONTH}(?:,?\s+{_YEAR})?": _days,
        rf"{_MONTH}\.?\s+{day_to_day}(?:,?\s+{_YEAR})?": _days,
        rf"{_THIRD}(?P<which>last\s+|this\s+|the\s+month\s+of\s+)?{_MONTH}\.?(?:,?\s+(?:of\s+)?{which_year})?": _month,
        rf"{_THIRD}(?:the\s+year\s+)?{_YEAR}(?![-.:%]\d|\s*%)": _year,
        rf"{_THIRD}(?P<q>Q)(?P<quarter>[1-4])(?:[\s,/-]*(?:of\s+)?(?:{_YEAR}|'?(?P<short>\d\d)))?": _quarter,
        rf"{_YEAR}[\s/-]?(?P<q>Q)(?P<quarter>[1-4])": _quarter,
        rf"(?:the\s+)?(?P<nth>{'|'.join(_ORDINALS)})\s+quarter(?:\s+of)?\s+{which_year}": _quarter,
        rf"{_THIRD}(?P<which>last|this)?\s*(?P<season>{season}){of_year}(?!\s+(?:through|back|boot|over))": _season,
    }


def _figured() -> Mapping[str, Meaning]:
    """Patterns of figures."""
    time = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    return {
        rf"{_YEAR}(?P<dash>[-/])(?P<m>\d\d?)(?P=dash)(?P<d>\d\d?)(?:[T\s]+(?P<time>{time}))?": _figures,
        rf"(?P<a>\d\d?)(?P<sign>[./])(?P<b>\d\d?)(?P=sign)(?:{_YEAR}|(?<=/)(?P<short>\d\d))": _figures,
        rf"{_YEAR}-(?P<m>0[1-9]|1[0-2])": _month_in_figures,
    }


@cache
def _patterns() -> Mapping[re.Pattern[str], Meaning]:
    worded = {re.compile(f"{_BEFORE}(?:{text}){_AFTER}", re.I): meaning for text, meaning in _wordings().items()}
    return worded | {re.compile(f"{_DIGITS}(?:{text}){_AFTER}", re.I): meaning for text, meaning in _figured().items()}


def _found(match: re.Match[str], period: Period, *, sure: bool = False) -> Found:
    return Found(match.start(), match.end(), period, sure)


def _group(match: re.Match[str], name: str) -> str:
    """A group in small letters with single spaces, '' where the pattern has none or it took no part."""
    text = match.groupdict().get(name) or ""
    return " ".join(text.lower().split())


def _number(match: re.Match[str]) -> int:
    if vague := _group(match, "vague"):
        return _FEW[vague]
    return number_of(_group(match, "number")) or 1


def number_of(word: str | None) -> int | None:
    """The number that a word or figures say; None for no word."""
    if not word:
        return None
    return int(word) if word.isdigit() else _NUMBERS.index(word.lower()) + 1 if word.lower() in _NUMBERS else 1


def _with_part(match: re.Match[str], period: Period) -> Period:
    part = _group(match, "part")
    return periods.part_of_day(period, part) if part else period


def _with_third(match: re.Match[str], period: Period) -> Period:
    third = _group(match, "third").split(" ")[0]
    return periods.third(period, third) if third else period


def _two_days_ago(match: re.Match[str], at: datetime) -> Found:
    return _found(match, _with_part(match, periods.calendar_unit("day", at.date(), 2)), sure=True)


def _day(match: re.Match[str], at: datetime) -> Found:
    back = 1 if _group(match, "day") == "yesterday" else 0
    return _found(match, _with_part(match, periods.calendar_unit("day", at.date(), back)), sure=True)


def _part(match: re.Match[str], at: datetime) -> Found:
    """`last night` began yesterday."""
    part = _group(match, "part") or "night"
    back = 1 if _group(match, "which") == "last" else 0
    return _found(match, periods.part_of_day(periods.calendar_unit("day", at.date(), back), part), sure=True)


def _ago(match: re.Match[str], at: datetime) -> Found:
    return _found(match, periods.ago(_number(match), _group(match, "unit"), at, vague=bool(_group(match, "vague"))), sure=True)


def _past(match: re.Match[str], at: datetime) -> Found:
    return _found(match, periods.past(_number(match), _group(match, "unit"), at), sure=True)


def _unit(match: re.Match[str], at: datetime) -> Found:
    back = 1 if _group(match, "which") in ("last", "previous") else 0
    return _found(match, _with_third(match, periods.calendar_unit(_group(match, "unit"), at.date(), back)), sure=True)


def _before_last(match: re.Match[str], at: datetime) -> Found:
    return _found(match, periods.calendar_unit(_group(match, "unit"), at.date(), 2), sure=True)


def _weekday(match: re.Match[str], at: datetime) -> Found | None:
    """A day that is to come, or every one of them, is none of the past."""
    which, week = _group(match, "which"), _group(match, "week")
    if which in ("next", "every", "each", "coming"):
        return None
    back = {"last": 1, "this": 0}.get(week)
    day = periods.weekday(DAYS.index(_group(match, "day")), at.date(), weeks_back=back)
    return _found(match, _with_part(match, day), sure=bool(which or week))


def _month_number(match: re.Match[str]) -> int:
    return next(at for at, name in enumerate(MONTHS, 1) if name.startswith(_group(match, "month")[:3]))


def _year_of(match: re.Match[str]) -> int | None:
    year = _group(match, "year") or _group(match, "dashed")
    return int(year) if year else None


def _date(match: re.Match[str], at: datetime) -> Found:
    """`5 may` and `dec 16` may be something else: without a year they need a word like `on` or an ordinal."""
    month, day, year = _month_number(match), int(match["day"]), _year_of(match)
    period = periods.day_of(year, month, day) if year else periods.recent_day(month, day, at.date())
    named = _group(match, "month")
    clear = year is not None or bool(match["ordinal"]) or (named not in _ALIKE and len(named) > 3)
    return replace(_found(match, period), alone=clear, cues=_DAY_CUES)


def _days(match: re.Match[str], at: datetime) -> Found:
    month, year = _month_number(match), _year_of(match)
    first = periods.day_of(year, month, int(match["day"])) if year else periods.recent_day(month, int(match["day"]), at.date())
    last = periods.day_of(first.start.year, month, int(match["last"]))
    if last.end <= first.start:
        raise ValueError("days that run backwards")
    clear = year is not None or _group(match, "month") not in _ALIKE
    return replace(_found(match, replace(first, end=last.end)), alone=clear, cues=_DAY_CUES)


def _month(match: re.Match[str], at: datetime) -> Found:
    """A month's name is a word or a person's name too: it needs a word like `in`, or a year, `early`, `last`."""
    name, which, year = _group(match, "month"), _group(match, "which"), _year_of(match)
    if other := _group(match, "other"):
        year = at.year - (other == "last")
    period = periods.month_of(_month_number(match), at.date(), year)
    if which == "last" and period.start <= at < period.end and year is None:
        period = periods.month_of(_month_number(match), at.date(), at.year - 1)
    shaped = _with_third(match, period)
    clear = year is not None or bool(which or _group(match, "third"))
    written = match["month"][:1].isupper()
    cues = _NAME_CUES if written else frozenset() if len(name) <= 3 and name != "may" else _MONTH_CUES
    if not written and name in _ALIKE and _VERB.match(match.string, match.end()):
        cues = frozenset()
    if written and not clear and _NAMED.search(match.string[: match.start()]):
        return _found(match, shaped)
    return replace(_found(match, shaped, sure=which == "last" and written), alone=clear, cues=cues)


_VERB = re.compile(r"\s+(?:be|have|not|i|we|you|it|he|she|they|the|a|an|need|also|only|help|cause|fail|on|to)\b", re.I)
_NAMED = re.compile(r"\b(?:the|our|that)\s+$", re.I)
_COUNTED = re.compile(r"\s+(?-i:[a-z])\w*s\b|\s*(?:ms|px|kb|mb)\b", re.I)


def _year(match: re.Match[str], at: datetime) -> Found | None:
    """A bare number is a year only behind a word that asks for one, and where nothing follows that it might count."""
    year = int(match["year"])
    if not _OLDEST <= year <= at.year + 1:
        return None
    third = bool(_group(match, "third"))
    if not third and _COUNTED.match(match.string, match.end()):
        return None
    cues = _NAME_CUES - {"for", "around", "about", "over"}
    return replace(
        _found(match, _with_third(match, periods.year_of(year))), alone=third or "year" in match[0].lower(), cues=cues
    )


def _quarter(match: re.Match[str], at: datetime) -> Found:
    nth, which, short = _group(match, "nth"), _group(match, "other"), _group(match, "short")
    number = _ORDINALS[nth] if nth else int(match["quarter"])
    year = at.year - (which == "last") if which else 2000 + int(short) if short else _year_of(match)
    period = _with_third(match, periods.months_of(3 * number - 2, 3, at.date(), year))
    clear = year is not None or match.groupdict().get("q") == "Q"
    return replace(_found(match, period), alone=clear, cues=_NAME_CUES)


def _season(match: re.Match[str], at: datetime) -> Found:
    season, which, year = _group(match, "season"), _group(match, "which"), _year_of(match)
    first = 3 * SEASONS.index("autumn" if season == "fall" else season) + 3
    period = periods.months_of(first, 3, at.date(), year)
    if which == "last" and year is None and period.start <= at < period.end:
        period = periods.months_of(first, 3, at.date(), at.year - 1)
    cues = frozenset[str]() if season in _SEASON_WORDS else _MONTH_CUES | {"over"}
    return replace(_found(match, _with_third(match, period)), alone=bool(year or which), cues=cues)


def _figures(match: re.Match[str], at: datetime) -> Found:
    """`2023-05-08`, `8.5.2023`, `5/8/2023`: with slashes the month stands first where the user's language has it so, or
    where it cannot be otherwise."""
    groups = match.groupdict()
    year = 2000 + int(groups["short"]) if groups.get("short") else int(groups["year"])
    if groups.get("m"):
        month, day = int(groups["m"]), int(groups["d"])
    else:
        one, two = int(groups["a"]), int(groups["b"])
        day_first = groups["sign"] == "." or one > 12 or (two <= 12 and clock.day_first())
        day, month = (one, two) if day_first else (two, one)
    period = periods.day_of(year, month, day)
    if groups.get("time"):
        told = datetime.fromisoformat(f"{date(year, month, day).isoformat()}T{groups['time'].upper()}")
        period = periods.around(clock.to_local(told).replace(tzinfo=None) if told.tzinfo else told)
    return _found(match, period)


def _month_in_figures(match: re.Match[str], at: datetime) -> Found:
    return _found(match, periods.month_of(int(match["m"]), at.date(), int(match["year"])))
