"""Makes `lcode/memory/near_words.bin`, the list of words of like meaning that recall widens a question by: a build-time step.

    python benchmarks/near_words.py lcode/memory/near_words.bin [--check]

It is worked out from the package's own table of embeddings alone (`lcode/index/static_table.bin`), in exact arithmetic up to
the last rounding: for each whole word of its vocabulary the dozen others that point nearest in its direction, each stem once.
Numbers, months and days are left out. A search then needs neither numpy nor the table to know that `purchase` is near to `buy`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from lcode.index.embedding import StaticEmbedder
from lcode.memory.near_words import KEPT, LEAST, packed
from lcode.memory.recall_question import STOP_WORDS

_WORD = re.compile(r"[a-z]{3,}")
_AT_ONCE = 1_000
# Near to each other and never the same: who asks for three or for March does not mean one or May.
_APART_WORDS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions
billion first second third fourth fifth sixth seventh eighth ninth tenth january february march april may june july
august september october november december jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday
thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays
"""
_APART = frozenset(_APART_WORDS.split())


def stems(words: list[str]) -> list[str]:
    """What the full text makes of each word."""
    import apsw

    tokenizer = apsw.Connection(":memory:").fts5_tokenizer("porter", ["unicode61"])
    why = apsw.FTS5_TOKENIZE_DOCUMENT
    cut = (tokenizer(word.encode(), why, None, include_offsets=False, include_colocated=False) for word in words)
    return [str(next(iter(found))) for found in cut]


def nearest(words: list[str], vectors: Any) -> list[list[tuple[int, int]]]:
    """For each word the numbers of the nearest others of other stems, with their cosine in hundredths, nearest first."""
    import numpy as np

    lengths = np.sqrt((vectors * vectors).sum(axis=1))
    roots = stems(words)
    found: list[list[tuple[int, int]]] = []
    for start in range(0, len(words), _AT_ONCE):
        cosines = vectors[start : start + _AT_ONCE] @ vectors.T / lengths[start : start + _AT_ONCE, None] / lengths
        hundredths = np.rint(cosines * 100).astype(np.int64)
        for number, row in enumerate(hundredths, start):
            seen = {roots[number]}
            near: list[tuple[int, int]] = []
            order = np.lexsort((np.arange(len(row)), -row))
            for other in order[: KEPT * 6]:
                if row[other] < LEAST or len(near) == KEPT:
                    break
                if roots[other] not in seen:
                    seen.add(roots[other])
                    near.append((int(other), int(row[other])))
            found.append(near)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="make the list of words of like meaning")
    parser.add_argument("target", type=Path)
    parser.add_argument("--check", action="store_true", help="compare with the file that is there, and write nothing")
    chosen = parser.parse_args()
    embedder = StaticEmbedder()
    pieces = embedder.pieces()
    words = [word for word in pieces if _WORD.fullmatch(word) and word not in STOP_WORDS | _APART]
    made = packed(words, nearest(words, embedder.vectors_of(words)))
    print(f"{len(words)} words, {len(made)} bytes")
    if not chosen.check:
        chosen.target.write_bytes(made)
    elif chosen.target.read_bytes() != made:
        sys.exit("another list than the file")


if __name__ == "__main__":
    main()
