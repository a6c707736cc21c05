"""`lcode cost`: what models took and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lcode.cli.options import LIMIT, Options, json_option, place_options
from lcode.cli.output import Styled, one_line, say, say_json, short, table

if TYPE_CHECKING:
    from lcode.agent.ledger import Line
    from lcode.memory.model_calls import ModelCall

_GROUPS = ("step", "run", "session", "agent", "day", "model")


@click.command()
@click.option("--by", type=click.Choice(_GROUPS), default="session", show_default=True, help="A line for each of these.")
@click.option("--session", default="", metavar="ID", help="Only of this session: its id, the beginning of it, or its title.")
@click.option("--from", "start", default="", metavar="DATE", help="From then on: 2026-03-05, March, 'last week', in your zone.")
@click.option("--to", "end", default="", metavar="DATE", help="Up to and with then.")
@click.option("--limit", type=LIMIT, default=30, show_default=True, metavar="N", help="At most N lines: the newest.")
@json_option
@place_options
@click.pass_obj
def cost(options: Options, by: str, session: str, start: str, end: str, limit: int, as_json: bool) -> None:
    """Tokens and money by session (or step, run, agent, day, model): summaries and other calls beside the steps included.

    Each call is priced by the list price of its day, which is kept with it. A price that is not known is said, not guessed.
    """
    from lcode.agent import ledger
    from lcode.ui.accounts import cost_line

    calls, lines, titles = _calls(options, by, session, start, end)
    whole = ledger.total(calls)
    if as_json:
        found = [ledger.to_json(line) | ({"title": titles[line.key]} if line.key in titles else {}) for line in lines]
        say_json({"by": by, "total": ledger.to_json(whole), "lines": found})
        return
    if not calls:
        say("no model was called yet" if not (start or end or session) else "no model was called then")
        return
    if len(lines) > limit:
        say(Styled(f"{len(lines) - limit:,} earlier lines left out; --limit shows more", "dim"))
    _show(lines[-limit:], by, titles)
    say()
    say(cost_line(whole))


def _calls(options: Options, by: str, session: str, start: str, end: str) -> tuple[list[ModelCall], list[Line], dict[str, str]]:
    """The calls, their sums, and what sessions and agents are called."""
    from lcode.agent import ledger
    from lcode.cli.place import opened
    from lcode.memory.dates import end_of, start_of
    from lcode.memory.model_calls import model_calls

    stamps = {"start": start_of(start) if start else "", "end": end_of(end) if end else ""}
    if by == "agent" and not session:
        return _of_agents(options, stamps)
    with opened(options) as runtime:
        recall = runtime.memory().recall
        only = recall.session(session).id if session else ""
        calls = model_calls(recall, session_id=only, **stamps)
        titles = {row.id: row.title for row in recall.sessions(-1, archived=True)} if by == "session" else {}
        if by == "agent":
            titles = {runtime.agent.id: runtime.agent.name}
        return calls, ledger.summed(calls, by, runtime.agent.id), titles


def _of_agents(options: Options, stamps: dict[str, str]) -> tuple[list[ModelCall], list[Line], dict[str, str]]:
    """Of every agent of this user."""
    from lcode.agent import ledger
    from lcode.cli.place import registry
    from lcode.memory.model_calls import model_calls

    calls: list[ModelCall] = []
    lines: list[Line] = []
    titles: dict[str, str] = {}
    with registry(options, writes=False) as (store, _):
        for agent in store.agents.list():
            if not store.agent_paths(agent).memory_db.exists():
                continue
            found = model_calls(store.open(agent), **stamps)
            calls += found
            lines += ledger.summed(found, "agent", agent.id)
            titles[agent.id] = agent.name
    return calls, lines, titles


def _show(lines: list[Line], by: str, titles: dict[str, str]) -> None:
    from lcode.memory.dates import local
    from lcode.ui.accounts import COST_HEADER, cost_cells

    cells = []
    for line in lines:
        key = short(line.key) if by in ("step", "run", "session", "agent") else line.key
        when = local(line.first) if by in ("step", "run", "session") else ""
        told = one_line(titles.get(line.key) or line.what, 60)
        cells.append((cost_cells(line, key)[0], when, *cost_cells(line, key)[1:-1], told))
    table((by.upper(), "WHEN", *COST_HEADER[1:]), cells)
