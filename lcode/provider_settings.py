"""Providers and models of the user's own, as the settings describe them: at the bottom, for settings and llm alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class ProviderSettings:
    """`api` is the wire form it speaks, `base_url` what stands before `/chat/completions` or `/v1/messages`, `key_env` the
    variable that holds its key ('' where it needs none)."""

    api: Literal["openai", "anthropic"]
    base_url: str
    key_env: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    context_window: int | None = None


@dataclass(frozen=True)
class ModelSettings:
    """What the user says of a model; it holds over the catalogue and the price table. Prices are dollars a million tokens."""

    context_window: int | None = None
    max_output: int | None = None
    price_input: float | None = None
    price_cached: float | None = None
    price_written: float | None = None
    price_output: float | None = None
