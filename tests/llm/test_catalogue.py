from __future__ import annotations

import pytest

from lcode.llm.catalogue import context_window, max_output, thinking_form


@pytest.mark.parametrize(
    ("name", "window", "output"),
    [
        ("anthropic/claude-sonnet-5", 1_000_000, 128_000),
        ("anthropic/claude-opus-4-6", 1_000_000, 128_000),
        ("anthropic/claude-opus-4-20250514", 200_000, 32_000),
        ("anthropic/claude-haiku-4-5-20251001", 200_000, 64_000),
        ("openrouter/anthropic/claude-sonnet-4.5", 200_000, 64_000),
        ("openai/gpt-5.2", 400_000, 128_000),
        ("openai/gpt-5.4", 1_050_000, 128_000),
        ("openai/gpt-5.6-luna", 400_000, 128_000),
        ("openai/gpt-4o-mini", 128_000, 16_384),
        ("openai/gpt-4", 8_192, None),
        ("openai/o3", 200_000, 100_000),
        ("ollama/gpt-oss:20b", 32_768, 32_768),
        ("openai/something-new", 128_000, None),
    ],
)
def test_windows_by_name(name: str, window: int, output: int | None) -> None:
    assert (context_window(name), max_output(name)) == (window, output)


def test_the_users_word_holds() -> None:
    assert context_window("anthropic/claude-sonnet-5", 50_000) == 50_000


def test_the_form_of_thinking_by_name() -> None:
    names = ["claude-opus-5-5", "claude-sonnet-5", "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-3-5-haiku", "glm-5"]
    assert [thinking_form(name) for name in names] == ["always", "adaptive", "adaptive", "budget", "none", "budget"]
