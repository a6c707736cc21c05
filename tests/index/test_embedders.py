"""The embedding that the settings name: both forms of service, what they may not get, and what happens when they fail."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lcode import config
from lcode.config import Settings
from lcode.errors import ConfigError, ProviderError
from lcode.index.embedders import ServiceEmbedder, embedder_for
from lcode.index.embedding import StaticEmbedder, scaled
from tests.support.embedding_server import KEY, EmbeddingServer, vector

ENVIRON = {"EMBEDDING_KEY": KEY}


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


def asked(server: EmbeddingServer, waits: list[float] | None = None, **more: Any) -> ServiceEmbedder:
    options: dict[str, Any] = {"provider": "openai", "key": KEY, "dimension": None, "environ": ENVIRON, **more}
    path = "/api/embed" if options["provider"] == "ollama" else "/v1/embeddings"
    return ServiceEmbedder(url=server.url + path, model="m-1", sleep=([] if waits is None else waits).append, **options)


def expected(text: str, dimension: int = 12) -> bytes:
    return scaled(vector(text, dimension))


def test_without_settings_it_is_the_table_in_the_package() -> None:
    assert isinstance(embedder_for(Settings(), {}), StaticEmbedder)


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_the_settings_name_a_service(provider: Any) -> None:
    key = KEY if provider == "openai" else ""
    with EmbeddingServer(key=key) as server:
        settings = Settings(
            embedding_provider=provider,
            embedding_model="m-2",
            embedding_url=server.url + ("/v1/" if provider == "openai" else "/"),
            embedding_key_env="EMBEDDING_KEY" if key else "",
        )
        embedder = embedder_for(settings, ENVIRON)
        assert embedder.documents(["def retry():\n    pass", "class Queue:"]) == [
            expected("def retry():\n    pass"),
            expected("class Queue:"),
        ]
        assert embedder.query("Where is a retry?") == expected("Where is a retry?")
        assert embedder.dimension == 12
        assert {request["model"] for request in server.requests} == {"m-2"}


def test_the_name_tells_models_sizes_and_services_apart_and_holds_no_secret() -> None:
    def name(url: str, model: str, dimension: int | None = None) -> str:
        return ServiceEmbedder("openai", url, model, KEY, dimension, {}).name

    one, other = "http://a/v1/embeddings", "http://b/v1/embeddings"
    assert len({name(one, "m"), name(other, "m"), name(one, "n"), name(one, "m", 64)}) == 4
    assert name("http://user:geheim@a/v1/embeddings?key=geheim", "m") == "m at a/v1/embeddings"


def test_many_texts_go_in_batches_and_come_back_in_order(server: EmbeddingServer) -> None:
    texts = [f"text {number} {'x' * (number % 7)}" for number in range(150)]
    texts[40] = texts[149] = "  "
    found = asked(server).documents(texts)
    assert found == [expected(text.strip()) if text.strip() else b"" for text in texts]
    assert [len(request["input"]) for request in server.requests] == [64, 64, 20]


def test_long_texts_are_cut_and_share_requests_within_bounds(server: EmbeddingServer) -> None:
    found = asked(server).documents(["word " * 4_000] * 30)
    assert len(set(found)) == 1
    assert len(server.requests) == 2


def test_the_dimension_is_asked_for_and_checked() -> None:
    with EmbeddingServer() as server:
        embedder = asked(server, dimension=32)
        assert embedder.dimension == 32
        assert server.requests == []
        assert embedder.query("port") == expected("port", 32)
    short = {"data": [{"index": 0, "embedding": [0.5] * 16}]}
    with (
        EmbeddingServer(change=lambda reply: short) as server,
        pytest.raises(ProviderError, match="gives vectors of 16 numbers, not of 32"),
    ):
        asked(server, dimension=32).documents(["port"])


def test_secrets_in_code_stay_here(server: EmbeddingServer) -> None:
    embedder = asked(server, environ={"DEPLOY_TOKEN": "qP7vLw83nZr51XtB"})
    embedder.documents(["token = 'qP7vLw83nZr51XtB'"])
    embedder.query("who uses qP7vLw83nZr51XtB?")
    assert "qP7vLw83nZr51XtB" not in json.dumps(server.requests)
    assert json.dumps(server.requests).count("[redacted:") == 2


def test_what_fails_for_a_passing_reason_is_sent_again(server: EmbeddingServer) -> None:
    server.faults = [None, (503, {}, b"busy"), (429, {"retry-after": "7"}, b"slow down")]
    waits: list[float] = []
    assert asked(server, waits).documents(["port"]) == [expected("port")]
    assert waits == [0.5, 1.0, 7.0]
    assert len(server.requests) == 1


def test_what_stays_down_is_given_up_with_the_reason(server: EmbeddingServer) -> None:
    server.faults = [(500, {}, b"broken \x1b[31m pipe")] * 9
    waits: list[float] = []
    with pytest.raises(ProviderError, match=r"answered 500: broken .* pipe") as caught:
        asked(server, waits).documents(["port"])
    assert (server.calls, len(waits)) == (5, 4)
    assert "\x1b" not in caught.value.message


def test_a_refusal_is_not_sent_again_and_said_without_the_key() -> None:
    with EmbeddingServer() as server:
        server.faults = [(401, {}, f"wrong key {KEY}".encode())]
        with pytest.raises(ProviderError, match="answered 401") as caught:
            asked(server, environ={}).documents(["port"])
    assert server.calls == 1
    assert KEY not in str(caught.value)
    assert KEY not in caught.value.hint


def test_a_redirect_is_not_followed(server: EmbeddingServer) -> None:
    server.faults = [(307, {"location": f"{server.url}/elsewhere"}, b"")]
    with pytest.raises(ProviderError, match="answered 307"):
        asked(server).documents(["port"])
    assert server.calls == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"data": 7}',
        b'{"data": [{"index": 0}]}',
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [1, null]}]}',
        b'{"data": [{"index": 0, "embedding": [1, NaN]}]}',
        b'{"data": [{"index": 0, "embedding": ["1", "2"]}]}',
        b'{"data": [{"index": 0, "embedding": "AAAA"}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_is_said_and_nothing_worse(server: EmbeddingServer, reply: bytes) -> None:
    server.faults = [(200, {}, reply)]
    with pytest.raises(ProviderError, match="the embedding service"):
        asked(server).documents(["port"])


def test_a_vector_of_zeros_means_nothing() -> None:
    with EmbeddingServer(change=lambda reply: {"data": [{"index": 0, "embedding": [0.0] * 12}]}) as server:
        assert asked(server).documents(["port"]) == [b""]


def test_a_question_is_asked_once_and_then_not_for_a_while(server: EmbeddingServer) -> None:
    server.faults = [(503, {}, b"busy")]
    waits: list[float] = []
    embedder = asked(server, waits)
    assert embedder.query("port") == b""
    assert "answered 503" in embedder.problem
    assert embedder.query("port") == b""
    assert (server.calls, waits) == (1, [])
    assert embedder.documents(["port"]) == [expected("port")]
    embedder._quiet_until = 0
    assert embedder.query("port") == expected("port")
    assert embedder.problem == ""


def test_a_service_that_is_not_there_costs_a_question_nothing_but_its_vector() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api/embed"
        embedder = ServiceEmbedder("ollama", url, "m", "", None, {}, sleep=lambda _: None)
        assert embedder.query("port") == b""
        with pytest.raises(ProviderError, match="cannot be reached") as caught:
            embedder.documents(["port"])
    assert caught.value.retryable


def test_wrong_settings_are_said_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY, which is not set"):
        embedder_for(Settings(embedding_provider="openai"), {})
    with pytest.raises(ConfigError, match="must be an address"):
        embedder_for(Settings(embedding_provider="ollama", embedding_url="localhost:1"), {})
    environ = {"LCODE_CONFIG": str(tmp_path / "none.toml"), "LCODE_EMBEDDING_KEY_ENV": "sk-proj-1"}
    with pytest.raises(ConfigError, match="the name of an environment variable, not a key") as caught:
        config.load(None, environ, {})
    assert "sk-proj-1" not in str(caught.value)


def test_a_repository_cannot_name_a_service(tmp_path: Path) -> None:
    (tmp_path / ".lcode").mkdir()
    (tmp_path / ".lcode" / "config.toml").write_text(
        'embedding_provider = "openai"\nembedding_url = "https://elsewhere.example"\n'
    )
    settings = config.load(tmp_path, {"LCODE_CONFIG": str(tmp_path / "none.toml")}, {})
    assert (settings.embedding_provider, settings.embedding_url) == ("static", "")
    assert isinstance(embedder_for(settings, {}), StaticEmbedder)
