"""Why the provider's prompt cache was lost: which byte of the prompt changed, or that nothing did and the cache let it go.

Providers charge the beginning of a prompt that they know a tenth or less. They know it by its bytes, so a request should
begin with the whole request before it; where the reported cached tokens say that it did not, the two are laid side by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lcode import clock
from lcode.events import Usage
from lcode.llm.protocol import Provider, Request
from lcode.llm.wire import message_to_json

LIFETIME = 300  # seconds that the shortest of the providers' caches holds
_SLACK = 0.95  # of the tokens of the request before; providers keep whole steps and blocks
_STEP = 1_280  # tokens that may be missing for that
_AROUND = 40  # characters shown of a change
_SETTINGS = ("thinking", "output_config", "reasoning_effort", "prompt_cache_key")


@dataclass(frozen=True)
class _Sent:
    model: str
    request: Request
    usage: Usage
    at: float


@dataclass
class CacheWatch:
    """Of one session. `losses` are in words, newest last; `asked` counts the requests that a cache could have served."""

    losses: list[str] = field(default_factory=list)
    _before: _Sent | None = None
    _caches: bool = False  # the provider has reported a cache in this session
    _expected: str = ""

    def expect(self, why: str) -> None:
        """The next request changes the prompt on purpose: `why` in a few words."""
        self._expected = why

    def heard(self, provider: Provider, request: Request, usage: Usage) -> str:
        """Note what a request took; where the cache was lost, why, in one line."""
        before, now = self._before, _Sent(provider.name, request, usage, clock.monotonic())
        self._before, expected, self._expected = now, self._expected, ""
        known = self._caches or provider.name.startswith("openai/")
        self._caches = bool(self._caches or usage.cached or usage.written)
        if before is None or not known or not usage.input:
            return ""
        share = before.usage.input * _SLACK - _STEP
        if usage.cached >= share or share <= 0:
            return ""
        head = f"the prompt cache was lost: {usage.cached:,} tokens found of {before.usage.input:,} sent before"
        told = f"{head}; {_why(provider, before, now)}" + (f" (on purpose: {expected})" if expected else "")
        self.losses.append(told)
        return told


def _why(provider: Provider, before: _Sent, now: _Sent) -> str:
    if before.model != now.model:
        return f"the model changed from {before.model} to {now.model}"
    old, new = _body(provider, before.request), _body(provider, now.request)
    changed = [name for name in _SETTINGS if old.get(name) != new.get(name)]
    if changed:
        return f"{changed[0]} changed from {old.get(changed[0])!r} to {new.get(changed[0])!r}"
    offset, later = 0, dict(_parts(new))
    for name, text in _parts(old):
        other = later.get(name)
        if other != text:
            return _changed(name, text, other, offset, old, new)
        offset += len(text.encode("utf-8", "replace"))
    idle = now.at - before.at
    told = f"its {offset:,} bytes are as they were, {idle:.0f} s ago"
    return f"{told}: the provider's cache expired" if idle >= LIFETIME else f"{told}: the provider let it go by itself"


def _changed(name: str, old: str, new: str | None, offset: int, before: dict[str, Any], now: dict[str, Any]) -> str:
    if name == "tools":
        names = [{_tool_name(tool) for tool in body.get("tools") or ()} for body in (before, now)]
        if moved := sorted(names[0] ^ names[1]):
            return f"tools changed: {', '.join(('+' if tool in names[1] else '-') + tool for tool in moved)}"
    if new is None:
        return f"{name} is gone (byte {offset:,} of the prompt)"
    at = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))
    bytes_at = len(old[:at].encode("utf-8", "replace"))
    was, now_is = _excerpt(old, at), _excerpt(new, at)
    return f"{name} changed at its byte {bytes_at:,} (byte {offset + bytes_at:,} of the prompt): was {was}, is {now_is}"


def _excerpt(text: str, at: int) -> str:
    return f"«{text[max(0, at - _AROUND // 2) : at + _AROUND]}»"


def _body(provider: Provider, request: Request) -> dict[str, Any]:
    """The request as it is sent, if the provider tells; else in its neutral form."""
    encode = getattr(provider, "encode", None)
    if encode is not None:
        body: dict[str, Any] = encode(request)
        return body
    messages = [message_to_json(message) for message in request.messages]
    tools = [{"name": spec.name, "description": spec.description, "parameters": spec.parameters} for spec in request.tools]
    return {"tools": tools, "system": request.system, "messages": messages, "thinking": request.thinking}


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a prompt in the order in which providers read them, as text without the marks that move."""
    for name in ("tools", "system"):
        if body.get(name):
            yield name, _text(body[name])
    for number, message in enumerate(body.get("messages", ())):
        yield f"message {number} ({message.get('role', '?')})", _text(message)


def _text(value: Any) -> str:
    return json.dumps(_unmarked(value), ensure_ascii=False)


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in value.items() if key != "cache_control"}
    return [_unmarked(item) for item in value] if isinstance(value, list) else value


def _tool_name(tool: dict[str, Any]) -> str:
    return str(tool.get("name") or tool.get("function", {}).get("name", "?"))
