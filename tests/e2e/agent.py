"""The agent of a repository in this process, over the real store and the real provider; retries wait for nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lcode.agent.runtime import Runtime
from lcode.agent.session import Session
from lcode.config import load
from lcode.events import Event, RunFinished
from lcode.llm.protocol import Provider
from lcode.llm.providers import resolve
from tests.e2e.program import MODELS
from tests.support.provider_server import ProviderServer

Watch = Callable[[Session, Event], None]


@dataclass
class Talk:
    """A session, and everything that happened in it. `watch` sees each event as it happens."""

    session: Session
    events: list[Event] = field(default_factory=list)
    watch: Watch | None = None

    async def say(self, text: str) -> RunFinished:
        return await self.session.run(text, self._emit)

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        if self.watch is not None:
            self.watch(self.session, event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Agent:
    """`waits` are the pauses between attempts that were asked for and not made."""

    runtime: Runtime
    idle_timeout: float = 120.0
    waits: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, **settings: Any) -> Agent:
        flags = {"permission_mode": "yolo", **settings}
        return cls(Runtime.open(load(None, os.environ, flags), folder))

    async def talk(self, server: ProviderServer, api: str) -> Talk:
        """A new session with the model of `api` behind `server`."""
        self._point(server, api)
        return Talk(await self.runtime.new_session())

    async def take_up(self, server: ProviderServer, api: str) -> Talk:
        """The newest session, continued."""
        self._point(server, api)
        return Talk(await self.runtime.resume_session())

    def _point(self, server: ProviderServer, api: str) -> None:
        def provider(model: str | None) -> Provider:
            environ = server.environ(api)
            return resolve(model or MODELS[api], {}, environ, idle_timeout=self.idle_timeout, sleep=self._wait)

        self.runtime._provider = provider  # type: ignore[method-assign]

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
