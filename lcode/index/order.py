"""In which order the files of a checkout are indexed, so that an index that is not complete answers most questions already.

What questions are about comes first: source before what only uses it (tests, examples), before documentation and settings,
before vendored and generated code. A file that takes long stands behind its like, and so does one that lies deep.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TypeVar

from lcode.index.files import kind_of_path

T = TypeVar("T")
_HUGE = 200_000  # bytes: seconds of work stand for one file
_RANKS = {"source": 0, "test": 2, "docs": 3, "config": 3, "vendored": 4, "generated": 4}
_LAST = 5  # what is only listed
USERS = re.compile(r"(?:^|/)(?:examples?|samples?|demos?|docs?|benchmarks?|benches)/|^(?:scripts|tools)/", re.IGNORECASE)


def first_useful(files: Iterable[tuple[str, T, os.stat_result]]) -> list[tuple[str, T, os.stat_result]]:
    """The files, each with its path and what it is, in that order."""
    return sorted(files, key=lambda file: _key(file[0], file[2].st_size))


def _key(path: str, size: int) -> tuple[int, bool, int, str]:
    rank = _RANKS.get(kind_of_path(path), _LAST)
    if rank == 0 and USERS.search(path):
        rank = 1
    return rank, size > _HUGE, path.count("/"), path
