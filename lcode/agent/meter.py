"""What the calls of a session's model take and cost: estimated before them, kept within the limit, recorded after them.

Every call of a model in a session goes through here: the steps of its runs, and what is asked beside them (`ask`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lcode import clock
from lcode.agent.cache_watch import CacheWatch
from lcode.agent.window import Accounting, Sizes, gets_back, scaled
from lcode.errors import ProviderError
from lcode.events import Usage
from lcode.ids import new_id
from lcode.llm import catalogue
from lcode.llm.protocol import Delta, Reply, Request, Restart
from lcode.memory.model_calls import STEP, ModelCall, estimates
from lcode.tokens import NEWEST, Calibration, calibrate

if TYPE_CHECKING:
    from lcode.agent.session import Session


@dataclass
class Spent:
    """By some calls: tokens, picodollars, and how many of them have no known price."""

    usage: Usage = field(default_factory=Usage)
    cost: int = 0
    unpriced: int = 0

    def add(self, call: ModelCall) -> None:
        self.usage += call.usage
        self.cost += call.cost
        self.unpriced += not call.priced


class Meter:
    """Of one session. `estimate` and `used` are of the prompt as it would be sent now."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sizes = Sizes("", "")
        self._pairs: deque[tuple[int, int]] = deque(maxlen=NEWEST)  # (estimated, reported) input, newest first
        self._learnt = Calibration()
        self._then: tuple[int, int] | None = None  # of the newest request and its reply: tokens reported, and estimated
        self._estimated = 0  # of the request that was sent last, by the plain estimate
        self.expected = 0  # of the same, as its provider was thought to count
        self.cache = CacheWatch()
        self.spent = Spent()  # by the run that is under way, or was the last

    # -- how much it is ---------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Learn from the model's earlier calls, in whatever session, how its provider counts."""
        if self._sizes.model != self._session.provider.name:
            self._change_model()
            recall = self._session.memory.recall
            self._pairs.extend(await self._session.memory.run(estimates, recall, self._sizes.model, NEWEST))
            self._learnt = calibrate(self._pairs)

    def _change_model(self) -> None:
        provider = self._session.provider
        self._sizes = Sizes(provider.name, provider.api)
        self._pairs.clear()
        self._learnt = Calibration()
        self._then = None

    def estimate(self) -> int:
        """Tokens of the next request by the plain estimate."""
        if self._sizes.model != self._session.provider.name:
            self._change_model()
        prompt = self._session.prompt
        return self._sizes.whole(prompt.system, prompt.specs, self._session.rows)

    def used(self) -> int:
        """Tokens of the next request: what was reported of the newest one, and by the estimate what came and went since; or
        the estimate of all, as the model's calibration corrects it."""
        now = self.estimate()
        if self._then is None:
            return self._learnt(now)
        reported, then = self._then
        return max(0, reported + self._learnt(now - then))

    def calibrated(self, estimate: int) -> int:
        """A plain estimate as the model's provider would count."""
        return self._learnt(estimate)

    def note(self, usage: Usage) -> None:
        """The newest reply is in the session's messages, and this is what it took."""
        now = self.estimate()
        thought = {"type": "thinking", "origin": self._sizes.api}
        again = usage.output if gets_back(self._sizes.model, self._sizes.api, thought) else usage.output - usage.reasoning
        self._then = (usage.input + again, now) if usage.input else None

    @property
    def reserve(self) -> int:
        """Tokens of the window that are kept free for the reply and its thinking."""
        session = self._session
        asked = session.environment.reply_tokens(session.provider.name)
        return catalogue.reserve(
            session.context_window, catalogue.reply_bound(session.provider.name, session.provider.api, asked)
        )

    @property
    def budget(self) -> int:
        """Tokens that the prompt may take."""
        return self._session.context_window - self.reserve

    async def accounting(self) -> Accounting:
        """What stands in the window."""
        await self.prepare()
        session = self._session
        system, specs = await session.prompt.shown()
        used = self.used() if session.prompt.system else self._learnt(self._sizes.whole(system, specs, session.rows))
        parts = self._sizes.parts(system, specs, session.rows)
        return Accounting(
            session.model, session.context_window, self.reserve, used, self._then is not None, self._learnt.requests,
            scaled(parts, used),
        )  # fmt: skip

    # -- calls ------------------------------------------------------------------------------------------------------

    async def stream(self, request: Request, tokens: int | None = None) -> AsyncGenerator[Delta, None]:
        """The model's answer to `request`, of about `tokens` (None: what stands in the window). Raises CostLimit before a call
        that could cost more than the user allows."""
        session, spending = self._session, self._session.environment.spending
        known = self._then is not None or self._learnt.requests > 0
        self._estimated = self.estimate() if tokens is None else tokens
        about = self.expected = self.used() if tokens is None else self._learnt(tokens)
        name = session.provider.name
        bound = spending.allowed(name, session.provider.api, about, request.max_tokens, learnt=known)
        request = request if bound == request.max_tokens else replace(request, max_tokens=bound)
        price, held = spending.price(name), 0
        async with aclosing(session.provider.stream(request)) as stream:
            async for delta in stream:
                if isinstance(delta, Reply):
                    spending.spent += (price.of(delta.usage) if price else 0) - held
                    spending.unpriced += price is None
                    self._hear(request, delta, of_a_step=tokens is None)
                elif price and not held and not isinstance(delta, Restart):
                    # a call that breaks off is charged for all the same
                    held = about * price.input
                    spending.spent += held
                yield delta

    def _hear(self, request: Request, reply: Reply, *, of_a_step: bool) -> None:
        if reply.usage.input and self._estimated:
            self._pairs.appendleft((self._estimated, reply.usage.input))
            self._learnt = calibrate(self._pairs)
        provider = self._session.provider
        if of_a_step and (told := self.cache.heard(provider, request, reply.usage)):
            self._session.environment.debug(told)

    def call(self, reply: Reply, call_id: str, run_id: str, purpose: str = STEP) -> ModelCall:
        """The record of the call that was answered last."""
        session = self._session
        price = session.environment.spending.price(session.provider.name)
        told = json.dumps(price.told(reply.usage)) if price else ""
        call = ModelCall(
            call_id, session.id, run_id, purpose, session.provider.name, reply.model or session.model, clock.stamp(),
            reply.usage, self._estimated if reply.usage.input else 0, price.of(reply.usage) if price else 0, told,
        )  # fmt: skip
        self.spent.add(call)
        return call

    async def ask(self, request: Request, purpose: str, run_id: str = "") -> Reply:
        """The whole reply to a request beside the steps, such as for a summary; what it cost is recorded under `purpose`.
        Raises ProviderError, and CostLimit before anything is sent."""
        await self.prepare()
        reply: Reply | None = None
        async with aclosing(self.stream(request, self._sizes.request(request))) as stream:
            async for delta in stream:
                reply = delta if isinstance(delta, Reply) else reply
        if reply is None:
            raise ProviderError("the model's stream ended without a reply", retryable=True)
        call = self.call(reply, new_id("call"), run_id, purpose)
        await self._session.outbox.write(lambda: self._session.memory.recall.add_model_call(call))
        return reply
