"""Passages are found by their words and by their meaning, neither of which is a gate to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lcode.index import message_vectors as vectors
from lcode.index.embedding import StaticEmbedder
from lcode.index.message_vectors import PASSAGES, Model
from lcode.index.open import IndexDatabase
from lcode.memory import meaning
from lcode.memory.archival import Archival
from lcode.memory.embedded_text import FORM
from lcode.memory.meaning import Meaning
from lcode.memory.model import Actor, Passage, Source
from tests.memory.conftest import Tiers, by

CAR = "The automobile engine overheats when the coolant runs low."
TESTS = "Run the test suite with pytest before every commit."
FAILURE = "The build failed because the compiler ran out of memory."


class Facts:
    """Archival memory with vectors in an index."""

    def __init__(self, tiers: Tiers, index: IndexDatabase) -> None:
        self.tiers, self.index, self.embedder = tiers, index, StaticEmbedder()
        self.meaning = Meaning(lambda: index, lambda: self.embedder)
        self.archival = Archival(tiers.memory, tiers.redactor, self.meaning)

    def keep(self, text: str, actor: Actor = Actor.USER, **named: object) -> Passage:
        return self.archival.insert(text, by(actor, Source.SAID), **named)  # type: ignore[arg-type]

    def embed(self) -> None:
        memory = self.tiers.memory
        rows = memory.read(lambda connection: meaning.numbers(connection, PASSAGES, 0, 999))
        texts = memory.read(lambda connection: meaning.texts(connection, PASSAGES, rows))
        made = [(seq, self.embedder.documents([text])[0]) for seq, text in texts]
        newest = memory.read(lambda connection: meaning.newest(connection, PASSAGES))
        model = Model(self.embedder.name, FORM)
        self.index.write(lambda connection: vectors.write(connection, PASSAGES, model, made, newest))

    def found(self, query: str, **filters: object) -> list[str]:
        return [passage.text for passage in self.archival.search(query, **filters)]  # type: ignore[arg-type]


@pytest.fixture
def facts(tiers: Tiers, tmp_path: Path) -> Iterator[Facts]:
    index = IndexDatabase(tmp_path / "index.db", lock=tmp_path / "index.lock")
    yield Facts(tiers, index)
    index.close()


def test_a_passage_that_shares_no_word_is_found_by_its_meaning(facts: Facts) -> None:
    for text in (CAR, TESTS, FAILURE):
        facts.keep(text)
    assert facts.found("does the car get too hot") == []
    facts.embed()
    assert facts.found("does the car get too hot") == [CAR]


def test_what_has_no_vector_yet_is_found_by_its_words_as_before(facts: Facts) -> None:
    facts.keep(CAR)
    facts.embed()
    facts.keep(TESTS)
    assert facts.found("pytest") == [TESTS]


def test_nothing_near_is_nothing_found(facts: Facts) -> None:
    facts.keep(TESTS)
    facts.embed()
    assert facts.found("grandmother's apple cake recipe") == []


def test_of_two_with_the_same_words_the_nearer_in_meaning_comes_first(facts: Facts) -> None:
    far = facts.keep("Memory of the party: the band ran out of songs and the compiler joke was told.")
    near = facts.keep(FAILURE)
    facts.embed()
    assert [passage.id for passage in facts.archival.search("compiler out of memory during the build")] == [near.id, far.id]


def test_filters_and_ends_hold_for_what_is_found_by_meaning_too(facts: Facts) -> None:
    ended = facts.keep(CAR, tags=["garage"])
    facts.embed()
    assert facts.found("does the car get too hot", tags=["garage"]) == [CAR]
    assert facts.found("does the car get too hot", tags=["other"]) == []
    assert facts.found("does the car get too hot", kind="decision") == []
    facts.archival.close(ended.id, by(Actor.USER, Source.SAID))
    assert facts.found("does the car get too hot") == []


def test_a_damaged_index_costs_the_search_nothing_but_meaning(facts: Facts, tmp_path: Path) -> None:
    facts.keep(TESTS)
    facts.embed()
    facts.index.close()
    path = tmp_path / "index.db"
    path.write_bytes(b"\x5a" * path.stat().st_size)
    assert facts.found("pytest") == [TESTS]
