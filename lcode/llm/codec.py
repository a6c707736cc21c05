"""What every codec offers: a request as a body, and a decoder from the service's events back to the neutral reply.

Here also stands what the codecs share: tolerant reading of fields, the error of a broken stream, the usual headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from lcode.errors import ProviderError
from lcode.llm.problems import Service
from lcode.llm.protocol import Reply, Request, TextPiece, ThinkingPiece

Piece = TextPiece | ThinkingPiece


class Decoder(Protocol):
    """Reads one stream. `complete`: the service said that nothing follows. `accepted`: what came is enough for a reply.
    `service` is who the errors name."""

    service: Service
    complete: bool
    accepted: bool

    def feed(self, name: str, data: Mapping[str, Any]) -> list[Piece]:
        """The pieces in one event. Raises ProviderError for an error sent inside the stream."""
        ...

    def whole(self, data: Mapping[str, Any]) -> list[Piece]:
        """The pieces of a reply that came as one JSON body, from a service that does not stream."""
        ...

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (retryable) where the stream ended early."""
        ...


class Codec(Protocol):
    """The wire form of one API. `path` follows the base URL."""

    @property
    def api(self) -> str: ...

    @property
    def path(self) -> str: ...

    def headers(self, key: str) -> dict[str, str]:
        """The headers that carry the key ('' for none) and the version of the API."""
        ...

    def encode(self, request: Request) -> dict[str, Any]:
        """The body. The same request gives the same body in every process; messages stand last."""
        ...

    def decoder(self, request: Request) -> Decoder: ...


def broken(what: str) -> ProviderError:
    """The stream is not what it should be; the same request may be sent again."""
    return ProviderError(f"the model's service broke off: {what}", retryable=True)


def loads(text: str) -> dict[str, Any]:
    """One event's data. Raises ProviderError (retryable) where it is no JSON object."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise broken("an event is not valid JSON") from None
    if not isinstance(data, dict):
        raise broken("an event is not a JSON object")
    return data


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def count_of(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def object_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
