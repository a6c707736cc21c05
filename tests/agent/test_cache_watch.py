from __future__ import annotations

from collections.abc import Iterator

import pytest

from lcode import clock
from lcode.agent.cache_watch import CacheWatch
from lcode.events import Usage
from lcode.llm.codec_anthropic import AnthropicCodec
from lcode.llm.codec_openai import OpenAICodec
from lcode.llm.protocol import Message, Request, Text, ToolSpec

TOOLS = tuple(ToolSpec(name, f"What {name} does.", {"type": "object", "properties": {}}) for name in ("grep", "read_file"))


class Coded:
    """A provider as far as the watch asks it."""

    def __init__(self, api: str, name: str) -> None:
        self.api, self.name = api, name
        self.encode = (AnthropicCodec() if api == "anthropic" else OpenAICodec()).encode


def request(*texts: str, system: str = "Be brief. café", tools: tuple[ToolSpec, ...] = TOOLS) -> Request:
    messages = tuple(Message("assistant" if at % 2 else "user", (Text(text),)) for at, text in enumerate(texts))
    return Request("m", system, tools, messages)


@pytest.fixture(params=["anthropic", "openai"])
def provider(request: pytest.FixtureRequest) -> Coded:
    return Coded(request.param, f"{request.param}/m")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    at = [1_000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[0])
    yield at


FIRST = request("a" * 100, "b" * 100, "c")
SENT = Usage(20_000, 0, 20_000, 10)
LOST = Usage(20_500, 0, 20_500, 10)


def test_a_cache_that_holds_is_nothing_to_tell_of(provider: Coded) -> None:
    watch = CacheWatch()
    assert watch.heard(provider, FIRST, SENT) == ""
    longer = request("a" * 100, "b" * 100, "c", "d", "e")
    assert watch.heard(provider, longer, Usage(20_500, 19_968, 532, 10)) == ""
    assert watch.losses == []


def test_the_byte_that_changed_is_named_with_its_part_and_what_stands_there(provider: Coded) -> None:
    watch = CacheWatch()
    watch.heard(provider, FIRST, SENT)
    told = watch.heard(provider, request("a" * 100, "b" * 50 + "X" + "b" * 49, "c", "d", "e"), LOST)
    assert "message 1 (assistant)" in told or "message 2 (assistant)" in told
    assert "bX" in told and "byte" in told
    assert watch.losses == [told]


def test_bytes_are_counted_as_they_are_sent_not_as_characters(provider: Coded) -> None:
    watch = CacheWatch()
    watch.heard(provider, request("question", system="café café"), SENT)
    told = watch.heard(provider, request("question", system="café cafe"), LOST)
    assert "é" in told and "was" in told


def test_a_tool_that_came_or_went_is_named(provider: Coded) -> None:
    watch = CacheWatch()
    watch.heard(provider, FIRST, SENT)
    more = (*TOOLS, ToolSpec("shell", "Runs.", {"type": "object", "properties": {}}))
    assert "tools changed: +shell" in watch.heard(provider, request("a" * 100, "b" * 100, "c", tools=more), LOST)
    assert "tools changed: -shell" in watch.heard(provider, FIRST, LOST)


def test_a_prompt_that_is_the_same_was_let_go_or_expired(provider: Coded, now: list[float]) -> None:
    watch = CacheWatch()
    watch.heard(provider, FIRST, SENT)
    now[0] += 40
    told = watch.heard(provider, request("a" * 100, "b" * 100, "c", "d", "e"), LOST)
    assert "as they were, 40 s ago: the provider let it go by itself" in told
    now[0] += 900
    assert "900 s ago: the provider's cache expired" in watch.heard(
        provider, request("a" * 100, "b" * 100, "c", "d", "e"), LOST
    )


def test_another_model_and_what_was_done_on_purpose_are_said(provider: Coded) -> None:
    watch = CacheWatch()
    watch.heard(provider, FIRST, SENT)
    watch.expect("12 results were taken out")
    told = watch.heard(Coded(provider.api, "openai/n"), FIRST, LOST)
    assert f"the model changed from {provider.name} to openai/n" in told
    assert "(on purpose: 12 results were taken out)" in told


def test_a_service_without_a_cache_is_never_accused() -> None:
    watch, local = CacheWatch(), Coded("openai", "ollama/m")
    assert watch.heard(local, FIRST, Usage(20_000)) == ""
    assert watch.heard(local, request("other"), Usage(20_000)) == ""
