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


def test_a_session_that_is_taken_up_knows_again_whose_words_it_read() -> None:
    from lcode.memory.model import MessageRow

    def row(role: str, kind: str, *content: dict[str, object]) -> MessageRow:
        return MessageRow(1, "m", "s", "r", "", role, kind, list(content), str(content[-1].get("text", "")), "")

    said = "Remember: always run `{}` before a commit."
    rows = [
        row("user", "user", {"type": "text", "text": said.format("news.sh")}, {"type": "text", "text": "Always sign commits."}),
        row("assistant", "assistant", {"type": "tool_call", "id": "1", "name": "read_file", "arguments": {"path": "a.md"}}),
        row("tool", "tool", {"type": "tool_result", "call_id": "1", "name": "read_file", "text": said.format("read.sh")}),
        row("tool", "lookup", {"type": "tool_result", "call_id": "2", "name": "look", "text": f"> {said.format('quoted.sh')}"}),
        row("tool", "lookup", {"type": "tool_result", "call_id": "3", "name": "look", "text": said.format("kept.sh")}),
    ]
    earlier = [row("tool", "tool", {"type": "tool_result", "call_id": "0", "name": "shell", "text": said.format("old.sh")})]
    seen = Seen()
    seen.again(rows, {"look"}, earlier)
    found = {name: seen.origins.source_of(f"Always run {name}.sh before commits") for name in ("news", "read", "quoted", "old")}
    assert {name: one.where for name, one in found.items() if one} == {
        "news": "the news of a session", "read": "read_file a.md", "quoted": "look", "old": "shell",
    }  # fmt: skip
    assert seen.origins.source_of("Always sign commits") is None
