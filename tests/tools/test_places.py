"""A call touches the very paths that were decided upon, whatever is done to the folders around them meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.tools import change
from lcode.tools.base import ToolError
from tests.tools.conftest import Caller


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def lead_out(tools: Caller, outside: Path) -> None:
    """Put a symlink in the place of the folder `sub`."""
    (tools.root / "sub").rename(tools.root / "was")
    (tools.root / "sub").symlink_to(outside)


def test_a_path_means_for_the_whole_call_what_it_meant_at_first(tools: Caller, outside: Path) -> None:
    tools.write("sub/a.txt", "")
    assert tools.context.resolve("sub/a.txt") == tools.root / "sub/a.txt"
    lead_out(tools, outside)
    with pytest.raises(ToolError, match="leads elsewhere than when this call was permitted"):
        tools.context.resolve("sub/a.txt")
    assert tools.context.touched("sub/a.txt") == []


def test_a_path_that_was_none_at_first_stays_none(tools: Caller, outside: Path) -> None:
    (tools.root / "sub").symlink_to("sub")
    if tools.context.touched("sub/a.txt"):  # from Python 3.13 on, a loop of symlinks is a path too
        pytest.skip("a loop of symlinks resolves")
    (tools.root / "sub").unlink()
    (tools.root / "sub").symlink_to(outside)
    with pytest.raises(ToolError, match="leads elsewhere"):
        tools.context.resolve("sub/a.txt")


@pytest.mark.parametrize("name", ["sub/new.txt", "sub/deep/er/new.txt"])
def test_nothing_is_written_through_a_symlink_that_was_put_in_the_way(tools: Caller, outside: Path, name: str) -> None:
    tools.write("sub/a.txt", "")
    target = tools.context.resolve(name)
    lead_out(tools, outside)
    with pytest.raises(ToolError, match="leads elsewhere"):
        change.save(tools.context, target, None, "x", b"x")
    assert list(outside.iterdir()) == []


def test_a_file_that_became_a_symlink_is_not_written_through(tools: Caller, outside: Path) -> None:
    file = tools.write("a.txt", "old\n")
    (outside / "a.txt").write_text("old\n")
    tools.text("read_file", path="a.txt")
    target = tools.context.resolve("a.txt")
    file.unlink()
    file.symlink_to(outside / "a.txt")
    with pytest.raises(ToolError, match="leads elsewhere"):
        change.save(tools.context, target, None, "new\n", b"new\n")
    assert (outside / "a.txt").read_text() == "old\n"


def test_the_approval_of_an_edit_outside_is_for_its_folder(tools: Caller, outside: Path) -> None:
    inside = tools.preview("write_file", path="a.txt", content="x")
    assert (inside.grant, inside.grant_label) == ("edits", "all edits in this session")
    there = tools.preview("write_file", path=str(outside / "a.txt"), content="x")
    assert there.grant != inside.grant and there.grant_label == f"all edits in {outside} in this session"
