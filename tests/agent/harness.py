"""A runtime over a real repository and a real store, with replies from a script."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lcode.agent.runtime import Runtime
from lcode.agent.session import Session
from lcode.config import load
from lcode.events import Event, RunFinished, Usage
from lcode.llm.protocol import Reply, Request, Text, ToolCall
from lcode.llm.replay import ScriptedProvider

Answer = Reply | Exception | Callable[[Request], Reply | Exception]


def reply(text: str = "", *calls: tuple[str, dict[str, Any]], finish: str = "", usage: Usage | None = None) -> Reply:
    """A whole reply: words, then calls with ids of their own."""
    made = [ToolCall(f"call_{os.urandom(4).hex()}", name, arguments) for name, arguments in calls]
    parts = ([Text(text)] if text else []) + made
    return Reply(tuple(parts), finish or ("tool_calls" if calls else "stop"), usage or Usage())  # type: ignore[arg-type]


@dataclass
class Harness:
    """One process's runtime. `events` collects what happened."""

    runtime: Runtime
    events: list[Event] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, *, ephemeral: bool = False, **settings: Any) -> Harness:
        flags = {"permission_mode": "yolo", **settings}
        return cls(Runtime.open(load(None, os.environ, flags), folder, ephemeral=ephemeral))

    def script(self, answers: Sequence[Answer], *, api: str = "openai") -> ScriptedProvider:
        """Let the sessions opened from now on be answered by `answers`."""
        provider = ScriptedProvider(list(answers), api=api)
        self.runtime._provider = lambda model: provider  # type: ignore[method-assign,assignment]
        return provider

    async def ask(self, session: Session, text: str) -> RunFinished:
        return await session.run(text, self.events.append)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def run(work: Any) -> Any:
    return asyncio.run(work)


__all__ = ["Harness", "Usage", "replace", "reply", "run"]
