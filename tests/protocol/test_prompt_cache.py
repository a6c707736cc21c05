"""The simulated prompt caches keep what the services say they keep."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import answered, asked, body, user
from tests.support.prompt_cache import LOOK_BACK, PER_BLOCK, PER_MESSAGE, STEP, Cached, PromptCache, prompt_tokens, segments
from tests.support.token_count import count_tokens, token_ids

APIS = ("openai", "anthropic")
LONG = "The tests of the parser fail since the quotes were changed. " * 200  # some 2,400 tokens
MARK = {"cache_control": {"type": "ephemeral"}}


def said(text: str, *, mark: bool = False) -> dict[str, Any]:
    return user([{"type": "text", "text": text, **(MARK if mark else {})}])  # type: ignore[arg-type]


def test_tokens_are_those_of_the_vocabulary() -> None:
    assert token_ids("Hello!") == (19923, 3)  # as the vocabulary's own documentation has it
    assert 150 <= count_tokens("def parse(text: str) -> list[Token]:\n" * 15) <= 250


@pytest.mark.parametrize("api", APIS)
def test_a_prompt_is_counted_by_its_text_and_its_delimiters(api: str) -> None:
    before = prompt_tokens(api, body(api, user("hello")))
    after = prompt_tokens(api, body(api, user("hello"), asked(api, "c1"), *answered(api, "c1")))
    call, result = count_tokens('read_file {"path":"a.py"}'), count_tokens("x = 1")
    assert after - before == pytest.approx(call + result + 2 * (PER_MESSAGE + PER_BLOCK), abs=2)


def test_openai_keeps_whole_steps_of_what_is_shared() -> None:
    cache = PromptCache()
    first = cache.take("openai", body("openai", user(LONG)))
    reply = {"role": "assistant", "content": "Seen."}
    second = cache.take("openai", body("openai", user(LONG), reply, user("Go on.")))
    assert (first.cached, second.written) == (0, 0)
    assert first.input - STEP < second.cached <= first.input
    assert second.cached % STEP == 0


def test_openai_keeps_what_is_shared_within_a_message() -> None:
    cache = PromptCache()
    whole = cache.take("openai", body("openai", user(LONG + LONG)))
    cut = cache.take("openai", body("openai", user(LONG + "else " + LONG)))
    assert whole.input * 0.4 < cut.cached < whole.input * 0.6


def test_openai_keeps_nothing_short_and_nothing_of_another_key_or_model() -> None:
    cache = PromptCache()
    assert [cache.take("openai", body("openai")).cached for _ in range(2)] == [0, 0]
    cache.take("openai", body("openai", user(LONG)))
    assert cache.take("openai", body("openai", user(LONG), prompt_cache_key="other")).cached == 0
    assert cache.take("openai", body("openai", user(LONG), model="other")).cached == 0


def test_openai_finds_the_longest_of_earlier_requests() -> None:
    cache = PromptCache()
    for end in ("one", LONG, "three"):
        cache.take("openai", body("openai", user(LONG), user(end)))
    assert cache.take("openai", body("openai", user(LONG), user(LONG))).cached > 1.8 * count_tokens(LONG)


def test_anthropic_keeps_only_what_is_marked() -> None:
    cache = PromptCache()
    for _ in range(2):
        assert cache.take("anthropic", body("anthropic", said(LONG))) == Cached(
            prompt_tokens("anthropic", body("anthropic", said(LONG))), 0, 0
        )
    request = body("anthropic", said(LONG, mark=True), said("And then?"))
    first, second = cache.take("anthropic", request), cache.take("anthropic", request)
    assert (first.cached, second.written) == (0, 0)
    assert first.written == second.cached < second.input


def test_anthropic_finds_an_earlier_mark_that_has_moved_on() -> None:
    cache = PromptCache()
    first = cache.take("anthropic", body("anthropic", said(LONG, mark=True)))
    second = cache.take("anthropic", body("anthropic", said(LONG), said("Seen."), said("Go on.", mark=True)))
    assert second.cached == first.written == first.input
    assert second.written == second.input - second.cached


def test_anthropic_looks_back_so_far_and_no_further() -> None:
    for more, found in ((LOOK_BACK, True), (LOOK_BACK + 1, False)):
        cache = PromptCache()
        cache.take("anthropic", body("anthropic", said(LONG, mark=True)))
        later = [said(f"Step {at}.") for at in range(more - 1)]
        assert bool(cache.take("anthropic", body("anthropic", said(LONG), *later, said("End.", mark=True))).cached) is found


def test_anthropic_loses_everything_behind_a_changed_byte() -> None:
    cache = PromptCache()
    system = [{"type": "text", "text": LONG, **MARK}]
    cache.take("anthropic", body("anthropic", said(LONG), said("one", mark=True), system=system))
    changed = cache.take("anthropic", body("anthropic", said(LONG + "."), said("one", mark=True), system=system))
    assert changed.cached == prompt_tokens("anthropic", body("anthropic", user("x"), system=system)) - PER_MESSAGE - 1
    assert changed.cached + changed.written == changed.input


def test_a_mark_is_not_part_of_what_is_kept() -> None:
    plain, marked = (segments("anthropic", body("anthropic", said("a", mark=mark))) for mark in (False, True))
    assert [one.key for one in plain] == [one.key for one in marked]
    assert [one.marked for one in marked] == [False, True]
