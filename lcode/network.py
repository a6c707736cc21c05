"""How this machine reaches others over HTTP: its proxies and its certificates, as the environment names them.

For whatever speaks to a service, a model's or an embedding's. urllib3 does the work and is imported with the first connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lcode.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from urllib3.poolmanager import PoolManager

_CA_REPLACE = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_CA_EXTRA = ("NODE_EXTRA_CA_CERTS",)
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
VARIABLES = frozenset({*_CA_REPLACE, *_CA_EXTRA, *_PROXIES, *(name.lower() for name in _PROXIES)})


def connections(url: str, environ: Mapping[str, str]) -> PoolManager:
    """What opens connections to the service at `url`. Raises ConfigError."""
    from urllib3 import PoolManager, ProxyManager, make_headers

    proxy = proxy_for(url, environ)
    options: dict[str, Any] = {"maxsize": 4}
    if urlsplit(url).scheme == "https" or (proxy or "").startswith("https:"):
        options["ssl_context"] = _ssl_context(environ)
    if proxy is None:
        return PoolManager(**options)
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https"):
        raise ConfigError(f"a {parts.scheme} proxy is not supported", "Set HTTPS_PROXY to an http:// proxy, or NO_PROXY.")
    if parts.username:
        credentials = f"{_unquoted(parts.username)}:{_unquoted(parts.password or '')}"
        options["proxy_headers"] = make_headers(proxy_basic_auth=credentials)
    if parts.scheme == "https":
        options["proxy_ssl_context"] = options["ssl_context"]
    return ProxyManager(proxy, **options)


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
