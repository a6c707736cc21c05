"""How passages are printed, wherever they were found, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lcode.cli.output import Styled, indent, say, short

if TYPE_CHECKING:
    from lcode.memory.grounding import Verdict
    from lcode.memory.model import Passage

KINDS = ("fact", "attempt", "note", "decision", "summary", "commit")


def passage_json(passage: Passage, verdict: Verdict | None = None) -> dict[str, Any]:
    return asdict(passage) | (verdict_json(verdict) if verdict is not None else {})


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """How a memory stands in this worktree; `now` are the places of its citations that hold."""
    now = [{"path": one.path, "symbol": one.symbol, "first": one.first, "last": one.last} for one in verdict.places]
    return {"standing": verdict.standing.value, "reason": verdict.reason, "since": verdict.since, "now": now}


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
