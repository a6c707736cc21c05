"""How found messages are printed, wherever they were found: as moments in 80 columns, and as JSON."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lcode.cli.output import Piece, Styled, one_line, plural, say, short, width

if TYPE_CHECKING:
    from lcode.memory.model import MessageRow, Recalled, RecallHit

TEXT_LINES = 8  # of a found message
_WIDEST = 100  # columns that text is wrapped to


def recalled_json(query: str, found: Recalled) -> dict[str, Any]:
    """The answer to one question. `id` of a hit is what its source calls the message, where it was imported."""
    dates = [{"words": one.words, "from": one.start, "until": one.end, "asked": one.sure} for one in found.dates]
    return {
        "query": query,
        "hits": [hit_json(hit) for hit in found],
        "best": round(found.best, 4),
        "confidence": found.confidence,
        **({"dates": dates} if dates else {}),
        "not_embedded": found.unembedded,
    }


def hit_json(hit: RecallHit) -> dict[str, Any]:
    row = hit.message
    return {
        "id": hit.source_id or row.id,
        "message": row.id,
        "session": row.session_id,
        "title": hit.session_title,
        "branch": hit.branch,
        "time": row.created_at,
        "role": row.role,
        "kind": row.kind,
        "name": hit.name,
        "origin": hit.origin,
        "tool": hit.tool,
        "tool_outcome": hit.ended,
        "paths": list(hit.paths),
        "text": row.text,
        "score": round(hit.score, 4),
        "confidence": hit.confidence,
        "before": [_neighbour_json(other) for other in hit.before],
        "after": [_neighbour_json(other) for other in hit.after],
        "outcome": asdict(hit.outcome) if hit.outcome else {},
        "repeats": [{"message": one.message_id, "session": one.session_id, "time": one.created_at} for one in hit.repeats],
    }


def _neighbour_json(row: MessageRow) -> dict[str, Any]:
    return {
        "id": row.source_id or row.id,
        "message": row.id,
        "time": row.created_at,
        "role": row.role,
        "name": row.name,
        "text": row.text,
    }


def show_recalled(found: Recalled, query: str) -> None:
    """What one search found, and what it is worth."""
    from lcode.memory.dates import local

    for date in found.dates:
        ends = [f"from {local(date.start)}" if date.start else "", f"until {local(date.end)}" if date.end else ""]
        say(Styled(f"{one_line(date.words, 40)}: {' '.join(filter(None, ends))}", "dim"), err=True)
    if not found:
        say("nothing found in the sessions")
        return
    if found.is_of_another_time:
        say(Styled("nothing of that time was found; this is of other times", "yellow"), "\n")
    if found.confidence in ("weak", "none") and query.strip():
        say(Styled(f"only weak matches, the best at {found.best:.2f}: they may not be what you asked for", "yellow"), "\n")
    show_messages(found, query)


def show_messages(hits: Sequence[RecallHit], query: str = "") -> None:
    """Messages with their neighbours, and how to see more."""
    if not hits:
        say("nothing found in the sessions")
        return
    wide = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
    session = ""
    for hit in hits:
        if hit.message.session_id != session:
            say(*_head(hit, wide))
        session = hit.message.session_id
        for row in hit.before:
            say(Styled(_line(row, wide), "dim"))
        _show_message(hit, query, wide)
        for row in hit.after:
            say(Styled(_line(row, wide), "dim"))
        for line in (*hit.outcome.told, _again(hit)):
            if line:
                say(Styled(textwrap.fill(line, wide, initial_indent="    ", subsequent_indent="      "), "dim"))
        say()
    first = hits[0].message
    say(Styled(f"more: lcode sessions show {short(first.session_id)} --at {short(first.id)}", "dim"))


def _head(hit: RecallHit, wide: int) -> Iterator[Piece]:
    """`session 1a2b3c4d  main · Fix the retry`."""
    name = f"session {short(hit.message.session_id)}"
    facts = " · ".join(filter(None, [one_line(hit.branch, 24), f"from {hit.origin}" if hit.origin else ""]))
    room = wide - width(name) - width(facts) - 5
    title = one_line(hit.session_title, room) if hit.session_title else ""
    yield Styled(name, "bold")
    yield Styled(f"  {' · '.join(filter(None, [facts, title]))}", "dim")


def _who(row: MessageRow, name: str = "") -> str:
    from lcode.cli.transcript import WHO

    return one_line(name or row.name, 30) or WHO.get(row.kind, row.kind)


def _line(row: MessageRow, wide: int) -> str:
    head = f"    {_who(row)}: "
    return head + one_line(row.text, max(20, wide - width(head)))


def _show_message(hit: RecallHit, query: str, wide: int) -> None:
    """The message with its id and time, of a long one the lines that the question is about."""
    from lcode.memory.dates import age, local

    row = hit.message
    facts = [local(row.created_at), age(row.created_at), f"score {hit.score:.2f}" if hit.score else ""]
    who = one_line(f"{hit.tool} {hit.ended}", 40) if hit.tool and row.kind == "tool" else _who(row, hit.name)
    say("  > ", Styled(who, "bold"), Styled(f" {short(row.id)}  {', '.join(filter(None, facts))}", "dim"))
    for line in _lines(row.text, query, wide - 6):
        say(f"      {line}".rstrip())


def _lines(text: str, query: str, wide: int) -> Iterator[str]:
    """The lines of a text, wrapped: all of a short one, else its beginning and where the question's words stand."""
    from lcode.index.excerpt import excerpt

    lines = [part for line in text.strip().split("\n") for part in (textwrap.wrap(line, wide, break_on_hyphens=False) or [""])]
    before = 0
    for line in excerpt("\n".join(lines), 1, query, TEXT_LINES):
        if not line.number:
            continue
        if line.number - before == 2:  # a gap of one line takes as much room as the line
            yield lines[before]
        elif line.number - before > 2:
            yield f"… {line.number - before - 1} more lines"
        yield lines[line.number - 1]
        before = line.number
    if before < len(lines):
        yield f"… {plural(len(lines) - before, 'more line')}"


def _again(hit: RecallHit) -> str:
    """Where the same was said again."""
    from lcode.memory.dates import local

    if not hit.repeats:
        return ""
    days = sorted({local(one.created_at)[:10] for one in hit.repeats})
    shown = f"on {days[0]}" if len(days) == 1 else f"between {days[0]} and {days[-1]}"
    return f"the same was said {plural(len(hit.repeats), 'more time')} {shown}"
