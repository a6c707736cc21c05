from __future__ import annotations

import pytest

from tests.tools.conftest import Caller


@pytest.fixture
def tree(tools: Caller) -> Caller:
    for name in ("src/b.py", "src/a.py", "src/sub/c.ts", "src/sub/d.tsx", "top.py", ".hidden/e.py", "build/f.py", ".git/g.py"):
        tools.write(name, "")
    tools.write(".gitignore", "build/\n")
    (tools.root / "link.py").symlink_to("top.py")
    return tools


def test_files_come_in_path_order(tree: Caller) -> None:
    assert tree.text("glob", pattern="**/*.py") == ".hidden/e.py\nlink.py\nsrc/a.py\nsrc/b.py\ntop.py"


def test_a_pattern_is_relative_to_the_path(tree: Caller) -> None:
    assert tree.text("glob", pattern="*.{ts,tsx}", path="src/sub") == "src/sub/c.ts\nsrc/sub/d.tsx"
    assert tree.text("glob", pattern="src/sub/*.ts") == "src/sub/c.ts"
    assert tree.text("glob", pattern="../src/a.*", path="build") == "src/a.py"


def test_a_name_without_hits_in_the_folder_is_looked_for_below(tree: Caller) -> None:
    assert tree.text("glob", pattern="c.ts") == "src/sub/c.ts\n[nothing matches c.ts in . itself; these are below it]"


def test_folders_are_named_where_nothing_else_matches(tree: Caller) -> None:
    assert tree.text("glob", pattern="src/*ub") == "src/sub/"
    assert tree.text("glob", pattern="s*") == "src/"


def test_many_hits_are_counted(tools: Caller) -> None:
    for number in range(205):
        tools.write(f"f{number:03}.txt", "")
    text = tools.text("glob", pattern="*.txt")
    assert text.endswith("f199.txt\n[200 of 205 shown; narrow the pattern or the path]")


def test_nothing_found_is_said(tree: Caller) -> None:
    assert tree.text("glob", pattern="*.rs").startswith("No file in the project matches *.rs")
    assert "There is no gone" in tree.refused("glob", pattern="*", path="gone")
    assert "is a file" in tree.refused("glob", pattern="*", path="top.py")


def test_permission_sees_the_folder_that_a_pattern_leads_to(tree: Caller) -> None:
    tool = tree.tools["glob"]
    paths = tool.paths(tree.context, {"pattern": "../../etc/*.conf", "path": "."})
    assert paths == [(tree.root / "../../etc").resolve()]
    assert [str(path) for path in tool.paths(tree.context, {"pattern": "/etc/*.conf"})] == ["/etc"]
    assert tool.paths(tree.context, {"pattern": "**/*.py"}) == [tree.root]
    assert "after a wildcard" in tree.refused("glob", pattern="*/../../x")
