"""The one vocabulary between the agent and every face: what happens in a run, as frozen dataclasses.

The loop emits events and never prints; a face consumes them and never reaches into the loop. A face must handle or
ignore every event. `ApprovalRequested` and `QuestionAsked` carry a future: exactly one face answers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Future


class StopReason(StrEnum):
    """Why a run ended, in Letta's words."""

    END_TURN = "end_turn"
    ERROR = "error"
    LLM_API_ERROR = "llm_api_error"
    INVALID_LLM_RESPONSE = "invalid_llm_response"
    INVALID_TOOL_CALL = "invalid_tool_call"
    MAX_STEPS = "max_steps"
    MAX_TOKENS = "max_tokens_exceeded"
    MAX_COST = "max_cost"
    CANCELLED = "cancelled"
    REQUIRES_APPROVAL = "requires_approval"
    CONTEXT_OVERFLOW = "context_window_overflow_in_system_prompt"


@dataclass(frozen=True)
class Usage:
    """Tokens of one step or their sum over a run. `input` counts everything sent; `cached` and `written` are parts of it,
    `written_hour` is the part of `written` that the provider keeps for an hour; `reasoning` is a part of `output`."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    written_hour: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.written + other.written,
            self.output + other.output,
            self.reasoning + other.reasoning,
            self.written_hour + other.written_hour,
        )


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class RunStarted(Event):
    run_id: str
    session_id: str
    text: str


@dataclass(frozen=True)
class StepStarted(Event):
    step_id: str
    number: int


@dataclass(frozen=True)
class TextDelta(Event):
    """A piece of the model's answer, as it streams."""

    text: str


@dataclass(frozen=True)
class ThinkingDelta(Event):
    text: str


@dataclass(frozen=True)
class StreamRestarted(Event):
    """The stream broke and is sent again: whatever of this step was shown and not committed is void."""

    reason: str
    attempt: int
    wait: float


@dataclass(frozen=True)
class ReplyFinished(Event):
    """The model's reply of this step is whole (and stored): its text, and how many tool calls it asks for."""

    text: str
    calls: int


@dataclass(frozen=True)
class ToolStarted(Event):
    """A tool is about to run. `summary` is one line for people, such as `read_file src/app.py`."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    summary: str


@dataclass(frozen=True)
class ToolFinished(Event):
    """A tool ended. `summary` is one line about the result; `diff` a unified diff where a file changed; `text` what the
    model gets."""

    call_id: str
    name: str
    is_error: bool
    summary: str
    text: str
    diff: str = ""


class Decision(StrEnum):
    """A user's answer to a permission question."""

    ONCE = "once"
    SESSION = "session"
    NO = "no"


@dataclass(frozen=True)
class Answer:
    """`word` is what the user wants the model to hear with a refusal."""

    decision: Decision
    word: str = ""


@dataclass(frozen=True)
class ApprovalRequested(Event):
    """The user is asked. `detail` is the diff or the command, `kind` says which; `grant` is what `this session` would allow."""

    call_id: str
    name: str
    title: str
    kind: str  # "diff" | "command" | "path"
    detail: str
    grant: str
    answer: Future[Answer] = field(compare=False)


@dataclass(frozen=True)
class StepFinished(Event):
    step_id: str
    usage: Usage
    latency: float
    context_tokens: int
    context_window: int


@dataclass(frozen=True)
class MemoryChanged(Event):
    """A core memory block was edited, by this session or (`by` names it) by another."""

    label: str
    by: str
    diff: str


@dataclass(frozen=True)
class CompactionStarted(Event):
    """Old messages are about to be summarised, which may take the model a while."""

    messages: int
    tokens: int


@dataclass(frozen=True)
class Compacted(Event):
    """Old messages were taken out of the prompt. `trigger` says why, `method` who wrote the summary (see `Compaction`),
    `number` how many there were in the session by now."""

    messages: int
    tokens_before: int
    tokens_after: int
    seconds: float = 0.0
    trigger: str = "budget"
    method: str = "model"
    number: int = 1


@dataclass(frozen=True)
class Evicted(Event):
    """Parts of old messages were taken out of the prompt: results, in whose place a line stands, and reasoning."""

    parts: int
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True)
class Notice(Event):
    """One line the user should see. `level`: info, warning, error."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class RunFinished(Event):
    """The run is over and everything is stored. `text` is the final answer; `refused` counts calls refused for want of
    permission; `cost` is in picodollars, without the `unpriced` calls of models, whose price is not known."""

    run_id: str
    stop_reason: StopReason
    text: str
    usage: Usage
    steps: int
    refused: int = 0
    error: str = ""
    hint: str = ""
    cost: int = 0
    unpriced: int = 0


Emit = Callable[[Event], None]
