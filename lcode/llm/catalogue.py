"""What is known of models: context window, longest reply, form of thinking. By patterns of their names, as of 2026-11-20.

It is only a default: the user's settings override the window, and an unknown model gets a careful guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

ThinkingForm = Literal["none", "budget", "adaptive", "always"]
UNKNOWN_WINDOW = 128_000


@dataclass(frozen=True)
class Model:
    """`thinking`, for Anthropic's API: by a budget of tokens, adaptive, adaptive and always on, or not at all."""

    pattern: str
    window: int
    output: int | None = None
    thinking: ThinkingForm = "none"


# The first that is found in the name (after `provider/`) holds; so the special come before the general.
MODELS: tuple[Model, ...] = (
    Model(r"claude-(fable|mythos)|claude-(opus|sonnet|haiku)-(5-[5-9]|[6-9])", 1_000_000, 128_000, "always"),
    Model(r"claude-(opus|sonnet)-5|claude-opus-4-[6-9]|claude-sonnet-4-[6-9]", 1_000_000, 128_000, "adaptive"),
    Model(r"claude-(haiku|sonnet|opus)-4-5|claude-sonnet-4|claude-3-7", 200_000, 64_000, "budget"),
    Model(r"claude-opus-4", 200_000, 32_000, "budget"),
    Model(r"claude-3-5|claude-3-haiku|claude-3", 200_000, 8_192),
    Model(r"claude", 200_000, 64_000, "adaptive"),
    Model(r"gpt-(6|5\.[4-9](?!-(mini|nano|luna)))", 1_050_000, 128_000),
    Model(r"gpt-5.*-chat|gpt-4o|gpt-4-turbo", 128_000, 16_384),
    Model(r"gpt-5", 400_000, 128_000),
    Model(r"gpt-4\.1", 1_047_576, 32_768),
    Model(r"gpt-oss", 131_072, 32_768),
    Model(r"gpt-4-32k", 32_768),
    Model(r"gpt-4(-|$)", 8_192),
    Model(r"gpt-3\.5", 16_385, 4_096),
    Model(r"(^|/)o[134](-|$)", 200_000, 100_000),
    Model(r"gemini", 1_048_576, 65_536),
    Model(r"deepseek-v4", 1_000_000),
    Model(r"deepseek", 128_000),
    Model(r"grok-4", 256_000),
    Model(r"grok", 131_072),
    Model(r"glm-5\.[2-9]", 1_000_000),
    Model(r"kimi-k2|qwen3-coder|qwen3-next|minimax|mistral-(large|medium)|devstral|codestral", 256_000),
)
DEFAULT_OUTPUT = 32_000  # asked for of Anthropic's API: streams of this length are served without special headers
_UNKNOWN_OUTPUT = 16_384
_LOCAL_WINDOW = 32_768  # a local server's own default is often smaller still, and it cuts what is longer without a word


@cache
def find(model: str) -> Model | None:
    """The row for `model`, with or without `provider/`."""
    name = model.lower().replace("claude-4.", "claude-4-")
    return next((row for row in MODELS if re.search(row.pattern, name)), None)


def context_window(model_name: str, override: int | None = None) -> int:
    """Tokens that fit into one request and its reply. `override` is the user's word."""
    if override:
        return override
    if model_name.startswith(("ollama/", "lmstudio/")):
        return _LOCAL_WINDOW
    row = find(model_name)
    return row.window if row else UNKNOWN_WINDOW


def max_output(model_name: str) -> int | None:
    """The longest reply in tokens; None where that is unknown."""
    row = find(model_name)
    return row.output if row else None


def reply_bound(model_name: str, api: str, asked: int | None = None) -> int:
    """The tokens that a reply, with its thinking, may have: as `asked` for, else by the model. Anthropic's API must be told."""
    known = max_output(model_name)
    if api == "anthropic":
        return asked or min(known or DEFAULT_OUTPUT, DEFAULT_OUTPUT)
    return asked or known or _UNKNOWN_OUTPUT


def reserve(window: int, bound: int) -> int:
    """Tokens of a window that are kept free for a reply of at most `bound` tokens. A small window has less to spare."""
    return min(bound, window // (3 if window >= 100_000 else 5))


def thinking_form(model_name: str) -> ThinkingForm:
    """How a model on Anthropic's API is asked to think. Models of others on that API know the older form."""
    row = find(model_name)
    return row.thinking if row and "claude" in model_name.lower() else "budget"
