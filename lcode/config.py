"""The settings of one process, and where each value comes from.

Built-in < the repository's `.lcode/config.toml` < the user's `config.toml` < environment < command line. A repository is
not trusted: only keys that are harmless in anybody's hand are taken from it, and a fault in its file is a warning, never an
error. A fault in what the user wrote is a ConfigError, with file, key and line.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from lcode.config_keys import KEYS, Value, checked, model, parsed, provider, unknown, variable
from lcode.errors import ConfigError
from lcode.provider_settings import ModelSettings, ProviderSettings

BUILT_IN = "built-in"
COMMAND_LINE = "command line"
_LARGEST = 256_000  # bytes of a settings file


@dataclass(frozen=True)
class Settings:
    """What each key means: `lcode.config_keys`. `warnings` are lines that the user should see once."""

    model: str = ""
    permission_mode: str = "ask"
    max_steps: int = 50
    max_tokens: int | None = None
    thinking: Literal["off", "low", "medium", "high"] = "off"
    idle_timeout: float = 120.0
    retries: int = 5
    block_limit: int = 5_000
    core_memory_tokens: int = 8_000
    context_window: int | None = None
    max_cost: float | None = None
    debug: bool = False
    shell_timeout: float = 120.0
    worker: bool = True
    embedding_provider: Literal["static", "openai", "ollama"] = "static"
    embedding_model: str = ""
    embedding_url: str = ""
    embedding_key_env: str = ""
    embedding_dimension: int | None = None
    vi_mode: bool = False
    history: bool = True
    providers: Mapping[str, ProviderSettings] = field(default_factory=lambda: MappingProxyType({}))
    models: Mapping[str, ModelSettings] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def origin(self, key: str) -> str:
        """Where the value comes from: `built-in`, `repository: FILE`, `user: FILE`, `environment: NAME`, `command line`."""
        return self.origins.get(key, BUILT_IN)

    def rows(self) -> list[tuple[str, Any, str]]:
        """Key, value and origin of everything, last the user's own providers (by their address: headers may be confidential)
        and models."""
        rows = [(key, getattr(self, key), self.origin(key)) for key in KEYS]
        for name, its in self.providers.items():
            rows.append((f"providers.{name}", f"{its.api} at {its.base_url}", self.origin(f"providers.{name}")))
        for name, said in self.models.items():
            known = ", ".join(f"{field} {value}" for field, value in vars(said).items() if value is not None)
            rows.append((f"models.{name}", known, self.origin(f"models.{name}")))
        return rows


def config_path(environ: Mapping[str, str]) -> Path:
    """The user's settings file: `$LCODE_CONFIG`, else `lcode/config.toml` in the platform's folder for settings."""
    if given := environ.get("LCODE_CONFIG"):
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        base = environ.get("APPDATA") or "~/AppData/Roaming"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        return Path(base).expanduser() / "lcode" / "config.toml"
    except RuntimeError:  # no HOME and no entry in the user database
        return Path(base.replace("~", "/nonexistent", 1)) / "lcode" / "config.toml"


def repository_path(root: Path) -> Path:
    """The settings file of the repository at `root`."""
    return root / ".lcode" / "config.toml"


def load(root: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The settings in the repository at `root` (None: none). `flags` are the keys given on the command line; None counts as
    not given. Raises ConfigError."""
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    warnings: list[str] = []
    user_file = config_path(environ)
    if root is not None and not _same(repository_path(root), user_file):
        _take_repository(repository_path(root), values, origins, warnings)
    providers, models = _take_user(user_file, values, origins)
    for key in KEYS:
        if text := environ.get(variable(key), "").strip():
            try:
                values[key] = parsed(key, text)
            except ValueError as error:
                raise ConfigError(f"{variable(key)}: {error}", f"correct or unset {variable(key)}") from None
            origins[key] = f"environment: {variable(key)}"
    for key, value in flags.items():
        if value is not None:
            values[key] = _flag(key, value)
            origins[key] = COMMAND_LINE
    return Settings(
        **values,  # type: ignore[arg-type]
        providers=MappingProxyType(providers),
        models=MappingProxyType(models),
        warnings=tuple(warnings),
        origins=MappingProxyType(origins),
    )


def read_toml(file: Path) -> tuple[dict[str, Any], str]:
    """The tables and the text of `file`; empty where it does not exist. Raises ConfigError."""
    try:
        if not file.exists():
            return {}, ""
        if not file.is_file():
            raise ConfigError(f"{file} is not a file", "put a TOML file there, or remove it")
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror or error}", "correct its permissions, or remove it"
        ) from None
    if len(data) > _LARGEST:
        raise ConfigError(f"{file} is larger than {_LARGEST:,} bytes", "settings need a few lines")
    import tomllib

    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file} line {line} is not UTF-8", "save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}", "see https://toml.io for the form") from None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _flag(key: str, value: Any) -> Value:
    if key not in KEYS:
        raise ConfigError(unknown(key))
    try:
        return checked(key, value)
    except ValueError as error:
        raise ConfigError(str(error), f"on the command line: {key}") from None


def _take_repository(file: Path, values: dict[str, Value], origins: dict[str, str], warnings: list[str]) -> None:
    """Only allow-listed keys; everything else is left out and named. Nothing in the file stops the user."""
    try:
        tables, text = read_toml(file)
    except ConfigError as error:
        warnings.append(f"ignored the repository's settings: {_shown(error.message)}")
        return
    refused: list[str] = []
    for key, value in tables.items():
        if key not in KEYS or not KEYS[key].from_repository:
            refused.append(_shown(key))
            continue
        try:
            values[key] = checked(key, value)
            origins[key] = f"repository: {file}"
        except ValueError as error:
            warnings.append(f"ignored in {file}{_line(text, key)}: {error}")
    if refused:
        listing = ", ".join(refused[:8]) + (" …" if len(refused) > 8 else "")
        warnings.append(f"ignored in {file}: {listing} (a repository may not set {'these' if len(refused) > 1 else 'this'})")


def _shown(text: str) -> str:
    from lcode.sanitize import clean

    return clean(text).replace("\n", " ")[:300]


def _take_user(
    file: Path, values: dict[str, Value], origins: dict[str, str]
) -> tuple[dict[str, ProviderSettings], dict[str, ModelSettings]]:
    """The user's own providers and models; the keys go into `values`."""
    tables, text = read_toml(file)
    providers: dict[str, ProviderSettings] = {}
    models: dict[str, ModelSettings] = {}
    for key, value in tables.items():
        try:
            if key in ("providers", "models"):
                if not isinstance(value, dict):
                    raise ValueError(f"{key} must be tables: [{key}.NAME]")
                for name, table in value.items():
                    if key == "providers":
                        providers[name] = provider(name, table)
                    else:
                        models[name] = model(name, table)
                    origins[f"{key}.{name}"] = f"user: {file}"
            elif key not in KEYS:
                raise ValueError(unknown(key, (*KEYS, "providers", "models")))
            else:
                values[key] = checked(key, value)
                origins[key] = f"user: {file}"
        except ValueError as error:
            raise ConfigError(f"{file}{_line(text, key)}: {error}", "`lcode config` lists the keys; correct the file") from None
    return providers, models


def _line(text: str, key: str) -> str:
    """` line N`, where `key` is set in `text`, if that can be told."""
    import re

    found = re.search(rf"(?m)^[ \t]*(?:\[[ \t]*)?[\"']?{re.escape(key)}[\"']?[ \t]*[=.\]]", text)
    return f" line {text.count(chr(10), 0, found.start()) + 1}" if found else ""
