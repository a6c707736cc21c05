"""Sending again what failed for a passing reason, with jittered, growing waits that the service's own wish overrides.

What an attempt streamed before it failed is void: a `Restart` says so. A reply is passed on only when whole, so that
nothing can be acted on twice, or on half, because of a retry.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable

from lcode.errors import ProviderError
from lcode.llm.codec import broken
from lcode.llm.protocol import Delta, Reply, Restart

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LONGEST_WISH = 300.0  # seconds that a service may ask for; above, the user decides

Attempt = Callable[[], AsyncGenerator[Delta, None]]


def random() -> float:
    """A number from 0 to 1, without the cost of importing `random`."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


async def with_retry(
    attempt: Attempt,
    *,
    attempts: int = 6,
    sleep: Callable[[float], Awaitable[None]] = _sleep,
    chance: Callable[[], float] = random,
) -> AsyncGenerator[Delta, None]:
    """The deltas of `attempt`, begun anew after a retryable ProviderError. Raises the last error, or the first that is
    not retryable."""
    from contextlib import aclosing

    number = 1
    while True:
        try:
            async with aclosing(attempt()) as stream:  # closed at once when the consumer leaves
                async for delta in stream:
                    yield delta
                    if isinstance(delta, Reply):
                        return
            raise broken("the stream ended early")
        except ProviderError as error:
            failure = error
        if not failure.retryable:
            raise failure
        if number >= min(attempts, getattr(failure, "attempts", attempts)):
            raise _given_up(failure, number)
        wait = _wait(number, failure.retry_after, chance())
        if wait > LONGEST_WISH:
            hint = f"It asks to wait {wait:.0f} seconds. Try again then, or choose another model."
            raise _later(failure, hint)
        yield Restart(failure.message, number, wait)
        await sleep(wait)
        number += 1


def _wait(number: int, wish: float | None, chance: float) -> float:
    """Seconds before attempt `number` + 1: half of it is fixed, half is chance, so that many clients do not come back
    together. A wish of the service is kept to the full."""
    if wish is not None:
        return wish + chance * min(1.0, 0.25 * wish)
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2 ** (number - 1)) * (0.5 + 0.5 * chance))


def _given_up(failure: ProviderError, attempts: int) -> ProviderError:
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    return _later(failure, failure.hint or "Try again later, or choose another model.", f" (gave up after {tries})")


def _later(failure: ProviderError, hint: str, more: str = "") -> ProviderError:
    """The failure as the user hears of it: a passing one."""
    words = failure.message + more
    return ProviderError(words, hint, status=failure.status, retryable=True, retry_after=failure.retry_after)
