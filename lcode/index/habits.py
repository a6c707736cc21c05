"""What the history of a repository shows of how its people work: counted, never guessed, and told with its numbers.

Words from commits are data: they are quoted, and only short ones that recur are told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

from lcode.index.history import MOST_FILES, living_paths
from lcode.index.text import clean, label, listing

if TYPE_CHECKING:
    from lcode.git.command import Git
    from lcode.index.history import Commit

COMMITS = 3_000  # the newest, that are looked at
_SUBJECTS = 500  # of them, for how messages are written
_FEW = 20  # commits below which nothing is said of habits
_USUAL = 0.5  # share of messages from which on something is a habit
_YEAR, _QUARTER = 365 * 86_400, 90 * 86_400  # seconds
_TAGS = 30  # the newest ones that are looked at
_USED = 0.1  # share of them from which on a form of tags is in use
_TOGETHER = 5  # commits in which two files changed, at the least
_CONVENTIONAL = re.compile(
    r"(?:feat|fix|chore|docs|refactor|test|tests|perf|build|ci|style|revert)(?:\([\w./, -]+\))?!?: ", re.IGNORECASE
)
_SCOPE = re.compile(r"([\w./+-]+(?:, ?[\w./+-]+)*): \S")
_FORMS = (
    (re.compile(r"\(#\d+\)\s*$"), "end with the number of a pull request, as `(#123)`"),
    (re.compile(r"#\d+|\bgh-\d+", re.IGNORECASE), "name an issue or a pull request, as `#123`"),
    (re.compile(r"^\[?[A-Z][A-Z0-9]+-\d+\b"), "begin with a ticket, as `ABC-123`"),
)
_RELEASE = re.compile(r"(.*?)(\d+(?:\.\d+)+)(.*)$")


@dataclass(frozen=True)
class Together:
    """`first` and `second` changed in `both` commits, `second` in `of` in all."""

    first: str
    second: str
    both: int
    of: int


def day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")


def messages(commits: Sequence[Commit]) -> list[str]:
    """How commit messages are written."""
    looked = commits[:_SUBJECTS]
    subjects = [commit.subject for commit in looked if commit.subject]
    if len(subjects) < _FEW:
        return []
    many = f"of the last {len(subjects)} commit subjects"
    lines = []
    conventional = _share(bool(_CONVENTIONAL.match(subject)) for subject in subjects)
    scopes = Counter(found[1] for subject in subjects if (found := _SCOPE.match(subject)))
    scoped = sum(scopes.values()) / len(subjects)
    if conventional >= _USUAL:
        kinds = Counter(
            re.split(r"[(:!]", subject, maxsplit=1)[0].lower() for subject in subjects if _CONVENTIONAL.match(subject)
        )
        lines.append(f"{_percent(conventional)} {many} are conventional commits: {_marked(kinds)}")
    elif scoped >= _USUAL:
        lines.append(f"{_percent(scoped)} {many} begin with a scope: {_marked(scopes)}")
    for form, words in _FORMS:
        share = _share(bool(form.search(subject)) for subject in subjects)
        if share >= _USUAL:
            lines.append(f"{_percent(share)} {many} {words}")
            break
    lines.append(f"Commit subjects are {median(map(len, subjects)):.0f} characters long in the median (last {len(subjects)})")
    signed = _share("Signed-off-by:" in commit.body for commit in looked)
    if signed >= _USUAL:
        lines.append(f"{_percent(signed)} of the last {len(looked)} commits carry Signed-off-by")
    return lines


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"


def _marked(counts: Counter[str], most: int = 6) -> str:
    return ", ".join(f"`{clean(name, 24).replace('`', '')}:` ({count})" for name, count in counts.most_common(most))


def references(git: Git) -> list[str]:
    """How branches and releases are named, and whether merges are kept. Raises GitError."""
    lines = []
    listed = git.run("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes").split("\n")
    names = [name for name in listed if name and name != "HEAD"]
    groups = Counter(f"{name.split('/')[0]}/" for name in names if "/" in name)
    common = Counter({name: count for name, count in groups.items() if count >= 3})
    if common and sum(common.values()) >= _USUAL * len(names):
        lines.append(f"Branches on the remote are named {_listed(common)} ({len(names)} in all)")
    newest = ("--sort=-creatordate", "--count=200", "--format=%(refname:lstrip=2)")
    lines += _releases([tag for tag in git.run("for-each-ref", *newest, "refs/tags").split("\n") if tag])
    counted = git.run("rev-list", "--merges", "--count", "--first-parent", "HEAD~200..HEAD", "--", check=False)
    merges = counted.strip()
    if merges.isdigit():
        share = int(merges) / 200
        how = "none of them is a merge" if not int(merges) else f"{_percent(share)} of them are merges"
        lines.append(f"Last 200 commits of the main line: {how}")
    return lines


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"`{label(name, 30)}…` ({count})" for name, count in counts.most_common(4))


def _releases(tags: Sequence[str]) -> list[str]:
    """How the releases of late are named: not as long ago, and not as one of many was."""
    found = [match for tag in tags if not tag.endswith(".x") and (match := _RELEASE.match(tag))][:_TAGS]
    if len(found) < 3:
        return []
    counts = Counter(match[1] for match in found)
    shown = []
    for prefix, count in counts.most_common(3):
        if count >= _USED * len(found):
            of = [match for match in found if match[1] == prefix]
            newest, highest = of[0][0], max(of, key=_version)[0]
            also = f", highest {label(highest, 40)}" if highest != newest else ""
            shown.append(f"`{label(prefix, 24) if prefix else ''}N.N.N` (newest {label(newest, 40)}{also})")
    return [f"Releases are tagged {', '.join(shown)}"] if shown else []


def _version(match: re.Match[str]) -> tuple[list[int], bool]:
    """What versions are ordered by; one that is not final comes before the final one."""
    return [int(part[:18]) for part in match[2].split(".")], not match[3]


# -- files --------------------------------------------------------------------------------------------------------------


def most_changed(commits: Sequence[Commit], living: Collection[str], most: int = 15) -> tuple[list[tuple[str, int]], int, str]:
    """The files of now that most commits of the last year changed, how many commits that year has, and since when."""
    recent = _since(commits, _YEAR)
    counts = Counter(path for _, paths in living_paths(recent) for path in paths if path in living)
    return counts.most_common(most), len(recent), day(recent[-1].time) if recent else ""


def together(commits: Sequence[Commit], living: Collection[str], most: int = 12) -> list[Together]:
    """Pairs of files that mostly change in the same commit, the surest first."""
    counts: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for _, paths in living_paths(commits):
        here = sorted({path for path in paths if path in living})
        if len(here) > min(MOST_FILES, 12):
            continue  # a sweep says nothing of any two
        counts.update(here)
        pairs.update((one, other) for at, one in enumerate(here) for other in here[at + 1 :])
    found = []
    for (one, other), both in pairs.items():
        rare, often = sorted((one, other), key=lambda path: counts[path])
        if both >= _TOGETHER and both >= 0.6 * counts[rare]:
            found.append(Together(often, rare, both, counts[rare]))
    return sorted(found, key=lambda pair: (-pair.both * pair.both / pair.of, pair.first, pair.second))[:most]


def themes(commits: Sequence[Commit], living: Collection[str], module_of: Callable[[str], str]) -> list[str]:
    """What the last three months were about: which modules changed, and which scopes the messages name."""
    recent = _since(commits, _QUARTER)
    if len(recent) < 5:
        return []
    modules: Counter[str] = Counter()
    for _, paths in living_paths(recent):
        modules.update({module_of(path) for path in paths if path in living})
    scopes = Counter(found[1] for commit in recent if (found := _SCOPE.match(commit.subject)))
    span = f"{day(recent[-1].time)} to {day(recent[0].time)}, {len(recent)} commits"
    changed = [f"{label(name or './')} ({count})" for name, count in modules.most_common(8)]
    lines = [f"Recent work ({span}) touched: {listing(changed, 240)}"]
    named = Counter({scope: count for scope, count in scopes.items() if count >= 3})
    if named:
        lines.append(f"Its messages name: {_marked(named, 10)}")
    return lines


def _since(commits: Sequence[Commit], seconds: int) -> list[Commit]:
    """Those of the time before the newest."""
    newest = max((commit.time for commit in commits), default=0)
    return [commit for commit in commits if commit.time >= newest - seconds]
