"""What tests of compaction share: a talkative model, and what they look for in requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lcode.llm.protocol import Request, Text
from tests.agent.harness import Harness, reply

LONG = "A long answer about the queue. " * 120
WINDOW = 16_000


def words(request: Request) -> str:
    return "\n".join(part.text for message in request.messages for part in message.parts if isinstance(part, Text))


def is_summary(request: Request) -> bool:
    return "replaced by your summary" in str(request.messages[-1].parts)


def talker(
    summary: Callable[[Request], Any] = lambda _: reply("Goal: the queue. State: half done."),
) -> Callable[[Request], Any]:
    """Answers at length, and summaries as `summary` does."""

    def answer(request: Request) -> Any:
        if is_summary(request):
            found = summary(request)
            if isinstance(found, Exception):
                raise found
            return found
        return reply(LONG)

    return answer


async def filled(harness: Harness, first: str = "Never touch the file queue.py.", turns: int = 6) -> Any:
    """A session with some turns, far from a full window."""
    session = await harness.runtime.new_session()
    await harness.ask(session, first)
    for number in range(turns):
        await harness.ask(session, f"question {number}")
    return session
