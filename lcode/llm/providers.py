"""The table of providers, and from a name such as `openai/gpt-5.2` to a Provider that can be asked.

A row is data. A new provider that speaks a known API is a row here, or an entry in the user's settings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from lcode.errors import ConfigError, UserError
from lcode.provider_settings import ModelSettings, ProviderSettings
from lcode.sanitize import encodable

if TYPE_CHECKING:
    from lcode.llm.codec import Codec
    from lcode.llm.protocol import Provider

Sleep = Callable[[float], Awaitable[None]]
OFFLINE = "offline"
_REPLAY = "replay:"


@dataclass(frozen=True)
class ProviderRow:
    """`base_url` stands before the codec's path; `base_url_env` is the variable that overrides it, `key_env` the one with
    the key ('' where none is needed). The flags are those of `codec_openai.Dialect`."""

    name: str
    api: Literal["openai", "anthropic"]
    base_url: str
    key_env: str = ""
    base_url_env: str = ""
    default_model: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Patience:
    """How long silence is borne, how often a request is sent, and what waits in between."""

    idle_timeout: float
    attempts: int
    sleep: Sleep | None


ROWS: tuple[ProviderRow, ...] = (
    ProviderRow(
        "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "claude-sonnet-5"
    ),
    ProviderRow(
        "openai",
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "gpt-5.2",
        ("cache_key", "max_completion_tokens", "reasoning_effort", "openai_models"),
    ),
    ProviderRow(
        "openrouter",
        "openai",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
        "anthropic/claude-sonnet-5",
        ("reasoning_effort",),
    ),
    ProviderRow("ollama", "openai", "http://127.0.0.1:11434/v1", "", "OLLAMA_HOST", "", ("reasoning_effort",)),
    ProviderRow("lmstudio", "openai", "http://127.0.0.1:1234/v1", "", "LMSTUDIO_BASE_URL"),
    ProviderRow("groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    ProviderRow("mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", flags=("strict",)),
    ProviderRow("deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", flags=("reasoning_content",)),
    ProviderRow("xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY"),
    ProviderRow("together", "openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    ProviderRow(
        "gemini",
        "openai",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        flags=("reasoning_effort", "extra_content"),
    ),
)
_TABLE = {row.name: row for row in ROWS}
_ALSO_SECRET = ("ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY")  # other names under which such keys are kept


def resolve(
    name: str,
    providers: Mapping[str, ProviderSettings],
    environ: Mapping[str, str],
    *,
    record: Path | None = None,
    redact: Callable[[str], str] = str,
    idle_timeout: float = 120.0,
    attempts: int = 6,
    sleep: Sleep | None = None,
) -> Provider:
    """The provider for `provider/model`, `offline` or `replay:FILE`. `record` also writes every reply to a file, its
    texts as `redact` gives them; `sleep` waits between attempts in place of the clock. Raises UserError."""
    provider = _resolved(name.strip(), providers, environ, _Patience(idle_timeout, attempts, sleep))
    if record is None:
        return provider
    from lcode.llm.replay import RecordingProvider

    return RecordingProvider(provider, record, redact)


def _resolved(
    name: str, providers: Mapping[str, ProviderSettings], environ: Mapping[str, str], patience: _Patience
) -> Provider:
    if name == OFFLINE:
        from lcode.llm.offline import OfflineProvider

        return OfflineProvider()
    if name.startswith(_REPLAY):
        from lcode.llm.replay import ReplayProvider

        return ReplayProvider(Path(name.removeprefix(_REPLAY)))
    who, slash, model = encodable(name).partition("/")
    if not slash or not model or not who:
        raise _bare(name, providers)
    if who in providers:
        row, headers = _own_row(who, providers[who]), providers[who].headers
    elif who in _TABLE:
        row, headers = _TABLE[who], {}
    else:
        raise _unknown(who, providers)
    return _service(row, model, headers, environ, patience)


def _service(
    row: ProviderRow, model: str, headers: Mapping[str, str], environ: Mapping[str, str], patience: _Patience
) -> Provider:
    from lcode.llm.problems import Service
    from lcode.llm.service import ServiceProvider

    base_url = _base_url(row, environ)
    host = _host(row, base_url)
    key = _key(row, host, environ)
    own = {name: header_value(value, f"The header {name} of provider {row.name}") for name, value in headers.items()}
    secrets = tuple(value for value in (key, *own.values()) if len(value) >= 8)
    return ServiceProvider(
        f"{row.name}/{model}",
        _codec(row),
        base_url,
        Service(row.name, host, row.key_env, secrets),
        key=key,
        headers=own,
        environ=environ,
        idle_timeout=patience.idle_timeout,
        attempts=patience.attempts,
        sleep=patience.sleep,
    )


def default_model(environ: Mapping[str, str]) -> str:
    """The model when the user named none: by the first key that is set, else `offline`."""
    for row in ROWS:
        if row.default_model and row.key_env and environ.get(row.key_env, "").strip():
            return f"{row.name}/{row.default_model}"
    return OFFLINE


def secret_names(environ: Mapping[str, str], providers: Mapping[str, ProviderSettings] | None = None) -> frozenset[str]:
    """The variables of `environ` that hold providers' keys: no child process gets them."""
    known = {row.key_env for row in ROWS} | {own.key_env for own in (providers or {}).values()} | set(_ALSO_SECRET)
    return frozenset(name for name in known if name and name in environ)


def context_window(
    name: str,
    providers: Mapping[str, ProviderSettings],
    override: int | None = None,
    models: Mapping[str, ModelSettings] | None = None,
) -> int:
    """Tokens that fit for `provider/model`: the user's word for all, for the model, for its provider, then the catalogue's."""
    from lcode.llm import catalogue

    model, own = (models or {}).get(name), providers.get(name.partition("/")[0])
    said = override or (model.context_window if model else None) or (own.context_window if own else None)
    return catalogue.context_window(name, said)


def _own_row(name: str, settings: ProviderSettings) -> ProviderRow:
    if settings.api not in ("openai", "anthropic"):
        raise ConfigError(f"provider {name}: unknown api '{settings.api}'", "It is 'openai' or 'anthropic'.")
    return ProviderRow(name, settings.api, settings.base_url, settings.key_env)


def _codec(row: ProviderRow) -> Codec:
    if row.api == "anthropic":
        from lcode.llm.codec_anthropic import AnthropicCodec

        return AnthropicCodec()
    from lcode.llm.codec_openai import Dialect, OpenAICodec

    flags = set(row.flags)
    return OpenAICodec(
        Dialect(
            max_tokens="max_completion_tokens" if "max_completion_tokens" in flags else "max_tokens",
            cache_key="cache_key" in flags,
            reasoning_effort="reasoning_effort" in flags,
            reasoning_content="reasoning_content" in flags,
            extra_content="extra_content" in flags,
            openai_models="openai_models" in flags,
            strict="strict" in flags,
        )
    )


def _base_url(row: ProviderRow, environ: Mapping[str, str]) -> str:
    given = environ.get(row.base_url_env, "").strip() if row.base_url_env else ""
    url = given or row.base_url
    if given and row.name == "ollama":
        url = _ollama_url(given)
    url = url.rstrip("/")
    return url.removesuffix("/v1") if row.api == "anthropic" else url


def _ollama_url(host: str) -> str:
    """OLLAMA_HOST as that program reads it: a host, with or without scheme and port; 0.0.0.0 is where it listens."""
    url = host if "://" in host else f"http://{host}"
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80 if "://" in host else 11434)
    except ValueError:
        raise ConfigError(f"OLLAMA_HOST is no address: {host}", "Such as 127.0.0.1:11434.") from None
    name = parts.hostname or "127.0.0.1"
    name = "127.0.0.1" if name == "0.0.0.0" else f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}:{port}{parts.path.rstrip('/').removesuffix('/v1')}/v1"


def _host(row: ProviderRow, base_url: str) -> str:
    """The host of the address, for errors. Raises ConfigError where it is no usable address."""
    where = f"in {row.base_url_env}" if row.base_url_env else f"of provider {row.name}"
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigError(f"the base URL {where} is no http(s) address", "Such as https://host.example/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"the base URL {where} must hold no user, password or query", "Put keys into headers or variables.")
    return host


def _key(row: ProviderRow, host: str, environ: Mapping[str, str]) -> str:
    if not row.key_env:
        return ""
    key = header_value(environ.get(row.key_env, ""), row.key_env)
    if not key and host == urlsplit(row.base_url).hostname:  # another host, set by a variable, may well need none
        hint = f"Set {row.key_env}, or choose another model with --model (offline needs no key)."
        raise UserError(f"no key for {row.name}: {row.key_env} is not set", hint)
    return key


def header_value(value: str, name: str) -> str:
    """`value` fit for a header, without the white space that copying leaves around it. Raises ConfigError."""
    value = value.strip()
    if not all(" " <= character <= "~" for character in value):
        raise ConfigError(
            f"{name} holds a character that cannot be sent", "Set it again: perhaps it was copied with a line break."
        )
    return value


def _bare(name: str, providers: Mapping[str, ProviderSettings]) -> UserError:
    bare = name.strip("/").lower()
    if bare in providers or bare in _TABLE:
        return UserError(f"'{name}' names a provider without a model", f"Write {bare}/MODEL.")
    if "claude" in bare:
        guess = f"Perhaps anthropic/{name}"
    elif bare.startswith(("gpt", "o1", "o3", "o4", "chatgpt")):
        guess = f"Perhaps openai/{name}"
    else:
        guess = "Write provider/model, such as openai/gpt-5.2, anthropic/claude-sonnet-5 or ollama/qwen3-coder"
    return UserError(f"'{name}' names a model without its provider", f"{guess}; offline needs no model at all.")


def _unknown(who: str, providers: Mapping[str, ProviderSettings]) -> UserError:
    from difflib import get_close_matches

    known = sorted({*_TABLE, *providers})
    near = get_close_matches(who.lower(), [*known, OFFLINE], 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    hint = f"{guess}Known: {', '.join(known)}; others go into [providers] of the settings."
    return UserError(f"unknown provider '{who}'", hint)
