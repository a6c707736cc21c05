"""How found messages are told to the model: compact moments with ids and dates, and what the search is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lcode.memory.dates import age, local
from lcode.memory.model import MessageRow, Outcome, Recalled, RecallHit
from lcode.tools.memory_text import shorten

_HIT = 900  # characters of a hit
_NEIGHBOUR = 240
_WHOLE = 5_600
_QUERY = 200  # characters of a question that are said again
_CALLS = 4


def hits_text(hits: Sequence[RecallHit], room: int | None = None, *, here: str = "") -> str:
    """Moments: when, which session and branch, the message with what was said before and after, what came of it; in about
    `room` characters. `here` is the session that asks: what is found of it is out of its sight."""
    share = room // max(1, len(hits)) if room is not None else 4 * _HIT
    most, beside = min(_HIT, share // 2), min(_NEIGHBOUR, share // 6)
    told: set[tuple[str, Outcome]] = set()
    parts = []
    for hit in hits:
        key = (hit.message.session_id, hit.outcome)
        once = replace(hit, outcome=Outcome()) if key in told else hit  # what came of a run is told once
        told.add(key)
        parts.append("\n".join(_moment(once, most, beside, here)))
    return "\n\n".join(parts)


def whole_text(hit: RecallHit, here: str = "") -> str:
    """One message, all of it that fits."""
    return "\n".join(_moment(hit, _WHOLE, _NEIGHBOUR, here))


def worth(found: Recalled) -> str:
    """What must be known before anything is taken from the hits: in brackets, '' where they are good."""
    notes = [f"«{one.words}» is {_span(one.start, one.end)}" for one in found.dates if one.sure]
    if found and found.is_of_another_time:
        notes.append("nothing of that time was found, what follows is of other times")
    if found and found.confidence in ("weak", "none"):
        notes.append(
            f"only weak matches, the best {found.best:.2f} of 1: they may have nothing to do with it; invent nothing from them"
        )
    return f"[{'; '.join(notes)}]" if notes else ""


def nothing_text(query: str, messages: int, found: Recalled) -> str:
    """Nothing was found, which is an answer."""
    shown = query if len(query) <= _QUERY else f"{query[:_QUERY]}…"
    return "\n".join(
        filter(
            None,
            [
                f"Nothing found for '{shown}' in {messages:,} messages of all sessions (best score {found.best:.2f})."
                " Memory does not know; do not make it up.",
                worth(found),
            ],
        )
    )


def _span(start: str, end: str) -> str:
    if not start or not end:
        return f"from {local(start)}" if start else f"before {local(end)}"
    return f"{local(start)} to {local(end)}"


def _moment(hit: RecallHit, most: int, beside: int, here: str) -> Iterator[str]:
    row = hit.message
    if row.session_id == here:
        where = "earlier in this session, out of your sight"
    else:
        where = f"session {row.session_id.removeprefix('session-')[:8]}"
        where += f" «{hit.session_title}»" if hit.session_title else ""
        where += f" on {hit.branch}" if hit.branch else ""
        where += f" from {hit.origin}" if hit.origin else ""
    score = f", score {hit.score:.2f}" if hit.score else ""
    yield f"[{local(row.created_at)}, {age(row.created_at)}, {where}, message {row.id.removeprefix('message-')[:8]}{score}]"
    yield from (f"  before: {_line(other, beside)}" for other in hit.before)
    yield _line(row, most, f"{hit.tool} {hit.ended}".rstrip() if row.kind == "tool" else hit.name)
    yield from (f"  after: {_line(other, beside)}" for other in hit.after)
    if hit.outcome:
        yield f"  came of it: {'; '.join(hit.outcome.told)}"
    if hit.repeats:
        days = sorted({local(one.created_at)[:10] for one in hit.repeats})
        yield f"  said again: {len(hit.repeats)}×, {days[0]}{f' to {days[-1]}' if len(days) > 1 else ''}"


def _line(message: MessageRow, limit: int, name: str = "") -> str:
    """`user: …`; of a reply its words, then its first calls."""
    name = name or message.name
    who = f"{message.kind}: {name}" if name else message.kind
    lines = message.text.splitlines()
    calls = [shorten(line, 120) for line in lines if line.startswith("→ ")] if message.kind == "assistant" else []
    if not calls:
        return f"{who}: {shorten(message.text, limit)}"
    words = shorten("\n".join(line for line in lines if not line.startswith("→ ")), limit)
    more = [f"→ {len(calls) - 3} more calls"] if len(calls) > _CALLS else []
    return "\n".join([f"{who}: {words}".rstrip(), *(calls[:3] if more else calls), *more])
