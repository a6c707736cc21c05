"""Opening the code index: whatever became of its file, a session goes on, and the index is made anew."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from lcode.index import schema
from lcode.index.build import CodeIndex
from lcode.index.open import IndexDatabase, index_path, open_index
from lcode.index.reader import CodeReader
from lcode.store.paths import AgentPaths
from tests.index.test_build import assert_settled, fill
from tests.support.index_rows import searchable

SEARCH = "SELECT count(*) FROM code"
KEPT = pytest.mark.skipif(os.name != "posix", reason="files that are open cannot be damaged there")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    fill(folder, 60)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


@pytest.fixture
def paths(tmp_path: Path) -> AgentPaths:
    return AgentPaths(tmp_path / "agent")


def count(database: IndexDatabase) -> int:
    return database.read(lambda connection: int(str(connection.execute(SEARCH).fetchall()[0][0])))


def build(paths: AgentPaths, root: Path) -> None:
    with closing(open_index(paths)) as database:
        assert CodeIndex(database, root).update().complete


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "its head": lambda path: overwrite(path, 0, 100),
    "its first page": lambda path: overwrite(path, 0, 4096),
    "the rest": lambda path: overwrite(path, 4096, path.stat().st_size - 4096),
    "all": lambda path: path.write_bytes(b"no database at all\n" * 1000),
    "cut in the head": lambda path: os.truncate(path, 60),
    "cut in a page": lambda path: os.truncate(path, 5000),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "gone": lambda path: path.unlink(),
    "another database": lambda path: (path.unlink(), apsw.Connection(str(path)).execute("CREATE TABLE t (a)")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_built_anew_and_that_is_said_in_one_line(
    damage: str, root: Path, paths: AgentPaths, tmp_path: Path
) -> None:
    build(paths, root)
    DAMAGE[damage](index_path(paths))
    said: list[str] = []
    with closing(open_index(paths, tell=said.append)) as database:
        count(database)
        assert CodeIndex(database, root).update().complete
        assert count(database) > 0
    assert_settled(paths, root, tmp_path)
    assert len(said) == (damage not in ("empty", "gone")) and not any("\n" in line for line in said)


@KEPT
@pytest.mark.parametrize("damage", ["its head", "the rest", "cut in half", "all"])
def test_a_session_that_has_the_index_open_goes_on_when_it_is_damaged(
    damage: str, root: Path, paths: AgentPaths, tmp_path: Path
) -> None:
    build(paths, root)
    with closing(open_index(paths, read_only=True)) as session, closing(open_index(paths)) as worker:
        before = count(session)
        CodeIndex(worker, root).no_change()
        DAMAGE[damage](index_path(paths))
        assert count(session) >= 0
        for _ in range(2):
            CodeIndex(worker, root).update()
        assert CodeIndex(worker, root).update().complete
        assert count(worker) == before
    build(paths, root)
    with closing(open_index(paths, read_only=True)) as session:
        assert count(session) == before
    assert_settled(paths, root, tmp_path)


@KEPT
def test_a_session_that_reads_has_the_damage_mended_where_it_may(root: Path, paths: AgentPaths) -> None:
    build(paths, root)
    said: list[str] = []
    with closing(open_index(paths, read_only=True, mend=True, tell=said.append)) as session:
        assert count(session) > 0
        overwrite(index_path(paths), 4096, index_path(paths).stat().st_size - 4096)
        os.utime(index_path(paths))
        session.read(lambda connection: connection.release_memory() if hasattr(connection, "release_memory") else None)
    with closing(open_index(paths, read_only=True, mend=True, tell=said.append)) as session:
        assert count(session) == 0
    assert len(said) == 1 and "built anew" in said[0]
    build(paths, root)


def test_an_ephemeral_look_at_damage_writes_nothing(root: Path, paths: AgentPaths) -> None:
    build(paths, root)
    overwrite(index_path(paths), 0, 4096)
    before = index_path(paths).read_bytes()
    with closing(open_index(paths, read_only=True)) as session:
        assert count(session) == 0
        assert session.stand_in()
        assert "cannot" in CodeIndex(session, root).update().problem or CodeIndex(session, root).update().problem
    assert index_path(paths).read_bytes() == before
    assert {path.name for path in paths.folder.iterdir()} <= {"index.db", "locks"}


def test_an_ephemeral_look_where_there_is_none_makes_none(root: Path, paths: AgentPaths) -> None:
    with closing(open_index(paths, read_only=True)) as session:
        assert count(session) == 0
    assert not paths.folder.exists()


def test_an_index_of_another_version_is_built_anew(
    root: Path, paths: AgentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", "earlier")
    build(paths, root)
    monkeypatch.undo()
    said: list[str] = []
    with closing(open_index(paths, tell=said.append)) as database:
        assert count(database) == 0
        assert CodeIndex(database, root).update().complete
    assert said == ["the code index is of another version of lcode and is built anew"]
    assert_settled(paths, root, tmp_path)


def test_files_cut_by_other_rules_are_cut_anew(
    root: Path, paths: AgentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.prepare.RULES", "earlier")
    build(paths, root)
    monkeypatch.undo()
    said: list[str] = []
    with closing(open_index(paths, tell=said.append)) as database:
        assert CodeIndex(database, root).update().files == 61
    assert said == ["the code index was made by other rules and is built anew"]
    assert_settled(paths, root, tmp_path)


NEWER = {
    "tables": ("lcode.index.schema.VERSION", "99"),
    "rules": ("lcode.index.prepare.RULES", "99"),
}


@pytest.mark.parametrize("what", NEWER)
def test_an_index_of_a_newer_lcode_is_left_as_it_is_and_that_is_said(
    what: str, root: Path, paths: AgentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*NEWER[what])
    build(paths, root)
    monkeypatch.undo()
    before = searchable(index_path(paths), root)
    (root / "later.py").write_text("def later():\n    pass\n")
    said: list[str] = []
    with closing(open_index(paths, tell=said.append)) as database:
        index = CodeIndex(database, root)
        assert not index.no_change()
        assert "newer version of lcode" in index.update().problem
        assert "newer version of lcode" in index.update(paths=["later.py"]).problem
        assert index.collect(10**9) == 0
        standing = CodeReader(None, root, database).standing()
        hits = CodeReader(None, root, database).search("start_engine")
        assert bool(hits) is standing.exists is (what == "rules")  # what can be read is
        assert ("newer version of lcode" in standing.words) is (what == "tables")
    assert searchable(index_path(paths), root) == before
    assert not any("anew" in line for line in said)
    with closing(open_index(paths)) as database:
        database.reset("the user asked for it")
        assert CodeIndex(database, root).update().complete
    assert_settled(paths, root, tmp_path)


def test_the_newer_of_two_that_run_at_once_wins(root: Path, paths: AgentPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_index(paths)) as older, closing(open_index(paths)) as newer:
        assert CodeIndex(older, root).update().complete
        monkeypatch.setattr("lcode.index.prepare.RULES", "99")
        assert CodeIndex(newer, root).update().files == 61
        monkeypatch.undo()
        for _ in range(2):
            assert "newer version" in CodeIndex(older, root).update().problem
        monkeypatch.setattr("lcode.index.prepare.RULES", "99")
        assert CodeIndex(newer, root).no_change()


ORDER = [("2", "1"), ("1.10", "1.9"), ("1.2.1", "1.2")]


@pytest.mark.parametrize(
    ("found", "ours", "is_newer"),
    [
        *((after, before, True) for after, before in ORDER),
        *((before, after, False) for after, before in ORDER),
        ("1", "1", False),
        *((odd, "1.2", False) for odd in ("", "unknown", "earlier")),
    ],
)
def test_versions_are_compared_number_by_number(found: str, ours: str, is_newer: bool) -> None:
    assert schema.newer(found, ours) is is_newer


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_may_not_be_written_is_read(root: Path, paths: AgentPaths) -> None:
    build(paths, root)
    paths.folder.chmod(0o500)
    try:
        with closing(open_index(paths)) as database:
            assert count(database) > 0
            assert CodeIndex(database, root).update().problem
    finally:
        paths.folder.chmod(0o700)


def test_a_place_where_no_file_can_be_is_no_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where the folder would be")
    said: list[str] = []
    with closing(open_index(AgentPaths(tmp_path / "blocked" / "agent"), tell=said.append)) as database:
        assert count(database) == 0
    paths = AgentPaths(tmp_path / "other")
    index_path(paths).mkdir(parents=True)
    with closing(open_index(paths, tell=said.append)) as database:
        assert count(database) == 0
        assert CodeIndex(database, root).update().problem
    assert len(said) == 1 and "cannot be used" in said[0]


@KEPT
def test_two_that_find_the_damage_empty_it_once(root: Path, paths: AgentPaths, tmp_path: Path) -> None:
    build(paths, root)
    said: list[str] = []
    with closing(open_index(paths, tell=said.append)) as one, closing(open_index(paths, tell=said.append)) as other:
        count(one)
        count(other)
        overwrite(index_path(paths), 4096, index_path(paths).stat().st_size - 4096)
        for database in (one, other, one, other):
            CodeIndex(database, root).update()
        assert count(one) == count(other) > 0
    assert len(said) == 1
    assert_settled(paths, root, tmp_path)


@KEPT
def test_two_that_find_nothing_left_of_it_settle(
    root: Path, paths: AgentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lcode.index.open._RETRY", 0.0)
    monkeypatch.setattr("lcode.index.open._PATIENCE", 0.1)
    build(paths, root)
    with closing(open_index(paths)) as one, closing(open_index(paths)) as other:
        count(one)
        count(other)
        overwrite(index_path(paths), 0, index_path(paths).stat().st_size)
        for database in (one, other, one, other):
            CodeIndex(database, root).update()
        assert count(one) == count(other) > 0
    build(paths, root)
    assert_settled(paths, root, tmp_path)


def test_a_mistake_in_a_statement_is_not_taken_for_damage(paths: AgentPaths) -> None:
    with closing(open_index(paths)) as database, pytest.raises(apsw.SQLError, match="no such table"):
        database.read(lambda connection: connection.execute("SELECT * FROM absent"))
