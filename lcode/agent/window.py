"""What stands in a context window: the parts of a prompt with their tokens, which sum to the whole.

The whole is what the provider reported, carried on by the estimate, where a report is known; the parts are estimates, scaled
so that they sum to it exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lcode.llm.protocol import Request, ToolSpec
from lcode.llm.wire import parts_to_json
from lcode.memory.model import MessageRow
from lcode.tokens import MESSAGE, REQUEST, approximate_tokens, part_tokens, schema_tokens

_BLOCK = re.compile(r'^<block label="([^"\n]*)"', re.MULTILINE)
_GUIDANCE = ("<project_instructions>\n", "</project_instructions>")
_MEMORY = ("<core_memory>\n", "\n</core_memory>")
INSTRUCTIONS, TOOLS, PROJECT, BLOCK = "instructions", "tools", "project instructions", "block"
SUMMARY, MESSAGES, RESULTS, IMAGES = "summary", "messages", "tool results", "images"


@dataclass(frozen=True)
class Part:
    """`name` tells parts of one kind apart: the label of a block."""

    kind: str
    name: str
    tokens: int


@dataclass(frozen=True)
class Accounting:
    """A window of `window` tokens, of which `reserve` are kept free for the reply. The parts sum to `used`; `reported` says
    whether that is from a provider's report, `requests` from how many of them the estimate learnt (0: it is plain)."""

    model: str
    window: int
    reserve: int
    used: int
    reported: bool
    requests: int
    parts: tuple[Part, ...]

    @property
    def budget(self) -> int:
        """What the prompt may take."""
        return self.window - self.reserve

    @property
    def free(self) -> int:
        return max(0, self.budget - self.used)


def gets_back(model: str, api: str, part: dict[str, Any]) -> bool:
    """Whether a part of a stored message is sent to this model: reasoning only to the one that made it, if it takes it."""
    if part.get("type") != "thinking":
        return True
    origin = str(part.get("origin", ""))
    if api == "anthropic":
        return origin in ("anthropic", f"anthropic:{model.partition('/')[2] or model}")
    return origin == "openai" and model.startswith("deepseek/")


class Sizes:
    """Estimates of a prompt's parts for one model. What was counted is not counted again while it stays."""

    def __init__(self, model: str, api: str) -> None:
        self.model = model
        self.api = api
        self._rows: dict[str, tuple[MessageRow, int]] = {}
        self._fixed: tuple[str, tuple[ToolSpec, ...], int] = ("", (), 0)

    def row(self, row: MessageRow) -> int:
        """Tokens of a stored message, about."""
        return MESSAGE + sum(part_tokens(part) for part in row.content if gets_back(self.model, self.api, part))

    def whole(self, system: str, specs: tuple[ToolSpec, ...], rows: Iterable[MessageRow]) -> int:
        """Tokens of a request, about."""
        if self._fixed[0] is not system or self._fixed[1] is not specs:
            self._fixed = (system, specs, approximate_tokens(system) + _tools(specs))
        known, self._rows = self._rows, {}
        total = REQUEST + self._fixed[2]
        for row in rows:
            before = known.get(row.id)
            counted = before if before is not None and before[0] is row else (row, self.row(row))
            self._rows[row.id] = counted
            total += counted[1]
        return total

    def request(self, request: Request) -> int:
        """The same of a request that is put together otherwise."""
        parts = (part for message in request.messages for part in parts_to_json(message.parts))
        counted = sum(part_tokens(part) for part in parts if gets_back(self.model, self.api, part))
        return REQUEST + approximate_tokens(request.system) + _tools(request.tools) + MESSAGE * len(request.messages) + counted

    def parts(self, system: str, specs: tuple[ToolSpec, ...], rows: Sequence[MessageRow]) -> list[Part]:
        """The parts, estimated one by one; those that are empty are left out, but for the lasting ones."""
        instructions, project, blocks = divided(system)
        found = [Part(INSTRUCTIONS, "", REQUEST + approximate_tokens(instructions)), Part(TOOLS, "", _tools(specs))]
        if project:
            found.append(Part(PROJECT, "", approximate_tokens(project)))
        found += [Part(BLOCK, label, approximate_tokens(text)) for label, text in blocks]
        sums = dict.fromkeys((SUMMARY, MESSAGES, RESULTS, IMAGES), 0)
        for row in rows:
            sums[_kind(row)] += self.row(row)
        return [*found, *(Part(kind, "", tokens) for kind, tokens in sums.items() if tokens or kind == MESSAGES)]


def _tools(specs: Iterable[ToolSpec]) -> int:
    return sum(schema_tokens(spec.name, spec.description, spec.parameters) for spec in specs)


def _kind(row: MessageRow) -> str:
    if row.kind == "summary":
        return SUMMARY
    if any(part.get("type") == "image" for part in row.content):
        return IMAGES
    return RESULTS if row.role == "tool" else MESSAGES


def divided(system: str) -> tuple[str, str, list[tuple[str, str]]]:
    """A system text as instructions, the project's instruction files, and the blocks by their labels: every character once."""
    head, opened, memory = system.rpartition(_MEMORY[0])
    memory, closed, tail = memory.rpartition(_MEMORY[1])
    if not opened or not closed:
        head, memory, tail = system, "", ""
    before, opened_guidance, guided = head.partition(_GUIDANCE[0])
    guided, closed_guidance, after = guided.rpartition(_GUIDANCE[1])
    if not opened_guidance or not closed_guidance:
        before, guided, after = head, "", ""
    starts = [match.start() for match in _BLOCK.finditer(memory)]
    labels = [match[1] for match in _BLOCK.finditer(memory)]
    ends = [*starts[1:], len(memory)] if starts else []
    texts = [memory[start:end] for start, end in zip(starts, ends, strict=True)]
    rest = memory[: starts[0]] if starts else memory
    return before + after + rest + tail, guided, list(zip(labels, texts, strict=True))


def scaled(parts: Sequence[Part], total: int) -> tuple[Part, ...]:
    """The parts with tokens that sum to `total`, in the proportions of the estimates (largest remainders)."""
    whole = sum(part.tokens for part in parts)
    if not whole:
        return tuple(parts)
    shares = [divmod(part.tokens * total, whole) for part in parts]
    left = total - sum(share for share, _ in shares)
    most = sorted(range(len(parts)), key=lambda at: -shares[at][1])[:left]
    return tuple(Part(part.kind, part.name, shares[at][0] + (at in most)) for at, part in enumerate(parts))
