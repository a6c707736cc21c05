from __future__ import annotations

import stat
import time

import pytest

from lcode.tools.base import ToolError
from tests.tools.conftest import Caller


def edit(old: str, new: str, **more: bool) -> dict[str, object]:
    return {"old": old, "new": new, **more}


@pytest.fixture
def source(tools: Caller) -> Caller:
    tools.write("a.py", "def one():\n    return 1\n\n\ndef two():\n    return 2\n")
    tools.call("read_file", path="a.py")
    return tools


def test_several_edits_are_made_in_order(source: Caller) -> None:
    output = source.call("edit_file", path="a.py", edits=[edit("return 1", "return 10"), edit("return 10", "return 100")])
    assert (source.root / "a.py").read_text() == "def one():\n    return 100\n\n\ndef two():\n    return 2\n"
    assert output.summary == "Edited a.py: +1 −1 lines"
    assert "2→    return 100" in output.text
    assert "-    return 1\n+    return 100\n" in output.diff


def test_all_edits_or_none(source: Caller) -> None:
    before = (source.root / "a.py").read_bytes()
    refusal = source.refused("edit_file", path="a.py", edits=[edit("return 1", "return 10"), edit("return 3", "x")])
    assert refusal.startswith("edit 2: `old` was not found; nothing was changed.")
    assert (source.root / "a.py").read_bytes() == before


def test_a_text_that_is_there_twice_is_refused_with_its_lines(source: Caller) -> None:
    assert "there 2 times, at lines 2, 6" in source.refused("edit_file", path="a.py", edits=[edit("return", "yield")])
    source.call("edit_file", path="a.py", edits=[edit("return", "yield", all=True)])
    assert (source.root / "a.py").read_text().count("yield") == 2


def test_white_space_is_tolerated_where_the_hit_is_unique(source: Caller) -> None:
    text = source.text("edit_file", path="a.py", edits=[edit("def two():\n  return 2", "def two():\n  x = 2\n  return x")])
    assert (source.root / "a.py").read_text().endswith("def two():\n    x = 2\n    return x\n")
    assert "matched apart from white space at line 5" in text


def test_the_nearest_lines_are_shown_for_a_missing_text(source: Caller) -> None:
    refusal = source.refused("edit_file", path="a.py", edits=[edit("def two(x):\n    return 22", "pass")])
    assert "The nearest text:" in refusal
    assert "5→def two():\n6→    return 2" in refusal


def test_an_edit_that_was_made_before_is_recognised(source: Caller) -> None:
    edits = [edit("return 1\n", "return 1000\n")]
    source.call("edit_file", path="a.py", edits=edits)
    assert "already there, at line 2" in source.refused("edit_file", path="a.py", edits=edits)


def test_line_numbers_copied_from_a_reading_are_left_out(source: Caller) -> None:
    source.call("edit_file", path="a.py", edits=[edit("5→def two():\n6→    return 2", "def two():\n    return 3")])
    assert (source.root / "a.py").read_text().endswith("def two():\n    return 3\n")


def test_a_changed_file_is_refused_with_the_difference_and_then_known(source: Caller) -> None:
    path = source.root / "a.py"
    path.write_text(path.read_text().replace("return 1", "return 11"))
    refusal = source.refused("edit_file", path="a.py", edits=[edit("return 2", "return 3")])
    assert "-    return 1\n+    return 11\n" in refusal
    source.call("edit_file", path="a.py", edits=[edit("return 2", "return 3")])
    assert path.read_text().endswith("return 3\n")


def test_unseen_lines_are_shown_first_and_then_may_be_changed(tools: Caller) -> None:
    tools.write("a.py", "x = 1\nsecret_setting = 2\n")
    refusal = tools.refused("edit_file", path="a.py", edits=[edit("setting = 2", "setting = 3")])
    assert "You have not seen these lines of a.py yet" in refusal and "2→secret_setting = 2" in refusal
    tools.call("edit_file", path="a.py", edits=[edit("setting = 2", "setting = 3")])
    assert (tools.root / "a.py").read_text() == "x = 1\nsecret_setting = 3\n"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("grep", {"pattern": "setting"}),
        ("grep", {"pattern": "x = 1", "context_lines": 1}),
        ("grep", {"pattern": "setting", "path": "a.py"}),
        ("shell", {"command": "cat -n a.py"}),
        ("shell", {"command": "sed -n 2p a.py"}),
        ("read_file", {"path": "a.py", "offset": 2}),
    ],
)
def test_lines_seen_through_any_tool_may_be_changed(tools: Caller, tool: str, arguments: dict[str, object]) -> None:
    tools.write("a.py", "x = 1\nsetting = 2\n\n\n\nrest = 3\n")
    tools.call(tool, **arguments)
    tools.call("edit_file", path="a.py", edits=[edit("setting = 2", "setting = 3")])
    assert "setting = 3" in (tools.root / "a.py").read_text()


def test_lines_that_an_earlier_edit_wrote_are_known(tools: Caller) -> None:
    tools.write("a.py", "x = 1\ny = 2\n")
    tools.call("grep", pattern="x = 1")
    tools.call("edit_file", path="a.py", edits=[edit("= 1", "= 5\nz = 9"), edit("x = 5\nz = 9", "w = 0")])
    assert (tools.root / "a.py").read_text() == "w = 0\ny = 2\n"


def test_bom_newlines_mode_and_a_missing_final_newline_stay(tools: Caller) -> None:
    path = tools.write("a.bat", b"\xef\xbb\xbfone\r\ntwo\r\nthree")
    path.chmod(0o700)
    tools.call("read_file", path="a.bat")
    tools.call("edit_file", path="a.bat", edits=[edit("one\ntwo\n", "1\n1b\n2\n"), edit("three\n", "3\n")])
    assert path.read_bytes() == b"\xef\xbb\xbf1\r\n1b\r\n2\r\n3"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_mixed_newlines_outside_the_change_stay(tools: Caller) -> None:
    path = tools.write("a.txt", b"a\r\nb\nc\r\nd\n\re\n")
    tools.call("read_file", path="a.txt")
    tools.call("edit_file", path="a.txt", edits=[edit("a\nb\nc\nd", "a\nB\nc\nd")])
    assert path.read_bytes() == b"a\r\nB\nc\r\nd\n\re\n"


def test_other_encodings_stay(tools: Caller) -> None:
    wide = tools.write("wide.txt", "\ufeffhé\r\nx\r\n".encode("utf-16-le"))
    latin = tools.write("latin.txt", "caf\xe9\nx\n".encode("latin-1"))
    stray = tools.write("stray.txt", "✓ good and fine\n".encode() + b"\xff\xfe\nx\n")
    for name in ("wide.txt", "latin.txt", "stray.txt"):
        tools.call("read_file", path=name)
        tools.call("edit_file", path=name, edits=[edit("x", "yß")])
    assert wide.read_bytes() == "\ufeffhé\r\nyß\r\n".encode("utf-16-le")
    assert latin.read_bytes() == "caf\xe9\nyß\n".encode("latin-1")
    assert stray.read_bytes() == "✓ good and fine\n".encode() + b"\xff\xfe\n" + "yß\n".encode()
    assert "cannot hold '→'" in tools.refused("edit_file", path="latin.txt", edits=[edit("y", "→")])


def test_a_placeholder_of_a_secret_is_not_written_and_not_looked_for(source: Caller) -> None:
    placeholder = "key = '[redacted:openai]'"
    assert "not written to files" in source.refused("edit_file", path="a.py", edits=[edit("return 1", placeholder)])
    assert "secret's placeholder" in source.refused("edit_file", path="a.py", edits=[edit(placeholder, "x")])


def test_other_names_and_shapes_of_the_arguments_are_mended(source: Caller) -> None:
    source.call("edit_file", file_path="a.py", old_string="return 1", new_string="return 3")
    source.call("edit_file", path="a.py", edits={"old_str": "return 2", "new_str": "return 4", "replace_all": "true"})
    source.call("edit_file", path="a.py", edits='[{"old": "return 3", "new": "return 5"}]')
    assert (source.root / "a.py").read_text() == "def one():\n    return 5\n\n\ndef two():\n    return 4\n"


def test_edits_without_effect_are_refused(source: Caller) -> None:
    assert "empty" in source.refused("edit_file", path="a.py", edits=[])
    assert "write_file" in source.refused("edit_file", path="a.py", edits=[edit("", "x")])
    assert "are the same" in source.refused("edit_file", path="a.py", edits=[edit("return 1", "return 1")])
    back = [edit("return 1", "return 9"), edit("return 9", "return 1")]
    assert "nothing would change" in source.refused("edit_file", path="a.py", edits=back)


def test_the_preview_shows_the_diff_and_changes_nothing(source: Caller) -> None:
    preview = source.preview("edit_file", path="a.py", edits=[edit("return 1", "return 3")])
    assert (preview.kind, preview.title, preview.grant) == ("diff", "Edit a.py", "edits")
    assert "+    return 3" in preview.detail
    assert "return 3" not in (source.root / "a.py").read_text()
    with pytest.raises(ToolError, match="not found"):
        source.preview("edit_file", path="a.py", edits=[edit("nowhere", "x")])


def test_a_long_line_that_was_cut_can_be_changed_after_it_was_shown(tools: Caller) -> None:
    path = tools.write("min.js", "a" * 5_000 + "END\n")
    tools.call("read_file", path="min.js")
    tools.refused("edit_file", path="min.js", edits=[edit("END", "end")])
    tools.call("edit_file", path="min.js", edits=[edit("END", "end")])
    assert path.read_text().endswith("aend\n")


def test_a_missing_text_in_a_large_file_is_answered_fast(tools: Caller) -> None:
    tools.write("big.py", "".join(f"def function_{n}(value, other):\n    return value + {n} * other\n\n" for n in range(7_000)))
    wanted = "def function_4321(value, others):\n    return value + 4321 * others\n"
    started = time.process_time()
    refusal = tools.refused("edit_file", path="big.py", edits=[edit(wanted, "x")])
    assert "→def function_4321(value, other):" in refusal
    assert time.process_time() - started < 1.5
