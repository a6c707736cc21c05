"""The neutral protocol between the agent and any model: what is asked, what streams back.

Codecs turn these into a provider's wire form and back; nothing here knows a provider. A request is rendered to bytes
by its codec alone and deterministically, so that the same messages are the same bytes in every process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from lcode.events import Usage

Role = Literal["user", "assistant", "tool"]
Finish = Literal["stop", "tool_calls", "length", "refusal"]


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Thinking:
    """The model's reasoning. `signature` must be sent back verbatim; `redacted` holds an encrypted block instead of text.

    `origin` names the codec that made it: another codec leaves it out.
    """

    text: str
    signature: str = ""
    redacted: str = ""
    origin: str = ""


@dataclass(frozen=True)
class ToolCall:
    """`arguments` is the parsed object, or None where the model's text was not a JSON object: then `raw` keeps that
    text and `problem` says why, and the call must be answered with an error, never run."""

    id: str
    name: str
    arguments: dict[str, Any] | None
    raw: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ToolResult:
    call_id: str
    name: str
    text: str
    is_error: bool = False


Part = Text | Thinking | ToolCall | ToolResult


@dataclass(frozen=True)
class Message:
    """`user`: Text parts. `assistant`: Thinking, Text and ToolCall parts. `tool`: the ToolResults of one step, one for each
    call of the assistant message before it, in the order of the calls."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the model sees it. `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """`model` is the provider's own name for it (no `provider/` prefix). `cache_key` is stable for a session. `marks` are
    given where messages were changed since the last request: after how many of them it should be looked for in the cache."""

    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    thinking: Literal["off", "low", "medium", "high"] = "off"
    cache_key: str = ""
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class TextPiece:
    text: str


@dataclass(frozen=True)
class ThinkingPiece:
    text: str


@dataclass(frozen=True)
class Restart:
    """What streamed so far is void: the request is being sent again (`attempt` from 1) after `wait` seconds."""

    reason: str
    attempt: int
    wait: float


@dataclass(frozen=True)
class Reply:
    """The last item of every stream: the whole reply. Without it the stream counts as broken."""

    parts: tuple[Part, ...]
    finish: Finish
    usage: Usage = field(default_factory=Usage)
    model: str = ""

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


Delta = TextPiece | ThinkingPiece | Restart | Reply


class Provider(Protocol):
    """A model behind some service, or none (offline, replay).

    `name` is the full `provider/model`. `api` names the wire form: a change of it means that the prompt is rendered anew.
    """

    name: str
    api: str

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Yield pieces, then exactly one Reply. Retries inside (a Restart each); raises ProviderError. Cancellation
        closes the connection at once; who stops reading early closes the stream (`contextlib.aclosing`)."""
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...
