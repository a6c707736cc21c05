from __future__ import annotations

import stat
from pathlib import Path

from tests.tools.conftest import Caller


def test_a_new_file_is_made_with_its_folders(tools: Caller) -> None:
    output = tools.call("write_file", path="a/b/c.txt", content="one\ntwo\n")
    assert (tools.root / "a/b/c.txt").read_bytes() == b"one\ntwo\n"
    assert output.text == "Created a/b/c.txt: 2 lines."
    assert "+one" in output.diff and "--- a/a/b/c.txt" in output.diff


def test_a_file_that_was_not_seen_is_not_overwritten(tools: Caller) -> None:
    path = tools.write("a.txt", "precious\n")
    assert "you have not seen all of it" in tools.refused("write_file", path="a.txt", content="x\n")
    assert path.read_text() == "precious\n"


def test_a_file_that_was_seen_is_replaced_and_shown_as_a_diff(tools: Caller) -> None:
    tools.write("a.txt", "one\ntwo\n")
    tools.call("read_file", path="a.txt")
    output = tools.call("write_file", path="a.txt", content="one\n2\n")
    assert output.text == "Replaced a.txt: +1 −1 lines."
    assert "-two\n+2\n" in output.diff


def test_lines_seen_through_another_tool_are_enough(tools: Caller) -> None:
    tools.write("a.txt", "one\ntwo\n")
    tools.call("shell", command="cat a.txt")
    tools.call("write_file", path="a.txt", content="x\n")
    assert (tools.root / "a.txt").read_text() == "x\n"


def test_a_file_that_changed_is_refused_with_the_difference_and_then_known(tools: Caller) -> None:
    path = tools.write("a.txt", "one\ntwo\n")
    tools.call("read_file", path="a.txt")
    path.write_text("one\nTWO\n")
    refusal = tools.refused("write_file", path="a.txt", content="one\n2\n")
    assert "-two\n+TWO\n" in refusal
    assert path.read_text() == "one\nTWO\n"
    tools.call("write_file", path="a.txt", content="one\n2\n")
    assert path.read_text() == "one\n2\n"


def test_what_was_written_counts_as_seen(tools: Caller) -> None:
    tools.call("write_file", path="a.txt", content="one\n")
    tools.call("write_file", path="a.txt", content="two\n")
    assert (tools.root / "a.txt").read_text() == "two\n"


def test_mode_bom_newlines_and_link_stay(tools: Caller) -> None:
    path = tools.write("real.sh", b"\xef\xbb\xbfone\r\ntwo\r\n")
    path.chmod(0o751)
    (tools.root / "link.sh").symlink_to("real.sh")
    tools.call("read_file", path="link.sh")
    tools.call("write_file", path="link.sh", content="1\n2\n")
    assert path.read_bytes() == b"\xef\xbb\xbf1\r\n2\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert (tools.root / "link.sh").readlink() == Path("real.sh")


def test_text_that_does_not_fit_the_old_encoding_becomes_utf8_and_that_is_said(tools: Caller) -> None:
    path = tools.write("a.txt", "caf\xe9\n".encode("latin-1"))
    tools.call("read_file", path="a.txt")
    tools.call("write_file", path="a.txt", content="caf\xe9s\n")
    assert path.read_bytes() == "caf\xe9s\n".encode("latin-1")
    assert "It is UTF-8 now" in tools.text("write_file", path="a.txt", content="→\n")
    assert path.read_text(encoding="utf-8") == "→\n"


def test_a_placeholder_of_a_secret_is_not_written(tools: Caller) -> None:
    assert "secret placeholders are not written to files" in tools.refused(
        "write_file", path=".env", content="KEY=[redacted:openai]\n"
    )
    assert not (tools.root / ".env").exists()


def test_the_same_content_is_not_written_again(tools: Caller) -> None:
    tools.call("write_file", path="a.txt", content="one\n")
    assert "already holds exactly this" in tools.text("write_file", path="a.txt", content="one\n")


def test_what_cannot_be_written_is_explained(tools: Caller) -> None:
    tools.write("file", "x")
    assert "is a folder" in tools.refused("write_file", path=".", content="x")
    assert "cannot be written" in tools.refused("write_file", path="file/below", content="x")
    assert "not text" in tools.refused("write_file", path=str(tools.write("b.bin", b"\0\1")), content="x")


def test_the_preview_shows_the_diff_and_refuses_what_would_be_refused(tools: Caller) -> None:
    preview = tools.preview("write_file", path="a.txt", content="one\n")
    assert (preview.kind, preview.title, preview.grant) == ("diff", "Create a.txt", "edits")
    assert preview.detail.endswith("+one\n")
    assert not (tools.root / "a.txt").exists()
