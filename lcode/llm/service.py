"""A model behind a service: codec, sender and retry put together as a Provider."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from lcode.llm import retry
from lcode.llm.codec import Codec
from lcode.llm.direct import DirectSender
from lcode.llm.problems import Service
from lcode.llm.protocol import Delta, Request


class ServiceProvider:
    """`name` is `provider/model`, `base_url` without the codec's path. Nothing is opened before the first request."""

    def __init__(
        self,
        name: str,
        codec: Codec,
        base_url: str,
        service: Service,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        idle_timeout: float = 120.0,
        attempts: int = 6,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.api = codec.api
        self._codec = codec
        self._attempts = attempts
        self._options: dict[str, Any] = {} if sleep is None else {"sleep": sleep}
        sent = {**_user_agent(), **codec.headers(key), **{name.lower(): value for name, value in (headers or {}).items()}}
        self._sender = DirectSender(base_url + codec.path, sent, service, environ or {}, idle_timeout=idle_timeout)

    def encode(self, request: Request) -> dict[str, Any]:
        """The body that `request` becomes."""
        return self._codec.encode(request)

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        body = self._codec.encode(request)  # once: every attempt sends the same bytes

        def attempt() -> AsyncGenerator[Delta, None]:
            return self._sender.send(body, self._codec.decoder(request))

        return retry.with_retry(attempt, attempts=self._attempts, **self._options)

    async def close(self) -> None:
        self._sender.close()


def _user_agent() -> dict[str, str]:
    from lcode import __version__

    return {"user-agent": f"lcode/{__version__}"}
