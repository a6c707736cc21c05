"""Connections to a model's service: proxies, certificates, timeouts, and a socket that another thread can close.

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
from urllib.parse import urlsplit

from lcode.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse
    from urllib3.poolmanager import PoolManager

CONNECT_TIMEOUT = 10.0
_CA_REPLACE = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CA_EXTRA = ("NODE_EXTRA_CA_CERTS",)


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
        from urllib3 import PoolManager, ProxyManager, make_headers

        proxy = proxy_for(self._url, self._environ)
        options: dict[str, Any] = {"maxsize": 4}
        if urlsplit(self._url).scheme == "https" or (proxy or "").startswith("https:"):
            options["ssl_context"] = _ssl_context(self._environ)
        if proxy is None:
            manager = PoolManager(**options)
        else:
            parts = urlsplit(proxy)
            if parts.scheme not in ("http", "https"):
                raise ConfigError(
                    f"a {parts.scheme} proxy is not supported", "Set HTTPS_PROXY to an http:// proxy, or NO_PROXY."
                )
            if parts.username:
                credentials = f"{_unquoted(parts.username)}:{_unquoted(parts.password or '')}"
                options["proxy_headers"] = make_headers(proxy_basic_auth=credentials)
            if parts.scheme == "https":
                options["proxy_ssl_context"] = options["ssl_context"]
            manager = ProxyManager(proxy, **options)
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


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy for `url` by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (small letters win). Never one for this
    machine itself: a proxy elsewhere cannot reach it."""
    set_ = {name.lower(): value for name, value in environ.items() if value and name.isupper()}
    set_ |= {name: value for name, value in environ.items() if name.islower()}
    parts = urlsplit(url)
    proxy = set_.get(f"{parts.scheme}_proxy") or set_.get("all_proxy")
    host = parts.hostname or ""
    if not proxy or host in ("localhost", "::1") or host.startswith("127."):
        return None
    if set_.get("no_proxy"):
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        if proxy_bypass_environment(parts.netloc.rpartition("@")[2], {"no": set_["no_proxy"]}):
            return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _ssl_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The platform's certificates, or those that the environment names instead of them or beside them."""
    import ssl

    replacing = [(name, environ[name]) for name in _CA_REPLACE if environ.get(name)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if replacing else ssl.create_default_context()
    for name, path in replacing + [(name, environ[name]) for name in _CA_EXTRA if environ.get(name)]:
        _load(context, name, path)
    return context


def _load(context: ssl.SSLContext, name: str, path: str) -> None:
    import os
    import ssl
    from pathlib import Path

    for each in path.split(os.pathsep) if name == "SSL_CERT_DIR" else [path]:
        try:
            if Path(each).is_dir():
                context.load_verify_locations(capath=each)
            else:
                context.load_verify_locations(cafile=each)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{name} names no certificates: {each}", f"{type(error).__name__}: correct or unset it."
            ) from None


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)
