"""Moments that a question about the past names: a date, a commit, a session. Each becomes one instant of time.

A period (a day, a month) stands for its end: what was true when it was over. For a commit it is not the time that decides what
was true, but its history; the time is used where a fact knows no commit. git is asked, nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lcode import clock
from lcode.errors import MemoryEditError, UserError
from lcode.git.command import Git, GitError
from lcode.memory.dates import end_of, local, start_of
from lcode.memory.lives import AsOf
from lcode.memory.periods import to_stamp
from lcode.memory.when import period

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.memory.archival import Archival
    from lcode.memory.recall import Recall

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
    try:
        if re.match(r"\d{4}-?\d\d-?\d\d", text):
            return start_of(text) if begins else _past(start_of(text), end_of(text))
        meant = period(text)
        if meant is None:
            return ""
        if meant.point is not None:  # a day is meant, from which a search may look further
            return to_stamp(meant.point - timedelta(days=1)) if begins else _past("", to_stamp(meant.point))
        return meant.stamps[0] if begins else _past(*meant.stamps)
    except (MemoryEditError, ValueError, OverflowError):
        return ""


def _past(start: str, end: str) -> str:
    """The last instant of a period; now where it is not over."""
    last = clock.stamp(clock.parse(end) - timedelta(milliseconds=1))
    now = clock.stamp()
    return now if start <= now < last else last
