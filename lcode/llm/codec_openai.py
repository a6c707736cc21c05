"""OpenAI Chat Completions, as OpenAI and the many servers that speak it understand it: the request.

What differs between servers is data (`Dialect`), a field of the provider's row. The reply is read in `decode_openai`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from lcode.llm.arguments import dumped, sendable_id, sendable_name, short_id, used_ids
from lcode.llm.decode_openai import EXTRA_CONTENT, OpenAIDecoder
from lcode.llm.protocol import Message, Request, Text, Thinking, ToolCall, ToolResult
from lcode.llm.wire import clean

# On these, OpenAI's Chat Completions accepts tools only without reasoning, and has to be told so.
_TOOLS_WITHOUT_REASONING = re.compile(r"^gpt-(5\.[4-9]|6|[7-9])(?!\d)")


@dataclass(frozen=True)
class Dialect:
    """How a server differs. `reasoning_content`: earlier reasoning is sent back under that name; `extra_content`: so is what
    came with a call; `strict`: it refuses `stream_options` and ids that are not nine letters and digits."""

    max_tokens: str = "max_tokens"
    cache_key: bool = False
    reasoning_effort: bool = False
    reasoning_content: bool = False
    extra_content: bool = False
    openai_models: bool = False
    strict: bool = False


@dataclass(frozen=True)
class OpenAICodec:
    dialect: Dialect = Dialect()
    api: str = "openai"
    path: str = "/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def encode(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {"model": request.model, "stream": True}
        if not self.dialect.strict:
            body["stream_options"] = {"include_usage": True}
        if request.max_tokens is not None:
            body[self.dialect.max_tokens] = request.max_tokens
        effort = self._effort(request)
        if effort:
            body["reasoning_effort"] = effort
        if request.cache_key and self.dialect.cache_key:
            body["prompt_cache_key"] = request.cache_key
        if request.tools:
            body["tools"] = [_tool(spec.name, spec.description, spec.parameters) for spec in request.tools]
        body["messages"] = [] if not request.system else [{"role": "system", "content": clean(request.system)}]
        for message in request.messages:
            body["messages"] += self._message(message)
        return body

    def decoder(self, request: Request) -> OpenAIDecoder:
        return OpenAIDecoder(request.model, used=used_ids(request.messages))

    def _effort(self, request: Request) -> str:
        if self.dialect.openai_models and request.tools and _TOOLS_WITHOUT_REASONING.match(request.model):
            return "none"
        return request.thinking if request.thinking != "off" and self.dialect.reasoning_effort else ""

    def _message(self, message: Message) -> list[dict[str, Any]]:
        if message.role == "tool":
            return [self._result(part) for part in message.parts if isinstance(part, ToolResult)]
        texts = [clean(part.text) for part in message.parts if isinstance(part, Text)]
        if message.role == "user":
            if len(texts) > 1:
                return [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]
            return [{"role": "user", "content": "".join(texts)}]
        calls = [self._call(part) for part in message.parts if isinstance(part, ToolCall)]
        if self.dialect.extra_content:
            extra = _extra_content(message)
            calls = [call | {"extra_content": extra[call["id"]]} if call["id"] in extra else call for call in calls]
        content = "".join(texts)
        shape: dict[str, Any] = {"role": "assistant", "content": content if content or not calls else None}
        thought = "".join(clean(part.text) for part in message.parts if isinstance(part, Thinking) and part.origin == "openai")
        if thought and self.dialect.reasoning_content:
            shape["reasoning_content"] = thought
        if calls:
            shape["tool_calls"] = calls
        return [shape]

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"name": sendable_name(call.name), "arguments": dumped(call.arguments)}
        return {"id": self._id(call.id), "type": "function", "function": function}

    def _result(self, result: ToolResult) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": self._id(result.call_id), "content": clean(result.text)}

    def _id(self, call_id: str) -> str:
        return short_id(call_id) if self.dialect.strict else sendable_id(call_id)


def encode(request: Request, dialect: Dialect = Dialect()) -> dict[str, Any]:
    """The body of `request` in `dialect`."""
    return OpenAICodec(dialect).encode(request)


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _extra_content(message: Message) -> dict[str, Any]:
    """What a service sent along with its calls and wants back, by the ids of the calls."""
    kept = (part.signature for part in message.parts if isinstance(part, Thinking) and part.origin == EXTRA_CONTENT)
    return {call_id: extra for text in kept for call_id, extra in json.loads(text).items()}
