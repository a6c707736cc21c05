"""`lcode cost` and `lcode context`: what is kept is summed, shown and said; what is unknown is not nothing."""

from __future__ import annotations

import os
from pathlib import Path

from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.events import Usage
from lcode.memory.model_calls import STEP, ModelCall
from tests.cli.conftest import Lcode

CENT = 10**10
MADE = (
    ("step-1", "run-1", STEP, "openai/gpt-5.2", "2026-03-01T10:00:00.000Z", Usage(1_000, 800, 0, 50, 20), 20 * CENT, "{}"),
    ("step-2", "run-1", STEP, "openai/gpt-5.2", "2026-03-01T10:01:00.000Z", Usage(3_000, 1_000, 0, 70), 200 * CENT, "{}"),
    ("call-1", "run-1", "compaction", "openai/gpt-5.2", "2026-03-02T10:00:00.000Z", Usage(2_000), 5 * CENT, "{}"),
    ("step-3", "run-2", STEP, "work/new", "2026-03-03T10:00:00.000Z", Usage(500), 0, ""),
)


def spend(lcode: Lcode, repository: Path) -> str:
    """A session with those calls; its id."""
    lcode("-p", "where is the port parsed?")
    name: str = lcode("sessions", "--json").json()[0]["id"]
    runtime = Runtime.open(load(None, os.environ, {}), repository)
    recall = runtime.memory().recall
    for call_id, run, purpose, model, when, usage, cost, price in MADE:
        recall.add_model_call(ModelCall(call_id, name, run, purpose, model, "m", when, usage, 0, cost, price))
    runtime.store.close()
    return name


def test_costs_are_summed_by_whatever_is_asked_for(lcode: Lcode, repository: Path) -> None:
    name = spend(lcode, repository)
    period = ("--from", "2026-03-01", "--to", "2026-03-31")
    sums = {
        by: {line["key"]: line["cost_picodollars"] for line in lcode("cost", "--by", by, *period, "--json").json()["lines"]}
        for by in ("step", "run", "session", "day", "model", "agent")
    }
    assert sums["step"] == {"step-1": 20 * CENT, "step-2": 200 * CENT, "call-1": 5 * CENT, "step-3": 0}
    assert sums["run"] == {"run-1": 225 * CENT, "run-2": 0}
    assert sums["session"] == {name: 225 * CENT}
    assert list(sums["day"].values()) == [220 * CENT, 5 * CENT, 0]
    assert sums["model"] == {"openai/gpt-5.2": 225 * CENT, "work/new": 0}
    assert list(sums["agent"].values()) == [225 * CENT]


def test_dates_bound_what_is_counted_and_unknown_prices_are_told(lcode: Lcode, repository: Path) -> None:
    name = spend(lcode, repository)
    found = lcode("cost", "--session", name[8:16], "--from", "2026-03-01", "--to", "2026-03-02", "--json").json()["total"]
    assert (found["input"], found["cached"], found["output"], found["reasoning"]) == (6_000, 1_800, 120, 20)
    assert (found["cost_usd"], found["cache_hit_rate"], found["unpriced_calls"]) == (2.25, 0.3, 0)
    assert lcode("cost", "--from", "2026-03-01", "--json").json()["total"]["cost_usd"] is None
    text = lcode("cost", "--by", "model", "--from", "2026-03-01", "--to", "2026-03-31").out
    assert "price unknown" in text and "$2.25 + 1 of unknown price for 4 calls: 6,500 tokens in, cache hits 28 %" in text
    assert "no model was called then" in lcode("cost", "--from", "2026-04-01", "--to", "2026-04-02").out


def test_a_place_without_calls_says_so(lcode: Lcode, repository: Path) -> None:
    assert lcode("cost").out == "no model was called yet\n"
    wrong = lcode("context")
    assert (wrong.code, wrong.err.splitlines()[0]) == (1, "lcode: there is no session yet")


def test_the_context_is_shown_as_bar_and_table_that_sum_up(lcode: Lcode, repository: Path) -> None:
    name = spend(lcode, repository)
    found = lcode("context", name, "--json").json()
    assert sum(part["tokens"] for part in found["parts"]) == found["used"]
    assert found["used"] + found["free"] + found["reserve"] == found["window"]
    assert {"instructions", "tools", "block", "messages"} <= {part["kind"] for part in found["parts"]}
    out = lcode("context").out
    assert "\x1b" not in out
    bar = next(line for line in out.splitlines() if line.startswith("["))
    assert len(bar) == 62 and set(bar) <= set("[]itpbsmrg.=")
    assert "b block human" in out and "= kept for the reply" in out
