"""Anthropic Messages: the reply, read from the events of a stream or from one JSON body.

`message_stop` is demanded: without it the stream ended early, whatever came before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lcode.events import Usage
from lcode.llm.arguments import parsed_call, unique_ids, whole_call
from lcode.llm.codec import Piece, broken, count_of, object_of, objects_of, text_of
from lcode.llm.problems import UNNAMED, Service, from_event
from lcode.llm.protocol import Finish, Part, Reply, Text, TextPiece, Thinking, ThinkingPiece, ToolCall
from lcode.llm.wire import clean

ORIGIN = "anthropic"
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


@dataclass
class _Block:
    """One content block under way; `pieces` are its text, its thinking or the JSON of its input."""

    kind: str
    id: str = ""
    name: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)
    redacted: str = ""
    closed: bool = False


class AnthropicDecoder:
    """One reply. Thinking is marked with the model that made it: its signature is good for that model alone."""

    def __init__(self, model: str, service: Service = UNNAMED, used: frozenset[str] = frozenset()) -> None:
        self.complete = False
        self.accepted = False
        self.service = service
        self._used = used
        self._asked = model
        self._model = model
        self._blocks: dict[int, _Block] = {}
        self._stop = ""
        self._usage: dict[str, int] = {}

    def feed(self, name: str, data: Mapping[str, Any]) -> list[Piece]:
        """The pieces in one event. Raises ProviderError for an error event and for a stream out of order."""
        kind = text_of(data.get("type")) or name
        if kind == "error":
            raise from_event(data.get("error") or dict(data), self.service)
        if kind == "message_start":
            message = object_of(data.get("message"))
            self._model = text_of(message.get("model")) or self._model
            self._take_usage(message)
        elif kind == "content_block_start":
            return self._start(data)
        elif kind == "content_block_delta":
            return self._delta(data)
        elif kind == "content_block_stop":
            self._block(data).closed = True
        elif kind == "message_delta":
            self._stop = text_of(object_of(data.get("delta")).get("stop_reason")) or self._stop
            self._take_usage(data)
        elif kind == "message_stop":
            self.complete = True
            self.accepted = bool(self._stop)
        return []  # `ping`, and events that are yet to be invented

    def whole(self, data: Mapping[str, Any]) -> list[Piece]:
        """A body that is not a stream."""
        if data.get("error"):
            raise from_event(data["error"], self.service)
        pieces: list[Piece] = []
        for at, block in enumerate(objects_of(data.get("content"))):
            pieces += self._start({"index": at, "content_block": block})
            self._blocks[at].closed = True
        self._model = text_of(data.get("model")) or self._model
        self._stop = text_of(data.get("stop_reason"))
        self._take_usage(data)
        self.complete = True
        self.accepted = bool(self._stop)
        return pieces

    def _start(self, data: Mapping[str, Any]) -> list[Piece]:
        shape = object_of(data.get("content_block"))
        block = _Block(text_of(shape.get("type")), text_of(shape.get("id")), text_of(shape.get("name")))
        self._blocks[count_of(data.get("index"))] = block
        block.redacted = text_of(shape.get("data"))
        block.given = dict(object_of(shape.get("input")))
        if signature := text_of(shape.get("signature")):
            block.signature.append(signature)
        return self._append(block, text_of(shape.get("text" if block.kind == "text" else "thinking")))

    def _delta(self, data: Mapping[str, Any]) -> list[Piece]:
        block, delta = self._block(data), object_of(data.get("delta"))
        kind = delta.get("type")
        if kind == "text_delta":
            return self._append(block, text_of(delta.get("text")))
        if kind == "thinking_delta":
            return self._append(block, text_of(delta.get("thinking")))
        if kind == "input_json_delta":
            block.pieces.append(text_of(delta.get("partial_json")))
        elif kind == "signature_delta":
            block.signature.append(text_of(delta.get("signature")))
        return []

    def _append(self, block: _Block, text: str) -> list[Piece]:
        if not text:
            return []
        block.pieces.append(text)
        return [TextPiece(clean(text)) if block.kind == "text" else ThinkingPiece(clean(text))]

    def _block(self, data: Mapping[str, Any]) -> _Block:
        block = self._blocks.get(count_of(data.get("index")))
        if block is None:
            raise broken("a content block has no beginning")
        return block

    def _take_usage(self, data: Mapping[str, Any]) -> None:
        """The counts are cumulative: those of `message_delta` replace those of `message_start`."""
        usage = object_of(data.get("usage"))
        self._usage |= {name: count_of(count) for name, count in usage.items() if isinstance(count, int)}
        details = object_of(usage.get("output_tokens_details"))
        if details:
            self._usage["thinking_tokens"] = count_of(details.get("thinking_tokens"))
        kept = object_of(usage.get("cache_creation"))
        if kept:
            self._usage["written_hour"] = count_of(kept.get("ephemeral_1h_input_tokens"))

    def reply(self) -> Reply:
        """The whole reply. Raises ProviderError (retryable) where `message_stop` or the stop reason never came."""
        if not self.complete or not self._stop:
            raise broken("the stream ended early")
        cut = _FINISH.get(self._stop, "stop") in ("length", "refusal")
        blocks = [self._blocks[at] for at in sorted(self._blocks)]
        uses = [block for block in blocks if block.kind == "tool_use"]
        if not cut and not all(block.closed for block in uses):
            raise broken("a tool call was not finished")
        ids = dict(zip(map(id, uses), unique_ids([block.id for block in uses], self._used), strict=True))
        parts: list[Part] = []
        for block in blocks:
            if block.kind == "tool_use":
                parts.append(_call(block, ids[id(block)], cut))
            elif part := self._part(block):
                parts.append(part)
        return Reply(tuple(parts), self._finish(bool(uses)), self._total(), clean(self._model))

    def _part(self, block: _Block) -> Part | None:
        text = "".join(block.pieces)
        origin = f"{ORIGIN}:{self._asked}"
        if block.kind == "thinking":
            signature = "".join(block.signature)
            return Thinking(clean(text), signature, origin=origin) if text or signature else None
        if block.kind == "redacted_thinking":
            return Thinking("", redacted=block.redacted, origin=origin)
        return Text(clean(text)) if block.kind == "text" and text else None

    def _finish(self, calls: bool) -> Finish:
        finish = _FINISH.get(self._stop, "stop")
        return "tool_calls" if calls and finish == "stop" else finish

    def _total(self) -> Usage:
        """Of its three counts of input each leaves out the others; together they are what was sent."""
        cached, written = self._usage.get("cache_read_input_tokens", 0), self._usage.get("cache_creation_input_tokens", 0)
        fresh = self._usage.get("input_tokens", 0)
        output, reasoning = self._usage.get("output_tokens", 0), self._usage.get("thinking_tokens", 0)
        hour = min(self._usage.get("written_hour", 0), written)
        return Usage(fresh + cached + written, cached, written, output, reasoning, hour)


def _call(block: _Block, call_id: str, cut: bool) -> ToolCall:
    raw = "".join(block.pieces)
    if block.given and not raw:
        return whole_call(call_id, block.name, block.given)
    return parsed_call(call_id, block.name, raw, cut=cut)
