from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from lcode import clock
from lcode.errors import ProviderError
from lcode.llm import retry
from lcode.llm.problems import Service, UnreachableError, from_answer
from lcode.llm.protocol import Delta, Reply, Restart, Text, TextPiece

REPLY = Reply((Text("whole"),), "stop")
SERVICE = Service("test", "host")


def again(after: float | None = None) -> ProviderError:
    return ProviderError("broke", retryable=True, retry_after=after)


class Script:
    """Attempts that stream a piece and then fail, or reply; and the waits between them."""

    def __init__(self, *outcomes: ProviderError | Reply | None) -> None:
        self.outcomes = list(outcomes)
        self.waits: list[float] = []
        self.closed = 0

    async def attempt(self) -> AsyncGenerator[Delta, None]:
        outcome = self.outcomes.pop(0)
        try:
            yield TextPiece("half")
            if isinstance(outcome, ProviderError):
                raise outcome
            if outcome is not None:
                yield outcome
                yield TextPiece("after the reply")
        finally:
            self.closed += 1

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def run(self, **options: Any) -> list[Delta]:
        async def collect() -> list[Delta]:
            stream = retry.with_retry(self.attempt, sleep=self.sleep, chance=lambda: 0.5, **options)
            return [delta async for delta in stream]

        return asyncio.run(collect())


def test_a_broken_attempt_is_void_and_sent_again() -> None:
    script = Script(again(), again(), REPLY)
    half = TextPiece("half")
    assert script.run() == [half, Restart("broke", 1, 0.375), half, Restart("broke", 2, 0.75), half, REPLY]
    assert script.waits == [0.375, 0.75]
    assert script.closed == 3


def test_nothing_follows_the_reply() -> None:
    assert Script(REPLY).run()[-1] == REPLY


def test_what_cannot_be_retried_is_raised_at_once() -> None:
    script = Script(ProviderError("bad", status=400), REPLY)
    with pytest.raises(ProviderError, match="bad"):
        script.run()
    assert script.waits == []


def test_where_nobody_answers_the_door_it_is_tried_once_more_only() -> None:
    script = Script(*[UnreachableError("refused", "Is it running?", attempts=2)] * 6)
    with pytest.raises(ProviderError, match="gave up after 2 attempts") as caught:
        script.run()
    assert caught.value.hint == "Is it running?"
    assert len(script.waits) == 1


def test_the_attempts_are_counted_and_named_in_the_end() -> None:
    script = Script(*[again()] * 9)
    with pytest.raises(ProviderError, match="gave up after 3 attempts") as caught:
        script.run(attempts=3)
    assert caught.value.exit_code == 75
    assert len(script.waits) == 2


def test_the_waits_grow_to_a_cap() -> None:
    script = Script(*[again()] * 12)
    with pytest.raises(ProviderError):
        script.run(attempts=12)
    assert script.waits == sorted(script.waits)
    assert script.waits[-1] == retry.LONGEST_WAIT * 0.75


def test_the_wish_of_the_service_is_kept_to_the_full() -> None:
    script = Script(again(7.0), again(0.0), REPLY)
    script.run()
    assert 7.0 <= script.waits[0] <= 8.0
    assert script.waits[1] == 0.0


def test_a_wish_beyond_five_minutes_is_left_to_the_user() -> None:
    script = Script(again(3600.0), REPLY)
    with pytest.raises(ProviderError) as caught:
        script.run()
    assert "3600 seconds" in caught.value.hint
    assert caught.value.retryable  # a temporary failure, whoever waits
    assert script.waits == []


def test_a_stream_that_ends_without_a_reply_is_sent_again() -> None:
    deltas = Script(None, REPLY).run()
    assert isinstance(deltas[1], Restart)
    assert deltas[-1] == REPLY


def test_another_error_is_not_swallowed() -> None:
    async def attempt() -> AsyncGenerator[Delta, None]:
        yield TextPiece("a")
        raise ZeroDivisionError

    async def collect() -> None:
        async for _ in retry.with_retry(attempt):
            pass

    with pytest.raises(ZeroDivisionError):
        asyncio.run(collect())


def test_waiting_can_be_cancelled_and_leaving_closes_the_attempt() -> None:
    script = Script(again(200.0), REPLY)

    async def main() -> None:
        stream = retry.with_retry(script.attempt)
        assert await anext(stream) == TextPiece("half")
        assert isinstance(await anext(stream), Restart)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        other = Script(REPLY)
        left = retry.with_retry(other.attempt)
        await anext(left)
        await left.aclose()
        assert other.closed == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"Retry-After": "Fri, 20 Nov 2026 10:00:30 GMT"}, 30.0),
        ({"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"retry-after-ms": "inf"}, None),
        ({}, None),
    ],
)
def test_how_long_a_service_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    clock.set_source(lambda: datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC))
    try:
        assert from_answer(429, headers, "", SERVICE).retry_after == seconds
    finally:
        clock.set_source(None)
