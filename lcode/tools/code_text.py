"""How found code and past commits are told to the model: a head line, a few numbered lines, within a budget of characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcode.index.model import Hit
    from lcode.index.past import PastCommit
    from lcode.tools.base import ToolContext

_HEADS = 0.25  # of the budget that lines of the first hit leave for the heads of the others
_MOST_LINES = 14  # of one hit
_FEWEST_LINES = 3


def code_text(hits: Sequence[Hit], query: str, room: int, redact: Callable[[str], str]) -> str:
    """Hits, best first, in about `room` characters: all of them by name, the best with the most lines."""
    if not hits:
        return ""
    from lcode.index.excerpt import excerpt

    heads = [redact(_head(hit)) for hit in hits]
    left = room - sum(len(head) + 1 for head in heads)
    parts = []
    for at, (hit, head) in enumerate(zip(hits, heads, strict=True)):
        share = left * 2 // (len(hits) - at + 1)
        lines: list[str] = []
        if hit.text.strip():
            text = same_lines(hit.text, redact(hit.text))
            limit = _MOST_LINES
            lines = _numbered(excerpt(text, hit.start_line, query, limit))
            while limit > _FEWEST_LINES and sum(len(line) + 1 for line in lines) > share:
                limit -= 1
                lines = _numbered(excerpt(text, hit.start_line, query, limit))
            if sum(len(line) + 1 for line in lines) > max(share, 0):
                lines = []
        left -= sum(len(line) + 1 for line in lines)
        parts.append("\n".join([head, *lines]))
    return "\n".join(parts)


def _head(hit: Hit) -> str:
    what = f" {hit.symbol}" if hit.symbol else ""
    note = " [no longer there]" if hit.is_gone else " [changed since it was indexed]" if hit.changed else ""
    return " ".join(f"{hit.path}{hit.lines}{what} ({hit.kind}){note}".split())


def _numbered(lines: Sequence[tuple[int, str]]) -> list[str]:
    return [f"{number}→{text}" if number else f"  {text}" for number, text in lines]


def same_lines(original: str, redacted: str) -> str:
    """`redacted` with as many lines as `original`, so that numbers hold: a key of many lines became one placeholder."""
    if redacted.count("\n") == original.count("\n"):
        return redacted
    before, after = original.split("\n"), redacted.split("\n")
    at = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(after) - 1)
    return "\n".join([*after[: at + 1], *[""] * (len(before) - len(after)), *after[at + 1 :]])


def commits_text(commits: Sequence[PastCommit], room: int) -> str:
    """Commits in a line each, as many as fit into `room` characters."""
    from datetime import UTC, datetime

    rows: list[str] = []
    for commit in commits:
        day = datetime.fromtimestamp(commit.time, UTC).date().isoformat()
        more = f" +{commit.more_files}" if commit.more_files else ""
        row = f"{commit.hash[:10]} {day} {' '.join(commit.subject.split())[:120]}: {', '.join(commit.files)}{more}"
        if room - len(row) - 1 < 0:
            break
        room -= len(row) + 1
        rows.append(row)
    return "\n".join(rows)


def shown_hits(context: ToolContext, hits: Sequence[Hit]) -> list[Hit]:
    """Without places in files that may hold secrets, and without any that is not inside the root: those are asked about."""
    from lcode.sensitive import is_sensitive

    home = Path(context.environment.get("HOME") or Path.home())
    root = context.root.resolve()
    kept = []
    for hit in hits:
        path = context.root / hit.path
        try:
            inside = path.resolve().is_relative_to(root)
        except (OSError, RuntimeError, ValueError):
            continue
        if inside and not is_sensitive(path, home):
            kept.append(hit)
    return kept


def below(context: ToolContext, path: str) -> str:
    """The path as the index writes it: from the root. Raises ToolError where it leads out of it."""
    if path.strip() in ("", ".", "./", "/"):
        return ""
    from lcode.index.below import below as seen_below
    from lcode.tools.base import ToolError

    with suppress(RuntimeError):  # no such user: a file whose name begins with a tilde
        path = str(Path(path).expanduser())
    found = seen_below(context.root, context.cwd, path)
    if found is None:
        raise ToolError(f"{path} is outside the repository, of which alone the code is indexed. Use grep there.")
    return found
