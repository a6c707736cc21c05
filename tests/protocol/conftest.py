"""A provider of either API that points at the tests' server, waits for nothing, and remembers what it would have waited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lcode.llm.protocol import Delta, Message, Reply, Request, Restart, Text, TextPiece, ToolSpec
from lcode.llm.providers import resolve
from tests.support.provider_server import ProviderServer

TOOLS = (
    ToolSpec(
        "edit_file", "Edits a file.", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    ),
    ToolSpec(
        "read_file", "Reads a file.", {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    ),
)


def asks(*messages: Message, **fields: Any) -> Request:
    """A request for `test-model` with two tools; its messages: a user's, unless given."""
    user = Message("user", (Text("Please read é.py"),))
    return Request(fields.pop("model", "test-model"), "You are a test.", TOOLS, messages or (user,), **fields)


@dataclass
class Asker:
    """One provider. It lives in one event loop, as the agent's does, so that its connections are used again."""

    api: str
    server: ProviderServer
    options: dict[str, Any] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runner = asyncio.Runner()
        environ = self.server.environ(self.api)
        self.provider = resolve(f"{self.api}/test-model", {}, environ, sleep=self._sleep, **self.options)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def deltas(self, request: Request) -> list[Delta]:
        async def collect() -> list[Delta]:
            return [delta async for delta in self.provider.stream(request)]

        return self.runner.run(collect())

    def ask(self, request: Request) -> tuple[Reply, list[Restart]]:
        """The reply and the restarts before it. Keeps what every stream promises: one Reply, last, and the pieces since the
        last restart are its text."""
        deltas = self.deltas(request)
        replies = [delta for delta in deltas if isinstance(delta, Reply)]
        restarts = [at for at, delta in enumerate(deltas) if isinstance(delta, Restart)]
        assert len(replies) == 1
        assert deltas[-1] is replies[0]
        valid = deltas[restarts[-1] + 1 :] if restarts else deltas
        assert "".join(delta.text for delta in valid if isinstance(delta, TextPiece)) == replies[0].text
        return replies[0], [delta for delta in deltas if isinstance(delta, Restart)]

    def close(self) -> None:
        self.runner.run(self.provider.close())
        self.runner.close()


class Askers:
    """Makes askers and closes them."""

    def __init__(self) -> None:
        self.made: list[Asker] = []

    def __call__(self, api: str, server: ProviderServer, **options: Any) -> Asker:
        self.made.append(Asker(api, server, options))
        return self.made[-1]


@pytest.fixture
def asker() -> Iterator[Askers]:
    askers = Askers()
    yield askers
    for one in askers.made:
        one.close()
