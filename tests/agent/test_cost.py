"""What calls cost: against a server that counts and caches, and a ledger worked out by hand."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lcode.agent import ledger
from lcode.agent.runtime import Runtime
from lcode.config import load
from lcode.events import Event, RunFinished, StopReason
from lcode.llm.prices import DOLLAR, price_of
from lcode.memory.model import Actor, Source
from lcode.memory.model_calls import ModelCall, model_calls
from lcode.provider_settings import ModelSettings
from tests.support.provider_server import ProviderServer, Script, call, turn

OWN = ModelSettings(price_input=1.1, price_cached=0.11, price_written=1.3, price_output=7.7)
# dollars a million tokens, as published: input, cached, written for five minutes and for an hour, output
PUBLISHED = {
    "anthropic/claude-sonnet-5": ("2", "0.2", "2.5", "4", "10"),
    "anthropic/claude-haiku-4-5": ("1", "0.1", "1.25", "2", "5"),
    "openai/gpt-5.2": ("1.75", "0.175", "1.75", "1.75", "14"),
    "openai/own-model": ("1.1", "0.11", "1.3", "1.3", "7.7"),
}
COUNTS = [
    {"input": 12_003, "cached": 0, "written": 11_776, "output": 411, "reasoning": 64},
    {"input": 12_931, "cached": 11_776, "written": 1_001, "output": 77, "reasoning": 0},
    {"input": 13_777, "cached": 12_777, "written": 999, "output": 1_333, "reasoning": 1_000},
]


def by_hand(model: str, counts: dict[str, int], *, writes: bool) -> Decimal:
    """Dollars for one call: fresh, cached and written input apart, reasoning within output."""
    fresh_price, cached, written, _, output = (Decimal(text) for text in PUBLISHED[model])
    new = counts["written"] if writes else 0
    fresh = counts["input"] - counts["cached"] - new
    sums = fresh * fresh_price + counts["cached"] * cached + new * written + counts["output"] * output
    return sums / 1_000_000


async def answered(
    root: Path, model: str, server: ProviderServer, text: str, **settings: Any
) -> tuple[list[RunFinished], list[ModelCall], list[str]]:
    """One answer in a session of its own: how it ended, the calls that are kept of it, and what `--debug` says."""
    environ = {**os.environ, **server.environ()}
    models = {"openai/own-model": OWN}
    made = load(None, environ, {"model": model, "permission_mode": "yolo", "worker": False, "debug": True, **settings})
    object.__setattr__(made, "models", models)
    runtime = Runtime.open(made, root, environ=environ)
    said: list[str] = []
    runtime.show_debug(said.append)
    events: list[Event] = []
    session = await runtime.new_session()
    await session.run(text, events.append)
    calls = model_calls(session.memory.recall, session_id=session.id)
    await runtime.close()
    return [event for event in events if isinstance(event, RunFinished)], calls, said


@pytest.mark.parametrize("model", PUBLISHED)
def test_sums_agree_with_a_ledger_worked_out_by_hand(repo: Path, model: str) -> None:
    turns = [turn(call("list_dir", path="."), usage=COUNTS[0]), turn(call("list_dir", path="."), usage=COUNTS[1])]
    with ProviderServer(Script([*turns, turn("Done.", usage=COUNTS[2])])) as server:
        finished, calls, _ = asyncio.run(answered(repo, model, server, "What is here?"))
        server.assert_accepted()
    writes = model.startswith("anthropic/")
    expected = sum(by_hand(model, counts, writes=writes) for counts in COUNTS)
    whole = ledger.total(calls)
    assert Decimal(whole.cost) / DOLLAR == expected
    assert finished[0].cost == whole.cost and not whole.unpriced
    assert [one.usage.input for one in calls] == [counts["input"] for counts in COUNTS]
    assert [one.usage.cached for one in calls] == [counts["cached"] for counts in COUNTS]
    assert whole.usage.reasoning == (0 if writes else 1_064)  # the one API counts it apart
    assert {one.model for one in calls} == {model}
    assert all(one.price for one in calls)


def test_an_unknown_price_is_said_and_never_nothing(repo: Path) -> None:
    with ProviderServer(Script(["Done."])) as server:
        finished, calls, _ = asyncio.run(answered(repo, "openai/some-new-model", server, "Hello?"))
    assert (finished[0].cost, finished[0].unpriced) == (0, 1)
    assert ledger.total(calls).money == "price unknown"
    assert ledger.to_json(ledger.total(calls))["cost_usd"] is None


def looks(count: int) -> Script:
    return Script([*(turn(call("grep", pattern=f"word{number}")) for number in range(count)), "Done."])


@pytest.mark.parametrize("api", ["openai/gpt-5.2", "anthropic/claude-sonnet-5"])
@pytest.mark.parametrize("limit", [0.02, 0.08, 0.3])
def test_a_limit_is_never_overstepped_and_says_why_it_stops(repo: Path, api: str, limit: float) -> None:
    with ProviderServer(looks(20)) as server:
        finished, calls, _ = asyncio.run(answered(repo, api, server, "Read it.", max_cost=limit))
        bounds = [one.body.get("max_completion_tokens") or one.body.get("max_tokens") for one in server.requests]
    assert ledger.total(calls).cost <= limit * DOLLAR
    assert finished[0].stop_reason in (StopReason.MAX_COST, StopReason.END_TURN)
    if finished[0].stop_reason is StopReason.MAX_COST:
        assert f"${limit:.4f}" in finished[0].error and "the next call could cost" in finished[0].error
        assert len(server.requests) == len(calls)
    price = price_of(api)
    assert price is not None
    for bound in bounds:  # even had each reply been as long as it was let
        assert bound is None or bound * price.output <= limit * DOLLAR


def test_a_limit_that_cannot_be_kept_is_refused_before_anything_is_sent(repo: Path) -> None:
    with ProviderServer(Script(["Done."])) as server:
        finished, calls, _ = asyncio.run(answered(repo, "openai/some-new-model", server, "Hello?", max_cost=1.0))
        assert not server.requests and not calls
    assert finished[0].stop_reason is StopReason.MAX_COST
    assert "the price of openai/some-new-model is not known" in finished[0].error
    assert "price_input" in finished[0].hint


def test_what_costs_nothing_runs_under_any_limit(repo: Path) -> None:
    with ProviderServer(Script([])) as server:
        finished, calls, _ = asyncio.run(answered(repo, "offline", server, "What is in README.md?", max_cost=0.0))
    assert finished[0].stop_reason is StopReason.END_TURN
    assert ledger.total(calls).money == "$0.00"


@pytest.mark.parametrize("model", ["openai/gpt-5.2", "anthropic/claude-sonnet-5"])
def test_a_lost_cache_is_explained_by_what_changed(repo: Path, model: str) -> None:
    async def work(server: ProviderServer) -> list[str]:
        environ = {**os.environ, **server.environ()}
        settings = load(None, environ, {"model": model, "worker": False, "debug": True})
        runtime = Runtime.open(settings, repo, environ=environ)
        said: list[str] = []
        runtime.show_debug(said.append)
        session = await runtime.new_session()
        for text in ("one", "two"):
            await session.run(text, lambda event: None)
        assert said == []
        by = session.memory.provenance(Actor.USER, Source.SAID)
        await session.memory.run(session.memory.blocks.append, "persona", "Answer in rhymes.", by)
        session.prompt.stale = "core memory changed"
        await session.run("three", lambda event: None)
        log = runtime.store.paths.log / "lcode.log"
        await runtime.close()
        assert "the prompt cache was lost" in log.read_text()
        return said

    with ProviderServer(Script(["A long answer. " * 1_000, "Second.", "Third."])) as server:
        (told,) = asyncio.run(work(server))
        server.assert_accepted()
    assert "changed at its byte" in told and "chars=" in told
    assert "(on purpose: the prompt was rendered anew, core memory changed)" in told
