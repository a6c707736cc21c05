"""Archival passages: kept once, found by words, tags and days, filters before the limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lcode import clock
from lcode.errors import MemoryEditError
from tests.memory.conftest import Tiers, by


def test_insert_returns_an_id_that_opens_it(tiers: Tiers) -> None:
    made = tiers.archival.insert(
        "Retries live in transport.py", by(), tags=["HTTP", " retry "], citations=["transport.py#retry"]
    )
    again = tiers.archival.get(made.id[8:20])
    assert (again.text, again.tags, again.citations, again.kind) == (
        made.text,
        ("http", "retry"),
        ("transport.py#retry",),
        "fact",
    )


@pytest.mark.parametrize("name", ["", "passage-"])
def test_an_empty_id_is_not_the_beginning_of_every_id(tiers: Tiers, name: str) -> None:
    tiers.archival.insert("Retries live in transport.py", by())
    with pytest.raises(MemoryEditError, match="there is no passage"):
        tiers.archival.get(name)


def test_the_same_text_or_operation_is_kept_once(tiers: Tiers) -> None:
    operation = by()
    first = tiers.archival.insert("one fact", operation)
    assert tiers.archival.insert("one fact", operation).id == first.id
    assert tiers.archival.insert(" one fact ", by()).id == first.id
    assert tiers.archival.count() == 1
    assert tiers.archival.landed(operation.operation_id) == first


def test_a_secret_is_recognised_in_a_tag_before_it_is_written_small(tiers: Tiers) -> None:
    kept = tiers.archival.insert("The key works", by(), tags=["AKIA" + "IOSFODNN7EXAMPLQ"])
    assert "iosfodnn7" not in str(kept.tags)


def test_the_same_text_again_adds_its_tags_and_citations(tiers: Tiers) -> None:
    first = tiers.archival.insert("one fact", by(), tags=["a"], citations=["x.py"])
    again = tiers.archival.insert("one fact", by(), tags=["b", "A"], citations=["y.py:3", "x.py"])
    assert (again.id, again.created_at) == (first.id, first.created_at)
    assert (again.tags, again.citations) == (("a", "b"), ("x.py", "y.py:3"))
    assert [passage.id for passage in tiers.archival.search("fact", tags=["b"])] == [first.id]


def test_filters_apply_before_the_limit(tiers: Tiers) -> None:
    for number in range(30):
        tiers.archival.insert(f"apple number {number} apple apple", by(), tags=["common"])
    tiers.archival.insert(
        "one apple with a rare tag among many other words here", by(), tags=["rare", "fruit"], kind="decision"
    )
    assert len(tiers.archival.search("apple", tags=["rare"], limit=3)) == 1
    assert len(tiers.archival.search("apple", tags=["rare", "fruit"], tag_match="all")) == 1
    assert tiers.archival.search("apple", tags=["rare", "common"], tag_match="all") == []
    assert len(tiers.archival.search("apple", kind="decision", limit=3)) == 1
    assert len(tiers.archival.search("apple", tags=["rare", "common"], limit=50)) == 31


def test_days_filter(tiers: Tiers) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for day in range(5):
        clock.set_source(lambda day=day: start + timedelta(days=day))
        tiers.archival.insert(f"fact of day {day}", by())
    clock.set_source(None)
    hits = tiers.archival.search("fact", start="2026-03-02", end="2026-03-03")
    assert sorted(hit.text for hit in hits) == ["fact of day 1", "fact of day 2"]


def test_ranked_and_without_a_query_the_newest(tiers: Tiers) -> None:
    tiers.archival.insert("the cache is invalidated by the writer", by())
    tiers.archival.insert("a long text which mentions a cache among very many other things that do not matter here", by())
    assert tiers.archival.search("cache invalidation")[0].text.startswith("the cache is invalidated")
    assert tiers.archival.search("")[0].text.startswith("a long text")
    assert tiers.archival.search("zebra") == []


def test_empty_and_oversized_passages_are_refused(tiers: Tiers) -> None:
    for text in ("", "  \n", "x" * 20_001):
        with pytest.raises(MemoryEditError, match="nothing was written"):
            tiers.archival.insert(text, by())


def test_secrets_do_not_reach_a_passage(tiers: Tiers) -> None:
    assert "correct-horse" not in tiers.archival.insert("token correct-horse-battery", by()).text
