"""The embedding in the package: words cut as its vocabulary's own tokeniser cuts them, sums that are exact everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from functools import cache
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.index.embedding import Embedder, StaticEmbedder, scaled

# As the tokeniser of all-MiniLM-L6-v2 cuts them; what it does not know is left out.
REFERENCE = {
    "retry": "re ##try",
    "kubernetes": "ku ##ber ##net ##es",
    "mutex": "mute ##x",
    "asyncio": "as ##yn ##cio",
    "tokenizer": "token ##izer",
    "utf8": "ut ##f ##8",
    "sha256": "sha ##25 ##6",
    "base64": "base ##64",
    "xml": "xml",
    "kwargs": "kw ##ar ##gs",
    "mmap": "mma ##p",
    "deserialize": "des ##eria ##li ##ze",
    "i18n": "i ##18 ##n",
    "2024": "202 ##4",
    "0x1f": "0 ##x ##1 ##f",
    "webhook": "web ##ho ##ok",
    "café": "cafe",
    "naïve": "naive",
    "größe": "gr ##o ##ße",
    "设计": "",
    "日本語": "日 本 語",
    "привет": "п ##р ##и ##в ##е ##т",
    "한국어": "ᄒ ##ᅡ ##ᆫ ##ᄀ ##ᅮ ##ᆨ ##ᄋ ##ᅥ",
    "ﬁne": "ﬁ ##ne",
    "ά": "α",
    "ñandú": "nan ##du",
    "☃x": "",
    "x" * 100: " ".join(["xx"] + ["##xx"] * 49),
    "x" * 101: "",
}


@cache
def shared() -> StaticEmbedder:
    return StaticEmbedder()


@pytest.fixture
def embedder() -> StaticEmbedder:
    return shared()


def cosine(one: bytes, other: bytes) -> float:
    a, b = (memoryview(each).cast("b").tolist() for each in (one, other))
    return sum(x * y for x, y in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_words_are_cut_as_the_models_own_tokeniser_cuts_them(embedder: StaticEmbedder) -> None:
    spelled = {number: piece for piece, number in embedder._table.vocabulary.items()}
    found = {word: " ".join(spelled[number] for number in array("i", embedder._tokens._pieces[word])) for word in REFERENCE}
    assert found == REFERENCE


def test_the_table_says_what_it_is(embedder: StaticEmbedder) -> None:
    anything: Embedder = embedder
    assert (anything.name, anything.dimension) == ("all-MiniLM-L6-v2 static 256", 256)
    table = embedder._table
    assert len(table.vocabulary) == len(table._factors) == 29_523
    assert embedder._rows.shape == (29_523, 256)
    assert table._path.stat().st_size == table._start + 29_523 * 256
    assert set(table._factors) <= set(range(1, 17))


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_a_question_and_a_document_of_the_same_words_agree_to_the_byte(text: str) -> None:
    embedder = shared()
    assert embedder.query(text) == embedder.documents([text])[0]


def test_long_documents_and_questions_agree_too(embedder: StaticEmbedder) -> None:
    text = "parse the port of a session and retry until the queue is empty " * 40
    assert embedder.documents([text])[0] == embedder.query(text)


_some_words = st.lists(st.sampled_from(["parse", "port", "queue", "", "☃", "kwargs", "retryLater"]), max_size=6)


@given(st.lists(_some_words.map(" ".join), max_size=5))
def test_a_document_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    embedder = shared()
    assert embedder.documents(texts) == [embedder.documents([text])[0] for text in texts]


def test_more_documents_than_are_done_at_once_come_back_in_order(
    embedder: StaticEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [word for word in embedder._table.vocabulary if word.isalpha()][2_000:2_050]
    whole = embedder.documents(texts)
    monkeypatch.setattr("lcode.index.embedding._AT_ONCE", 7)
    assert embedder.documents(texts) == whole
    assert len(set(whole)) == len(texts)


def test_what_has_no_meaning_has_no_vector(embedder: StaticEmbedder) -> None:
    assert embedder.query("") == embedder.query("☃ ???") == b""
    assert embedder.documents(["", "☃", "port"])[:2] == [b"", b""]
    assert embedder.documents([]) == []
    assert scaled([0, 0.0]) == scaled([]) == b""


def test_the_largest_number_of_a_vector_is_127(embedder: StaticEmbedder) -> None:
    for text in ("parse", "a session that was closed while a request ran"):
        assert max(map(abs, memoryview(embedder.query(text)).cast("b").tolist())) == 127
    assert scaled([0.5, -1, 0.25]) == bytes([64, 129, 32])


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("try again after an error", "def retry with backoff on failure", "parse color of the terminal"),
        ("where is the password checked", "verify credential authenticate user login", "draw window border pixel"),
        ("write rows to the database", "insert record sql table commit", "http header redirect response"),
        ("delete a folder", "remove directory tree unlink", "encrypt key cipher"),
    ],
)
def test_what_means_the_same_is_nearer(embedder: StaticEmbedder, question: str, near: str, far: str) -> None:
    asked = embedder.query(question)
    one, other = embedder.documents([near, far])
    assert cosine(asked, one) > cosine(asked, other) + 0.1


def test_a_question_loads_no_numpy() -> None:
    program = """
import json, sys
from lcode.index.embedding import StaticEmbedder
vector = StaticEmbedder().query("where is the retry delay computed")
print(json.dumps([len(vector), "numpy" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [256, False]
