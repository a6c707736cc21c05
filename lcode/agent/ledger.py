"""What calls of models cost, summed up: by call, run, session, agent, day or model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lcode import clock
from lcode.events import Usage
from lcode.llm.prices import DOLLAR, dollars
from lcode.memory.model_calls import ModelCall

GROUPS = ("step", "run", "session", "agent", "day", "model")


@dataclass
class Line:
    """One sum. `cost` in picodollars is of the calls with a known price; `unpriced` counts the others."""

    key: str
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: int = 0
    unpriced: int = 0
    first: str = ""  # stamp of its first call
    what: str = ""  # in words: the purpose of a step, else the models

    @property
    def hit_rate(self) -> float | None:
        """The share of the input that the providers' caches knew; None where nothing was sent."""
        return self.usage.cached / self.usage.input if self.usage.input else None

    @property
    def money(self) -> str:
        """The cost for people: what is not known is said."""
        if not self.unpriced:
            return dollars(self.cost)
        if self.unpriced == self.calls:
            return "price unknown"
        return f"{dollars(self.cost)} + {self.unpriced} of unknown price"

    def add(self, call: ModelCall) -> None:
        self.first = self.first or call.created_at
        self.calls += 1
        self.usage += call.usage
        self.cost += call.cost
        self.unpriced += not call.priced


def summed(calls: Iterable[ModelCall], by: str, agent: str = "") -> list[Line]:
    """A line for each group (see GROUPS) in the order of its first call."""
    lines: dict[str, Line] = {}
    for call in calls:
        key = _key(call, by, agent)
        line = lines.setdefault(key, Line(key))
        line.add(call)
        told = f"{call.purpose}, {call.model}" if by == "step" else call.model
        if told not in line.what.split("; ") and by != "model":
            line.what = "; ".join(filter(None, [line.what, told]))
    return list(lines.values())


def total(calls: Iterable[ModelCall]) -> Line:
    line = Line("total")
    for call in calls:
        line.add(call)
    return line


def _key(call: ModelCall, by: str, agent: str) -> str:
    if by == "day":
        return clock.to_local(clock.parse(call.created_at)).date().isoformat()
    named = {"step": call.id, "run": call.run_id or call.id, "session": call.session_id, "agent": agent, "model": call.model}
    return named[by]


def to_json(line: Line) -> dict[str, Any]:
    """Numbers as they are: picodollars beside dollars, which are null where a price is not known."""
    usage = line.usage
    return {
        "key": line.key, "calls": line.calls, "input": usage.input, "cached": usage.cached, "written": usage.written,
        "output": usage.output, "reasoning": usage.reasoning, "cache_hit_rate": line.hit_rate,
        "cost_usd": None if line.unpriced else round(line.cost / DOLLAR, 12), "cost_picodollars": line.cost,
        "unpriced_calls": line.unpriced, "first": line.first,
    }  # fmt: skip
