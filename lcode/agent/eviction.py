"""Room in the context window without a summary: parts of old messages are taken out of the prompt, in batches.

A batch breaks the provider's cache from its first part on. So it is made rarely and takes much at once, and only where
what the following steps need not send is worth more than what must be written again; the log says so each time. Where
the cache is lost anyway (a session taken up again later), it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lcode import clock
from lcode.agent import eviction_plan
from lcode.agent.conversation import to_messages
from lcode.agent.eviction_plan import Part
from lcode.events import Emit, Evicted
from lcode.memory.elisions import COMPACTION, REASONING, RESULT, Elision, apply
from lcode.memory.model import MessageRow

if TYPE_CHECKING:
    from lcode.agent.session import Session

WORTH = 0.33  # of the budget: a batch that frees less is not made
COLD = 0.5  # of the budget: from here on a batch is made where the cache is lost anyway


async def make_room(session: Session, used: int, budget: int, emit: Emit, *, cold: bool = False) -> int:
    """Take a batch out if it pays, or the cache is `cold` anyway; the tokens that were freed. Nothing goes while the store
    cannot be written."""
    if not await session.outbox.flush():
        return 0
    scale = _scale(session, used)
    found = eviction_plan.parts_of(session.rows, round(budget / scale), _forms(session))
    plan = eviction_plan.plan(session.rows, found, session.provider.api, scale)
    if plan is None or plan.freed < budget * WORTH:
        session.environment.debug(f"eviction: too little could go: {plan.words if plan else 'nothing'}")
        return 0
    if plan.saved < plan.cost and not cold:
        session.environment.debug(f"eviction: it would not pay: {plan.words}")
        return 0
    session.environment.debug(f"eviction: {plan.words}" + ("; the cache is lost anyway" if cold else ""))
    await _take_out(session, _elisions(session, session.rows, plan.parts, "cold" if cold else "room"))
    session.meter.cache.expect(f"{len(plan.parts)} old results were taken out")
    session.context.marks = marks(session, min(part.at for part in plan.parts))
    session.context.tokens = session.context.used()
    emit(Evicted(len(plan.parts), used, session.context.tokens))
    return used - session.context.tokens


async def cut_newest(session: Session) -> int:
    """The last resort: head and tail of the results that the model has not seen yet; the tokens freed."""
    found = eviction_plan.newest_parts(session.rows)
    await _take_out(session, _elisions(session, session.rows, found, "overflow"))
    return sum(part.freed for part in found)


def elided(session: Session, rows: Sequence[MessageRow]) -> tuple[list[MessageRow], list[Elision], int]:
    """`rows` without all that may go, the elisions to be stored with the compaction that breaks the cache before them, and the
    tokens freed."""
    found = eviction_plan.parts_of(rows, session.context.budget, _forms(session))
    made = _elisions(session, rows, found, COMPACTION)
    return apply(rows, made), made, sum(part.freed for part in found)


def _forms(session: Session) -> set[str]:
    """Only one API has reasoning sent back that may be left out."""
    return {RESULT, REASONING} if session.provider.api == "anthropic" else {RESULT}


def _scale(session: Session, used: int) -> float:
    """What the provider counts for a token of the estimate."""
    estimate = session.context.estimate()
    return min(max(used / estimate, 0.5), 2.0) if estimate else 1.0


def marks(session: Session, first: int = 0) -> tuple[int, ...]:
    """After how many messages the prompt is to be looked for in the cache: before the row `first` that was changed, and before
    the first result that may go next, so that it is found when it does."""
    rows = session.rows
    may_go = (at for at, row in enumerate(rows) if at > first and row.role == "tool" and eviction_plan.may_go(row))
    places = [_request_of(rows, at) for at in (first, next(may_go, 0)) if at]
    return tuple(dict.fromkeys(count for count in places if count))


def _request_of(rows: Sequence[MessageRow], at: int) -> int:
    """How many messages the request had that brought the reply at `at`, or the one before."""
    while at > 0 and rows[at].role != "assistant":
        at -= 1
    return len(to_messages(rows[:at]))


async def _take_out(session: Session, made: Sequence[Elision]) -> None:
    await session.outbox.write(lambda: session.memory.recall.add_elisions(made))
    session.rows[:] = apply(session.rows, made)


def _elisions(session: Session, rows: Sequence[MessageRow], parts: Sequence[Part], reason: str) -> list[Elision]:
    now = clock.stamp()
    return [
        Elision(session.id, rows[part.at].id, part.call_id, part.form, part.text, part.handle, reason, now) for part in parts
    ]
