"""The text of a commit's digest: what it did, why, to what, how much. Short, and redacted before anything is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from lcode import clock
from lcode.git.log import Entry, FileChange
from lcode.index.change_symbols import SymbolChanges
from lcode.index.files import kind_of_path
from lcode.redact import cut

_SUBJECT, _BODY, _NAME = 300, 4_000, 200  # characters
_FILES, _SYMBOLS, _TESTS, _MERGED = 30, 30, 15, 20  # that are named
MERGED_READ = 500  # commits of a merge that are counted
_REVERT = re.compile(r'[Rr]evert "(?P<what>(?!Revert ").+)"\s*(?:\(#\d+\))?$')
_REVERTED = re.compile(r"\s*(?:This reverts commit [0-9a-f]{7,}|[A-Z][\w-]+-by:)")
_WORDS = {"A": "new", "D": "deleted", "T": "another type"}


def made_at(entry: Entry) -> str:
    """When the commit says that it was made, as a stamp."""
    return clock.stamp(datetime.fromtimestamp(entry.committed, UTC))


def digest_text(
    entry: Entry,
    symbols: SymbolChanges,
    *,
    branch: str,
    merged: Sequence[str] = (),
    redact: Callable[[str], str],
) -> str:
    """`merged` are the subjects of what a merge brought in."""

    def name(text: str, limit: int = _NAME) -> str:
        return cut(" ".join(redact(text).split()), limit)

    subject = name(entry.subject, _SUBJECT) or "(no message)"
    where = f" on {name(branch)}" if branch else ""
    lines = [
        f"{subject} (commit {entry.id[:12]})",
        f"By {name(entry.author) or 'somebody'}{where}, {made_at(entry)[:10]}. {_size(entry)}",
    ]
    if body := cut(redact(entry.body).strip(), _BODY):
        lines += ["", body]
    parts = {
        "Brings in": _merged(merged, name),
        "Files": _some([_file(change, name) for change in entry.changes], _FILES),
        "Added": _some(map(name, symbols.added), _SYMBOLS),
        "Changed": _some(map(name, symbols.changed), _SYMBOLS),
        "Removed": _some(map(name, symbols.removed), _SYMBOLS),
        "Tests": _some([name(change.path) for change in entry.changes if kind_of_path(change.path) == "test"], _TESTS),
    }
    told = [f"{label}: {text}" for label, text in parts.items() if text]
    return "\n".join([*lines, *([""] if told else []), *told])


def revert_text(entry: Entry, redact: Callable[[str], str]) -> str:
    """A revert as an attempt that did not last: what was tried, and why it was taken back; '' of any other commit."""
    found = _REVERT.match(redact(entry.subject))
    if found is None:
        return ""
    why = " ".join(line for line in redact(entry.body).splitlines() if not _REVERTED.match(line))
    paths = _some([cut(redact(change.path), _NAME) for change in entry.changes], 6)
    author = cut(" ".join(redact(entry.author).split()), _NAME)
    lines = [f"Goal: {cut(found['what'], _SUBJECT)}", f"Approach: changed {paths}" if paths else ""]
    lines += [f"Outcome: reverted by {author or 'somebody'} on {made_at(entry)[:10]} (commit {entry.id[:12]})"]
    lines += [f"Evidence: the commit says «{cut(' '.join(why.split()), _SUBJECT)}»" if why.strip() else ""]
    return "\n".join(filter(None, lines))


def _size(entry: Entry) -> str:
    if not entry.complete:
        return "What it changed is not in this clone."
    added, removed = (sum(getattr(change, side) or 0 for change in entry.changes) for side in ("added", "removed"))
    count = len(entry.changes)
    files = f"{count:,} file{'' if count == 1 else 's'}"
    known = any(change.added is not None for change in entry.changes)
    return f"{files}, +{added:,} −{removed:,} lines." if known else f"{files}."


def _file(change: FileChange, name: Callable[[str], str]) -> str:
    what = [_WORDS[change.status]] if change.status in _WORDS else []
    if change.status == "R":
        what.append(f"was {name(change.old)}")
    if change.submodule:
        what.append(f"submodule, now {change.after[:12]}" if change.after else "submodule")
    elif change.added is not None:
        what.append(f"+{change.added} −{change.removed}")
    return f"{name(change.path)} ({', '.join(what)})" if what else name(change.path)


def _merged(subjects: Sequence[str], name: Callable[[str], str]) -> str:
    if not subjects:
        return ""
    more = "+" if len(subjects) >= MERGED_READ else ""
    return f"{len(subjects)}{more} commit{'' if len(subjects) == 1 else 's'}: " + _some(
        map(name, subjects[:_MERGED]), _MERGED, "; ", len(subjects)
    )


def _some(texts: Iterable[str], limit: int, mark: str = ", ", total: int = 0) -> str:
    found = list(texts)
    rest = max(total, len(found)) - min(limit, len(found))
    return mark.join(found[:limit]) + (f"{mark}and {rest:,} more" if rest > 0 else "")
