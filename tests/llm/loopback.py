"""A service on the loopback interface whose bytes a test writes by hand."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Connection:
    """One connection that the service accepted. `request` reads the next request, None at its end."""

    socket: socket.socket
    pending: bytes = b""

    def request(self) -> tuple[dict[str, str], bytes] | None:
        while b"\r\n\r\n" not in self.pending:
            if not self._more():
                return None
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        headers[":line"] = first
        length = int(headers.get("content-length", 0))
        while len(self.pending) < length:
            if not self._more():
                return None
        body, self.pending = self.pending[:length], self.pending[length:]
        return headers, body

    def _more(self) -> bytes:
        try:
            got = self.socket.recv(65536)
        except OSError:
            return b""
        self.pending += got
        return got

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


@dataclass
class Service:
    """`requests` are those that came, as (connection number, headers, body)."""

    port: int
    requests: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]


Answer = Callable[[Connection], bool | None]


@contextmanager
def serving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """A service that gives its answers in order, one a request; an answer that returns False closes the connection.
    `ended` is set when the peer has closed a connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    service = Service(listener.getsockname()[1])
    left = list(answers)

    def talk(accepted: socket.socket, number: int) -> None:
        try:
            connection = Connection(tls.wrap_socket(accepted, server_side=True) if tls else accepted)
        except OSError:  # the peer refused the certificate
            return
        with connection.socket:
            while left:
                got = connection.request()
                if got is None:
                    break
                service.requests.append((number, *got))
                try:
                    if left.pop(0)(connection) is False:
                        return
                except OSError:
                    break
            service.ended.set()

    def accept() -> None:
        number = 0
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(accepted, number), daemon=True).start()
            number += 1

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield service
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, which would keep the port open
        listener.close()


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def whole(body: bytes, status: str = "200 OK", **headers: str) -> Answer:
    """An answer with a length, after which the connection stays open."""

    def answer(connection: Connection) -> bool:
        connection.send(head(status, **{"content_type": "text/event-stream", **headers}, content_length=str(len(body))) + body)
        return True

    return answer


def chunked(*pieces: bytes, end: bool = True, **headers: str) -> Answer:
    """A chunked answer; without its `end` the connection is closed inside it."""

    def answer(connection: Connection) -> bool:
        connection.send(head(content_type="text/event-stream", transfer_encoding="chunked", **headers))
        for piece in pieces:
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            connection.send(b"0\r\n\r\n")
        return end

    return answer


def events(*data: dict[str, Any], done: bool = True) -> bytes:
    """Data as a stream of events in OpenAI's form."""
    lines = [json.dumps(item) for item in data] + (["[DONE]"] if done else [])
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def text_stream(text: str = "Hello", done: bool = True) -> bytes:
    """A whole reply in OpenAI's form."""
    pieces = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in text.split(" ")]
    return events(*pieces, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, done=done)
