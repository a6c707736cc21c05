"""How near chunks are to a question: the same figures and ranking with the extension, with numpy and with neither."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.index import vectors
from lcode.index.signals import Scope
from lcode.store.connect import connect

DIMENSION = 256
needs_extension = pytest.mark.skipif(vectors.extension_path() is None, reason="sqlite-vec has no build for this system")
TABLES = """
CREATE TABLE chunks (id INTEGER PRIMARY KEY, content_id INTEGER, vector BLOB);
CREATE TABLE files (id INTEGER PRIMARY KEY, checkout_id INTEGER, content_id INTEGER);
"""


def vector(dice: random.Random, dimension: int = DIMENSION) -> bytes:
    return bytes(dice.randrange(-127, 128) & 255 for _ in range(dimension))


def fill(connection: apsw.Connection, count: int = 300) -> bytes:
    """Chunks of two checkouts that share some content, some alike, some without a vector; and a question."""
    dice = random.Random(7)
    connection.execute(TABLES)
    some = vector(dice)
    for number in range(1, count + 1):
        its = {0: None, 1: b"", 2: vector(dice, 8), 3: some}.get(number % 20, vector(dice))
        connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (number, number // 3, its))
    for content in range(count // 3 + 1):
        for checkout in (1, 2) if content % 5 == 0 else (1,) if content % 2 else (2,):
            connection.execute("INSERT INTO files (checkout_id, content_id) VALUES (?, ?)", (checkout, content))
    connection.execute("INSERT INTO files (checkout_id, content_id) VALUES (1, 5), (1, NULL)")  # a copy, a binary
    return vector(dice)


@pytest.fixture
def plain() -> Iterator[apsw.Connection]:
    connection = connect(None)
    yield connection
    connection.close()


@pytest.fixture
def extended() -> Iterator[apsw.Connection]:
    connection = connect(None, extension=vectors.extension_path())
    yield connection
    connection.close()


def cosine(one: bytes, other: bytes) -> float:
    a, b = ([value - 256 if value > 127 else value for value in each] for each in (one, other))
    return sum(x * y for x, y in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_the_similarity_is_the_cosine_of_the_angle(plain: apsw.Connection) -> None:
    query = fill(plain)
    found = vectors.similarities(plain, query, range(1, 400))
    rows = dict(plain.execute("SELECT id, vector FROM chunks WHERE length(vector) = ?", (DIMENSION,)))
    assert found.keys() == rows.keys()
    assert all(abs(found[chunk] - cosine(query, rows[chunk])) < 1e-6 for chunk in rows)


@needs_extension
def test_without_the_extension_the_figures_are_the_same(plain: apsw.Connection, extended: apsw.Connection) -> None:
    query = fill(plain)
    assert fill(extended) == query
    assert extended.execute("SELECT vec_version()").fetchall()
    assert vectors.similarities(plain, query, range(1, 301)) == vectors.similarities(extended, query, range(1, 301))
    for checkout in (1, 2, 3):
        for limit in (1, 20, 1_000):
            assert vectors.nearest(plain, checkout, query, limit) == vectors.nearest(extended, checkout, query, limit)


@given(st.lists(st.binary(min_size=6, max_size=6).filter(any), min_size=2, max_size=12))
def test_numpy_and_plain_python_agree_to_the_last_bit(found: list[bytes]) -> None:
    query, *others = found
    rows = list(enumerate(others))
    assert vectors._by_numpy(query, rows) == vectors._by_python(query, rows)


def test_nearest_goes_through_one_checkout_and_names_each_chunk_once(plain: apsw.Connection) -> None:
    query = fill(plain)
    live = (
        "SELECT id FROM chunks WHERE length(vector) = ? AND content_id IN (SELECT content_id FROM files WHERE checkout_id = 1)"
    )
    expected = vectors.similarities(plain, query, [row[0] for row in plain.execute(live, (DIMENSION,))])
    found = vectors.nearest(plain, 1, query, 1_000)
    assert found == sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    assert vectors.nearest(plain, 1, query, 7) == found[:7]


def test_nearest_goes_through_nothing_outside_its_scope(plain: apsw.Connection, extended: apsw.Connection) -> None:
    for connection in (plain, extended):
        query = fill(connection)
        connection.execute("ALTER TABLE chunks ADD COLUMN kind TEXT; ALTER TABLE files ADD COLUMN path TEXT")
        connection.execute("UPDATE chunks SET kind = iif(id % 2, 'function', 'class')")
        connection.execute("UPDATE files SET path = iif(content_id % 3, 'a', 'b')")
        every = vectors.nearest(connection, 1, query, 1_000)
        inside = "SELECT id FROM chunks WHERE content_id % 3 = 0 AND kind = 'class'"
        wanted = {row[0] for row in connection.execute(inside)}
        found = vectors.nearest(connection, 1, query, 5, Scope("files.path = ?", ("b",), "class"))
        assert found == [item for item in every if item[0] in wanted][:5]
        assert len(found) == 5


def test_blocks_do_not_change_what_is_nearest(plain: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    query = fill(plain)
    whole = vectors.nearest(plain, 1, query, 30)
    monkeypatch.setattr(vectors, "_BLOCK", 17)
    assert vectors.nearest(plain, 1, query, 30) == whole


def test_a_question_without_meaning_is_near_nothing(plain: apsw.Connection) -> None:
    fill(plain)
    assert vectors.similarities(plain, b"", [4]) == {}
    assert vectors.nearest(plain, 1, b"", 5) == []
    assert vectors.similarities(plain, b"\x01" * DIMENSION, []) == {}


def test_another_fault_of_a_statement_is_not_taken_for_a_missing_extension(plain: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError, match="no such table"):
        vectors.similarities(plain, b"\x01", [1])


def test_scoring_candidates_loads_no_numpy(tmp_path: Path) -> None:
    """Neither to find the extension, nor to use it, nor to do without it."""
    program = """
import json, sys
from pathlib import Path
from lcode.index import vectors
from lcode.index.embedding import StaticEmbedder
from lcode.store.connect import connect
query = StaticEmbedder().query("where are sessions closed")
found = []
for extension in (vectors.extension_path(), None):
    connection = connect(Path(sys.argv[1]), extension=extension)
    connection.execute("CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, vector BLOB)")
    connection.execute("INSERT OR IGNORE INTO chunks VALUES (1, ?)", (query,))
    found.append(vectors.similarities(connection, query, [1])[1])
print(json.dumps([found, [name for name in ("numpy", "sqlite_vec") if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.db")], capture_output=True, text=True, check=True)
    found, loaded = json.loads(done.stdout)
    assert found[0] == found[1] == pytest.approx(1)
    assert loaded == []
