"""Moments that a question about the past names: a date, a commit, a session. Each becomes one instant of time.

A period (a day, a month) stands for its end: what was true when it was over. For a commit it is not the time that decides what
was true, but its history; the time is used where a fact knows no commit. git is asked, nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lcode import clock
from lcode.errors import MemoryEditError, UserError
from lcode.git.command import Git, GitError
from lcode.memory.dates import end_of, local, start_of
from lcode.memory.lives import AsOf

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.memory.archival import Archival
    from lcode.memory.recall import Recall

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_UNITS = {"day": 1, "week": 7}
_KNOWN = re.compile(r"(?P<valid>.*?),?\s+(?:as\s+)?known\s+(?:(?:at|on|in|by)\s+)?(?P<known>.+)", re.I | re.S)
_AT_ONCE = 1_000  # commits that git is asked for in one call


@dataclass(frozen=True)
class Moment:
    """An instant. `commit` is the id of the commit that was named, `session` of the session; '' where none was."""

    time: str
    commit: str = ""
    session: str = ""

    def __str__(self) -> str:
        named = f" (commit {self.commit[:10]})" if self.commit else ""
        return f"{local(self.time)}{named}"


def moment(text: str, place: Place | None = None, recall: Recall | None = None, *, begins: bool = False) -> Moment:
    """What `text` means: a date or instant, `2026-03`, `March`, `yesterday`, `3 weeks ago`; what git takes for a commit; or a
    session's id or title. A period stands for its end, or for its beginning (`begins`). Raises MemoryEditError."""
    bare = " ".join(text.split())
    if at := _time(bare.lower(), begins=begins):
        return Moment(at)
    if place is not None and place.common_dir is not None and (found := _commit(bare, place)):
        return found
    if recall is not None and bare and (over := _session(bare, recall)):
        return over
    raise MemoryEditError(
        f"'{text}' is no date, commit or session", "write YYYY-MM-DD, 2026-03, March, 3 weeks ago, a commit, or a session's id"
    )


def as_of(text: str, archival: Archival, place: Place | None = None, recall: Recall | None = None) -> AsOf:
    """The moment of a question, with what it needs to be answered. `… as known at MOMENT` asks for what was known then. Raises
    MemoryEditError."""
    parts = _KNOWN.fullmatch(" ".join(text.split()))
    valid = moment(parts["valid"] if parts else text, place, recall)
    known = moment(parts["known"], place, recall).time if parts else ""
    if not valid.commit or place is None:
        return AsOf(valid.time, known)
    return AsOf(valid.time, known, lineage(valid.commit, *archival.commits(), place.git()))


def lineage(commit: str, others: Iterable[str], replaced: Mapping[str, str], git: Git) -> dict[str, bool]:
    """Of other commits, whether they are `commit` or in its history, themselves or what a rebase made of them; without those
    that git does not know. Raises MemoryEditError."""
    wanted = sorted({one for other in others for one in _chain(other, replaced)})
    there: set[str] = set()
    beyond: set[str] = set()
    try:
        for at in range(0, len(wanted), _AT_ONCE):
            some = wanted[at : at + _AT_ONCE]
            there |= set(git.run("rev-list", "--no-walk", "--ignore-missing", *some, "--").split())
            beyond |= set(git.run("rev-list", "--ignore-missing", *some, f"^{commit}", "--").split())
    except GitError as error:
        raise MemoryEditError(f"git cannot tell the history of {commit[:10]}: {error.message}") from error
    found = {}
    for other in others:
        chain = [one for one in _chain(other, replaced) if one in there]
        if chain:
            found[other] = any(one not in beyond for one in chain)
    return found


def _chain(commit: str, replaced: Mapping[str, str]) -> list[str]:
    """A commit, what took its place, and so on."""
    chain = [commit]
    while (after := replaced.get(chain[-1], "")) and after not in chain:
        chain.append(after)
    return chain


def _session(name: str, recall: Recall) -> Moment | None:
    """The end of a session, or now where it is not over."""
    try:
        row = recall.session(name)
    except UserError:
        return None
    return Moment(row.ended_at or (clock.stamp() if row.live else row.updated_at), session=row.id)


def _commit(name: str, place: Place) -> Moment | None:
    """A commit by any name that git has for it, at the time it was made."""
    if not re.fullmatch(r"[\w./@^~{}+-]+", name) or name.startswith("-"):
        return None
    try:
        git = place.git()
        commit = git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False).strip()
        if not commit:
            return None
        seconds = int(git.run("log", "-1", "--format=%ct", commit, "--").strip())
        return Moment(clock.stamp(datetime.fromtimestamp(seconds, UTC)), commit)
    except (GitError, ValueError, OverflowError, OSError):
        return None


def _time(text: str, *, begins: bool) -> str:
    """The stamp that a date in words or figures means, the beginning or the end of a period; '' for none."""
    if text == "now":
        return clock.stamp()
    today = clock.now().astimezone(clock.local_zone()).date()
    try:
        period = _period(text, today)
        first, last = (day.isoformat() for day in period) if period else (text, text)
        if not period and not re.match(r"\d{4}-?\d\d-?\d\d", text):
            return ""
        return start_of(first) if begins else _end(first, last)
    except (MemoryEditError, ValueError, OverflowError):
        return ""


def _end(first: str, last: str) -> str:
    """The last instant of a period; now where it is not over."""
    end = clock.stamp(clock.parse(end_of(last)) - timedelta(milliseconds=1))
    now = clock.stamp()
    return now if start_of(first) <= now < end else end


def _period(text: str, today: date) -> tuple[date, date] | None:
    """The first and the last day of what words mean, or a month or a year in figures; None where they mean none."""
    if text in ("today", "yesterday"):
        day = today - timedelta(days=text == "yesterday")
        return day, day
    if found := re.fullmatch(r"(\d{1,4}|an?|one|last) (day|week|month|year)s?(?: ago)?", text):
        day = _before(today, int(found[1]) if found[1].isdigit() else 1, found[2])
        return day, day
    if found := re.fullmatch(r"(\d{4})(?:-(\d\d?))?", text):
        return date(int(found[1]), int(found[2] or 1), 1), _end_of_month(int(found[1]), int(found[2] or 12))
    found = re.fullmatch(r"(?:in |end of |last )?([a-z]{3,9})\.?(?: (\d{4}))?", text)
    month = next((at for at, name in enumerate(_MONTHS, 1) if found and found[1] in (name, name[:3])), 0)
    if not found or not month:
        return None
    year = int(found[2]) if found[2] else today.year - (month > today.month)
    return date(year, month, 1), _end_of_month(year, month)


def _before(today: date, number: int, unit: str) -> date:
    """The same day so many units ago, or the last of its month where that has no such day."""
    if unit in _UNITS:
        return today - timedelta(days=number * _UNITS[unit])
    months = today.year * 12 + today.month - 1 - number * (12 if unit == "year" else 1)
    last = _end_of_month(months // 12, months % 12 + 1)
    return last.replace(day=min(today.day, last.day))


def _end_of_month(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
