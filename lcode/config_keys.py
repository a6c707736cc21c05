"""The settings there are: of each its type, default, bounds, and whether a repository may set it.

Also checks values, wherever they come from: a TOML file, an environment variable, the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lcode.provider_settings import ModelSettings, ProviderSettings

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Key:
    """`from_repository`: harmless enough that a repository's own file may set it. Never what decides where code is sent,
    what runs, what is allowed, or what is charged without a bound."""

    type: type
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    from_repository: bool = False


KEYS: Mapping[str, Key] = {
    "model": Key(str, "", "the model, as provider/name; empty: chosen by the keys that are there"),
    "permission_mode": Key(str, "ask", "what runs without asking", ("ask", "accept-edits", "plan", "yolo")),
    "max_steps": Key(int, 50, "model calls for one message", least=1, most=1_000, from_repository=True),
    "max_tokens": Key(int, None, "tokens of one answer; unset: the model's own bound", least=1),
    "thinking": Key(str, "off", "how much the model thinks before it answers", ("off", "low", "medium", "high")),
    "idle_timeout": Key(float, 120.0, "seconds without a word from the model's service", least=1, most=3_600),
    "retries": Key(int, 5, "how often a failed request is sent again", least=0, most=20),
    "block_limit": Key(int, 5_000, "characters of a new memory block", least=100, most=100_000, from_repository=True),
    "core_memory_tokens": Key(int, 8_000, "tokens of all blocks", least=500, most=100_000, from_repository=True),
    "context_window": Key(int, None, "tokens the model takes; unset: as its provider says", least=1_000),
    "max_cost": Key(float, None, "dollars that one process may spend on models; unset: no limit", least=0, most=1_000_000),
    "debug": Key(bool, False, "tell of decisions and lost caches on standard error and in the log"),
    "shell_timeout": Key(float, 120.0, "seconds a command may run", least=1, most=3_600, from_repository=True),
    "worker": Key(bool, True, "keep the code index current with a process in the background"),
    "embedding_provider": Key(
        str, "static", "what turns code into vectors: the table in the package, or a service", ("static", "openai", "ollama")
    ),
    "embedding_model": Key(str, "", "the service's model; empty: its usual one"),
    "embedding_url": Key(str, "", "the service's address; empty: its usual one"),
    "embedding_key_env": Key(str, "", "the environment variable that holds the service's key"),
    "embedding_dimension": Key(int, None, "numbers of a vector; unset: as the model gives", least=8, most=4_096),
    "vi_mode": Key(bool, False, "vi keys at the prompt"),
    "history": Key(bool, True, "keep what was typed at the prompt"),
}
_LEAST_COUNT = {"context_window": 1_000, "max_output": 1}
_DEAREST = 1_000_000  # dollars a million tokens
_MODEL_FIELDS = (*_LEAST_COUNT, "price_input", "price_cached", "price_written", "price_output")
_PROVIDER_FIELDS = ("api", "base_url", "key_env", "headers", "context_window")
_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def variable(key: str) -> str:
    """The environment variable that sets `key`."""
    return f"LCODE_{key.upper()}"


def unknown(key: str, known: tuple[str, ...] | None = None) -> str:
    """What to say of a key that there is not."""
    from difflib import get_close_matches

    near = get_close_matches(key, known or tuple(KEYS), 2, 0.6)
    return f"unknown key '{key}'" + (f", did you mean {' or '.join(near)}?" if near else "")


def checked(key: str, value: Any) -> Value:
    """`value` for `key`, of the right type and within bounds. Raises ValueError with what is wrong; never quotes `value`,
    which may be a secret under a wrong name."""
    rule = KEYS[key]
    if value is None and rule.default is None:
        return None
    if rule.type is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(min(value, 10**9))
    right = isinstance(value, rule.type) and isinstance(value, bool) is (rule.type is bool)
    if not right or not isinstance(value, (str, int, float)):
        raise ValueError(f"{key} must be {_TYPES[rule.type]}")
    if rule.choices and value not in rule.choices:
        raise ValueError(f"{key} must be one of {', '.join(rule.choices)}")
    if isinstance(value, (int, float)) and not _within(value, rule):
        bounds = f"at least {rule.least:.10g}" if rule.most is None else f"from {rule.least:.10g} to {rule.most:.10g}"
        raise ValueError(f"{key} must be {bounds}")
    if key.endswith("_key_env") and value and not (isinstance(value, str) and value.isascii() and value.isidentifier()):
        raise ValueError(f"{key} must be the name of an environment variable, not a key")
    if isinstance(value, str) and any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError(f"{key} must be one line of plain text")
    return value


def _within(value: float, rule: Key) -> bool:
    """Not a number is within nothing."""
    return (rule.least is None or value >= rule.least) and (rule.most is None or value <= rule.most)


def parsed(key: str, text: str) -> Value:
    """The value of `key` that `text`, from the command line or the environment, stands for. Raises ValueError."""
    rule = KEYS[key]
    text = text.strip()
    if rule.type is bool:
        known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
        if text.lower() not in known:
            raise ValueError(f"{key} must be true or false")
        return known[text.lower()]
    if rule.type in (int, float):
        try:
            return checked(key, rule.type(text))
        except (ValueError, OverflowError) as error:
            raise ValueError(str(error) if str(error).startswith(key) else f"{key} must be {_TYPES[rule.type]}") from None
    return checked(key, text)


def provider(name: str, table: Any) -> ProviderSettings:
    """The checked table `[providers.NAME]` of the user's file. Raises ValueError; never quotes a value."""
    where = f"providers.{name}"
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table")
    if not name or any(not (char.isalnum() or char in "-_.") for char in name):
        raise ValueError(f"{where}: a provider's name holds letters, digits, '-', '_' and '.' only")
    for key in table:
        if key not in _PROVIDER_FIELDS:
            where_keys_go = "; a key is never kept in the file: name its environment variable with key_env"
            known = f" (known: {', '.join(_PROVIDER_FIELDS)})"
            raise ValueError(f"{where}: {unknown(key, _PROVIDER_FIELDS)}{known}{where_keys_go if 'key' in key.lower() else ''}")
    if table.get("api", "openai") not in ("openai", "anthropic"):
        raise ValueError(f"{where}.api must be openai or anthropic")
    if not isinstance(table.get("base_url"), str) or not table["base_url"].startswith(("https://", "http://")):
        raise ValueError(f"{where}.base_url must be an address that starts with https:// or http://")
    key_env = table.get("key_env", "")
    if not isinstance(key_env, str) or (key_env and not (key_env.isascii() and key_env.isidentifier())):
        raise ValueError(f"{where}.key_env must be the name of an environment variable, not a key")
    headers = table.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError(f"{where}.headers must be a table of texts")
    window = table.get("context_window")
    if window is not None and (not isinstance(window, int) or isinstance(window, bool) or window < 1_000):
        raise ValueError(f"{where}.context_window must be a whole number of at least 1000")
    return ProviderSettings(table.get("api", "openai"), table["base_url"], key_env, dict(headers), window)


def model(name: str, table: Any) -> ModelSettings:
    """The checked table `[models."PROVIDER/NAME"]` of the user's file. Raises ValueError."""
    where = f'models."{name}"'
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table")
    if "/" not in name.strip("/"):
        raise ValueError(f'{where}: a model is named with its provider, as in [models."openai/gpt-5.2"]')
    for key, value in table.items():
        if key not in _MODEL_FIELDS:
            raise ValueError(f"{where}: {unknown(key, _MODEL_FIELDS)} (known: {', '.join(_MODEL_FIELDS)})")
        if key in _LEAST_COUNT:
            if not isinstance(value, int) or isinstance(value, bool) or value < _LEAST_COUNT[key]:
                raise ValueError(f"{where}.{key} must be a whole number of at least {_LEAST_COUNT[key]}")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _DEAREST:
            raise ValueError(f"{where}.{key} must be dollars for a million tokens, from 0 to {_DEAREST}")
    prices = [key for key in table if key.startswith("price_")]
    if prices and not {"price_input", "price_output"} <= set(prices):
        raise ValueError(f"{where}: a price needs both price_input and price_output")
    return ModelSettings(**table)
