"""How the tests' server puts bytes on the wire, and breaks them: framing, resets, cuts, hangs."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from tests.support.wire import Rendered

if TYPE_CHECKING:
    from tests.support.faults import Fault
    from tests.support.provider_server import Plan, ProviderServer, Recorded

_CHUNKS = (11, 1, 64, 3, 200, 7, 29)  # odd sizes: chunk borders fall inside characters, escapes and lines
_REASONS = {200: "OK", 529: "Overloaded"}


class Handler(BaseHTTPRequestHandler):
    """One connection. Requests on it are answered in order; a fault may end it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    @property
    def owner(self) -> ProviderServer:
        return self.server.owner  # type: ignore[attr-defined, no-any-return]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent."""

    def do_GET(self) -> None:
        self._plain(405 if self.path.split("?")[0] in self.owner.wires else 404, b'{"error":{"message":"Not found"}}')

    def do_POST(self) -> None:
        length = self.headers.get("content-length")
        if length is None:
            return self._plain(411, b'{"error":{"message":"Length required"}}')
        raw = self.rfile.read(int(length))
        path = self.path.split("?")[0]
        wire = self.owner.wires.get(path)
        if wire is None:
            return self._plain(404, f'{{"error":{{"message":"Invalid URL (POST {path})"}}}}'.encode())
        record = self.owner.receive(wire.name, path, {key.lower(): value for key, value in self.headers.items()}, raw)
        plan = self.owner.plan(record)
        try:
            self._answer(record, plan)
        except OSError:
            self.close_connection = True
        finally:
            record.finished = time.monotonic()
        return None

    def _plain(self, status: int, data: bytes) -> None:
        self.wfile.write(self._head(status, Rendered(data, "application/json", 0), chunked=False) + data)

    def _answer(self, record: Recorded, plan: Plan) -> None:
        fault, rendered = plan.fault, plan.rendered
        if fault is not None and fault.kind == "reset_early":
            return self._reset()
        if fault is not None and fault.kind == "hang_early" and not self._hang(fault, record):
            return None
        record.status = plan.status
        chunked = rendered.content_type.startswith("text/event-stream")
        head = self._head(plan.status, rendered, chunked=chunked, fault=fault)
        if fault is None or fault.before_headers:
            self._whole(head, rendered.data, chunked)
        else:
            self._broken(record, head, rendered.data, chunked, fault)
        return None

    def _head(self, status: int, rendered: Rendered, *, chunked: bool, fault: Fault | None = None) -> bytes:
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"content-type: {rendered.content_type}"]
        lines.append("transfer-encoding: chunked" if chunked else f"content-length: {len(rendered.data)}")
        lines += [f"{name}: {value}" for name, value in {**rendered.headers, **(fault.headers if fault else {})}.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def _whole(self, head: bytes, data: bytes, chunked: bool) -> None:
        if not chunked:
            self.wfile.write(head + data)
        elif self.owner.pace:
            self.wfile.write(head)
            for event in data.split(b"\n\n")[:-1]:
                self.wfile.write(_frame(event + b"\n\n"))
                self.owner.closing.wait(self.owner.pace)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(head + _framed(data) + b"0\r\n\r\n")

    def _broken(self, record: Recorded, head: bytes, data: bytes, chunked: bool, fault: Fault) -> None:
        frame = _framed if chunked else bytes
        end = b"0\r\n\r\n" if chunked else b""
        before, after = data[: fault.at], data[fault.at :]
        if fault.kind == "drip":
            return self._drip(head, data, chunked, fault)
        if fault.kind == "error_event":
            border = data.find(b"\n\n", fault.at) + 2
            event = self.owner.wires[record.path].error_event()
            self.wfile.write(head + frame(data[:border] + event) + end)
            return None
        if fault.kind == "garbage":
            self.wfile.write(head + frame(before + fault.data + after) + end)
            return None
        if fault.kind == "truncate":
            if not chunked:  # the length must agree for the end to look regular
                head = self._head(record.status, Rendered(before, "application/json", 0), chunked=False)
            self.wfile.write(head + frame(before) + end)
            return None
        partial = frame(before)
        if fault.kind == "cut_chunk" and chunked and before:
            opened = before[-5:]  # the last chunk promises all the rest
            partial = frame(before[:-5]) + b"%x\r\n" % (len(opened) + len(after)) + opened
        self.wfile.write(head + partial)
        if fault.kind == "reset":
            return self._reset()
        if fault.kind == "hang":
            if self._hang(fault, record):
                self.wfile.write(frame(after) + end)
            return None
        self._finish()
        return None

    def _drip(self, head: bytes, data: bytes, chunked: bool, fault: Fault) -> None:
        self.wfile.write(head)
        for at in range(0, len(data), fault.at):
            piece = data[at : at + fault.at]
            self.wfile.write(_frame(piece) if chunked else piece)
            self.owner.closing.wait(fault.pause)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _hang(self, fault: Fault, record: Recorded) -> bool:
        """Wait; True when released, False when the client (or the server) closed."""
        fault.reached.set()
        while not self.owner.closing.is_set():
            if fault.release.wait(0.01):
                self.owner.delivered(record)  # before the client can have all of it, and send the next request
                return True
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and self._gone():
                break
        self.close_connection = True
        fault.closed.set()
        return False

    def _gone(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _finish(self) -> None:
        """Close in order: what was sent arrives, then the end."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_WR)

    def _reset(self) -> None:
        """Close so that the peer sees a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


def _frame(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def _split(data: bytes) -> Iterator[bytes]:
    """Chunks of odd sizes; larger ones for long bodies, so that their number stays small."""
    factor = 1 + len(data) // 20_000
    at = turn = 0
    while at < len(data):
        size = _CHUNKS[turn % len(_CHUNKS)] * factor
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def _framed(data: bytes) -> bytes:
    return b"".join(_frame(piece) for piece in _split(data))
