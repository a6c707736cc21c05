"""OpenAI Chat Completions: the reply, read from the chunks of a stream or from one JSON body.

Servers that speak this API differ in how they send tool calls (with or without an index, whole or in pieces, with
missing or repeated ids); all of those forms are read. A stream without a `finish_reason` is no reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lcode.events import Usage
from lcode.llm.arguments import parsed_call, unique_ids, whole_call
from lcode.llm.codec import Piece, broken, count_of, object_of, objects_of, text_of
from lcode.llm.problems import UNNAMED, Service, from_event
from lcode.llm.protocol import Finish, Part, Reply, Text, TextPiece, Thinking, ThinkingPiece, ToolCall
from lcode.llm.wire import clean

EXTRA_CONTENT = "openai:extra_content"  # origin of a Thinking that keeps what must go back with the calls


@dataclass
class _Call:
    """A tool call under way. `given` holds its arguments where they came as an object."""

    index: Any = None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    given: dict[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class OpenAIDecoder:
    """One reply. `service` is who the errors name."""

    def __init__(self, model: str, service: Service = UNNAMED, used: frozenset[str] = frozenset()) -> None:
        self.complete = False
        self.accepted = False
        self.service = service
        self._used = used
        self._model = model
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[_Call] = []
        self._finish = ""
        self._refused = False
        self._usage = Usage()

    def feed(self, name: str, data: Mapping[str, Any]) -> list[Piece]:
        """The pieces in one chunk. Raises ProviderError for an error inside the stream."""
        if data.get("error") or name == "error":
            raise from_event(data.get("error") or dict(data), self.service)
        self._model = text_of(data.get("model")) or self._model
        self._take_usage(data)
        pieces: list[Piece] = []
        for choice in objects_of(data.get("choices")):
            if choice.get("index") in (0, None):  # one is asked for
                pieces += self._delta(object_of(choice.get("delta") or choice.get("message")))
                self._finish = text_of(choice.get("finish_reason")) or self._finish
        self.accepted = bool(self._finish)
        return pieces

    def whole(self, data: Mapping[str, Any]) -> list[Piece]:
        """A body that is not a stream: its message has the form of one large delta."""
        pieces = self.feed("", data)
        self.complete = True
        return pieces

    def _delta(self, delta: Mapping[str, Any]) -> list[Piece]:
        pieces: list[Piece] = []
        thought = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
        if thought:
            self._thinking.append(thought)
            pieces.append(ThinkingPiece(clean(thought)))
        refusal = text_of(delta.get("refusal"))
        self._refused = self._refused or bool(refusal)
        if text := _content(delta.get("content")) + refusal:
            self._text.append(text)
            pieces.append(TextPiece(clean(text)))
        for call in objects_of(delta.get("tool_calls")):
            self._take_call(call)
        return pieces

    def _take_call(self, delta: Mapping[str, Any]) -> None:
        function = object_of(delta.get("function"))
        call_id, name = text_of(delta.get("id")), text_of(function.get("name"))
        call = self._call_for(delta.get("index"), call_id, name)
        call.id = call.id or call_id
        if name and name != call.name and not call.arguments:
            call.name += name
        call.extra = object_of(delta.get("extra_content")) or call.extra
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            call.given = arguments
        elif isinstance(arguments, str) and arguments:
            call.arguments.append(arguments)

    def _call_for(self, index: Any, call_id: str, name: str) -> _Call:
        """The call that a delta continues, or a new one."""
        if isinstance(index, int):
            known = next((call for call in reversed(self._calls) if call.index == index), None)
            other = known is not None and call_id and known.id and call_id != known.id and name  # one index for all calls
        else:
            index = None
            known = next((call for call in self._calls if call_id and call.id == call_id), None)
            other = False
            if known is None and not call_id and self._calls and not (name and self._calls[-1].name):
                known = self._calls[-1]
        if known is None or other:
            known = _Call(index)
            self._calls.append(known)
        return known

    def _take_usage(self, data: Mapping[str, Any]) -> None:
        usage = object_of(data.get("usage"))
        if usage:
            self._usage = _usage(usage)

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (retryable) where no `finish_reason` came."""
        if not self._finish:
            raise broken("the stream ended early")
        if self._finish == "error":
            raise broken("it reported an error as the reason to stop")
        cut = self._finish in ("length", "content_filter")
        parts: list[Part] = []
        if self._thinking:
            parts.append(Thinking(clean("".join(self._thinking)), origin="openai"))
        if self._text:
            parts.append(Text(clean("".join(self._text))))
        calls, extra = self._whole_calls(cut)
        if extra:
            parts.append(Thinking("", signature=json.dumps(extra, separators=(",", ":")), origin=EXTRA_CONTENT))
        return Reply((*parts, *calls), self._finish_of(cut), self._usage, clean(self._model))

    def _whole_calls(self, cut: bool) -> tuple[list[ToolCall], dict[str, Any]]:
        """The calls, and what came with them to be sent back, by id."""
        given = [call for call in self._calls if call.name or call.arguments or call.given is not None]
        ids = unique_ids([call.id for call in given], self._used)
        calls = [
            whole_call(call_id, call.name, call.given)
            if call.given is not None and not call.arguments
            else parsed_call(call_id, call.name, "".join(call.arguments), cut=cut)
            for call_id, call in zip(ids, given, strict=True)
        ]
        return calls, {call_id: call.extra for call_id, call in zip(ids, given, strict=True) if call.extra}

    def _finish_of(self, cut: bool) -> Finish:
        if cut:
            return "length" if self._finish == "length" else "refusal"
        if self._calls:
            return "tool_calls"  # some servers say `stop`
        return "refusal" if self._refused else "stop"


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Input holds what was cached and written; output holds reasoning, which some services count in the total alone."""
    sent, said = object_of(usage.get("prompt_tokens_details")), object_of(usage.get("completion_tokens_details"))
    total = count_of(usage.get("prompt_tokens"))
    cached = count_of(sent.get("cached_tokens")) or count_of(usage.get("prompt_cache_hit_tokens"))
    cached = min(cached, total)
    output = max(count_of(usage.get("completion_tokens")), count_of(usage.get("total_tokens")) - total)
    reasoning = min(count_of(said.get("reasoning_tokens")), output)
    return Usage(total, cached, min(count_of(sent.get("cache_write_tokens")), total - cached), output, reasoning)


def _content(value: Any) -> str:
    """The text of `content`: a string, or a list of parts of type text."""
    if isinstance(value, list):
        return "".join(text_of(part.get("text")) for part in objects_of(value))
    return text_of(value)
