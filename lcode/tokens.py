"""How much of a model's window a text takes, about: the one estimate that budgets are kept by."""

from __future__ import annotations


def approximate_tokens(text: str) -> int:
    """Tokens of `text`, about: 4 bytes each, the rule of thumb that Letta and the providers' own documents name."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4
