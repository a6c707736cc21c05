from __future__ import annotations

from lcode.tools.truncate import LINE_LIMIT, OUTPUT_LIMIT
from tests.tools.conftest import Caller


def test_lines_are_numbered(tools: Caller) -> None:
    tools.write("a.py", "one\n\n  two\n")
    assert tools.text("read_file", path="a.py") == "1→one\n2→\n3→  two"


def test_a_range_says_how_to_go_on(tools: Caller) -> None:
    tools.write("a.txt", "".join(f"line {n}\n" for n in range(1, 11)))
    assert tools.text("read_file", path="a.txt", offset=4, limit=2) == (
        "4→line 4\n5→line 5\n[lines 4-5 of 10; go on with offset=6]"
    )
    assert tools.text("read_file", path="a.txt", offset=9) == "9→line 9\n10→line 10\n[end of file, 10 lines]"


def test_an_offset_past_the_end_says_how_long_the_file_is(tools: Caller) -> None:
    tools.write("a.txt", "one\n")
    assert "has 1 line; offset 2" in tools.refused("read_file", path="a.txt", offset=2)


def test_a_whole_file_counts_as_seen_whole_and_a_part_by_its_lines(tools: Caller) -> None:
    path = tools.write("a.txt", "one\ntwo\nthree\n")
    tools.call("read_file", path="a.txt", offset=2, limit=1)
    assert tools.context.seen.content(path) is None
    assert tools.context.seen.knows("two") and not tools.context.seen.knows("three")
    tools.call("read_file", path="a.txt")
    assert tools.context.seen.content(path) == "one\ntwo\nthree\n"


def test_long_output_is_cut_at_a_line_and_can_be_continued(tools: Caller) -> None:
    tools.write("a.txt", "".join(f"{n:05} {'x' * 94}\n" for n in range(1, 1_001)))
    text = tools.text("read_file", path="a.txt")
    assert len(text) < OUTPUT_LIMIT + 200
    last = int(text.rsplit("\n", 2)[1].split("→")[0])
    assert f"[lines 1-{last} of 1,000; go on with offset={last + 1}]" in text
    assert tools.text("read_file", path="a.txt", offset=last + 1).startswith(f"{last + 1}→{last + 1:05} ")


def test_long_lines_are_cut_with_a_note_and_the_file_is_not_seen_whole(tools: Caller) -> None:
    path = tools.write("min.js", "x" * (LINE_LIMIT + 7) + "\nshort\n")
    text = tools.text("read_file", path="min.js")
    assert "x… [+8 characters]" in text or "x… [+7 characters]" in text
    assert tools.context.seen.content(path) is None


def test_a_missing_file_names_what_comes_near(tools: Caller) -> None:
    tools.write("src/config.py", "")
    tools.write("other/settings.py", "")
    assert "Did you mean src/config.py?" in tools.refused("read_file", path="src/confg.py")
    assert "Did you mean src/config.py?" in tools.refused("read_file", path="srx/config.py")
    assert "Did you mean other/settings.py?" in tools.refused("read_file", path="src/settings.py")


def test_a_folder_is_sent_to_list_dir(tools: Caller) -> None:
    tools.write("src/a.py", "")
    assert "src is a folder, not a file. Use list_dir" in tools.refused("read_file", path="src")


def test_the_encoding_is_said_where_it_is_not_utf8(tools: Caller) -> None:
    tools.write("latin.txt", "caf\xe9\n".encode("latin-1"))
    tools.write("wide.txt", "\ufeffhé\n".encode("utf-16-le"))
    tools.write("stray.txt", "ünïcode ✓ and so on\n".encode() + b"\xff\n")
    tools.write("bom.txt", b"\xef\xbb\xbfhi\n")
    assert tools.text("read_file", path="latin.txt") == "1→café\n[not UTF-8: read as Latin-1]"
    assert tools.text("read_file", path="wide.txt") == "1→hé\n[UTF-16 with BOM]"
    assert "2→\ufffd\n" in tools.text("read_file", path="stray.txt")
    assert tools.text("read_file", path="bom.txt") == "1→hi"


def test_what_a_reader_must_know_of_the_end_is_said(tools: Caller) -> None:
    tools.write("empty", "")
    tools.write("open", "x")
    assert tools.text("read_file", path="empty") == "[the file is empty]"
    assert tools.text("read_file", path="open") == "1→x\n[no newline at the end of the file]"


def test_line_numbers_count_line_feeds_only(tools: Caller) -> None:
    tools.write("a.txt", "a\u2028b\x0cc\r\nd\n")
    assert tools.text("read_file", path="a.txt") == "1→a\u2028b\x0cc\n2→d"


def test_what_a_model_is_sent_is_valid_text(tools: Caller) -> None:
    tools.write("a.txt", "ok ünïcode text here\n".encode() + b"\xfe\x1b[31m\n")
    tools.text("read_file", path="a.txt").encode("utf-8")
    assert "\x1b" not in tools.text("read_file", path="a.txt")


def test_a_secret_at_the_cut_of_a_long_line_leaves_no_half_behind(tools: Caller) -> None:
    from lcode.tools import truncate

    token = "ghp_" + "a1B2c3D4e5" * 4
    for shift in range(0, 40, 7):
        tools.write("long", "x " * ((truncate.LINE_LIMIT - 20 + shift) // 2) + token + " y" * 4_000)
        assert "ghp_" not in tools.text("read_file", path="long")
        assert "ghp_" not in tools.text("grep", pattern="y y", path="long")
