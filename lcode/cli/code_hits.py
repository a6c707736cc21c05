"""How places in the code and past commits are printed: where, what, the lines that matter, and why when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lcode.cli.output import Piece, Styled, one_line, say

if TYPE_CHECKING:
    from lcode.index.model import Hit, Signal
    from lcode.index.past import PastCommit

_LINES = (12, 8, 8, 5, 5, 3)  # of the best hits; of each later one as of the last
_TERMINAL, _PIPE = 4, 0  # spaces in front of the code


def show_code(hits: Sequence[Hit], query: str, *, explain: bool, whole: bool = True, note: str = "") -> None:
    """Hits with their lines, the best with the most. `whole`: all of the code was searched; `note`: what to say beside."""
    if not hits:
        say("nothing found in the code", "" if whole else " so far", f": {one_line(note, 400)}" if note else "")
    elif note:
        say(Styled(one_line(note, 400), "yellow"))
    for at, hit in enumerate(hits):
        if at:
            say()
        say(*head(hit))
        _show_lines(hit, query, _LINES[min(at, len(_LINES) - 1)])
        if explain:
            _show_why(hit)


def head(hit: Hit) -> list[Piece]:
    """`path:12-40 symbol (kind)`, and whether the file has changed since."""
    pieces: list[Piece] = [Styled(one_line(hit.path, 300) + hit.lines, "bold")]
    if hit.symbol:
        pieces += [" ", Styled(one_line(hit.symbol, 120), "green")]
    if hit.kind:
        pieces += [" ", Styled(f"({hit.kind})", "dim")]
    if hit.is_gone:
        pieces += ["  ", Styled("no longer there", "yellow")]
    elif hit.changed:
        pieces += ["  ", Styled("changed since it was indexed", "yellow")]
    return pieces


def _show_lines(hit: Hit, query: str, limit: int) -> None:
    from lcode.index.excerpt import excerpt

    lines = excerpt(hit.text, hit.start_line, query, limit) if hit.text.strip() else []
    wide = len(str(max((line.number for line in lines), default=0)))
    for line in lines:
        if line.number:
            say(Styled(f"  {line.number:>{wide}} ", "dim"), line.text.replace("\r", ""))
        else:
            say(Styled(f"  {'':>{wide}} {line.text}", "dim"))


def _show_why(hit: Hit) -> None:
    words = " · ".join(why(signal) for signal in hit.why) or "no single reason"
    say(Styled(f"  score {hit.score:.2f}: {words}", "dim"))


def why(signal: Signal) -> str:
    """`symbol 0.42 (parse port)`: what it adds to the score."""
    detail = f" ({one_line(signal.detail, 60)})" if signal.detail else ""
    return f"{signal.name} {signal.share:.2f}{detail}"


def show_commits(commits: Sequence[PastCommit], *, read: bool = True) -> None:
    """`read`: what there is to be found was read."""
    from lcode.memory.dates import local

    if not commits:
        say("nothing found in past commits" if read else "not read yet")
    for commit in commits:
        say(Styled(commit.hash[:10], "bold"), f"  {one_line(commit.subject, 120)}  ", Styled(local(made(commit)), "dim"))
        if commit.files:
            more = f" and {commit.more_files} more" if commit.more_files else ""
            say(Styled(f"    {one_line(', '.join(commit.files), 300)}{more}", "dim"))


def made(commit: PastCommit) -> str:
    """When a commit was made, as the store writes times."""
    from datetime import UTC, datetime

    from lcode.clock import stamp

    return stamp(datetime.fromtimestamp(commit.time, UTC))


def code_json(hit: Hit) -> dict[str, Any]:
    """A hit for programs; `why` only where it was asked for."""
    values = asdict(hit)
    values["score"] = round(hit.score, 4)
    values["why"] = [{"name": one.name, "share": round(one.share, 4), "detail": one.detail} for one in hit.why]
    return values


def commit_json(commit: PastCommit) -> dict[str, Any]:
    return {**asdict(commit), "time": made(commit)}
