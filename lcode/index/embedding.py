"""What code and questions mean, as a short vector each: by a table in the package, without a network, a model or a tokeniser.

The table (`static_table.bin`, made by `benchmarks/distil_embedding.py`) holds one row of whole numbers for each piece of its
vocabulary. A word is cut into the longest pieces that there are, once and remembered; a text is the sum of its words' rows,
scaled so that its largest number is 127. All of that is exact, so that a question, which is worked out without numpy, and a
document, which is worked out with it, agree to the byte on every machine. How rare a word is, the rows hold already.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lcode.index.words import meaning_words, tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "static_table.bin"
LARGEST = 127
_LONGEST_WORD = 100  # characters; the vocabulary's own tokeniser knows no longer one
_CACHED = 100_000  # tokens, and words, whose pieces are remembered
_AT_ONCE = 512
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class Embedder(Protocol):
    """Turns texts into vectors of signed bytes, which are compared by their angle."""

    @property
    def name(self) -> str:
        """The model, and all else that decides what comes out: vectors of another name do not compare."""
        ...

    @property
    def dimension(self) -> int: ...

    def documents(self, texts: Sequence[str]) -> list[bytes]:
        """A vector for each text; b"" where there is nothing to go by."""
        ...

    def query(self, text: str) -> bytes:
        """The vector of a question; b"" where there is nothing to go by."""
        ...


class StaticEmbedder:
    """The embedding that is in the package."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(__file__).with_name(TABLE)

    @property
    def name(self) -> str:
        return self._table.name

    @property
    def dimension(self) -> int:
        return self._table.dimension

    def documents(self, texts: Sequence[str]) -> list[bytes]:
        found: list[bytes] = []
        for start in range(0, len(texts), _AT_ONCE):
            found += self._vectors(texts[start : start + _AT_ONCE])
        return found

    def query(self, text: str) -> bytes:
        """Reads only the rows that the question needs."""
        ids = self._ids(text)
        return scaled(self._table.total(array("i", ids))) if ids else b""

    def pieces(self) -> list[str]:
        """The vocabulary of the table, in its order."""
        return list(self._table.vocabulary)

    def vectors_of(self, pieces: Sequence[str]) -> NDArray[np.float64]:
        """The rows of these pieces as they stand in the table."""
        import numpy as np

        numbers = [self._table.vocabulary[piece] for piece in pieces]
        return self._rows[numbers].astype(np.float64)

    @cached_property
    def _table(self) -> _Table:
        return _Table(self._path)

    @cached_property
    def _tokens(self) -> _Tokens:
        return _Tokens(_Pieces(self._table.vocabulary))

    @cached_property
    def _rows(self) -> NDArray[np.int16]:
        return self._table.rows()

    def _ids(self, text: str) -> bytes:
        """The numbers of the pieces of a text, as an array has them in memory."""
        return b"".join(map(self._tokens.__getitem__, tokens(text)))

    def _vectors(self, texts: Sequence[str]) -> list[bytes]:
        import numpy as np

        rows = self._rows
        sums = np.zeros((len(texts), self.dimension), np.int32)
        for number, text in enumerate(texts):
            if ids := self._ids(text):
                rows.take(np.frombuffer(ids, np.intc), axis=0).sum(axis=0, dtype=np.int32, out=sums[number])
        largest = np.abs(sums).max(axis=1, keepdims=True)
        vectors = np.rint(sums * float(LARGEST) / np.maximum(largest, 1)).astype(np.int8)
        return [vector.tobytes() if any_ else b"" for vector, any_ in zip(vectors, largest[:, 0], strict=True)]


def scaled(numbers: Sequence[float]) -> bytes:
    """Signed bytes in the direction of `numbers`, the largest 127; b"" where all are zero."""
    largest = max(map(abs, numbers), default=0)
    if not largest:
        return b""
    return array("b", [round(number * LARGEST / largest) for number in numbers]).tobytes()


class _Tokens(dict[str, bytes]):
    """Tokens of code and the numbers of the pieces of their words, filled as they are met."""

    def __init__(self, pieces: _Pieces) -> None:
        super().__init__()
        self._pieces = pieces

    def __missing__(self, token: str) -> bytes:
        if len(self) > _CACHED:
            self.clear()
        ids = self[token] = b"".join(map(self._pieces.__getitem__, meaning_words(token)))
        return ids


class _Pieces(dict[str, bytes]):
    """Words and the numbers of their pieces, filled as they are met."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._longest = max(map(len, vocabulary))

    def __missing__(self, word: str) -> bytes:
        if len(self) > _CACHED:
            self.clear()
        words = [word] if word.isascii() else _plain(word)
        ids = self[word] = array("i", chain.from_iterable(map(self._cut, words))).tobytes()
        return ids

    def _cut(self, word: str) -> tuple[int, ...]:
        """The longest piece that the word begins with, the longest that the rest goes on with, and so forth; nothing at all
        where some of it is in no piece."""
        vocabulary, size = self._vocabulary, len(word)
        if size > _LONGEST_WORD:
            return ()
        ids: list[int] = []
        start, mark = 0, ""
        while start < size:
            for end in range(min(size, start + self._longest), start, -1):
                found = vocabulary.get(mark + word[start:end])
                if found is not None:
                    break
            else:
                return ()
            ids.append(found)
            start, mark = end, "##"
        return tuple(ids)


def _plain(word: str) -> list[str]:
    """The words of a word in any script, as the vocabulary has them: without accents, ideographs and signs each alone."""
    import unicodedata

    bare = [char for char in unicodedata.normalize("NFD", word) if unicodedata.category(char) != "Mn"]
    alone = [f" {char} " if _ideograph(ord(char)) or unicodedata.category(char)[0] == "P" else char for char in bare]
    return "".join(alone).lower().split()


def _ideograph(code: int) -> bool:
    return any(first <= code <= last for first, last in _IDEOGRAPHS)


class _Table:
    """The file: a line of JSON, the pieces a line each, a factor a row, the rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            header = json.loads(file.readline())
            self.name = str(header["name"])
            self.dimension = int(header["dimension"])
            words = file.read(header["vocabulary"]).decode().split("\n")
            self._factors = file.read(len(words))
            self._start = file.tell()
        self.vocabulary = dict(zip(words, range(len(words)), strict=True))

    def total(self, ids: Sequence[int]) -> list[int]:
        """The sum of these rows, read from the file."""
        sums = [0] * self.dimension
        with self._path.open("rb") as file:
            for number in ids:
                file.seek(self._start + number * self.dimension)
                row = array("b", file.read(self.dimension))
                factor = self._factors[number]
                sums = [so_far + factor * value for so_far, value in zip(sums, row, strict=True)]
        return sums

    def rows(self) -> NDArray[np.int16]:
        """All rows, in memory."""
        import numpy as np

        stored = np.fromfile(self._path, np.int8, offset=self._start).reshape(-1, self.dimension)
        return stored.astype(np.int16) * np.frombuffer(self._factors, np.uint8).astype(np.int16)[:, None]
