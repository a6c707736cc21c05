"""What one process spends on models, and the limit that the user set: kept before a call, not found broken after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lcode.errors import CostLimit
from lcode.llm.catalogue import reply_bound
from lcode.llm.prices import DOLLAR, Price, dollars, price_of
from lcode.provider_settings import ModelSettings

LEAST_REPLY = 1_000  # tokens; below that a call is not worth making
_PLAIN, _LEARNT = 1.3, 1.05  # how far the input may be over its estimate: a plain one, and one that a report stands behind
_MORE = "--max-cost or the setting max_cost allows more; `lcode -c` goes on from here"


@dataclass
class Spending:
    """`limit` and `spent` in picodollars. It counts what this process had calls of models do: not what a session that it took
    up had cost before, but all its sessions, and what they ask beside their steps."""

    limit: int | None = None
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    spent: int = 0
    unpriced: int = 0  # calls whose price is not known

    @classmethod
    def of(cls, max_cost: float | None, models: Mapping[str, ModelSettings]) -> Spending:
        """With a limit in dollars, or none."""
        return cls(None if max_cost is None else round(max_cost * DOLLAR), models)

    def price(self, model: str) -> Price | None:
        return price_of(model, self.models)

    def allowed(self, model: str, api: str, tokens: int, asked: int | None, *, learnt: bool) -> int | None:
        """How many tokens the reply to a request of about `tokens` may have, if fewer than it would ask for; else `asked`.

        The worst is reckoned with: nothing of the request is found in the cache. What then is left of the limit bounds the
        reply; raises CostLimit where that is too little for one.
        """
        if self.limit is None:
            return asked
        price = self.price(model)
        if price is None:
            hint = f'give [models."{model}"] price_input and price_output in your settings, or leave the limit out'
            raise CostLimit(f"the price of {model} is not known, so a limit of {dollars(self.limit)} cannot be kept", hint)
        sent = round(tokens * (_LEARNT if learnt else _PLAIN))
        worst, each = price.dearest(sent), price.dearest_output(sent)
        if not worst and not each:
            return asked
        bound = reply_bound(model, api, asked)
        left = self.limit - self.spent - worst
        if left >= bound * each:
            return asked
        least = min(LEAST_REPLY, bound)
        if left < least * each:
            told = f"stopped: {dollars(self.spent)} of at most {dollars(self.limit)} are spent"
            raise CostLimit(f"{told}, and the next call could cost {dollars(worst + least * each)}", _MORE)
        return left // each
