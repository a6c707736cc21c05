from __future__ import annotations

import os

from tests.tools.conftest import Caller


def test_folders_come_first_then_files_with_sizes(tools: Caller) -> None:
    tools.write("z/inner.txt", "x" * 1_500)
    tools.write("a.txt", "hello")
    tools.write(".gitignore", "*.log\n")
    tools.write("x.log", "")
    tools.write("z/y.log", "")
    (tools.root / "link").symlink_to("a.txt")
    os.mkfifo(tools.root / "pipe")
    assert tools.text("list_dir") == (
        "./ (5 entries, 1 ignored by .gitignore)\n"
        "  z/\n  .gitignore  6 B\n  a.txt  5 B\n  link -> a.txt\n  pipe  (a named pipe)"
    )
    assert "  z/ (1 ignored)\n    inner.txt  1.5 KB\n" in tools.text("list_dir", depth=2)


def test_a_long_listing_is_cut_with_its_count(tools: Caller) -> None:
    for number in range(510):
        tools.write(f"{number:03}", "")
    text = tools.text("list_dir")
    assert text.startswith("./ (510 entries)") and text.endswith("[500 of 510 shown; list a sub-folder, or use less depth]")


def test_what_is_no_folder_is_said(tools: Caller) -> None:
    tools.write("a.txt", "")
    assert "Use read_file" in tools.refused("list_dir", path="a.txt")
    assert "Did you mean a.txt?" in tools.refused("list_dir", path="b.txt")


def test_an_empty_folder_is_listed(tools: Caller) -> None:
    assert tools.text("list_dir") == "./ (0 entries)"
