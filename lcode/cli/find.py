"""`lcode recall`: what was said; and how messages and passages are shown, wherever they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lcode.cli.options import LIMIT, Options, TextCommand, json_option, place_options
from lcode.cli.output import Styled, indent, one_line, say, say_json, short
from lcode.errors import UsageError

if TYPE_CHECKING:
    from lcode.memory.grounding import Verdict
    from lcode.memory.model import MessageRow, Passage, RecallHit
    from lcode.memory.session_memory import SessionMemory

TEXT_LINES = 8  # of a found message
ROLES = ("user", "assistant", "tool")
KINDS = ("fact", "attempt", "note", "decision", "summary", "commit")


def passage_json(passage: Passage, verdict: Verdict | None = None) -> dict[str, Any]:
    return asdict(passage) | (verdict_json(verdict) if verdict is not None else {})


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """How a memory stands in this worktree; `now` are the places of its citations that hold."""
    now = [{"path": one.path, "symbol": one.symbol, "first": one.first, "last": one.last} for one in verdict.places]
    return {"standing": verdict.standing.value, "reason": verdict.reason, "since": verdict.since, "now": now}


def hit_json(hit: RecallHit) -> dict[str, Any]:
    return asdict(hit)


@click.command(cls=TextCommand)
@click.argument("query", nargs=-1)
@click.option("--limit", type=LIMIT, default=10, show_default=True, metavar="N")
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="Only what this one said; may be repeated.")
@click.option("--from", "start", default="", metavar="DATE", help="From this day on (YYYY-MM-DD, in your zone).")
@click.option("--to", "end", default="", metavar="DATE", help="Up to and with this day.")
@click.option(
    "--context",
    type=click.IntRange(0, 1_000),
    default=1,
    show_default=True,
    metavar="N",
    help="Messages shown around each hit.",
)
@json_option
@place_options
@click.pass_obj
def recall(
    options: Options,
    query: tuple[str, ...],
    limit: int,
    roles: tuple[str, ...],
    start: str,
    end: str,
    context: int,
    as_json: bool,
) -> None:
    """Messages of all sessions that match QUERY, best first; without it the newest."""
    from lcode.cli.place import opened
    from lcode.memory.dates import end_of, start_of

    if start and end and start_of(start) >= end_of(end):
        raise UsageError(f"--from {start} is later than --to {end}", "--from is the first day, --to the last one")
    with opened(options) as runtime:
        memory = runtime.memory()
        found = memory.recall.search(" ".join(query), roles=roles, start=start, end=end, limit=limit)
        hits = [_with_neighbours(memory, hit, context) for hit in found]
    if as_json:
        say_json([hit_json(hit) for hit in hits])
    else:
        show_messages(hits)


def _with_neighbours(memory: SessionMemory, hit: RecallHit, count: int) -> RecallHit:
    """The hit with `count` messages of its session on each side."""
    from dataclasses import replace

    if count == 1:
        return hit
    if count == 0:
        return replace(hit, before=(), after=())
    rows = [row for row in memory.recall.messages(hit.message.session_id) if row.kind != "notice" or row.seq == hit.message.seq]
    at = next((at for at, row in enumerate(rows) if row.seq == hit.message.seq), None)
    if at is None:
        return hit
    return replace(hit, before=tuple(rows[max(0, at - count) : at]), after=tuple(rows[at + 1 : at + 1 + count]))


def show_messages(hits: Sequence[RecallHit]) -> None:
    """Messages with their neighbours, and how to see more."""
    from lcode.memory.dates import local

    if not hits:
        say("nothing found in the sessions")
    for hit in hits:
        row = hit.message
        where = " · ".join(filter(None, [local(row.created_at), hit.branch, one_line(hit.session_title, 60)]))
        say(Styled(f"session {short(row.session_id)}", "bold"), "  ", Styled(where, "dim"))
        for neighbour in hit.before:
            _show_line(neighbour)
        _show_message(row)
        for neighbour in hit.after:
            _show_line(neighbour)
        say()
    if hits:
        first = hits[0].message
        say(Styled(f"more: lcode sessions show {short(first.session_id)} --at {short(first.id)}", "dim"))


def _who(row: MessageRow) -> str:
    from lcode.cli.transcript import WHO

    return WHO.get(row.kind, row.kind)


def _show_line(row: MessageRow) -> None:
    say(Styled(f"    {_who(row)}: {one_line(row.text, 140)}", "dim"))


def _show_message(row: MessageRow) -> None:
    lines = row.text.strip().split("\n")
    kept = [*lines[:TEXT_LINES], *([f"… {len(lines) - TEXT_LINES} more lines"] if len(lines) > TEXT_LINES else [])]
    say(f"  > {_who(row)} ", Styled(short(row.id), "dim"), ": ", indent("\n".join(kept)).strip())


def show_facts(facts: Sequence[Passage], verdicts: Mapping[str, Verdict] | None = None) -> None:
    """Passages, each with its kind, date, writer and tags, and how it stands by its verdict."""
    from lcode.memory.dates import local
    from lcode.memory.lives import lifetime

    if not facts:
        say("nothing found in archival memory")
    for fact in facts:
        about = [fact.kind, local(fact.created_at), f"by {fact.actor.value}", *(f"#{tag}" for tag in fact.tags)]
        about += ["unverified"] if fact.trust == "unverified" else []
        about += [life] if (life := lifetime(fact)) else []
        say(Styled(short(fact.id), "bold"), "  ", Styled(" · ".join(about), "dim"))
        say(indent(fact.text))
        verdict = verdicts.get(fact.id) if verdicts else None
        if verdict is not None and verdict.words:
            say(Styled(f"    {verdict.words}", "yellow"))
        if fact.citations:
            cites = verdict.cites(fact.citations) if verdict is not None else fact.citations
            say(Styled(f"    see {', '.join(cites)}", "dim"))
