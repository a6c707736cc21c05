"""What changed in a checkout since the last session there ended, told in the next one's first message, and what that means for
remembered facts.

Asked of git once, where the commit at hand is another one; nobody waits longer for it than WAIT. Words of commits are quoted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

from lcode import clock
from lcode.agent.guidance import GuidanceFile
from lcode.errors import LcodeError
from lcode.git.command import GitError
from lcode.git.repository import Place
from lcode.index.text import label, quote
from lcode.memory.dates import local
from lcode.memory.digests import Digests
from lcode.memory.model import short_passage
from lcode.memory.session_memory import SessionMemory
from lcode.redact import Redactor
from lcode.tools.seen import REMEMBERED

if TYPE_CHECKING:
    from lcode.memory.grounded import Doubt

Guidance = Callable[[], Sequence[GuidanceFile]]

WAIT = 0.2  # seconds for git, and again for looking at the facts
COMMITS = 100  # that are looked at
FACTS = 40
_SUBJECTS, _MERGES, _MODULES, _AUTHORS, _NAMED = 5, 4, 4, 4, 3
_FORMAT = "--format=%x01%H%x00%P%x00%an%x00%ae%x00%s%x00"


@dataclass
class Away:
    """What git says of the commits since; the newest first."""

    subjects: list[tuple[str, str]] = field(default_factory=list)  # id, subject
    authors: Counter[str] = field(default_factory=Counter)
    merges: list[str] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)
    rewritten: bool = False


def keep(memory: SessionMemory, redactor: Redactor, place: Place, guidance: Guidance) -> None:
    """Note how the checkout is when a session ends."""
    state = {"head": place.head, "branch": redactor.redact(place.branch), "at": clock.stamp()}
    Digests(memory.database, redactor).keep_state(_key(memory), state | {"guidance": _digests(redactor, guidance)})


def changes(memory: SessionMemory, redactor: Redactor, place: Place, guidance: Guidance) -> list[str]:
    """The lines of the first message: at most eight, none where nothing changed."""
    known = Digests(memory.database, redactor).state(_key(memory))
    if not known:
        return []
    told = _commits(memory, known, place)
    told += _instructions(known.get("guidance") or {}, _digests(redactor, guidance))
    return [f"since the last session here ({local(str(known['at']))}):", *told] if told else []


def _digests(redactor: Redactor, guidance: Guidance) -> dict[str, str]:
    return {redactor.redact(one.path): one.digest for one in guidance()}


def _key(memory: SessionMemory) -> str:
    return memory.recall.redacted(f"away {memory.worktree}")


def _commits(memory: SessionMemory, known: dict[str, Any], place: Place) -> list[str]:
    head = str(known.get("head") or "")
    if not (place.common_dir and head and place.head) or head == place.head:
        return []
    was, branch = str(known.get("branch") or ""), memory.recall.redacted(place.branch)
    moved = f"- the branch was {label(was)} and is {label(branch)}" if was and branch and was != branch else ""
    found: list[Away] = []
    _timed(lambda: found.append(_asked(place, head)))
    if not found:
        return [line for line in (moved, f"- HEAD was {head[:9]} and is {place.head[:9]}") if line]
    away = found[0]
    rewritten = [f"- history was rewritten: {head[:9]} is not part of it any more"] if away.rewritten else []
    return [*filter(None, [moved]), *rewritten, *_told(away), *_facts(memory, list(away.paths))]


def _asked(place: Place, head: str) -> Away:
    """What git says; raises GitError."""
    git = place.git()
    listing = git.run("log", "-z", "--name-only", "--encoding=UTF-8", f"--max-count={COMMITS}", _FORMAT, f"{head}..HEAD", "--")
    own = git.run("config", "user.email", check=False).strip().lower()
    away = Away(rewritten=bool(git.run("rev-list", "--max-count=1", f"HEAD..{head}", "--")))
    for entry in listing.split("\x01")[1:]:
        commit, parents, name, mail, subject, *paths = entry.split("\0")
        away.authors["you" if own and mail.lower() == own else name] += 1
        if " " in parents:
            away.merges.append(subject)
        else:
            away.subjects.append((commit, subject))
        away.paths.update(path.lstrip("\n") for path in paths if path.strip("\n"))
    return away


def _told(away: Away) -> list[str]:
    count = sum(away.authors.values())
    if not count:
        return []
    listed = away.authors.most_common(_AUTHORS)
    names = [f"{number} by {'you' if who == 'you' else label(who, 40)}" for who, number in listed]
    names += [f"{count - sum(number for _, number in listed)} by others"] if len(away.authors) > _AUTHORS else []
    at_least = "at least " if count >= COMMITS else ""
    lines = [f"- {at_least}{count} commit{'s' if count != 1 else ''}: {', '.join(names)}"]
    newest = [f"{commit[:9]} {quote(subject, 80)}" for commit, subject in away.subjects[:_SUBJECTS]]
    lines += [f"- the newest: {'; '.join(newest)}"] if newest else []
    merged = [quote(subject, 80) for subject in away.merges[:_MERGES]]
    lines += [f"- merged: {'; '.join(merged)}{_more(away.merges, _MERGES)}"] if merged else []
    modules = Counter(path.rpartition("/")[0] or "." for path in away.paths)
    most = [f"{label(folder)}/ ({files} file{'s' if files != 1 else ''})" for folder, files in modules.most_common(_MODULES)]
    return [*lines, *([f"- most touched: {', '.join(most)}{_more(modules, _MODULES)}"] if most else [])]


def _more(all_of_them: Sequence[str] | Counter[str], shown: int) -> str:
    return f" and {len(all_of_them) - shown} more" if len(all_of_them) > shown else ""


def _facts(memory: SessionMemory, paths: Sequence[str]) -> list[str]:
    """What the commits mean for facts that cite the files."""
    facts = [one for one in memory.archival.citing(paths) if one.kind != "commit"] if paths else []
    if not facts:
        return []
    from lcode.memory.grounded import CitedLine

    lines = [CitedLine(one.id, one.text, one.cited) for one in facts[:FACTS]]
    found: list[list[Doubt]] = []
    _timed(lambda: found.append(memory.grounding.judged(lines, {one.id: "" for one in facts})))
    count = f"{len(facts)} {REMEMBERED}{'s cite' if len(facts) != 1 else ' cites'} files that changed"
    if not found:
        return [f"- {count}: look before you rely on them"]
    stale = [doubt for doubt in found[0] if doubt.verdict.words.startswith("STALE")]
    if not stale:
        return [f"- {count}; the code that they cite did not"] if len(facts) <= FACTS else [f"- {count}"]
    named = [f"{short_passage(one.owner)} {quote(one.text, 70)} ({one.verdict.reason})" for one in stale[:_NAMED]]
    is_stale = f"{len(stale)} {'are' if len(stale) != 1 else 'is'} stale"
    return [f"- {count}, {is_stale}: {'; '.join(named)}{_more([one.owner for one in stale], _NAMED)}"]


def _instructions(before: dict[str, str], now: dict[str, str]) -> list[str]:
    words = [(path, "changed") for path in now if path in before and before[path] != now[path]]
    words += [(path, "is new") for path in now if path not in before] + [
        (path, "is gone") for path in before if path not in now
    ]
    return [f"- project instructions: {', '.join(f'{label(path)} {what}' for path, what in words)}"] if words else []


def _timed(work: Any) -> None:
    """Do it, and wait no longer than WAIT; what fails or is late is left out."""

    def quietly() -> None:
        try:
            work()
        except (LcodeError, GitError, OSError, ValueError):
            return

    thread = Thread(target=quietly, name="lcode away", daemon=True)
    thread.start()
    thread.join(WAIT)
