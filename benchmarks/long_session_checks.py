"""What the server saw of a long session: where the prompt's prefix changed, what that cost, and whether it paid.

Everything is counted on the requests as they came, by the server's own vocabulary; nothing is taken from lcode's figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.prompt_cache import Segment, segments
from tests.support.provider_server import Recorded
from tests.support.wire import Count

CACHED, WRITTEN = 0.1, {"openai": 1.0, "anthropic": 1.25}  # prices of an input token, in fresh ones
SUMMARY = "will be replaced by your summary"


@dataclass(frozen=True)
class Break:
    """Between two requests the prefix changed. `kind`: compaction, eviction or unexplained. `freed` tokens left the prompt,
    `again` are those that were sent before and that the cache did not have any more."""

    request: int
    kind: str
    before: int
    after: int
    freed: int
    again: int
    where: str = ""


def conversation(requests: Sequence[Recorded]) -> list[Recorded]:
    """The requests that were answered, without those that ask for a summary."""
    return [one for one in requests if one.status == 200 and not one.refusal and not is_summary(one)]


def is_summary(request: Recorded) -> bool:
    last = request.body.get("messages", [{}])[-1]
    return SUMMARY in str(last.get("content", ""))


def breaks(requests: Sequence[Recorded], api: str, compacted: set[int], evicted: set[int]) -> list[Break]:
    """Every place where a request does not begin with the one before it. `compacted` and `evicted` are the indices of the
    requests before which lcode said that it did so."""
    found: list[Break] = []
    before: list[Segment] = []
    for number, request in enumerate(requests):
        now = segments(api, request.body)
        if before:
            same = next((at for at, (one, two) in enumerate(zip(before, now, strict=False)) if one.key != two.key), None)
            if same is None and len(now) < len(before):
                same = len(now)
            if same is not None:
                kind = "compaction" if request.index in compacted else "eviction" if request.index in evicted else "unexplained"
                had, has = _tokens(before[same:]), _tokens(now[same : len(before)])
                where = now[same].key[:120] if same < len(now) else "the end"
                count = request.count or Count()
                again = count.input - count.cached - _tokens(now[len(before) :])
                found.append(Break(number, kind, _tokens(before), _tokens(now), had - has, again, where))
        before = now
    return found


def paid(one: Break, until: int, api: str) -> bool:
    """Whether an eviction saved more in the requests up to `until` than it cost."""
    saved = one.freed * CACHED * (until - one.request)
    return saved >= one.again * (WRITTEN[api] - CACHED)


def text_of(request: Recorded, api: str) -> str:
    """All that the model reads, white space in one form."""
    return " ".join(" ".join(one.text for one in segments(api, request.body)).split())


def _tokens(found: Sequence[Segment]) -> int:
    return sum(one.tokens for one in found)
