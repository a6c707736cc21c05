"""What a scripted model says: turns of text, thinking and tool calls, neutral between the two wire forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Thinking:
    """`redacted` sends it as an encrypted block (Anthropic) instead of text."""

    text: str
    redacted: bool = False


@dataclass(frozen=True)
class Call:
    """`arguments` is an object, or the raw text to send in its place (cut or malformed). `id` None: the server makes one."""

    name: str
    arguments: Mapping[str, Any] | str = ""
    id: str | None = None


Item = Text | Thinking | Call


@dataclass(frozen=True)
class Turn:
    """One reply. `finish`: stop, tool_calls, length, refusal (None: what the items imply), or a raw word of the wire form.

    `usage` overrides counts: input, cached, written, output, reasoning (neutral names, as in `lcode.events.Usage`).
    """

    items: tuple[Item, ...]
    finish: str | None = None
    usage: Mapping[str, int] | None = None

    @property
    def reason(self) -> str:
        return self.finish or ("tool_calls" if any(isinstance(item, Call) for item in self.items) else "stop")


def turn(*items: Item | str, finish: str | None = None, usage: Mapping[str, int] | None = None) -> Turn:
    """A turn; plain strings are texts."""
    return Turn(tuple(Text(item) if isinstance(item, str) else item for item in items), finish, usage)


def call(tool: str, **arguments: Any) -> Call:
    """A tool call, its arguments as keywords. Use `Call` for raw arguments or a chosen id."""
    return Call(tool, arguments)


Answer = Turn | str | Item | Sequence[Item | str]
Responder = Callable[[dict[str, Any]], Answer]


class Script:
    """The turns of one conversation in order. Each is a turn (or what makes one), or a function of the request's body.

    A single function answers every request; `then` (a function) answers whatever comes after the last turn.
    """

    def __init__(self, turns: Iterable[Answer | Responder] | Responder = (), *, then: Responder | None = None) -> None:
        self.then = turns if callable(turns) else then
        self.turns: list[Answer | Responder] = [] if callable(turns) else list(turns)

    def add(self, *turns: Answer | Responder) -> None:
        self.turns.extend(turns)

    def answer(self, position: int, body: dict[str, Any]) -> Turn | None:
        """The turn at `position`, or None where the script has ended."""
        chosen = self.turns[position] if position < len(self.turns) else self.then
        if chosen is None:
            return None
        return _as_turn(chosen(body) if callable(chosen) else chosen)


def _as_turn(answer: Answer) -> Turn:
    if isinstance(answer, Turn):
        return answer
    if isinstance(answer, str | Text | Thinking | Call):
        return turn(answer)
    return turn(*answer)
