from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lcode.tools import diffs

_TEXT = st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=25).map("\n".join) | st.just("")


@given(_TEXT, _TEXT, st.booleans())
@settings(max_examples=40, deadline=None)
def test_patch_applies_the_diff(tmp_path_factory, old: str, new: str, final: bool) -> None:  # type: ignore[no-untyped-def]
    folder: Path = tmp_path_factory.mktemp("patch")
    new = new + "\n" if final and new else new
    text = diffs.unified(old, new, "f")
    if not text:
        assert old == new
        return
    (folder / "f").write_text(old)
    (folder / "p").write_text(text)
    subprocess.run(["git", "apply", "--unsafe-paths", "--whitespace=nowarn", "p"], cwd=folder, check=True, capture_output=True)
    assert ((folder / "f").read_text() if (folder / "f").exists() else "") == new


def test_a_diff_is_cut_with_a_note() -> None:
    text = diffs.unified("", "line\n" * 1_000, "f", limit=500)
    assert len(text) < 600 and "more characters of differences" in text


def test_changes_are_counted() -> None:
    assert diffs.changed("a\nb\nc\n", "a\nx\ny\nc\n") == (2, 1)


def test_large_texts_are_compared_in_bounded_time() -> None:
    old = "".join(f"line {n % 150}\n" for n in range(30_000))
    started = time.process_time()
    assert diffs.unified(old, "top\n" + old.replace("line 7\n", "line seven\n") + "bottom\n", "f", limit=10_000)
    assert time.process_time() - started < 3


def test_the_snippet_numbers_the_changed_places_with_their_neighbours() -> None:
    old = "".join(f"{n}\n" for n in range(1, 31))
    new = old.replace("\n5\n", "\nfive\n").replace("\n25\n", "\n")
    text = diffs.snippet(old, new)
    assert "2→2\n3→3\n4→4\n5→five\n6→6\n7→7\n8→8\n  …\n22→22" in text
