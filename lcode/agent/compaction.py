"""When the context window fills: old messages are replaced by a summary; recall still holds them.

The summary is the model's, or an extract where the model fails. The store's truth is never summarised: core memory is
rendered anew after it, and the user's words are quoted, not told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from lcode.errors import ProviderError
from lcode.llm.protocol import Message, Provider, Reply, Request, Text
from lcode.memory.model import MessageRow
from lcode.tokens import content_tokens

TRIGGER = 0.8  # of the window
KEEP = 0.3  # of the window is kept verbatim at the end
MUST_FREE = 0.3  # of what was there, or more is evicted
WORDS = 8_000  # characters of the user's own words that a summary quotes
_ASK = (
    "The context window is full: the conversation above will be replaced by your summary. Write it for yourself, in"
    " at most 500 words:"
    " the goal; what was done, with exact paths, symbols, commands and identifiers; decisions and why; errors and"
    " their fixes, what was"
    " tried and failed; the present state and the very next action. No greeting, no tool call."
)


@dataclass(frozen=True)
class Cut:
    """`evicted` go, `kept` stay."""

    evicted: list[MessageRow]
    kept: list[MessageRow]


def row_tokens(row: MessageRow) -> int:
    """Tokens of a stored message, about."""
    return content_tokens(row.content)


def choose_cut(rows: Sequence[MessageRow], window: int, used: int) -> Cut:
    """Keep the newest rows that fit in a share of the window, ever fewer until enough of the `used` tokens is freed."""
    share = KEEP
    cut = _cut(rows, window, share)
    while share > 0.02 and sum(map(row_tokens, cut.evicted)) < used * MUST_FREE:
        share /= 2
        cut = _cut(rows, window, share)
    return cut


def _cut(rows: Sequence[MessageRow], window: int, share: float) -> Cut:
    """Never parts a call from its result, and keeps the last step (or message) whatever its size: the model has not seen
    those results yet."""
    budget = int(window * share)
    at = _step_start(rows, len(rows) - 1)
    used = sum(map(row_tokens, rows[at:]))
    while at:
        earlier = _step_start(rows, at - 1)
        used += sum(map(row_tokens, rows[earlier:at]))
        if used > budget:
            break
        at = earlier
    return Cut(list(rows[:at]), list(rows[at:]))


def _step_start(rows: Sequence[MessageRow], at: int) -> int:
    """Where the step begins that the row `at` belongs to: results stand behind the reply that asked for them."""
    while at > 0 and rows[at].role == "tool":
        at -= 1
    return max(at, 0)


async def summarise(
    provider: Provider, request: Request, evicted: Sequence[MessageRow], messages: Sequence[Message], words: Sequence[str]
) -> str:
    """The summary of `evicted`: the model's own over `messages`, or an extract where it gives none.

    `words` is everything the user said in the session before the cut, from the store: quoted, not told again.
    """
    asked = (*messages, Message("user", (Text(_ASK),)))
    ask = Request(request.model, request.system, request.tools, asked, request.max_tokens, "off", request.cache_key)
    try:
        async with aclosing(provider.stream(ask)) as stream:
            async for delta in stream:
                if isinstance(delta, Reply) and delta.text.strip() and not delta.calls:
                    return _framed(delta.text.strip(), len(evicted), words)
    except ProviderError:
        pass
    return _framed(_extract(evicted), len(evicted), words)


def _framed(summary: str, count: int, words: Sequence[str]) -> str:
    return (
        f"<summary>\n{count} earlier messages of this session were taken out of the prompt; conversation_search still"
        f" finds them.\n\n{summary}\n\nThe user's own words so far, which still bind unless they took them back:\n"
        + "\n".join(f"- {text}" for text in _quoted(words))
        + "\n</summary>"
    )


def _quoted(words: Sequence[str]) -> list[str]:
    """The first thing the user said and the newest ones, as many as fit; the newest whole, as far as it is not endless."""
    shortened = [_shorten(text, 4_000 if at == len(words) - 1 else 800) for at, text in enumerate(words)]
    kept: list[str] = []
    room = WORDS - len(shortened[0]) if shortened else 0
    for text in reversed(shortened[1:]):
        room -= len(text)
        if room < 0:
            kept.append(f"(earlier words left out; {len(shortened) - 1 - len(kept)} messages)")
            break
        kept.append(text)
    return [*shortened[:1], *reversed(kept)]


def _shorten(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return (
        flat
        if len(flat) <= limit
        else f"{flat[:limit]} … ({len(flat) - limit} more characters: conversation_search finds them)"
    )


def _extract(evicted: Sequence[MessageRow]) -> str:
    """Without a model: the last answers and what was called."""
    said = [row.text for row in evicted if row.kind == "assistant"]
    failed = [row.text.splitlines()[0][:160] for row in evicted if row.kind == "tool" and "error" in row.text[:200].lower()]
    parts = ["Last answers and calls:", *(f"- {text[:300]}" for text in said[-8:])]
    return "\n".join([*parts, *(["Errors seen:", *(f"- {line}" for line in failed[-5:])] if failed else [])])
