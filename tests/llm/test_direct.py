from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lcode.errors import ConfigError, ProviderError
from lcode.llm.codec_openai import OpenAICodec
from lcode.llm.direct import DirectSender
from lcode.llm.problems import Service, UnreachableError
from lcode.llm.protocol import Delta, Message, Reply, Request, Text, TextPiece
from tests.llm import loopback
from tests.llm.loopback import chunked, head, serving, text_stream, whole

KEY = "sk-test-0123456789abcdefghij"
REQUEST = Request("m", "", (), (Message("user", (Text("hi ✓"),)),))
CODEC = OpenAICodec()


def sender(url: str, environ: dict[str, str] | None = None, **options: Any) -> DirectSender:
    service = Service("test", "127.0.0.1", "TEST_API_KEY", (KEY,))
    return DirectSender(url + "/chat/completions", CODEC.headers(KEY), service, environ or {}, **options)


async def sent(to: DirectSender) -> list[Delta]:
    return [delta async for delta in to.send(CODEC.encode(REQUEST), CODEC.decoder(REQUEST))]


def exchange(*answers: loopback.Answer, **options: Any) -> list[Delta]:
    with serving(*answers) as service:
        return asyncio.run(sent(sender(service.url, **options)))


def failure(*answers: loopback.Answer, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        exchange(*answers, **options)
    assert KEY not in str(caught.value) + caught.value.hint
    return caught.value


def test_a_stream_becomes_pieces_and_one_reply() -> None:
    deltas = exchange(chunked(text_stream("Hel lo")))
    assert deltas == [TextPiece("Hel"), TextPiece("lo"), Reply((Text("Hello"),), "stop", model="m")]


def test_the_request_holds_the_key_and_the_body_as_utf8() -> None:
    with serving(chunked(text_stream())) as service:
        asyncio.run(sent(sender(service.url)))
    _, headers, body = service.requests[0]
    assert headers[":line"] == "POST /chat/completions HTTP/1.1"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert "hi ✓".encode() in body
    assert json.loads(body) == CODEC.encode(REQUEST)


@pytest.mark.parametrize("answer", [chunked(text_stream()), whole(text_stream())], ids=["chunked", "with length"])
def test_the_connection_is_used_again(answer: loopback.Answer) -> None:
    async def thrice(to: DirectSender) -> None:
        for _ in range(3):
            await sent(to)

    with serving(answer, answer, answer) as service:
        asyncio.run(thrice(sender(service.url)))
    assert [number for number, _, _ in service.requests] == [0, 0, 0]


def test_a_kept_connection_that_the_service_closed_is_opened_anew() -> None:
    def closing(connection: loopback.Connection) -> bool:
        chunked(text_stream())(connection)
        return False

    async def twice(to: DirectSender, service: loopback.Service) -> None:
        await sent(to)
        await sent(to)

    with serving(closing, closing) as service:
        asyncio.run(twice(sender(service.url), service))
    assert [number for number, _, _ in service.requests] == [0, 1]


@pytest.mark.parametrize("done", [True, False])
def test_a_stream_that_is_whole_but_never_closed_is_a_reply(done: bool) -> None:
    def holding(connection: loopback.Connection) -> bool:
        connection.send(head(content_type="text/event-stream") + text_stream(done=done))
        connection.request()  # until the peer closes
        return False

    deltas = exchange(holding, idle_timeout=0.2)
    assert isinstance(deltas[-1], Reply)


def test_a_compressed_stream_is_read() -> None:
    deltas = exchange(chunked(gzip.compress(text_stream("Hel lo")), content_encoding="gzip"))
    assert isinstance(deltas[-1], Reply)
    assert deltas[-1].text == "Hello"


def test_a_reply_in_one_json_body_is_read() -> None:
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    deltas = exchange(whole(json.dumps(body).encode(), content_type="application/json"))
    assert deltas[0] == TextPiece("Hi")
    assert isinstance(deltas[-1], Reply)


STREAM = text_stream("Hel lo wor ld")
FINISHED = STREAM.index(b"\n\n", STREAM.index(b"finish_reason")) + 2


def ended_early(connection: loopback.Connection, at: int, reset: bool) -> bool:
    connection.send(head(content_type="text/event-stream") + STREAM[:at])
    if reset:
        connection.reset()
    return False


@pytest.mark.parametrize("reset", [False, True], ids=["truncated", "reset"])
def test_a_stream_cut_at_any_byte_is_an_error_to_retry_or_whole(reset: bool) -> None:
    async def all_cuts(to: DirectSender) -> None:
        for at in cuts:
            try:
                deltas = await sent(to)
            except ProviderError as error:
                assert error.retryable
                assert reset or at < FINISHED
            else:
                assert at >= FINISHED
                assert isinstance(deltas[-1], Reply)
                assert deltas[-1].text == "Helloworld"

    cuts = range(0, len(STREAM) + 1, 1 if not reset else 7)
    answers = [lambda connection, at=at: ended_early(connection, at, reset) for at in cuts]
    with serving(*answers) as service:
        asyncio.run(all_cuts(sender(service.url)))


def test_a_chunked_body_without_its_end_is_an_error_to_retry() -> None:
    assert failure(chunked(text_stream(done=False)[:40], end=False)).retryable


REFUSED = (400, 401, 403, 404, 422)
PASSING = (408, 409, 429, 500, 502, 503, 529)


@pytest.mark.parametrize("status", REFUSED + PASSING)
def test_which_answers_may_be_retried(status: int) -> None:
    error = failure(whole(b'{"error":{"message":"no"}}', f"{status} Whatever", content_type="application/json"))
    assert (error.status, error.retryable) == (status, status in PASSING)


def test_a_refused_key_is_explained_without_showing_it() -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}\x1b[31m."}}).encode()
    error = failure(whole(body, "401 Unauthorized", content_type="application/json"))
    assert "TEST_API_KEY" in error.hint
    assert "127.0.0.1" in error.hint
    assert "\x1b" not in error.message


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with serving(whole(text_stream())) as other:
        error = failure(whole(b"", status, location=other.url))
        assert other.requests == []
    assert "redirects" in error.message
    assert not error.retryable


def test_html_in_place_of_a_stream_is_an_error_to_retry() -> None:
    error = failure(whole(b"<html>captive portal</html>", content_type="text/html; charset=utf-8"))
    assert error.retryable
    assert "text/html" in error.message


@pytest.mark.parametrize(
    "body",
    [b"data: {nonsense\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b"\x00\x01\x02", b"data: " + b"[" * 100_000 + b"\n\n"],
)
def test_a_garbled_stream_is_an_error_to_retry(body: bytes) -> None:
    assert failure(whole(body)).retryable


def test_garbage_in_place_of_http_is_an_error_to_retry() -> None:
    def garbage(connection: loopback.Connection) -> bool:
        connection.send(b"\x16\x03\x01 nonsense\r\n\r\n")
        return False

    assert failure(garbage).retryable


def hang(connection: loopback.Connection) -> bool:
    connection.request()  # until the peer closes
    return False


def hang_amid(connection: loopback.Connection) -> bool:
    connection.send(head(content_type="text/event-stream") + text_stream()[:30])
    return hang(connection)


@pytest.mark.parametrize("answer", [hang, hang_amid])
def test_a_silent_service_is_given_up_and_named(answer: loopback.Answer) -> None:
    error = failure(answer, idle_timeout=0.1)
    assert error.retryable
    assert "silent for 0.1 seconds" in error.message


def test_a_refused_connection_is_named_with_its_port_and_a_hint() -> None:
    with serving() as service:
        pass
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(sent(sender(service.url)))
    assert caught.value.message == f"test: connection refused at 127.0.0.1:{service.port}"
    assert "Is it running?" in caught.value.hint
    assert caught.value.retryable
    assert caught.value.attempts == 2


def test_an_unknown_host_is_explained() -> None:
    with pytest.raises(UnreachableError, match=r"the name of no-such-host\.invalid:80 cannot be resolved"):
        asyncio.run(sent(sender("http://no-such-host.invalid")))


def test_a_reply_beyond_the_cap_is_refused() -> None:
    error = failure(whole(text_stream("a " * 500)), max_reply=1_000)
    assert "more than 1000 bytes" in error.message
    assert not error.retryable


@pytest.mark.parametrize("answer", [hang, hang_amid])
def test_cancellation_closes_the_connection_at_once(answer: loopback.Answer) -> None:
    arrived = threading.Event()

    def answering(connection: loopback.Connection) -> bool:
        arrived.set()
        return bool(answer(connection))

    async def cancelled(to: DirectSender, service: loopback.Service) -> None:
        task = asyncio.create_task(sent(to))
        await asyncio.to_thread(arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        closed = await asyncio.to_thread(service.ended.wait, 10)
        assert closed

    def ending(connection: loopback.Connection) -> bool:
        answering(connection)
        service.ended.set()
        return False

    with serving(ending) as service:
        asyncio.run(cancelled(sender(service.url, idle_timeout=60), service))


def test_a_request_under_way_does_not_hold_the_exit() -> None:
    program = """
import asyncio, sys
from tests.llm.test_direct import sender, sent
async def main():
    task = asyncio.create_task(sent(sender(sys.argv[1])))
    await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
    arrived = threading.Event()

    def holding(connection: loopback.Connection) -> bool:
        arrived.set()
        return hang(connection)

    with serving(holding) as service:
        process = subprocess.Popen([sys.executable, "-c", program, service.url], stdin=subprocess.PIPE)
        assert arrived.wait(30)
        process.communicate(b"\n", timeout=30)
    assert process.returncode == 0


# --- proxies and certificates ---


def test_a_proxy_from_the_environment_is_used_and_its_password_sent_to_it_alone() -> None:
    with serving(whole(text_stream())) as proxy:
        address = f"http://user:p%40ss@127.0.0.1:{proxy.port}"
        asyncio.run(sent(sender("http://service.example", {"http_proxy": address})))
    _, headers, _ = proxy.requests[0]
    assert headers[":line"].startswith("POST http://service.example/chat/completions")
    assert headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


def test_a_proxy_that_does_not_answer_is_named_as_the_proxy() -> None:
    with serving() as proxy:
        pass
    with pytest.raises(ProviderError, match="proxy"):
        asyncio.run(sent(sender("http://service.example", {"HTTP_PROXY": proxy.url})))


def test_a_socks_proxy_is_refused_with_a_hint() -> None:
    with pytest.raises(ConfigError, match="socks5 proxy"):
        asyncio.run(sent(sender("https://service.example", {"ALL_PROXY": "socks5://127.0.0.1:1"})))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    try:
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        command = ["openssl", "req", *kind, *subject, "-keyout", key, "-out", certificate]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl cannot make a certificate here")
    yield key, certificate


def over_tls(certificate: tuple[str, str], environ: dict[str, str], answer: loopback.Answer | None = None) -> list[Delta]:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])

    def secured(connection: loopback.Connection) -> bool:
        return bool((answer or whole(text_stream()))(connection))

    with serving(secured, tls=context) as service:
        return asyncio.run(sent(sender(service.url.replace("http:", "https:"), environ, idle_timeout=5)))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
def test_a_certificate_authority_of_the_users_own_is_trusted(variable: str, certificate: tuple[str, str]) -> None:
    assert isinstance(over_tls(certificate, {variable: certificate[1]})[-1], Reply)


def test_an_unknown_certificate_is_refused_and_explained(certificate: tuple[str, str]) -> None:
    with pytest.raises(ProviderError, match="no secure connection") as caught:
        over_tls(certificate, {})
    assert "SSL_CERT_FILE" in caught.value.hint
    assert not caught.value.retryable


def test_a_wrong_certificate_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        asyncio.run(sent(sender("https://service.example", {"SSL_CERT_FILE": "/nonexistent.pem"})))


def test_events_are_passed_on_while_the_stream_goes_on() -> None:
    seen = threading.Event()

    def waiting(connection: loopback.Connection) -> bool:
        stream = text_stream("Hel lo")
        middle = stream.index(b"\n\n") + 2
        connection.send(head(content_type="text/event-stream") + stream[:middle])
        assert seen.wait(10)
        connection.send(stream[middle:])
        return False

    async def follow(to: DirectSender) -> list[Delta]:
        deltas = []
        async for delta in to.send(CODEC.encode(REQUEST), CODEC.decoder(REQUEST)):
            deltas.append(delta)
            seen.set()
        return deltas

    with serving(waiting) as service:
        assert len(asyncio.run(follow(sender(service.url)))) == 3
