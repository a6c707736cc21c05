"""The context window and what it costs, in words and tables, for the commands and the terminal alike. No colours: the bar says
by its letters what its parts are."""

from __future__ import annotations

from collections.abc import Sequence

from lcode.agent import ledger
from lcode.agent.ledger import Line
from lcode.agent.window import BLOCK, IMAGES, INSTRUCTIONS, MESSAGES, PROJECT, RESULTS, SUMMARY, TOOLS, Accounting, Part
from lcode.memory.model_calls import STEP, ModelCall

BAR = 60  # cells
_LETTERS = {
    INSTRUCTIONS: "i", TOOLS: "t", PROJECT: "p", BLOCK: "b", SUMMARY: "s", MESSAGES: "m", RESULTS: "r", IMAGES: "g",
}  # fmt: skip
_FREE, _RESERVED = ".", "="
COST_HEADER = ("", "CALLS", "INPUT", "CACHED", "WRITTEN", "OUTPUT", "REASONING", "HIT", "COST", "WHAT")


def bar(found: Accounting, cells: int = BAR) -> str:
    """The window in so many cells: a letter for each kind of part, then what is free, then what is kept for the reply."""
    parts = [*((_LETTERS[part.kind], part.tokens) for part in found.parts), (_FREE, found.free), (_RESERVED, found.reserve)]
    whole = sum(tokens for _, tokens in parts) or 1
    drawn, done = "", 0
    for letter, tokens in parts:
        done += tokens
        drawn += letter * (round(done * cells / whole) - len(drawn))
    return f"[{drawn}]"


def parts_table(found: Accounting) -> list[tuple[str, str, str]]:
    """Part, tokens, and their share of the window."""
    rows = [(_named(part), f"{part.tokens:,}", share(part.tokens, found.window)) for part in found.parts]
    free, kept = (_FREE + " free", found.free), (_RESERVED + " kept for the reply", found.reserve)
    return [*rows, *((name, f"{tokens:,}", share(tokens, found.window)) for name, tokens in (free, kept))]


def window_line(found: Accounting) -> str:
    """In one line: how full it is, and how that is known."""
    known = "as reported by the provider" if found.reported else "estimated"
    learnt = f", calibrated by {found.requests:,} request{'' if found.requests == 1 else 's'}" if found.requests else ""
    return (
        f"{found.model}: {found.used:,} of {found.budget:,} tokens ({share(found.used, found.budget)}), {known}{learnt};"
        f" a window of {found.window:,}"
    )


def _named(part: Part) -> str:
    return " ".join(filter(None, [_LETTERS[part.kind], part.kind, part.name]))


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def cost_cells(line: Line, key: str) -> tuple[str, ...]:
    """A row under COST_HEADER."""
    usage, rate = line.usage, line.hit_rate
    counts = (usage.input, usage.cached, usage.written, usage.output, usage.reasoning)
    hit = "" if rate is None else f"{100 * rate:.0f} %"
    return (key, f"{line.calls:,}", *(f"{count:,}" if count else "" for count in counts), hit, line.money, line.what)


def cost_line(line: Line) -> str:
    """A sum in one line."""
    usage, rate = line.usage, line.hit_rate
    hit = "" if rate is None else f", cache hits {100 * rate:.0f} %"
    reasoning = f" ({usage.reasoning:,} reasoning)" if usage.reasoning else ""
    calls = f"{line.calls:,} call{'' if line.calls == 1 else 's'}"
    return f"{line.money} for {calls}: {usage.input:,} tokens in{hit}, {usage.output:,} out{reasoning}"


def session_cost(calls: Sequence[ModelCall]) -> list[str]:
    """What a session cost: all of it, each model where there are several, and the newest run."""
    if not calls:
        return ["no model was called yet in this session"]
    lines = [cost_line(ledger.total(calls))]
    models = ledger.summed(calls, "model")
    if len(models) > 1:
        lines += [f"{line.key}: {cost_line(line)}" for line in models]
    beside = ledger.total(call for call in calls if call.purpose != STEP)
    if beside.calls:
        lines.append(f"of it beside its answers (summaries): {cost_line(beside)}")
    return [*lines, f"the newest answer: {cost_line(ledger.summed(calls, 'run')[-1])}"]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as text: the first to the left, the others to the right, but for a last one of words."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(wide) for cell, wide in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
