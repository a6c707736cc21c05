"""The direct sender: one request over HTTP, its reply as server-sent events, from a thread into the event loop.

The thread is a daemon and its socket is shut when the request is given up, so nothing here ever holds an exit. The
connection stays open for the next request. What goes wrong is said in `ProviderError`s; repeating is `retry`'s work.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from lcode.errors import LcodeError, ProviderError
from lcode.llm import problems
from lcode.llm.codec import Decoder, broken, loads
from lcode.llm.problems import Service
from lcode.llm.protocol import Delta
from lcode.llm.sse import EventParser, EventStreamError
from lcode.llm.transport import Cancellation, GivenUpError, Transport

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MAX_REPLY = 64 * 1024 * 1024
_MAX_ERROR = 64 * 1024
_CHUNK = 64 * 1024
_AFTER_FINISH = 5.0  # seconds of silence that end a stream whose reply is whole but which was not closed
_DRAIN = 0.25  # seconds to wait for the end of the body, so that the connection can be used again


class DirectSender:
    """Sends bodies to one address."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        service: Service,
        environ: Mapping[str, str],
        *,
        idle_timeout: float = 120.0,
        max_reply: int = MAX_REPLY,
    ) -> None:
        self._headers = {"content-type": "application/json", "accept": "text/event-stream, application/json", **headers}
        self._service = service
        self._url = url
        self._idle = idle_timeout
        self._max = max_reply
        self._transport = Transport(url, environ, idle_timeout)
        self._draining: set[threading.Event] = set()

    async def send(self, body: Mapping[str, Any], decoder: Decoder) -> AsyncGenerator[Delta, None]:
        """One attempt: pieces, then the Reply. Raises ProviderError. Closing the iterator closes the connection."""
        import asyncio

        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[list[Delta] | Exception] = asyncio.Queue()
        cancellation = Cancellation()
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        decoder.service = self._service

        def put(item: list[Delta] | Exception) -> None:
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, item)
            except RuntimeError:  # the loop is gone, and with it whoever waited
                raise GivenUpError from None

        attempt = _Attempt(self, data, decoder, cancellation, put)
        threading.Thread(target=attempt.run, name="lcode-model-request", daemon=True).start()
        finished = False
        try:
            while not finished:
                item = await arrived.get()
                if isinstance(item, Exception):
                    finished = True
                    raise item
                for delta in item:
                    finished = finished or delta is attempt.result
                    yield delta
        finally:
            if not finished:
                cancellation.cancel()

    def close(self) -> None:
        self._transport.close()


class _Attempt:
    """The part that runs in the thread. `result` is the Reply, once it is whole."""

    def __init__(
        self,
        sender: DirectSender,
        data: bytes,
        decoder: Decoder,
        cancellation: Cancellation,
        put: Callable[[list[Delta] | Exception], None],
    ) -> None:
        self.result: Delta | None = None
        self._sender = sender
        self._data = data
        self._decoder = decoder
        self._cancellation = cancellation
        self._put = put

    def run(self) -> None:
        try:
            self._exchange()
        except GivenUpError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever happened belongs to whoever waits for the reply
            if not self._cancellation.cancelled and self.result is None:
                self._hand_over(error)

    def _hand_over(self, error: Exception) -> None:
        with contextlib.suppress(GivenUpError):
            self._put(error if isinstance(error, LcodeError) else self._explained(error))

    def _exchange(self) -> None:
        sender = self._sender
        for event in list(sender._draining):  # the connection of the request before is about to be free
            event.wait(_DRAIN)
        response = sender._transport.post(sender._headers, self._data, self._cancellation)
        released = threading.Event()
        sender._draining.add(released)
        reusable = False
        try:
            self._read(response)
            reusable = self._drained(response)
        finally:
            if reusable:
                response.release_conn()
            else:
                response.close()
            sender._draining.discard(released)
            released.set()

    def _read(self, response: BaseHTTPResponse) -> None:
        kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if response.status != 200:
            text = self._body(response, _MAX_ERROR).decode("utf-8", "replace")
            raise problems.from_answer(response.status, response.headers, text, self._sender._service)
        if kind in ("text/event-stream", ""):
            self._read_events(response)
        elif kind == "application/json":
            self._read_whole(response)
        else:
            text = problems.quoted(self._body(response, _MAX_ERROR).decode("utf-8", "replace"), self._sender._service)
            raise broken(f"{self._where()} answered with {kind[:60]} in place of a stream: {text}")
        self.result = self._decoder.reply()
        self._put([self.result])

    def _read_events(self, response: BaseHTTPResponse) -> None:
        from urllib3.exceptions import HTTPError

        parser, size = EventParser(), 0
        while not self._decoder.complete:
            try:
                chunk = response.read1(_CHUNK)
            except (HTTPError, OSError):
                if self._decoder.accepted:  # the reply is whole; the service only did not say goodbye
                    return
                raise
            if not chunk:
                return
            size += len(chunk)
            self._check(size)
            self._decode(parser, chunk)

    def _decode(self, parser: EventParser, chunk: bytes) -> None:
        try:
            events = parser.feed(chunk)
        except EventStreamError as error:
            raise broken(str(error)) from None
        pieces: list[Delta] = []
        for event in events:
            if event.data.strip() == "[DONE]":
                self._decoder.complete = True
            elif not self._decoder.complete and event.data:
                pieces += self._decoder.feed(event.name, loads(event.data))
        if self._decoder.accepted:
            self._cancellation.shorten(min(_AFTER_FINISH, self._sender._idle))
        if pieces:
            self._put(pieces)

    def _read_whole(self, response: BaseHTTPResponse) -> None:
        """The service does not stream: the reply is one JSON body."""
        body = self._body(response, self._sender._max)
        self._check(len(body))
        pieces: list[Delta] = [*self._decoder.whole(loads(body.decode("utf-8", "replace")))]
        if pieces:
            self._put(pieces)

    def _body(self, response: BaseHTTPResponse, most: int) -> bytes:
        chunks, size = [], 0
        while size <= most and (chunk := response.read1(_CHUNK)):
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)

    def _check(self, size: int) -> None:
        if size > self._sender._max:
            raise ProviderError(f"{self._where()} sent more than {self._sender._max} bytes as one reply", "Try again.")

    def _drained(self, response: BaseHTTPResponse) -> bool:
        """Whether the body has ended, so that the connection may serve the next request."""
        from urllib3.exceptions import HTTPError

        self._cancellation.shorten(_DRAIN)
        try:
            for _ in range(4):
                if not response.read1(_CHUNK):
                    return True
        except (HTTPError, OSError, ValueError):
            pass
        return False

    def _where(self) -> str:
        return f"{self._sender._service.name} ({self._sender._service.host})"

    def _explained(self, error: Exception) -> Exception:
        """`error` of the network as a ProviderError; anything else is a bug and stays what it is."""
        from urllib3 import exceptions

        where = self._where()
        words = problems.quoted(_innermost(error), self._sender._service)
        if isinstance(error, exceptions.ProxyError):
            hint = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
            return ProviderError(f"the proxy for {where} cannot be used: {words}", hint, retryable=True)
        if isinstance(error, exceptions.SSLError):
            hint = "For a certificate authority of your own, set SSL_CERT_FILE to its file."
            return ProviderError(f"no secure connection to {where}: {words}", hint, retryable="verify failed" not in words)
        if isinstance(error, exceptions.ConnectTimeoutError):  # the parent of those for a refusal and an unknown name
            return problems.unreachable(_root(error), self._sender._url, self._sender._service)
        if isinstance(error, exceptions.ReadTimeoutError | TimeoutError):
            return ProviderError(f"{where} was silent for {self._sender._idle:g} seconds", retryable=True)
        if isinstance(error, exceptions.HTTPError | OSError):
            return ProviderError(f"the connection to {where} broke: {words}", retryable=True)
        return error


def _innermost(error: BaseException) -> str:
    """The words of the error at the root, without addresses of objects."""
    root = _root(error)
    return f"{type(root).__name__}: {root}"


def _root(error: BaseException) -> BaseException:
    seen = 0
    while seen < 8 and (inner := error.__cause__ or error.__context__) is not None:
        error, seen = inner, seen + 1
    return error
