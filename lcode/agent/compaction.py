"""Compaction: old messages leave the prompt, a summary and what the store knows to the letter take their place.

It never owns the truth: core memory, the user's words and the plan are rendered from the store, and recall keeps every
message. What is written is one transaction, so that a process may die at any point; until then nothing has changed. It frees
at least MUST_FREE of what was there, or more goes, in a fixed order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lcode import clock
from lcode.agent.eviction import elided
from lcode.agent.extract import extract
from lcode.agent.outbox import NOT_NOW
from lcode.agent.restated import Known, render
from lcode.agent.summary import Asked, Summary, framed, summarise
from lcode.agent.touched_files import Touched, touched
from lcode.errors import LcodeError
from lcode.ids import new_id
from lcode.memory.compactions import Compaction
from lcode.memory.elisions import Elision
from lcode.memory.model import Actor, MessageRow, Source, Trust
from lcode.memory.thread import attempts_of, file_calls, thread
from lcode.redact import cut as cut_text
from lcode.tokens import content_tokens

if TYPE_CHECKING:
    from lcode.agent.session import Session

MUST_FREE = 0.3  # of what was there, or more is evicted
LEAST = 0.03  # of what was there, or it is not done at all
_KEPT = (0.25, 0.12, 0.06, 0.03, 0.0)  # of the budget are kept verbatim at the end: the first that frees enough
_SUMMARY, _RESTATED = 0.06, 0.10  # of the budget that the summary, and what is rendered anew, may take at the most
_MOST = (6_000, 24_000)  # characters of them in the largest windows
_WRITTEN, _OF_GONE = 300, 0.3  # tokens that are written in any case, and the share of what goes that is written again, about
ATTEMPT = 320  # characters of one
_LETTERS = 3.5  # characters of a token, about


@dataclass(frozen=True)
class Cut:
    """`evicted` go, `kept` stay; `out` is what was taken out of these."""

    evicted: list[MessageRow]
    kept: list[MessageRow]
    out: Sequence[Elision] = ()

    @property
    def possible(self) -> bool:
        """Whether anything but a summary would go."""
        return any(row.kind != "summary" for row in self.evicted)


@dataclass(frozen=True)
class Rooms:
    """Characters that may be written in the place of what goes."""

    summary: int
    restated: int

    @classmethod
    def of(cls, budget: int) -> Rooms:
        most = (budget * share * _LETTERS for share in (_SUMMARY, _RESTATED))
        return cls(*(int(min(limit, chars)) for limit, chars in zip(_MOST, most, strict=True)))

    @property
    def tokens(self) -> int:
        return int((self.summary + self.restated) / _LETTERS)


def row_tokens(row: MessageRow) -> int:
    """Tokens of a stored message, about."""
    return content_tokens(row.content)


def choose_cut(rows: Sequence[MessageRow], budget: int, used: int) -> Cut:
    """Keep the newest rows that fit in a share of the budget, ever fewer until enough of the `used` tokens is freed, whatever
    is written in their place."""
    most = Rooms.of(budget).tokens
    cut = Cut([], list(rows))
    for share in _KEPT:
        cut = _cut(rows, int(min(budget, used) * share))
        gone = sum(map(row_tokens, cut.evicted))
        if gone - min(most, _WRITTEN + int(gone * _OF_GONE)) >= used * MUST_FREE:
            break
    return cut


def last_cut(rows: Sequence[MessageRow]) -> Cut:
    """All but the last step."""
    return _cut(rows, 0)


def _cut(rows: Sequence[MessageRow], room: int) -> Cut:
    """Never parts a call from its result, and keeps the last step (or message) whatever its size: the model has not seen
    those results yet."""
    at = _step_start(rows, len(rows) - 1)
    used = sum(map(row_tokens, rows[at:]))
    while at:
        earlier = _step_start(rows, at - 1)
        used += sum(map(row_tokens, rows[earlier:at]))
        if used > room:
            break
        at = earlier
    return Cut(list(rows[:at]), list(rows[at:]))


def _step_start(rows: Sequence[MessageRow], at: int) -> int:
    """Where the step begins that the row `at` belongs to: results stand behind the reply that asked for them, and what the
    program said meanwhile behind these."""
    while at > 0 and (rows[at].role == "tool" or rows[at].kind == "notice"):
        at -= 1
    return max(at, 0)


@dataclass(frozen=True)
class Draft:
    """What a compaction would leave: the message with `content` in front of what `cut` keeps, and `tokens` in all."""

    cut: Cut
    content: list[dict[str, Any]]
    tokens: int


async def compact(session: Session, cut: Cut, *, trigger: str, keep: str, before: int) -> Compaction | None:
    """Make the compaction of `session` at `cut` and put it in force; `before` are the tokens that it comes from. None where
    next to nothing would be freed. Raises CancelledError, with nothing changed, and StoreError."""
    started, at = clock.monotonic(), clock.stamp()
    request, budget = await session.request(), session.context.budget
    rooms, estimate = Rooms.of(budget), session.context.estimate()
    model = None if session.provider.api == "offline" else partial(session.meter.ask, purpose="compaction")
    if sum(map(row_tokens, cut.evicted)) < 2 * rooms.tokens and not await _pays(session, rooms):
        return None  # before the model is asked, and not in vain each step
    asked = Asked(model, request, cut.evicted, budget, rooms.summary, keep)
    summary = await summarise(asked, session.seen.origins)
    draft = await _draft(session, cut, summary, rooms)
    deeper = last_cut(session.rows)
    if draft.tokens > estimate * (1 - MUST_FREE) and len(deeper.evicted) > len(cut.evicted):
        more = extract(deeper.evicted[len(cut.evicted) :], "", rooms.summary // 2)
        longer = replace(summary, text=f"{summary.text}\n\nAfter that:\n{more}")
        draft = await _draft(session, deeper, longer, replace(rooms, restated=rooms.restated // 2))
    if draft.tokens > estimate * (1 - LEAST):
        return None
    session.environment.debug(
        f"compaction ({trigger}, {summary.method}): {_count(draft.cut)} messages go, {len(draft.cut.kept)} stay; estimated at"
        f" {estimate:,} to {draft.tokens:,} tokens, {content_tokens(draft.content):,} of them written anew"
    )
    after, duration = round(draft.tokens * before / max(1, estimate)), int((clock.monotonic() - started) * 1_000)
    made = Compaction(
        new_id("compaction"), session.id, "", _last(draft.cut.evicted).id, _count(draft.cut), before, after, duration,
        trigger, summary.method, at,
    )  # fmt: skip
    return await put_in_force(session, made, draft.content, draft.cut)


async def _pays(session: Session, rooms: Rooms) -> bool:
    """Whether at least something is freed where all that can go goes, and the summary is short."""
    draft = await _draft(session, last_cut(session.rows), Summary("", "extract"), rooms)
    return draft.tokens <= session.context.estimate() * (1 - LEAST)


async def _draft(session: Session, cut: Cut, summary: Summary, rooms: Rooms) -> Draft:
    """The summary and what the store knows in the place of what goes, and what is kept without its old results: the cache ends
    before them, so that it costs nothing."""
    known = await known_of(session, cut)
    texts = [framed(summary, _count(cut)), await asyncio.to_thread(render, known, rooms.restated)]
    content = [{"type": "text", "text": text} for text in texts if text]
    kept, out, freed = elided(session, cut.kept)
    tokens = session.context.estimate() - sum(map(row_tokens, cut.evicted)) - freed + content_tokens(content)
    return Draft(Cut(cut.evicted, kept, out), content, tokens)


def _count(cut: Cut) -> int:
    return sum(row.kind != "summary" for row in cut.evicted)


async def put_in_force(session: Session, made: Compaction, content: list[dict[str, Any]], cut: Cut) -> Compaction:
    """The same as `_put_in_force`, which once begun is not interrupted."""
    putting = asyncio.ensure_future(_put_in_force(session, made, content, cut))
    try:
        return await asyncio.shield(putting)
    except asyncio.CancelledError:
        await putting
        raise


async def _put_in_force(session: Session, made: Compaction, content: list[dict[str, Any]], cut: Cut) -> Compaction:
    """Store the message and the compaction in one transaction, and have the rows in context that follow from it."""
    recall = session.memory.recall
    by = session.memory.provenance(Actor.AGENT, Source.INFERRED, trust=Trust.UNVERIFIED)
    text = "\n\n".join(part["text"] for part in content)

    def work() -> tuple[MessageRow, Compaction]:
        row = recall.add_message("user", "summary", content, text, by)
        whole = replace(made, summary_id=row.id)
        recall.add_compaction(whole)
        recall.add_elisions(cut.out)
        return row, whole

    row, whole = await session.outbox.write(work)
    session.rows = [row, *cut.kept]
    session.memory.in_context = (session.id, _last(cut.evicted).seq)
    session.prompt.stale = "compaction"
    return whole


async def known_of(session: Session, cut: Cut) -> Known:
    """What the store, git and the disk know; of a store that cannot be read now what is in context."""
    recall, stored, calls, tried = session.memory.recall, [], [], []
    if await session.outbox.reachable():
        with suppress(*NOT_NOW):
            stored = await session.memory.run(recall.ask, thread, session.id)
            calls = await session.memory.run(recall.ask, file_calls, session.id)
            tried = await session.memory.run(recall.ask, attempts_of, session.id)
    ids = {row.id for row in stored}
    said = [*stored, *(row for row in session.rows if row.id not in ids and row.kind in ("user", "assistant"))]
    files = Touched()
    with suppress(LcodeError, OSError):
        files = await asyncio.to_thread(touched, calls, session.calls.make_context("", ""))
    return Known(said, {row.id for row in cut.kept}, files, [cut_text(text, ATTEMPT) for text in tried])


def _last(evicted: Sequence[MessageRow]) -> MessageRow:
    return next(row for row in reversed(evicted) if row.kind != "summary")
