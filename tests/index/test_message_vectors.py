"""Which messages and passages are nearest to a question: the same with the extension and without, of one model alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import sqrt

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.index import message_vectors as vectors
from lcode.index import schema
from lcode.index.message_vectors import MESSAGES, PASSAGES, Model
from lcode.index.vectors import extension_path
from lcode.store.connect import connect

OURS, OTHER = Model("ours", "1"), Model("other", "1")
PATHS = [None, *([extension_path()] if extension_path() else [])]


def vector(dice: random.Random, dimension: int = 256) -> bytes:
    return bytes(dice.randrange(-127, 128) & 255 for _ in range(dimension))


def cosine(one: bytes, other: bytes) -> float:
    left, right = ([byte - 256 if byte > 127 else byte for byte in its] for its in (one, other))
    product = sum(a * b for a, b in zip(left, right, strict=True))
    return product / sqrt(sum(a * a for a in left) * sum(b * b for b in right))


@pytest.fixture(params=PATHS, ids=lambda path: "extension" if path else "plain")
def index(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    connection = connect(None, extension=request.param)
    schema.create(connection)
    yield connection
    connection.close()


def fill(connection: apsw.Connection, model: Model, first: int, count: int, seed: int) -> dict[int, bytes]:
    dice = random.Random(seed)
    made = {seq: vector(dice) for seq in range(first, first + count)}
    vectors.write(connection, MESSAGES, model, list(made.items()), (first + count - 1, f"message-{first + count - 1}"))
    return made


def the_id(connection: apsw.Connection, model: Model) -> int:
    return next(held.id for held in vectors.held(connection, MESSAGES) if held.model == model)


def test_the_nearest_are_those_of_the_smallest_angle_best_first(index: apsw.Connection) -> None:
    made = fill(index, OURS, 1, 400, seed=1)
    question = vector(random.Random(2))
    found = vectors.nearest(index, MESSAGES, the_id(index, OURS), question, 10)
    expected = sorted(made, key=lambda seq: -cosine(question, made[seq]))[:10]
    assert [seq for seq, _ in found] == expected
    assert [angle for _, angle in found] == pytest.approx([cosine(question, made[seq]) for seq in expected], abs=1e-6)


def test_among_many_rows_the_signs_lead_to_nearly_the_same(index: apsw.Connection) -> None:
    """Vectors as they are: some near the question, most of them not."""
    dice = random.Random(3)
    question = vector(dice)
    near = {}
    made = fill(index, OURS, 1, 3_000, seed=4)
    for seq in range(10, 3_000, 150):
        share = dice.random()
        near[seq] = bytes(a if dice.random() < share else b for a, b in zip(question, made[seq], strict=True))
    vectors.write(index, MESSAGES, OURS, list(near.items()), (3_000, "message-3000"))
    made |= near
    found = [seq for seq, _ in vectors.nearest(index, MESSAGES, the_id(index, OURS), question, 10)]
    expected = sorted(made, key=lambda seq: -cosine(question, made[seq]))[:10]
    assert found == expected


def test_vectors_of_two_models_are_never_mixed(index: apsw.Connection) -> None:
    fill(index, OTHER, 1, 50, seed=5)
    fill(index, OURS, 30, 50, seed=6)  # 30 to 50 are made anew
    assert [held.model for held in vectors.held(index, MESSAGES)] == [OURS, OTHER]
    assert [vectors.count(index, MESSAGES, model) for model in (OURS, OTHER)] == [50, 29]
    question = vector(random.Random(7))
    found = {seq for seq, _ in vectors.nearest(index, MESSAGES, the_id(index, OTHER), question, 100)}
    assert found == set(range(1, 30))
    assert set(vectors.similarities(index, MESSAGES, the_id(index, OURS), question, [29, 30])) == {30}
    assert vectors.held(index, PASSAGES) == []


def test_only_rows_that_are_among_those_asked_for_are_found(index: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(index, OURS, 1, 300, seed=8)
    question, among = vector(random.Random(9)), list(range(1, 301, 3))
    few = vectors.nearest(index, MESSAGES, the_id(index, OURS), question, 20, among)
    monkeypatch.setattr(vectors, "_FEW", 10)
    assert vectors.nearest(index, MESSAGES, the_id(index, OURS), question, 20, among) == few
    assert [seq for seq, _ in few] == sorted(among, key=lambda seq: -cosine(question, made[seq]))[:20]


def test_a_row_without_anything_to_go_by_counts_as_done_and_is_never_found(index: apsw.Connection) -> None:
    vectors.write(index, MESSAGES, OURS, [(1, b""), (2, vector(random.Random(1)))], (2, "message-2"))
    assert vectors.done(index, MESSAGES, OURS, 0, 9) == [1, 2]
    assert [seq for seq, _ in vectors.nearest(index, MESSAGES, the_id(index, OURS), vector(random.Random(2)), 5)] == [2]


def test_the_mark_stays_until_the_last_vector_is_forgotten(index: apsw.Connection) -> None:
    fill(index, OURS, 1, 5, seed=1)
    assert not vectors.forget(index, MESSAGES, 3)
    assert vectors.mark(index, MESSAGES) == (5, "message-5")
    assert vectors.forget(index, MESSAGES, 3)
    assert vectors.mark(index, MESSAGES) == (0, "") and not vectors.held(index, MESSAGES)


@given(st.binary(max_size=300))
def test_signs_are_a_bit_for_each_number_that_is_over_zero(data: bytes) -> None:
    bits = int.from_bytes(vectors.signs(data), "big")
    positive = [0 < byte < 128 for byte in data]
    assert [bool(bits >> at & 1) for at in range(len(data))] == positive[::-1]
