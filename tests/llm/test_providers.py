from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lcode.errors import ConfigError, UserError
from lcode.llm.providers import ROWS, context_window, default_model, resolve, secret_names
from lcode.llm.replay import RecordingProvider
from lcode.llm.service import ServiceProvider
from lcode.provider_settings import ProviderSettings

OWN = {"corp": ProviderSettings("anthropic", "https://llm.corp.example/v1/", "CORP_KEY", {"X-Team": "a b"}, 64_000)}


def service(name: str, environ: dict[str, str], own: dict[str, ProviderSettings] | None = None) -> Any:
    provider = resolve(name, own or {}, environ)
    assert isinstance(provider, ServiceProvider)
    return provider


def url(provider: Any) -> str:
    return str(provider._sender._transport._url)


def headers(provider: Any) -> dict[str, str]:
    return dict(provider._sender._headers)


def test_a_name_becomes_a_provider_of_its_api() -> None:
    openai = service("openai/gpt-5.2", {"OPENAI_API_KEY": " key-1234\n"})
    assert (openai.name, openai.api) == ("openai/gpt-5.2", "openai")
    assert url(openai) == "https://api.openai.com/v1/chat/completions"
    assert headers(openai)["authorization"] == "Bearer key-1234"
    anthropic = service("anthropic/claude-sonnet-5", {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://proxy:8080/"})
    assert (anthropic.api, url(anthropic)) == ("anthropic", "http://proxy:8080/v1/messages")
    assert headers(anthropic)["x-api-key"] == "k"
    assert "anthropic-version" in headers(anthropic)


def test_a_model_may_hold_slashes() -> None:
    provider = service("openrouter/anthropic/claude-sonnet-5", {"OPENROUTER_API_KEY": "k"})
    assert provider.name == "openrouter/anthropic/claude-sonnet-5"


def test_a_provider_of_the_users_own_is_used_with_its_headers() -> None:
    provider = service("corp/m", {"CORP_KEY": "k"}, OWN)
    assert url(provider) == "https://llm.corp.example/v1/messages"
    assert headers(provider)["x-team"] == "a b"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("box:1234", "http://box:1234/v1"),
        ("https://box.example", "https://box.example:443/v1"),
        ("http://box:99/v1/", "http://box:99/v1"),
        ("[::1]:7", "http://[::1]:7/v1"),
    ],
)
def test_the_address_of_ollama_is_read_as_ollama_reads_it(host: str, expected: str) -> None:
    assert url(service("ollama/qwen3", {"OLLAMA_HOST": host})) == expected + "/chat/completions"


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        resolve("openai/gpt-5.2", {}, {"OPENAI_API_KEY": "  "})


def test_a_server_of_ones_own_under_a_known_name_needs_no_key() -> None:
    provider = service("openai/m", {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert "authorization" not in headers(provider)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("opnai/gpt-5", "Did you mean openai"),
        ("claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("gpt-5", "openai/gpt-5"),
        ("llama", "provider/model"),
        ("openai", "openai/MODEL"),
        ("openai/", "openai/MODEL"),
        ("", "provider/model"),
    ],
)
def test_a_wrong_name_gets_a_hint(name: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(name, {}, {})
    assert words in caught.value.hint


@pytest.mark.parametrize("key", ["abc\ndef", "schlüssel", "a\x00b"])
def test_a_key_that_is_no_header_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("openai/m", {}, {"OPENAI_API_KEY": key})
    assert "OPENAI_API_KEY" in caught.value.message
    assert key not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "address", ["api.example/v1", "ftp://x", "http://user:pa55@host/v1", "http://[", "http://h:port", "http://"]
)
def test_a_wrong_base_url_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("openai/m", {}, {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": address})
    assert "OPENAI_BASE_URL" in caught.value.message
    assert "pa55" not in caught.value.message


def test_the_default_model_follows_the_keys_that_are_set() -> None:
    assert default_model({}) == "offline"
    assert default_model({"OPENAI_API_KEY": ""}) == "offline"
    assert default_model({"OPENAI_API_KEY": "k"}).startswith("openai/")
    assert default_model({"OPENROUTER_API_KEY": "k"}).startswith("openrouter/")
    assert default_model({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}).startswith("anthropic/")


def test_secret_names_are_those_of_the_table_and_of_the_users_own_rows() -> None:
    environ = {"CORP_KEY": "k", "OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "PATH": "/bin"}
    assert secret_names(environ, OWN) == {"CORP_KEY", "OPENAI_API_KEY", "GROQ_API_KEY"}
    assert secret_names({row.key_env: "" for row in ROWS}) == {row.key_env for row in ROWS if row.key_env}


def test_the_context_window_of_the_users_row_holds() -> None:
    assert context_window("corp/claude-sonnet-5", OWN) == 64_000
    assert context_window("corp/claude-sonnet-5", OWN, 1_000) == 1_000


def test_recording_wraps_the_provider(tmp_path: Path) -> None:
    provider = resolve("openai/m", {}, {"OPENAI_API_KEY": "k"}, record=tmp_path / "r.jsonl")
    assert isinstance(provider, RecordingProvider)
    assert provider.name == "openai/m"


def test_resolving_and_encoding_imports_nothing_heavy() -> None:
    program = """
import sys
from lcode.llm.providers import resolve
from lcode.llm.protocol import Message, Request, Text
for name in ("openai/m", "anthropic/m"):
    provider = resolve(name, {}, {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"})
    provider.encode(Request("m", "s", (), (Message("user", (Text("hi"),)),)))
heavy = "urllib3 http.client ssl asyncio urllib.request random httpx pydantic openai anthropic logging email".split()
print(*[name for name in heavy if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
