from __future__ import annotations

from pathlib import Path

import pytest

from lcode.tools.seen import Seen


@pytest.mark.parametrize(
    "shown",
    [
        "x = 1",
        "    x = 1",
        "12→    x = 1",
        "12:x = 1",
        "     3\tx = 1",
        "src/a b.py:12:    x = 1",
        "src/a.py:12-x = 1",
        "+x = 1",
        " x = 1",
    ],
)
def test_a_line_is_known_however_a_tool_showed_it(shown: str) -> None:
    seen = Seen()
    seen.output(shown)
    assert seen.knows("  x = 1\n\n   \n")
    assert not seen.knows("x = 1\nx = 2")


def test_a_whole_file_is_known_by_content_and_by_line() -> None:
    seen = Seen()
    seen.whole(Path("/a"), "one\ntwo\n")
    assert seen.content(Path("/a")) == "one\ntwo\n" and seen.content(Path("/b")) is None
    assert seen.knows("two")


def test_a_file_that_grew_too_large_to_be_remembered_is_not_remembered_as_it_was() -> None:
    seen = Seen()
    seen.whole(Path("/a"), "small\n")
    seen.whole(Path("/a"), "large\n" * 400_000)
    assert seen.content(Path("/a")) is None and seen.knows("large")
