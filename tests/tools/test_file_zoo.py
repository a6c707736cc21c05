"""Files that break programs: nothing hangs, nothing is opened that should not be, and edits keep every other byte."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from tests.tools.conftest import Caller


@pytest.fixture(autouse=True)
def never_slow() -> object:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 10


NAMES = [
    "with space",
    "new\nline",
    "emoji 😀",
    "-rf",
    "quote'\"",
    "ümläut",
    "a" * 250,
    "~tilde",
    "*star?",
    "[x]",
    "$HOME",
    "\u202ertl",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_written_read_edited_found_and_searched(tools: Caller, name: str) -> None:
    tools.call("write_file", path=name, content="alpha\nbeta\n")
    tools.forget()
    assert tools.text("read_file", path=name) == "1→alpha\n2→beta"
    tools.call("edit_file", path=name, edits=[{"old": "beta", "new": "gamma"}])
    assert (tools.root / name).read_bytes() == b"alpha\ngamma\n"
    shown = name.replace("\n", "\\n")
    assert tools.text("grep", pattern="gamma") == f"{shown}:2:gamma"
    assert tools.text("grep", pattern="gamma", path=name) == f"{shown}:2:gamma"
    assert tools.text("glob", pattern="*") == shown
    assert shown in tools.text("list_dir")
    assert sorted(path.name for path in tools.root.iterdir()) == [name]


def test_a_name_that_is_no_utf8_is_listed_and_searched(tools: Caller) -> None:
    path = Path(os.fsdecode(os.fsencode(tools.root) + b"/bad\xff.txt"))
    path.write_text("alpha\n")
    for text in (tools.text("glob", pattern="*"), tools.text("list_dir"), tools.text("grep", pattern="alpha")):
        assert "bad" in text
        text.encode("utf-8")


def test_a_text_of_one_long_line(tools: Caller) -> None:
    path = tools.write("line.txt", b"x" * 6_000_000 + b"NEEDLE" + b"y" * 3_000_000)
    assert len(tools.text("read_file", path="line.txt")) < 3_000
    text = tools.text("grep", pattern="NEEDLE")
    assert "NEEDLE" in text or "stopped" in text
    tools.refused("edit_file", path="line.txt", edits=[{"old": "NEEDLE", "new": "thread"}])
    tools.call("edit_file", path="line.txt", edits=[{"old": "NEEDLE", "new": "thread"}])
    assert path.read_bytes() == b"x" * 6_000_000 + b"thread" + b"y" * 3_000_000


def test_huge_files_are_refused_by_their_size(tools: Caller) -> None:
    path = tools.write("huge.log", b"first\n")
    os.truncate(path, 100_000_000)
    for name, arguments in (
        ("read_file", {}),
        ("write_file", {"content": "x"}),
        ("edit_file", {"edits": [{"old": "a", "new": "b"}]}),
    ):
        assert "too large to read as a whole: 100 MB" in tools.refused(name, path="huge.log", **arguments)
    tools.write("twenty.txt", b"x" * 20_000_000)
    assert "20 MB" in tools.refused("read_file", path="twenty.txt")
    assert "twenty.txt" in tools.text("grep", pattern="x{40}", mode="files")


def test_binary_files_are_refused_by_their_kind(tools: Caller) -> None:
    tools.write("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    tools.write("data", b"abc\0def")
    assert tools.refused("read_file", path="logo.png") == "logo.png is not text: PNG image, 16 B."
    assert "binary data" in tools.refused("edit_file", path="data", edits=[{"old": "a", "new": "b"}])
    assert tools.text("grep", pattern="IHDR|abc").startswith("No line matches")


def test_pipes_sockets_and_devices_are_never_opened(tools: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tools.root / "pipe")
    monkeypatch.chdir(tools.root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        tools.write("a.txt", "alpha\n")
        for name, kind in (
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("/dev/zero", "a device"),
            ("/dev/tty", "a device"),
        ):
            assert f"is {kind}, not a file" in tools.refused("read_file", path=name)
            assert f"is {kind}, not a file" in tools.refused("write_file", path=name, content="x")
            assert f"is {kind}, not a file" in tools.refused("edit_file", path=name, edits=[{"old": "a", "new": "b"}])
            assert f"is {kind}, not a file" in tools.refused("grep", path=name, pattern="x")
        assert tools.text("grep", pattern="alpha") == "a.txt:1:alpha"
        assert "pipe  (a named pipe)" in tools.text("list_dir")


def test_symlink_loops_and_broken_links(tools: Caller) -> None:
    (tools.root / "loop").symlink_to("loop2")
    (tools.root / "loop2").symlink_to("loop")
    (tools.root / "self").symlink_to(".")
    (tools.root / "broken").symlink_to("gone.txt")
    for name in ("read_file", "list_dir"):
        assert tools.refused(name, path="loop")
    assert tools.refused("grep", pattern="x", path="loop")
    assert tools.refused("write_file", path="loop", content="x")
    assert tools.tools["read_file"].paths(tools.context, {"path": "loop"}) in ([], [tools.root / "loop"])
    assert "There is no gone.txt" in tools.refused("read_file", path="broken")
    assert "broken -> gone.txt" in tools.text("list_dir")
    tools.call("write_file", path="broken", content="made\n")
    assert (tools.root / "gone.txt").read_text() == "made\n" and (tools.root / "broken").is_symlink()


def test_an_empty_file_can_be_filled(tools: Caller) -> None:
    path = tools.write("empty", b"")
    tools.call("read_file", path="empty")
    assert "not found" in tools.refused("edit_file", path="empty", edits=[{"old": "a", "new": "b"}])
    tools.call("write_file", path="empty", content="x")
    assert path.read_text() == "x"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_touched_is_explained(tools: Caller) -> None:
    tools.write("closed", "x").chmod(0)
    tools.write("fixed", "x\n").chmod(0o444)
    tools.write("folder/a", "x").parent.chmod(0)
    try:
        assert "cannot be read: Permission denied" in tools.refused("read_file", path="closed")
        assert "cannot be read: Permission denied" in tools.refused("read_file", path="folder/a")
        assert "cannot be listed: Permission denied" in tools.refused("list_dir", path="folder")
        assert "cannot be listed: Permission denied" in tools.refused("glob", pattern="folder/*")
        assert "cannot be listed: Permission denied" in tools.refused("grep", pattern="x", path="folder")
        assert "Permission denied" in tools.refused("write_file", path="folder/a", content="y")
        assert tools.text("grep", pattern="x") == "fixed:1:x"
        assert "read-only" in tools.refused("write_file", path="fixed", content="y\n")
    finally:
        (tools.root / "folder").chmod(0o755)


def test_a_path_that_is_none_is_explained(tools: Caller) -> None:
    assert "not a usable path" in tools.refused("read_file", path="a\0b")
    assert tools.refused("read_file", path="x" * 300)
    assert tools.refused("read_file", path="x/" * 3_000)
    assert tools.tools["read_file"].paths(tools.context, {"path": "a\0b"}) == []


ODD = {
    "crlf": b"alpha\r\nNEEDLE\r\nomega\r\n",
    "mixed": b"alpha\r\nNEEDLE\nomega\r\r\n\n",
    "bom": b"\xef\xbb\xbfalpha\nNEEDLE\n",
    "no-final": b"alpha\nNEEDLE",
    "latin": b"caf\xe9\nNEEDLE\n\xfc\n",
    "stray": "✓✓ and more text\n".encode() + b"NEEDLE\n\xff\xfe\n",
    "controls": b"\x1b[31m\x07\nNEEDLE\n\x0c\x0b\n",
    "separators": "a\u2028b\x85c\nNEEDLE\n\x1c\n".encode(),
    "blank-ends": b"  \t\n NEEDLE \n\n\n\t\n",
    "macos": b"alpha\rNEEDLE\romega\r",
}


@pytest.mark.parametrize("kind", ODD)
def test_an_edit_keeps_every_other_byte(tools: Caller, kind: str) -> None:
    path = tools.write(kind, ODD[kind])
    tools.call("read_file", path=kind)
    tools.call("edit_file", path=kind, edits=[{"old": "NEEDLE", "new": "pin"}])
    assert path.read_bytes() == ODD[kind].replace(b"NEEDLE", b"pin")
