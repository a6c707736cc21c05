"""A provider of the user's own, as the settings describe it: at the bottom, so that settings and providers share it."""

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
