"""Both engines must find and show the same; where ripgrep is not installed, the comparison is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.conftest import Caller, make_caller

has_ripgrep = pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not installed")


def fill(root: Path) -> None:
    files: dict[str, bytes] = {
        "a/x.py": b"import os\n\nFOO = 1\nprint(FOO)\nlast\n",
        "a.py": b"foo = 'FOO'\r\nbar\r\n",
        "b/.gitignore": b"ignored.txt\n/only_here\n!kept.log\n",
        "b/ignored.txt": b"FOO\n",
        "b/only_here": b"FOO\n",
        "b/sub/only_here": b"FOO\n",
        "b/kept.log": b"FOO\n",
        ".gitignore": b"*.log\nbuild/\n/dist\ndoc/*.txt\n**/cache/*\n!doc/keep.txt\n# note\ntrail \n",
        "x.log": b"FOO\n",
        "build/out.py": b"FOO\n",
        "src/build/out.py": b"FOO\n",
        "dist": b"FOO\n",
        "src/dist": b"FOO\n",
        "doc/a.txt": b"FOO\n",
        "doc/keep.txt": b"FOO\n",
        "doc/sub/a.txt": b"FOO\n",
        "q/cache/z.py": b"FOO\n",
        ".hidden/h.py": b"FOO\n",
        ".env.example": b"FOO=1\n",
        "bin.dat": b"FOO\0\1\2",
        "utf16.txt": "\ufeffFOO wide\nmore\n".encode("utf-16-le"),
        "bom.txt": b"\xef\xbb\xbfFOO at start\n",
        "latin.txt": b"FOO caf\xe9\n",
        "long.js": b"x" * 3_000 + b"FOO" + b"y" * 3_000 + b"\n",
        "noeol.txt": b"one\nFOO",
        "with space.txt": b"FOO 1\n",
        "-dash.txt": b"-FOO\n",
        "emoji 😀.txt": b"FOO\n",
        "new\nline.txt": b"FOO\n",
        "context.txt": b"".join(b"FOO\n" if n in (3, 5, 12, 20) else b"line %d\n" % n for n in range(1, 24)),
        "empty": b"",
        "trail": b"FOO\n",
        ".ignore": b"a.py\n",
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "link.py").symlink_to("a.py")
    (root / "loop").symlink_to(".")
    os.mkfifo(root / "pipe")


@pytest.fixture(params=["git", "plain"])
def tree(request: pytest.FixtureRequest, tools: Caller) -> Caller:
    fill(tools.root)
    if request.param == "git":
        subprocess.run(["git", "init", "-q"], cwd=tools.root, check=True)
        (tools.root / ".git/FOO").write_text("FOO\n")
    return tools


def without_ripgrep(caller: Caller, tmp_path: Path) -> Caller:
    other = make_caller(caller.root, tmp_path / "outputs")
    other.context.environment = {"PATH": str(tmp_path / "nowhere")}
    return other


QUERIES: list[dict[str, object]] = [
    {"pattern": "FOO"},
    {"pattern": "foo", "ignore_case": True},
    {"pattern": "^FOO$"},
    {"pattern": "FOO$", "context_lines": 1},
    {"pattern": "FOO", "context_lines": 2, "path": "context.txt"},
    {"pattern": "FOO", "context_lines": 2, "path": "context.txt", "limit": 2},
    {"pattern": "FOO", "mode": "files"},
    {"pattern": "FOO", "mode": "count"},
    {"pattern": "FOO", "mode": "files", "limit": 3},
    {"pattern": "FOO", "limit": 4},
    {"pattern": "FOO", "glob": "*.py"},
    {"pattern": "FOO", "glob": "**/*.{py,txt}"},
    {"pattern": "FOO", "glob": "b/**"},
    {"pattern": "FOO", "glob": "doc/*.txt"},
    {"pattern": "FOO", "path": "b"},
    {"pattern": "FOO", "path": "doc"},
    {"pattern": "FOO", "path": "build"},
    {"pattern": "FOO", "path": "q/cache"},
    {"pattern": "FOO", "path": "build/out.py"},
    {"pattern": "FOO", "path": "x.log"},
    {"pattern": "FOO", "path": ".hidden"},
    {"pattern": "-FOO"},
    {"pattern": "--FOO"},
    {"pattern": "O caf"},
    {"pattern": r"\bwide\b"},
    {"pattern": r"line (\d)\d", "context_lines": 1},
    {"pattern": "FOO|bar"},
    {"pattern": "(?<=print.)FOO"},
    {"pattern": r"(.)\1\1\1\1", "mode": "files"},
    {"pattern": "nowhere at all"},
    {"pattern": "FOO", "glob": "*.rs"},
    {"pattern": "dict{"},
]


@has_ripgrep
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_both_engines_show_the_same(tree: Caller, tmp_path: Path, query: dict[str, object]) -> None:
    assert tree.text("grep", **query) == without_ripgrep(tree, tmp_path).text("grep", **query)


@pytest.fixture(params=[pytest.param("ripgrep", marks=has_ripgrep), "own"])
def engine(request: pytest.FixtureRequest, tools: Caller, tmp_path: Path) -> Caller:
    return tools if request.param == "ripgrep" else without_ripgrep(tools, tmp_path)


def test_hits_come_in_path_order_without_what_is_ignored(engine: Caller) -> None:
    fill(engine.root)
    names = [line.split(":")[0] for line in engine.text("grep", pattern="FOO", mode="files").splitlines()]
    assert names == [
        *("-dash.txt", ".env.example", ".hidden/h.py", "a/x.py", "a.py", "b/kept.log", "b/sub/only_here", "bom.txt"),
        *("context.txt", "doc/keep.txt", "doc/sub/a.txt", "emoji 😀.txt", "latin.txt", "long.js", "new\\nline.txt"),
        *("noeol.txt", "src/dist", "utf16.txt", "with space.txt"),
    ]


def test_lines_carry_path_and_number(engine: Caller) -> None:
    engine.write("a.py", "x\nFOO = 1\ny\n")
    assert engine.text("grep", pattern="FOO") == "a.py:2:FOO = 1"
    assert engine.text("grep", pattern="FOO", context_lines=1) == "a.py:1-x\na.py:2:FOO = 1\na.py:3-y"
    assert engine.text("grep", pattern="FOO", mode="count") == "a.py:1"


def test_a_long_line_is_shown_around_the_match(engine: Caller) -> None:
    engine.write("min.js", "é" * 3_000 + "FOO" + "y" * 3_000 + "\n")
    text = engine.text("grep", pattern="FOO")
    assert text.startswith("min.js:1:[2,900 characters +] …é") and "FOO" in text and len(text) < 700


def test_what_is_not_shown_is_counted(engine: Caller) -> None:
    engine.write("a.txt", "FOO\n" * 250)
    text = engine.text("grep", pattern="FOO")
    assert text.count("a.txt:") == 100
    assert text.endswith("[100 shown of 250 matches in 1 file: narrow the search, or raise `limit`]")
    engine.write("b.txt", "FOO\n" * 6_000)
    engine.write("c.txt", "FOO\n")
    text = engine.text("grep", pattern="FOO", limit=1)
    assert "[1 shown of at least 6,250 matches in 2 files" in text and text.endswith("[stopped after 5,000 matches]")


def test_nothing_found_says_what_was_searched(engine: Caller) -> None:
    engine.write("src/a.py", "x\n")
    text = engine.text("grep", pattern="FOO", path="src", glob="*.py")
    assert text.startswith("No line matches 'FOO' in src, in files *.py. Upper and lower case were told apart.")


def test_an_ignored_file_that_is_named_is_searched(engine: Caller) -> None:
    engine.write(".gitignore", "*.log\n")
    engine.write("x.log", "FOO\n")
    assert engine.text("grep", pattern="FOO", path="x.log") == "x.log:1:FOO"
    assert engine.text("grep", pattern="FOO").startswith("No line matches")


def test_a_broken_pattern_is_explained_with_its_literal_form(engine: Caller) -> None:
    refusal = engine.refused("grep", pattern="call(x")
    assert "not a valid regular expression: missing ), unterminated subpattern" in refusal
    assert r"escape it: call\(x" in refusal
    assert "line by line" in engine.refused("grep", pattern="a\nb")


def test_what_is_no_text_file_is_refused(engine: Caller) -> None:
    engine.write("image.png", b"\x89PNG\r\n\x1a\n\0\0")
    os.mkfifo(engine.root / "pipe")
    assert "image.png is not text: PNG image" in engine.refused("grep", pattern="x", path="image.png")
    assert "pipe is a named pipe" in engine.refused("grep", pattern="x", path="pipe")
    assert "There is no gone" in engine.refused("grep", pattern="x", path="gone")


def test_a_users_ripgrep_configuration_has_no_effect(tools: Caller, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("--invert-match\n")
    tools.context.environment = {**tools.context.environment, "RIPGREP_CONFIG_PATH": str(tmp_path / "rc")}
    tools.write("a.txt", "FOO\nbar\n")
    assert tools.text("grep", pattern="FOO") == "a.txt:1:FOO"


def test_hits_count_as_seen(engine: Caller) -> None:
    engine.write("a.txt", "FOO = 1\nother\n")
    engine.call("grep", pattern="FOO")
    assert engine.context.seen.knows("FOO = 1") and not engine.context.seen.knows("other")


def test_files_for_secrets_are_searched_only_when_they_are_named(engine: Caller) -> None:
    engine.write(".env", "FOO=1\n")
    engine.write("deploy/id_rsa", "FOO\n")
    engine.write("a.txt", "FOO\n")
    assert engine.text("grep", pattern="FOO") == "a.txt:1:FOO"
    assert engine.text("grep", pattern="FOO", mode="files", path="deploy").startswith("No line matches")
    assert engine.text("grep", pattern="FOO", path=".env") == ".env:1:FOO=1"
