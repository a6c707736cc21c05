"""Anthropic Messages: the request. The reply is read in `decode_anthropic`.

Cache marks stand on the last tool, the system text, and two ends of the conversation: what this request ends with, and what
the one before it ended with (so that a long step is still found). Where messages were changed since, they stand before the
first of these and where the next change is likely. They move; all else of a message is rendered once and stays the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lcode.llm.arguments import sendable_id, sendable_name, used_ids
from lcode.llm.catalogue import reply_bound, thinking_form
from lcode.llm.decode_anthropic import ORIGIN, AnthropicDecoder
from lcode.llm.protocol import Message, Request, Text, Thinking, ToolCall, ToolResult
from lcode.llm.wire import clean

VERSION = "2023-06-01"
_BUDGETS = {"low": 4_096, "medium": 12_288, "high": 24_576}
_LEAST_BUDGET = 1_024
_MARK = {"type": "ephemeral"}
_MOST_ENDS = 2  # marks in the messages, of four in all; a third takes that of the tools, which the system text's covers
_NOTHING_SAID = "(no text)"  # the API refuses empty texts and empty messages


@dataclass(frozen=True)
class AnthropicCodec:
    api: str = "anthropic"
    path: str = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        version = {"anthropic-version": VERSION}
        return {"x-api-key": key} | version if key else version

    def encode(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": reply_bound(request.model, self.api, request.max_tokens),
            "stream": True,
        }
        body |= _thinking(request, body["max_tokens"])
        if request.tools:
            body["tools"] = [
                {"name": spec.name, "description": spec.description, "input_schema": spec.parameters} for spec in request.tools
            ]
        if request.system.strip():
            body["system"] = [{"type": "text", "text": clean(request.system), "cache_control": _MARK}]
        body["messages"] = [_message(message, request.model) for message in request.messages]
        ends = _ends(request.messages, request.marks)
        if request.tools and len(ends) <= _MOST_ENDS:
            body["tools"][-1]["cache_control"] = _MARK
        for at in ends:
            body["messages"][at]["content"][-1]["cache_control"] = _MARK
        return body

    def decoder(self, request: Request) -> AnthropicDecoder:
        return AnthropicDecoder(request.model, used=used_ids(request.messages))


def encode(request: Request) -> dict[str, Any]:
    """The body of `request`."""
    return AnthropicCodec().encode(request)


def _thinking(request: Request, max_tokens: int) -> dict[str, Any]:
    """The fields that ask for thinking, in the form that the model takes."""
    form = thinking_form(request.model)
    summarized = {"type": "adaptive", "display": "summarized"}
    if form == "always" and request.thinking == "off":  # it thinks anyway, and says between calls what it does as thinking
        return {"thinking": summarized}
    if request.thinking == "off" or form == "none":
        return {}
    if form in ("always", "adaptive"):
        return {"thinking": summarized, "output_config": {"effort": request.thinking}}
    budget = _BUDGETS[request.thinking]
    budget = budget if budget < max_tokens else max_tokens // 2
    if budget < _LEAST_BUDGET or _step_began_without_thinking(request):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _step_began_without_thinking(request: Request) -> bool:
    """Whether the calls that were answered last were made without thinking, or with thinking that cannot be sent back: the
    API then refuses to turn it on. Words of the user may stand behind the results, as after an interrupt."""
    answered = False
    for message in reversed(request.messages):
        if message.role == "assistant":
            return answered and not any(_ours(part, request.model) for part in message.parts)
        answered = answered or message.role == "tool"
    return False


def _ours(part: object, model: str) -> bool:
    """Whether `part` is thinking that this model may get back: signatures are bound to the model that made them."""
    if not isinstance(part, Thinking) or not (part.signature or part.redacted):
        return False
    return part.origin in (ORIGIN, f"{ORIGIN}:{model}")


def _ends(messages: tuple[Message, ...], marks: tuple[int, ...]) -> list[int]:
    """Where this request ends, and where one ended that it begins with: the one before it, if nothing was changed since."""
    ends = [len(messages) - 1] if messages else []
    if marks:
        return [*ends, *sorted({count - 1 for count in marks if 0 < count < len(messages)})][: _MOST_ENDS + 1]
    answered = next((at for at in range(len(messages) - 1, 0, -1) if messages[at].role == "assistant"), 0)
    if answered and answered - 1 not in ends:
        ends.append(answered - 1)
    return ends


def _message(message: Message, model: str) -> dict[str, Any]:
    if message.role == "assistant":
        blocks = _assistant(message, model)
        if not blocks or blocks[-1]["type"] in ("thinking", "redacted_thinking"):
            blocks.append({"type": "text", "text": _NOTHING_SAID})
        return {"role": "assistant", "content": blocks}
    blocks = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            blocks.append(_result(part))
        elif isinstance(part, Text) and part.text.strip():
            blocks.append({"type": "text", "text": clean(part.text)})
    return {"role": "user", "content": blocks or [{"type": "text", "text": _NOTHING_SAID}]}


def _assistant(message: Message, model: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Thinking) and _ours(part, model):
            if part.redacted:
                blocks.append({"type": "redacted_thinking", "data": part.redacted})
            else:
                blocks.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
        elif isinstance(part, Text) and part.text.strip():
            blocks.append({"type": "text", "text": clean(part.text)})
        elif isinstance(part, ToolCall):
            shape = {"type": "tool_use", "id": sendable_id(part.id, 64), "name": sendable_name(part.name)}
            blocks.append(shape | {"input": part.arguments or {}})
    return blocks


def _result(result: ToolResult) -> dict[str, Any]:
    text = clean(result.text) if result.text.strip() else "(no output)"
    block = {"type": "tool_result", "tool_use_id": sendable_id(result.call_id, 64), "content": text}
    return block | {"is_error": True} if result.is_error else block
