"""Paths by how they end: the same as by comparing each, and soon among very many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lcode.index.paths import Paths

NAMES = st.text(st.sampled_from("aAb.ß"), min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def lower(text: str) -> str:
    return text.encode().lower().decode()


@given(st.lists(PATHS, unique=True, max_size=12), PATHS, st.booleans(), st.integers(1, 4))
def test_each_way_to_end_is_found_the_shortest_first(paths: list[str], wanted: str, folders: bool, most: int) -> None:
    after = ("\0", ".", "/") if folders else ("\0", ".")
    expected = [path for path in paths if any(f"/{lower(wanted)}{end}" in f"/{lower(path)}\0" for end in after)]
    expected.sort(key=lambda path: (len(path), path))
    assert Paths(paths).ending(wanted, most, folders=folders) == expected[:most]


def test_a_path_ends_at_the_beginning_of_a_name() -> None:
    paths = Paths(["src/reparse.py", "src/parse.py", "PARSE", "parse.d/x", "parse/y"])
    assert paths.ending("parse", 10) == ["PARSE", "parse.d/x", "src/parse.py"]
    assert paths.ending("parse", 10, folders=True) == ["PARSE", "parse/y", "parse.d/x", "src/parse.py"]
    assert Paths([]).ending("parse", 10) == []
