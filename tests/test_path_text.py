"""Paths as text: any name has one, its own, and is had back from it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.path_text import path_text, text_path

NAMES = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))

if sys.platform == "win32":
    pytest.skip("names are UTF-16 there", allow_module_level=True)


@given(NAMES, NAMES)
def test_every_path_has_a_text_of_its_own_and_is_had_back_from_it(one: bytes, two: bytes) -> None:
    paths = [Path("/home") / os.fsdecode(name) for name in (one, two)]
    texts = [path_text(path) for path in paths]
    assert [text_path(text.encode().decode()) for text in texts] == paths
    assert (texts[0] == texts[1]) is (one == two)


@pytest.mark.parametrize("path", ["/a/b c", "/caf\u00e9/%41", "/file:/x"])
def test_a_path_that_is_text_stays_as_it_is(path: str) -> None:
    assert path_text(Path(path)) == path
