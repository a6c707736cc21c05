"""Building the index of a checkout: what is searchable is what the files hold, whatever happened on the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lcode.index.build import CodeIndex
from lcode.index.files import Listing
from lcode.index.open import IndexDatabase, index_path, open_index
from lcode.index.progress import Progress
from lcode.index.scan import FileScan
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from tests.support.index_rows import differences, searchable

PYTHON = '''"""Module {name}."""

LIMIT = {number}


class Runner{number}:
    """Runs {name}."""

    def start_engine(self, speed: int) -> int:
        """Start it at a speed."""
        return compute(speed) + LIMIT


def helper_{name}(value):
    return Runner{number}().start_engine(value)
'''


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, path: str, content: str | bytes) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(target, ns=(1_700_000_000_123_456_789, target.stat().st_mtime_ns - 3_000_000_000))
    return target


def fill(root: Path, count: int = 6) -> None:
    for number in range(count):
        write(root, f"package/part_{number}.py", PYTHON.format(name=f"part{number}", number=number))
    write(root, "README.md", "# Title\n\nSome words on engines.\n\n## Use\n\nRun it.\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    fill(folder)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def paths(tmp_path: Path) -> AgentPaths:
    return AgentPaths(tmp_path / "agent")


@pytest.fixture
def database(paths: AgentPaths) -> Iterator[IndexDatabase]:
    opened = open_index(paths)
    yield opened
    opened.close()


def fresh(root: Path, folder: Path) -> dict[str, list[Any]]:
    """What a build from nothing comes to."""
    number = 0
    while (folder / f"fresh{number}").exists():
        number += 1
    paths = AgentPaths(folder / f"fresh{number}")
    database = open_index(paths)
    assert CodeIndex(database, root).update().complete
    database.close()
    return searchable(index_path(paths), root)


def assert_settled(paths: AgentPaths, root: Path, folder: Path) -> None:
    found = searchable(index_path(paths), root)
    assert found["fault"] == [] and found["orphans"] == [(0, 0, 0)] and found["rows"][0][0] == found["rows"][0][1]
    assert differences(found, fresh(root, folder)) == []


def test_a_build_makes_files_searchable_with_vectors(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    seen: list[Progress] = []
    report = CodeIndex(database, root).update(progress=seen.append)
    assert report.complete and report.files == 7 and report.removed == 0 and report.chunks == report.vectors > 0
    found = searchable(index_path(paths), root)
    assert [row[0] for row in found["files"]] == ["README.md", *(f"package/part_{number}.py" for number in range(6))]
    assert {"engin", "start", "speed"} <= {row[4] for row in found["words"]}
    assert all(row[10] for row in found["code"])
    assert {progress.stage for progress in seen} == {"files", "vectors"}
    assert seen[-1].done == seen[-1].total


def test_the_status_says_what_is_there(root: Path, database: IndexDatabase) -> None:
    index = CodeIndex(database, root)
    assert index.status().state == "new"
    index.update(vectors=False)
    status = index.status()
    assert (status.state, status.files, status.to_embed) == ("lexical", 7, 7)
    index.update()
    status = index.status()
    assert (status.state, status.to_embed, status.kinds) == ("ready", 0, {"docs": 1, "source": 6})
    assert status.bytes > 0 and not status.problem


def test_nothing_is_done_where_nothing_changed(root: Path, database: IndexDatabase) -> None:
    index = CodeIndex(database, root)
    assert not index.no_change()
    index.update()
    assert index.no_change()
    report = index.update()
    assert (report.files, report.removed, report.vectors) == (0, 0, 0)


CHANGES: dict[str, Callable[[Path], object]] = {
    "edited": lambda root: write(root, "package/part_1.py", "def changed_name():\n    return 1\n"),
    "new": lambda root: write(root, "package/deep/new_file.py", "def brand_new():\n    return 1\n"),
    "removed": lambda root: (root / "package/part_2.py").unlink(),
    "folder removed": lambda root: __import__("shutil").rmtree(root / "package"),
    "moved": lambda root: (root / "package/part_3.py").rename(root / "moved_3.py"),
    "emptied": lambda root: write(root, "package/part_4.py", b""),
    "binary now": lambda root: write(root, "package/part_4.py", b"\0\1\2" * 100),
    "ignored now": lambda root: (
        write(root, ".gitignore", "part_5.py\n") and git(root, "rm", "-q", "--cached", "package/part_5.py")
    ),
    "ignored by lcodeignore": lambda root: write(root, "package/.lcodeignore", "part_5.py\n"),
    "a link now": lambda root: ((root / "README.md").unlink(), (root / "README.md").symlink_to("/etc/passwd")),
    "a folder now": lambda root: ((root / "README.md").unlink(), write(root, "README.md/inner.py", "def inner(): pass\n")),
    "twice the same": lambda root: write(root, "copy.py", (root / "package/part_1.py").read_bytes()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_update_comes_to_what_a_fresh_build_comes_to(
    change: str, root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path
) -> None:
    index = CodeIndex(database, root)
    index.update()
    CHANGES[change](root)
    assert not index.no_change()
    assert index.update().complete
    assert index.no_change()
    assert_settled(paths, root, tmp_path)


@pytest.mark.parametrize("change", CHANGES)
def test_an_update_of_the_named_paths_does_too(
    change: str, root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path
) -> None:
    index = CodeIndex(database, root)
    index.update()
    CHANGES[change](root)
    names = {
        "edited": ["package/part_1.py"],
        "new": ["package/deep"],
        "removed": ["package/part_2.py"],
        "folder removed": ["package"],
        "moved": ["package/part_3.py", "moved_3.py"],
        "emptied": ["package/part_4.py"],
        "binary now": ["package/part_4.py"],
        "ignored now": [".gitignore"],
        "ignored by lcodeignore": ["package/.lcodeignore"],
        "a link now": ["README.md"],
        "a folder now": ["README.md", "README.md/inner.py"],
        "twice the same": ["copy.py"],
    }[change]
    assert index.update(paths=names).complete
    assert index.no_change()
    assert_settled(paths, root, tmp_path)


def test_a_named_path_that_git_ignores_is_not_indexed(root: Path, database: IndexDatabase) -> None:
    write(root, ".gitignore", "*.log.py\n")
    index = CodeIndex(database, root)
    index.update()
    write(root, "noise.log.py", "def noise(): pass\n")
    assert index.update(paths=["noise.log.py"]).files == 0
    assert index.no_change()


def test_a_change_in_the_same_tick_and_of_the_same_size_is_seen(root: Path, database: IndexDatabase) -> None:
    path = root / "package/part_1.py"
    path.write_text("def one_name(): pass\n")
    index = CodeIndex(database, root)
    index.update()
    before = path.stat()
    with path.open("r+") as file:
        file.write("def two_name(): pass\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not index.no_change()
    assert index.update().files == 1


def test_a_file_that_was_only_touched_is_not_written_again(root: Path, database: IndexDatabase) -> None:
    index = CodeIndex(database, root)
    index.update()
    os.utime(root / "package/part_1.py", ns=(1, 1_600_000_000_000_000_001))
    assert not index.no_change()
    assert index.update().files == 0
    assert index.no_change()


def test_another_branch_uses_what_is_known_and_hides_what_it_has_not(
    root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = CodeIndex(database, root)
    index.update()
    git(root, "checkout", "-qb", "other")
    for number in range(3):
        write(root, f"package/part_{number}.py", f"def on_other_{number}():\n    return {number}\n")
    git(root, "commit", "-qam", "other")
    index.update()
    assert "other" in {row[4] for row in searchable(index_path(paths), root)["words"]}
    git(root, "checkout", "-q", "main")
    monkeypatch.setattr("lcode.index.chunking.chunk", lambda path, data: pytest.fail(f"{path} was parsed again"))
    report = index.update()
    assert report.complete and report.files == 3 and report.vectors == 0
    monkeypatch.undo()
    assert_settled(paths, root, tmp_path)


def test_worktrees_share_contents_and_not_what_is_searched(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    CodeIndex(database, root).update()
    other = root.parent / "tree"
    git(root, "worktree", "add", "-q", str(other))
    write(other, "only_here.py", "def only_here(): pass\n")
    report = CodeIndex(database, other).update()
    assert report.files == 8 and report.vectors == 1
    assert "only_here.py" not in str(searchable(index_path(paths), root)["files"])
    assert database.read(lambda connection: connection.execute("SELECT count(*) FROM contents").fetchall()) == [(8,)]


def test_a_build_that_was_stopped_goes_on_where_it_was(
    root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.scan._READ", (2, 500_000))
    index = CodeIndex(database, root)
    calls = iter([False, False, True])
    report = index.update(stop=lambda: next(calls))
    assert report.problem == "stopped" and report.files == 4
    assert index.status().state == "building"
    second = index.update()
    assert second.complete and second.files == 3
    assert_settled(paths, root, tmp_path)


def test_who_comes_second_leaves_it_to_the_first(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    lock = NamedLock(paths.locks / "index-build.lock")
    assert lock.acquire("indexing")
    report = CodeIndex(database, root).update()
    assert report.busy and "is indexing" in report.problem and report.files == 0
    lock.release()
    assert CodeIndex(database, root).update().complete


def test_many_files_are_parsed_by_helpers_to_the_same_result(
    root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root, 150)
    monkeypatch.setattr("lcode.index.analysing._POOLED", 100)
    monkeypatch.setattr("lcode.index.scan._READ", (8, 500_000))
    monkeypatch.setattr("lcode.index.analysing.processors", lambda: 2)
    assert CodeIndex(database, root).update().files == 151
    monkeypatch.undo()
    assert_settled(paths, root, tmp_path)


def test_files_are_known_by_kind_and_only_code_is_searched_by_its_text(
    root: Path, paths: AgentPaths, database: IndexDatabase
) -> None:
    write(root, "package-lock.json", '{"lockword": 1}\n')
    write(root, "lib/jquery.min.js", "var minifiedword=1;\n" * 3)
    write(root, "dense.js", "var denseword=1;" * 1_000)
    write(root, "third_party/lib.py", "def vendoredname():\n    bodyword = 1\n")
    write(root, "api_pb2.py", "def generatedname():\n    bodyword = 1\n")
    write(root, "made.go", "// Code generated by tool. DO NOT EDIT.\npackage x\nfunc Madename() { bodyword() }\n")
    write(root, "logo.png", b"\x89PNG\0\0")
    write(root, "data.xyz", b"abc\0def")
    write(root, "tests/test_it.py", "def test_it():\n    assert testword\n")
    CodeIndex(database, root).update()
    found = searchable(index_path(paths), root)
    kinds = {path: kind for path, _, kind in found["files"]}
    assert {path: kinds[path] for path in kinds if not path.startswith(("package/", "README"))} == {
        "package-lock.json": "lock",
        "lib/jquery.min.js": "minified",
        "dense.js": "minified",
        "third_party/lib.py": "vendored",
        "api_pb2.py": "generated",
        "made.go": "generated",
        "logo.png": "binary",
        "data.xyz": "binary",
        "tests/test_it.py": "test",
    }
    words = {row[4] for row in found["words"]}
    assert {"testword", "parti", "lib"} <= words
    assert not {"lockword", "minifiedword", "denseword", "bodyword"} & words


def test_a_large_file_is_searched_by_its_beginning(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    write(
        root, "large.py", "def first_name():\n    return 1\n" + "x = 1  # filler of a long file\n" * 40_000 + "lastword = 1\n"
    )
    report = CodeIndex(database, root).update()
    assert report.complete
    found = searchable(index_path(paths), root)
    assert ("large.py", (root / "large.py").stat().st_size, "large") in found["files"]
    words = {row[4] for row in found["words"]}
    assert "filler" in words and "lastword" not in words


def test_names_that_are_not_utf8_are_listed(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    try:
        (root / os.fsdecode(b"caf\xe9.py")).write_text("def coffee(): pass\n")
    except OSError:
        pytest.skip("this file system has no such names")
    index = CodeIndex(database, root)
    assert index.update().complete
    assert ("caf\\xe9.py", 19, "binary") in searchable(index_path(paths), root)["files"]
    assert index.no_change()


def test_without_git_a_walk_finds_the_files(tmp_path: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    folder = tmp_path / "plain"
    fill(folder, 2)
    write(folder, "node_modules/x/index.js", "ignored()\n")
    write(folder, "out/gen.py", "x = 1\n")
    write(folder, ".gitignore", "out/\n")
    (folder / "loop").symlink_to(folder)
    index = CodeIndex(database, folder)
    assert index.update().complete
    assert [row[0] for row in searchable(index_path(paths), folder)["files"]] == [
        ".gitignore",
        "README.md",
        "package/part_0.py",
        "package/part_1.py",
    ]
    write(folder, "later.py", "x = 1\n")
    assert index.update(paths=["later.py"]).files == 1
    assert index.no_change()


def test_submodules_are_part_of_the_tree_and_nested_repositories_are_not(
    root: Path, paths: AgentPaths, database: IndexDatabase, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    write(other, "module.py", "def in_submodule(): pass\n")
    git(other, "add", "-A")
    git(other, "commit", "-qm", "x")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "sub.module")
    nested = root / "nested"
    nested.mkdir()
    git(nested, "init", "-q")
    write(nested, "inner.py", "def nested(): pass\n")
    assert CodeIndex(database, root).update().complete
    found = [row[0] for row in searchable(index_path(paths), root)["files"]]
    assert "sub.module/module.py" in found and "nested/inner.py" not in found
    assert CodeIndex(database, root).no_change()


def test_contents_that_nobody_has_are_collected_oldest_first(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    index = CodeIndex(database, root)
    index.update()
    for number in range(30):
        write(root, "package/part_0.py", f"def version_{number}():\n    return 1\n")
        index.update(paths=["package/part_0.py"])
    count = "SELECT count(*) FROM contents"
    assert database.read(lambda connection: connection.execute(count).fetchall()) == [(37,)]
    assert index.collect(10**9) == 0
    assert index.collect(0) == 30
    assert database.read(lambda connection: connection.execute(count).fetchall()) == [(7,)]
    assert_settled(paths, root, paths.folder)


def test_checkouts_that_are_gone_are_forgotten(root: Path, database: IndexDatabase) -> None:
    other = root.parent / "tree"
    git(root, "worktree", "add", "-q", str(other))
    CodeIndex(database, root).update()
    CodeIndex(database, other).update()
    git(root, "worktree", "remove", "--force", str(other))
    CodeIndex(database, root).collect(0)
    tables = "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'code_fts_*' AND sql LIKE 'CREATE VIRTUAL%'"
    assert database.read(lambda connection: connection.execute(tables).fetchall()) == [(1,)]
    assert database.read(lambda connection: connection.execute("SELECT root FROM checkouts").fetchall()) == [(str(root),)]


class Noting:
    """An embedding that notes what it is asked for."""

    dimension = 4

    def __init__(self, name: str = "other") -> None:
        self.name = name
        self.asked: list[str] = []

    def documents(self, texts: Sequence[str]) -> list[bytes]:
        self.asked += texts
        return [b"\1\2\3\4" for _ in texts]

    def query(self, text: str) -> bytes:
        return b"\1\2\3\4"


def test_vectors_of_another_model_are_made_anew(root: Path, paths: AgentPaths, database: IndexDatabase) -> None:
    CodeIndex(database, root).update()
    report = CodeIndex(database, root, embedder=Noting()).update()
    assert report.files == 0 and report.vectors > 0
    assert {row[10] for row in searchable(index_path(paths), root)["code"]} == {"01020304"}


def _functions(*names: str) -> str:
    return "".join(f"def {name}():\n" + f"    work_of_{name}()\n" * 12 + "\n\n" for name in names)


def test_an_edited_file_keeps_the_vectors_of_what_was_not_edited(root: Path, database: IndexDatabase) -> None:
    file = root / "many.py"
    file.write_text(_functions("one", "two", "three"))
    embedder = Noting()
    CodeIndex(database, root, embedder=embedder).update()
    embedder.asked.clear()
    file.write_text(_functions("zero", "one", "two", "three").replace("work_of_two", "do_two"))
    report = CodeIndex(database, root, embedder=embedder).update(paths=["many.py"])
    assert [text.partition("\n")[0] for text in embedder.asked] == ["zero", "two"]
    assert (report.vectors, CodeIndex(database, root).status().to_embed) == (2, 0)
    file.write_text(_functions("three", "zero"))
    assert CodeIndex(database, root, embedder=embedder).update(paths=["many.py"]).vectors == 0


def test_vectors_that_were_kept_are_not_kept_for_another_model(root: Path, database: IndexDatabase) -> None:
    file = root / "many.py"
    file.write_text(_functions("one", "two"))
    CodeIndex(database, root, embedder=Noting()).update()
    file.write_text(_functions("one", "two", "three"))
    CodeIndex(database, root, embedder=Noting()).update(vectors=False)
    other = Noting("another")
    CodeIndex(database, root, embedder=other).update()
    assert {"one", "two", "three"} <= {text.partition("\n")[0] for text in other.asked}


def test_transactions_stay_short_whatever_a_file_holds(root: Path, database: IndexDatabase) -> None:
    assert FileScan(database, root, 1)._most < 500  # the first ones too, on whatever machine


@pytest.mark.parametrize("git", [True, False])
def test_lcodeignore_is_read_as_git_reads_its_own(tmp_path: Path, git: bool) -> None:
    root = tmp_path / "rules"
    root.mkdir()
    if git:
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    rules = "*.py\n!a.py\nout/\n!out/kept.txt\n/top.txt\n"
    files = ["a.py/b.py", "a.py/c.txt", "d.py", "s/a.py", "out/kept.txt", "s/out/x.txt", "top.txt", "s/top.txt", "s/in/e.py"]
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text\n")
    (root / ".lcodeignore").write_text(rules)
    (root / "s/in/.lcodeignore").write_text("!e.py\n")
    found = {path for path, _ in Listing(root)} - {".lcodeignore", "s/in/.lcodeignore"}
    assert found == {"a.py/c.txt", "s/a.py", "s/top.txt", "s/in/e.py"}
