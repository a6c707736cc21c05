"""What models cost: public list prices with their date and source, over which the user's own settings stand.

A price that is not known is None, never nothing. Money is whole picodollars, so that no sum is rounded: a price of so many
picodollars a token is the same number of microdollars a million tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from lcode.events import Usage
from lcode.provider_settings import ModelSettings

DOLLAR = 10**12  # picodollars
_MILLION = 10**6
OWN = "your settings"
_FREE = ("ollama", "lmstudio")
_DATED = r"(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest)?"


@dataclass(frozen=True)
class Price:
    """Picodollars a token. `written` is what a token costs that the provider's cache takes in for minutes, `written_hour` for
    an hour. Requests of more than `long_from` tokens cost `long` altogether."""

    input: int
    cached: int
    written: int
    written_hour: int
    output: int
    as_of: str
    source: str
    long_from: int = 0
    long: Price | None = None

    def of(self, usage: Usage) -> int:
        """What a request with this usage cost, in picodollars."""
        if self.long is not None and usage.input > self.long_from:
            return self.long.of(usage)
        hour = min(usage.written_hour, usage.written)
        fresh = max(0, usage.input - usage.cached - usage.written)
        sent = fresh * self.input + usage.cached * self.cached + (usage.written - hour) * self.written
        return sent + hour * self.written_hour + usage.output * self.output

    def told(self, usage: Usage) -> dict[str, str | int]:
        """The price that such a request has, as it is kept beside what it cost: picodollars a token."""
        if self.long is not None and usage.input > self.long_from:
            return self.long.told(usage)
        kept: dict[str, str | int] = {"input": self.input, "cached": self.cached, "written": self.written}
        return kept | {"written_hour": self.written_hour, "output": self.output, "as_of": self.as_of, "source": self.source}

    def dearest(self, tokens: int) -> int:
        """What so many tokens of input cost at most: none of them cached, all of them taken into the cache."""
        price = self.long if self.long is not None and tokens > self.long_from else self
        return tokens * max(price.input, price.written)

    def dearest_output(self, tokens: int) -> int:
        """A token of output, in a request of so many tokens of input."""
        return self.long.output if self.long is not None and tokens > self.long_from else self.output


@dataclass(frozen=True)
class _Row:
    """Dollars a million tokens. `written` None: the service does not charge for it apart. `long`: from how many tokens on a
    request costs more, by what factor its input, and its output."""

    providers: str
    model: str
    input: float
    cached: float | None
    output: float
    written: float | None = None
    long: tuple[int, float, float] | None = None


@dataclass(frozen=True)
class _List:
    as_of: str
    source: str
    rows: tuple[_Row, ...]


_ANTHROPIC = "platform.claude.com/docs/en/about-claude/pricing"
_OPENAI = "developers.openai.com/api/docs/pricing"
_LONG_OPENAI = (272_000, 2.0, 1.5)
_LONG_GOOGLE = (200_000, 2.0, 1.5)
_LONG_XAI = (200_000, 2.0, 2.0)
_A, _O, _G, _X = "anthropic|openrouter", "openai|openrouter", "gemini|openrouter", "xai|openrouter"

# The source is where the service publishes its prices. The date is that of the newest copy of the page, or of a price list
# that cites it, from which the figures were taken; after it a service may have changed them.
_LISTS: tuple[_List, ...] = (
    _List(
        "2026-10-24",
        _ANTHROPIC,
        (
            _Row(_A, r"claude-(fable|mythos)-5[-.]1", 10, 0.25, 50, 12.5),
            _Row(_A, r"claude-(fable|mythos)-5", 10, 1, 50, 12.5),
            _Row(_A, r"claude-opus-5[-.]5", 4, 0.2, 20, 5),
            _Row(_A, r"claude-opus-(5|4[-.][5-8])", 5, 0.5, 25, 6.25),
            _Row(_A, r"claude-opus-4([-.]1)?", 15, 1.5, 75, 18.75),
            _Row(_A, r"claude-sonnet-5[-.]5", 2, 0.1, 10, 2.5),
            _Row(_A, r"claude-sonnet-5", 2, 0.2, 10, 2.5),
            _Row(_A, r"claude-sonnet-4([-.][56])?|claude-3[-.]7-sonnet", 3, 0.3, 15, 3.75),
            _Row(_A, r"claude-haiku-5[-.]5", 0.1, 0.01, 0.5, 0.125, (100_000, 5.0, 5.0)),
            _Row(_A, r"claude-haiku-4[-.]5", 1, 0.1, 5, 1.25),
            _Row(_A, r"claude-3[-.]5-haiku", 0.8, 0.08, 4, 1),
        ),
    ),
    _List(
        "2026-10-18",
        _OPENAI,
        (
            _Row(_O, r"gpt-6\.1-sol", 2, 0.1, 10, 2.5, _LONG_OPENAI),
            _Row(_O, r"gpt-6-sol", 2, 0.2, 10, 2.5, _LONG_OPENAI),
            _Row(_O, r"gpt-6-luna", 0.1, 0.01, 0.5, 0.125, _LONG_OPENAI),
            _Row(_O, r"gpt-6-astra", 10, 1, 50, 12.5, _LONG_OPENAI),
            _Row(_O, r"gpt-5\.6-sol", 4, 0.4, 20, 5, _LONG_OPENAI),
            _Row(_O, r"gpt-5\.6-terra", 2, 0.2, 12, 2.5, _LONG_OPENAI),
            _Row(_O, r"gpt-5\.6-luna", 0.2, 0.02, 1.2, 0.25, _LONG_OPENAI),
        ),
    ),
    _List(
        "2026-08-05",
        _OPENAI,
        (
            _Row(_O, r"gpt-5\.5", 5, 0.5, 30, None, _LONG_OPENAI),
            _Row(_O, r"gpt-5\.4", 2.5, 0.25, 15, None, _LONG_OPENAI),
            _Row(_O, r"gpt-5\.4-mini", 0.75, 0.075, 4.5),
            _Row(_O, r"gpt-5\.4-nano", 0.2, 0.02, 1.25),
            _Row(_O, r"gpt-5\.[23](-codex|-chat-latest)?", 1.75, 0.175, 14),
            _Row(_O, r"gpt-5(\.1)?(-codex(-max)?|-chat-latest)?", 1.25, 0.125, 10),
            _Row(_O, r"gpt-5-mini|gpt-5\.1-codex-mini", 0.25, 0.025, 2),
            _Row(_O, r"gpt-5-nano", 0.05, 0.005, 0.4),
            _Row(_O, r"gpt-4\.1|o3", 2, 0.5, 8),
            _Row(_O, r"gpt-4\.1-mini", 0.4, 0.1, 1.6),
            _Row(_O, r"gpt-4\.1-nano", 0.1, 0.025, 0.4),
            _Row(_O, r"gpt-4o(?!-2024-05-13)", 2.5, 1.25, 10),
            _Row(_O, r"gpt-4o-mini", 0.15, 0.075, 0.6),
            _Row(_O, r"o4-mini", 1.1, 0.275, 4.4),
        ),
    ),
    _List(
        "2026-08-05",
        "ai.google.dev/gemini-api/docs/pricing",
        (
            _Row(_G, r"gemini-3(\.1)?-pro-preview", 2, 0.2, 12, None, _LONG_GOOGLE),
            _Row(_G, r"gemini-2\.5-pro", 1.25, 0.125, 10, None, _LONG_GOOGLE),
            _Row(_G, r"gemini-3\.6-flash", 1.5, 0.15, 7.5),
            _Row(_G, r"gemini-3\.5-flash", 1.5, 0.15, 9),
            _Row(_G, r"gemini-3-flash-preview", 0.5, 0.05, 3),
            _Row(_G, r"gemini-(3\.5-flash-lite|2\.5-flash)", 0.3, 0.03, 2.5),
            _Row(_G, r"gemini-3\.1-flash-lite(-preview)?", 0.25, 0.025, 1.5),
            _Row(_G, r"gemini-2\.5-flash-lite", 0.1, 0.01, 0.4),
        ),
    ),
    # at its peak hours: what is shown may be up to twice the bill, never less than it
    _List(
        "2026-10-27",
        "api-docs.deepseek.com/quick_start/pricing (peak hours; half of it outside)",
        (
            _Row("deepseek", r"deepseek-(v4-)?flash", 0.3, 0.006, 1.2),
            _Row("deepseek", r"deepseek-v4-pro", 1.32, 0.044, 3.96),
        ),
    ),
    _List(
        "2026-07-13",
        "docs.x.ai/developers/models",
        (
            _Row(_X, r"grok-4\.5", 2, 0.5, 6, None, _LONG_XAI),
            _Row(_X, r"grok-4\.3|grok-4\.20-0309-(non-)?reasoning", 1.25, 0.2, 2.5, None, _LONG_XAI),
            _Row(_X, r"grok-build-0\.1", 1, 0.2, 2, None, _LONG_XAI),
        ),
    ),
    _List(
        "2026-07-02",
        "mistral.ai/pricing",
        (
            _Row("mistral", r"mistral-large-(2512|latest)", 0.5, None, 1.5),
            _Row("mistral", r"mistral-medium-2604", 1.5, None, 7.5),
            _Row("mistral", r"devstral-(2512|latest|medium-latest)", 0.4, None, 2),
            _Row("mistral", r"codestral-latest", 0.3, None, 0.9),
        ),
    ),
    _List(
        "2026-07-02",
        "groq.com/pricing",
        (
            _Row("groq", r"openai/gpt-oss-120b", 0.15, 0.075, 0.6),
            _Row("groq", r"openai/gpt-oss-20b", 0.075, 0.0375, 0.3),
            _Row("groq", r"llama-3\.3-70b-versatile", 0.59, None, 0.79),
        ),
    ),
)


def price_of(name: str, models: Mapping[str, ModelSettings] | None = None) -> Price | None:
    """The price of `provider/model`; None where it is not known. What the user says of it holds over the table; of cached
    and written input, where the user says nothing, that it costs what input does."""
    own = (models or {}).get(name)
    if own is None or own.price_input is None or own.price_output is None:
        return _listed(name)
    fresh, output = round(own.price_input * _MILLION), round(own.price_output * _MILLION)
    cached = fresh if own.price_cached is None else round(own.price_cached * _MILLION)
    written = fresh if own.price_written is None else round(own.price_written * _MILLION)
    return Price(fresh, cached, written, written, output, "", OWN)


def is_free(name: str) -> bool:
    """Whether nothing is charged for `provider/model`: it runs on this machine, or there is none."""
    provider, _, model = name.partition("/")
    if provider in _FREE:
        return not model.endswith(("-cloud", ":cloud"))
    return name == "offline" or name.startswith("replay:")


@cache
def _listed(name: str) -> Price | None:
    if is_free(name):
        return Price(0, 0, 0, 0, 0, "", "free of charge: no service is paid")
    provider, _, model = name.lower().partition("/")
    if provider == "openrouter":  # it passes on the prices of these vendors
        vendor, _, model = model.partition("/")
        if vendor not in ("anthropic", "openai", "google", "x-ai"):
            return None
    for prices in _LISTS:
        for row in prices.rows:
            if provider in row.providers.split("|") and re.fullmatch(f"({row.model}){_DATED}", model):
                return _price(row, prices)
    return None


def _price(row: _Row, prices: _List) -> Price:
    fresh, output = round(row.input * _MILLION), round(row.output * _MILLION)
    cached = fresh if row.cached is None else round(row.cached * _MILLION)
    written = fresh if row.written is None else round(row.written * _MILLION)
    hour = fresh if row.written is None else 2 * fresh
    plain = Price(fresh, cached, written, hour, output, prices.as_of, prices.source)
    if row.long is None:
        return plain
    over, sent, said = row.long
    more = [round(sent * value) for value in (fresh, cached, written, hour)]
    long = Price(more[0], more[1], more[2], more[3], round(said * output), prices.as_of, prices.source)
    return replace(plain, long_from=over, long=long)


def dollars(money: int) -> str:
    """An amount for people: to the cent, finer where it is less than a dollar."""
    cents = _rounded(money, DOLLAR // 100)
    if abs(cents) >= 100 or money == 0:
        return f"${cents // 100:,}.{cents % 100:02}"
    fine = _rounded(money, DOLLAR // 10_000)
    return f"${fine // 10_000}.{fine % 10_000:04}" if fine else "<$0.0001"


def _rounded(money: int, unit: int) -> int:
    """In whole units, halves up."""
    return (2 * money + unit) // (2 * unit)
