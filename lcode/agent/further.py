"""A compaction that did not free enough for the model is taken further: what it kept goes too, up to the last step.

It stays the same compaction, with a summary to which an extract of the rest is added: the model, for which the request was
too long, is not asked again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lcode.agent.compaction import Rooms, known_of, last_cut, put_in_force
from lcode.agent.extract import extract
from lcode.agent.restated import render
from lcode.agent.summary import Summary, earlier_summary, framed
from lcode.memory.compactions import Compaction, in_force

if TYPE_CHECKING:
    from lcode.agent.session import Session


async def take(session: Session, made: Compaction | None) -> Compaction | None:
    """`made`, taken further (None: the last one that stands); None where nothing is left that could go."""
    if made is None:
        made = await session.memory.run(session.memory.recall.ask, in_force, session.id)
    cut = last_cut(session.rows)
    if made is None or not cut.possible:
        return None
    rooms = Rooms.of(session.context.budget)
    more = [row for row in cut.evicted if row.kind != "summary"]
    text = f"{earlier_summary(session.rows)}\n\nAfter that:\n{extract(more, '', rooms.summary // 2)}"
    count = made.messages + len(more)
    known = await known_of(session, cut)
    texts = [framed(Summary(text, made.method), count), render(known, rooms.restated // 2)]
    content = [{"type": "text", "text": part} for part in texts if part]
    longer = replace(made, cut_after=more[-1].id, messages=count)
    return await put_in_force(session, longer, content, cut)
