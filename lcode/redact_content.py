"""The gate for what is no plain text: the parts of a message in their neutral JSON form, and the arguments of calls.

Every string in them is redacted, keys too, but for what is the provider's own and must go back to it to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lcode.sanitize import encodable

Redact = Callable[[str], str]

# Of a part alone: deeper inside, in the arguments of a call, such a name is the model's choice and means nothing.
_PROVIDERS = frozenset({"type", "id", "call_id", "signature", "redacted", "origin"})


def redacted_parts(parts: Sequence[dict[str, Any]], redact: Redact) -> list[dict[str, Any]]:
    """The parts of one message, redacted.

    A service takes its thinking back only as it was: all of it, unchanged. Where a secret was in it, all that it signed in
    this message loses its signature, so that no codec sends it.
    """
    clean = [_part(part, redact) for part in parts]
    changed = {
        part.get("origin")
        for part, after in zip(parts, clean, strict=True)
        if part.get("type") == "thinking" and part.get("text") != after.get("text")
    }
    return [_unsigned(part) if part.get("type") == "thinking" and part.get("origin") in changed else part for part in clean]


def redacted_json(value: Any, redact: Redact) -> Any:
    """A JSON value with every string in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redacted_json(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact(key): redacted_json(item, redact) for key, item in value.items()}
    return value


def _part(part: dict[str, Any], redact: Redact) -> dict[str, Any]:
    return {
        key: encodable(value) if key in _PROVIDERS and isinstance(value, str) else redacted_json(value, redact)
        for key, value in part.items()
    }


def _unsigned(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in ("signature", "redacted")}
