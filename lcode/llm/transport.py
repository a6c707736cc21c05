"""Connections to a model's service: timeouts, and a socket that another thread can close.

urllib3 does the work and is imported with the first request only. Its own retries and redirects stay off, so that a
request is repeated only where that is known to be safe, and a key never reaches another host. Everything here blocks:
`direct` runs it in a thread.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lcode.network import connections

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.poolmanager import PoolManager

CONNECT_TIMEOUT = 10.0


class GivenUpError(Exception):
    """The request was given up while its thread was still at work."""


class Cancellation:
    """Closes the connection of one request from any thread, at once, whatever its own thread waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.cancelled = False

    def watch(self, connected: socket.socket | None) -> None:
        """The request uses this socket from now on. Raises GivenUpError if it was given up meanwhile."""
        with self._lock:
            self._socket = connected
            if self.cancelled:
                self._shut()
                raise GivenUpError

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            self._shut()

    def shorten(self, timeout: float) -> None:
        """From now on a silence of `timeout` seconds ends the reading."""
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(timeout)

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # on a TLS socket too: only the kernel's call, no closing handshake
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Transport:
    """The connections to one service; kept open between requests."""

    def __init__(self, url: str, environ: Mapping[str, str], idle_timeout: float) -> None:
        self._url = url
        self._environ = environ
        self._idle = idle_timeout
        self._lock = threading.Lock()
        self._manager: PoolManager | None = None
        self._current = threading.local()

    def post(self, headers: Mapping[str, str], body: bytes, cancellation: Cancellation) -> BaseHTTPResponse:
        """Send `body` and return the answer with its body still to be read. Raises urllib3's and OS errors, GivenUpError."""
        from urllib3 import Timeout

        with self._lock:
            manager = self._manager = self._manager or self._opened()
        self._current.cancellation = cancellation
        return manager.request(
            "POST",
            self._url,
            body=body,
            headers=dict(headers),
            preload_content=False,
            retries=False,
            redirect=False,
            timeout=Timeout(connect=min(CONNECT_TIMEOUT, self._idle), read=self._idle),
        )

    def close(self) -> None:
        with self._lock:
            if self._manager is not None:
                self._manager.clear()

    def _opened(self) -> PoolManager:
        manager = connections(self._url, self._environ)
        manager.pool_classes_by_scheme = _pool_classes(self._current, self._idle)
        return manager


def _pool_classes(current: threading.local, idle: float) -> dict[str, Any]:
    """urllib3's pools with connections that show their socket to the `Cancellation` of the request at hand."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Watched(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            current.cancellation.watch(self.sock)

        def request(self, *args: Any, **options: Any) -> None:
            if self.sock is None:
                self.connect()
            current.cancellation.watch(self.sock)
            # Not the time to connect, which urllib3 sets: a large body takes its time on a slow line.
            self.timeout = idle
            super().request(*args, **options)

    class WatchedTLS(Watched, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Watched

    class PoolTLS(HTTPSConnectionPool):
        ConnectionCls = WatchedTLS

    return {"http": Pool, "https": PoolTLS}
