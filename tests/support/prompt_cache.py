"""The providers' prompt caches, simulated: how much of a request the service has kept from an earlier one.

OpenAI keeps prompts by itself: what a request shares with an earlier one of the same model and `prompt_cache_key`, in whole
steps of 128 tokens, from 1,024 on. Anthropic keeps what ends at a `cache_control` mark, and looks for it at the marks of a
request and at the 20 blocks before each; what lies between what it found and the last mark is written.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.token_count import token_ids
from tests.support.wire import dump

MINIMUM = 1_024  # tokens that a prompt must have to be kept
STEP = 128  # OpenAI: what is kept ends at a multiple of this
LOOK_BACK = 20  # Anthropic: blocks before a mark at which an earlier mark is found
PER_MESSAGE = 4  # tokens that set a message off: its role, begin and end
PER_BLOCK = 6  # and those of a tool, a call, a result: their delimiters
_KEPT = 64  # requests of one key that OpenAI's cache is searched for


@dataclass(frozen=True)
class Segment:
    """A part of the prompt: its bytes as sent, without marks (`key`), and the tokens of its text, with `more` around them."""

    key: str
    text: str
    more: int = 0
    marked: bool = False

    @property
    def ids(self) -> tuple[int, ...]:
        return token_ids(self.text)

    @property
    def tokens(self) -> int:
        return len(self.ids) + self.more


@dataclass(frozen=True)
class Cached:
    """Tokens of a request: all, those found in the cache, those written to it."""

    input: int
    cached: int
    written: int


class PromptCache:
    """What the service has kept of the requests so far. Nothing expires: time is not part of the simulation."""

    def __init__(self) -> None:
        self._prompts: defaultdict[tuple[str, str], deque[list[Segment]]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._entries: set[bytes] = set()

    def take(self, api: str, body: dict[str, Any]) -> Cached:
        """Look the request up, then keep it."""
        found = segments(api, body)
        return self._openai(body, found) if api == "openai" else self._anthropic(body, found)

    def _openai(self, body: dict[str, Any], found: list[Segment]) -> Cached:
        kept = self._prompts[str(body.get("model")), str(body.get("prompt_cache_key", ""))]
        shared = max((_shared(found, earlier) for earlier in kept), default=0)
        kept.append(found)
        return Cached(sum(one.tokens for one in found), shared // STEP * STEP if shared >= MINIMUM else 0, 0)

    def _anthropic(self, body: dict[str, Any], found: list[Segment]) -> Cached:
        ends = _ends(found, str(body.get("model")))
        marks = [at for at, one in enumerate(found) if one.marked and ends[at][0] >= MINIMUM]
        seen = {at for mark in marks for at in range(max(mark - LOOK_BACK, 0), mark + 1)}
        cached = max((ends[at][0] for at in seen if ends[at][1] in self._entries), default=0)
        self._entries.update(ends[at][1] for at in marks)
        written = ends[marks[-1]][0] - cached if marks else 0
        return Cached(sum(one.tokens for one in found), cached, written)


def segments(api: str, body: dict[str, Any]) -> list[Segment]:
    """The prompt of a request in the order in which it is kept: tools, system text, messages."""
    if api == "openai":
        return [*map(_openai_tool, body.get("tools") or []), *map(_openai_message, body["messages"])]
    found = [_anthropic_tool(tool) for tool in body.get("tools") or []]
    for role, content in [("system", body.get("system")), *((one["role"], one["content"]) for one in body["messages"])]:
        found += _blocks(role, content)
    if body.get("cache_control") and found:
        found[-1] = Segment(found[-1].key, found[-1].text, found[-1].more, True)
    return found


def prompt_tokens(api: str, body: dict[str, Any]) -> int:
    """Everything that is sent, in tokens."""
    return sum(one.tokens for one in segments(api, body))


def _shared(one: Sequence[Segment], other: Sequence[Segment]) -> int:
    """Tokens that both begin with."""
    total = 0
    for first, second in zip(one, other, strict=False):
        if first.key != second.key:
            same = next((at for at, (a, b) in enumerate(zip(first.ids, second.ids, strict=False)) if a != b), None)
            return total + (same or 0)
        total += first.tokens
    return total


def _ends(found: Sequence[Segment], model: str) -> list[tuple[int, bytes]]:
    """For each segment: the tokens up to its end, and a digest of everything up to there."""
    ends, total, digest = [], 0, model.encode()
    for one in found:
        total += one.tokens
        digest = hashlib.blake2b(digest + one.key.encode(), digest_size=16).digest()
        ends.append((total, digest))
    return ends


def _openai_tool(tool: dict[str, Any]) -> Segment:
    return Segment(dump(tool), dump(tool["function"]), PER_BLOCK)


def _openai_message(message: dict[str, Any]) -> Segment:
    content = message.get("content") or ""
    texts = [content] if isinstance(content, str) else [part.get("text") or dump(part) for part in content]
    calls = [call["function"] for call in message.get("tool_calls") or []]
    texts += [f"{call['name']} {call['arguments']}" for call in calls]
    more = PER_MESSAGE + PER_BLOCK * (len(calls) + (message["role"] == "tool"))
    return Segment(dump(message), "\n".join(filter(None, [message.get("reasoning_content"), *texts])), more)


def _anthropic_tool(tool: dict[str, Any]) -> Segment:
    plain = _unmarked(tool)
    return Segment(dump(plain), dump(plain), PER_BLOCK, "cache_control" in tool)


def _blocks(role: str, content: Any) -> Iterator[Segment]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    for at, block in enumerate(blocks):
        more = (0 if at or role == "system" else PER_MESSAGE) + (0 if block.get("type") == "text" else PER_BLOCK)
        marked = '"cache_control":' in dump(block)
        yield Segment(f"{role}\n{dump(_unmarked(block))}", _text(block), more, marked)


def _text(block: dict[str, Any]) -> str:
    """What of a block the model reads."""
    kind = block.get("type")
    if kind == "tool_use":
        return f"{block['name']} {dump(block['input'])}"
    if kind == "tool_result":
        inner = block.get("content") or ""
        return inner if isinstance(inner, str) else "\n".join(map(_text, inner))
    return str(block.get("text") or block.get("thinking") or block.get("data") or dump(_unmarked(block)))


def _unmarked(block: dict[str, Any]) -> dict[str, Any]:
    plain = {key: part for key, part in block.items() if key != "cache_control"}
    if isinstance(plain.get("content"), list):
        plain["content"] = [_unmarked(part) for part in plain["content"]]
    return plain
