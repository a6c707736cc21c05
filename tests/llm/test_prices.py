from __future__ import annotations

import re

import pytest

from lcode.events import Usage
from lcode.llm.prices import _LISTS, DOLLAR, dollars, is_free, price_of
from lcode.provider_settings import ModelSettings


@pytest.mark.parametrize(
    ("name", "million"),
    [
        ("anthropic/claude-sonnet-5", 2.0),
        ("anthropic/claude-opus-4-5-20251101", 5.0),
        ("anthropic/claude-opus-4-20250514", 15.0),
        ("openrouter/anthropic/claude-sonnet-4.5", 3.0),
        ("openai/gpt-5.2", 1.75),
        ("openai/gpt-5.4-mini", 0.75),
        ("gemini/gemini-2.5-flash", 0.3),
    ],
)
def test_prices_are_found_by_whole_names(name: str, million: float) -> None:
    price = price_of(name)
    assert price is not None
    assert price.of(Usage(input=1_000_000 if not price.long_from else 100_000)) == round(
        million * DOLLAR * (1 if not price.long_from else 0.1)
    )


@pytest.mark.parametrize(
    "name", ["openai/gpt-5.2-pro", "openai/gpt-99", "work/claude-sonnet-5", "together/x", "openrouter/qwen/q", "ollama/q:cloud"]
)
def test_what_is_not_known_has_no_price(name: str) -> None:
    assert price_of(name) is None


def test_what_runs_here_is_free_and_said_to_be(name: str = "ollama/qwen3-coder") -> None:
    price = price_of(name)
    assert price is not None and price.of(Usage(9_000, 0, 0, 500)) == 0
    assert price.source.startswith("free of charge")
    assert all(map(is_free, ("offline", "replay:file.jsonl", "lmstudio/m"))) and not is_free("openai/gpt-5.2")


def test_each_kind_of_token_has_its_price_and_none_is_counted_twice() -> None:
    price = price_of("anthropic/claude-haiku-4-5")
    assert price is not None
    usage = Usage(input=10_000, cached=6_000, written=3_000, output=100, reasoning=40, written_hour=1_000)
    assert price.of(usage) == 1_000 * 10**6 + 6_000 * 10**5 + 2_000 * 1_250_000 + 1_000 * 2 * 10**6 + 100 * 5 * 10**6


def test_a_long_prompt_costs_more_altogether() -> None:
    price = price_of("openai/gpt-5.4")
    assert price is not None
    assert price.of(Usage(272_000, output=10)) == 272_000 * 2_500_000 + 10 * 15_000_000
    assert price.of(Usage(272_001, output=10)) == 272_001 * 5_000_000 + 10 * 22_500_000
    assert price.told(Usage(272_001))["input"] == 5_000_000


def test_the_users_word_holds_over_the_table() -> None:
    own = {"openai/gpt-5.2": ModelSettings(price_input=1.0, price_output=2.0), "work/m": ModelSettings(context_window=9_000)}
    price = price_of("openai/gpt-5.2", own)
    assert price is not None
    assert price.of(Usage(100, 50, 0, 10)) == 100 * 10**6 + 20 * 10**6  # cached as input, where nothing is said of it
    assert price.source == "your settings"
    assert price_of("work/m", own) is None


def test_every_price_has_a_day_and_a_source() -> None:
    for prices in _LISTS:
        assert re.fullmatch(r"2026-\d\d-\d\d", prices.as_of) and "." in prices.source
        for row in prices.rows:
            assert row.cached is None or 0 < row.cached < row.input
            assert row.written is None or row.written >= row.input
            assert row.output > row.input


def test_money_is_rounded_only_for_the_eye() -> None:
    amounts = (0, 1, DOLLAR // 20_000, 123_456 * DOLLAR // 10**6, DOLLAR, 1_234_567 * DOLLAR // 1_000)
    shown = ["$0.00", "<$0.0001", "$0.0001", "$0.1235", "$1.00", "$1,234.57"]
    assert [dollars(amount) for amount in amounts] == shown
