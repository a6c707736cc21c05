"""Every connection to a database is hardened, whoever opens it and for whatever; none is opened anywhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from lcode.cli.main import main
from lcode.index import vectors
from lcode.store import migrations
from lcode.store.connect import connect
from lcode.store.database import Database
from tests.support import fixture_repos

PACKAGE = Path(migrations.__file__).resolve().parents[1]
ALONE = {
    "memory/forget.py",  # rewrites every page, while nobody else may have it open
    "memory/restore.py",  # works on a copy that nobody else has, which then takes the file's place
    "index/open.py",  # of derived data, which it makes anew where it cannot be read
    "index/check.py",  # a look at derived data that must not make it anew
}
WANTED = {
    "DEFENSIVE": 1,
    "TRUSTED_SCHEMA": 0,
    "ENABLE_LOAD_EXTENSION": 0,
    "ENABLE_FKEY": 1,
    "cell_size_check": 1,
    "synchronous": 2,
}


def settings(connection: apsw.Connection) -> dict[str, int]:
    found = {name: connection.config(getattr(apsw, f"SQLITE_DBCONFIG_{name}"), -1) for name in WANTED if name.isupper()}
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchall()[0][0] for name in WANTED if name.islower()}
    return {**found, **pragmas}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, int]]]]:
    """The file name and, as it was when it was closed, the settings of each connection."""
    seen: list[tuple[str, dict[str, int]]] = []

    class Recorded(apsw.Connection):  # type: ignore[misc]
        def close(self, force: bool = False) -> None:
            if (state := _state(self)) is not None:
                seen.append(state)
            super().close(force)

    monkeypatch.setattr(apsw, "Connection", Recorded)
    yield seen


def _state(connection: apsw.Connection) -> tuple[str, dict[str, int]] | None:
    try:
        return connection.filename, settings(connection)
    except apsw.ConnectionClosedError:
        return None
    except apsw.Error as error:  # a file that is no database: nothing is read through it
        return connection.filename, {type(error).__name__: 0}


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of each call in a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def test_connections_are_made_in_one_module_and_asked_for_in_the_store_alone() -> None:
    faults = []
    for path in PACKAGE.rglob("*.py"):
        where = path.relative_to(PACKAGE).as_posix()
        for line, name in calls(path):
            if name in ("apsw.Connection", "Connection") and where != "store/connect.py":
                faults.append(f"{where}:{line}: {name}")
            if "load_extension" in name.replace("enable_", "") and where != "store/connect.py":
                faults.append(f"{where}:{line}: {name}")
        if not where.startswith("store/") and where not in ALONE and "lcode.store.connect" in path.read_text(encoding="utf-8"):
            faults.append(f"{where}: opens a connection of its own")
    assert faults == []


def test_whatever_the_program_does_its_connections_are_hardened(
    opened: list[tuple[str, dict[str, int]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = fixture_repos.make("python", tmp_path / "repo")
    monkeypatch.chdir(repo)
    monkeypatch.setattr("sys.stdin", (tmp_path / "nothing").open("w+"))
    for words in (
        ["remember", "The queue retries three times."],
        ["-p", "Where is the retry delay computed?"],
        ["sessions"],
        ["memory", "show", "architecture"],
        ["search", "retries"],
        ["backup", "create"],
        ["backup", "verify"],
        ["doctor"],
        ["--ephemeral", "recall", "retry"],
    ):
        before = len(opened)
        assert main(words) in (0, 1), words
        assert len(opened) > before, words
    assert {Path(name).name for name, _ in opened} >= {"memory.db", "user.db", ""}
    derived = {**WANTED, "synchronous": 1}
    faults = [
        (name, found) for name, found in opened if found != WANTED and not (name.endswith("/index.db") and found == derived)
    ]
    assert faults == []


@pytest.mark.parametrize("path", [None, "new.db"])
def test_a_connection_loads_no_extension_and_lets_nobody_write_the_schema(tmp_path: Path, path: str | None) -> None:
    connection = connect(tmp_path / path if path else None)
    connection.execute("CREATE TABLE a (b INTEGER PRIMARY KEY); CREATE TABLE c (d REFERENCES a (b))")
    with pytest.raises(apsw.Error, match="not authorized"):
        connection.execute("SELECT load_extension('/tmp/none.so')")
    connection.execute("PRAGMA writable_schema=ON")
    with pytest.raises(apsw.Error, match="may not be modified"):
        connection.execute("UPDATE sqlite_schema SET sql = ''")
    with pytest.raises(apsw.ConstraintError):
        connection.execute("INSERT INTO c VALUES (1)")
    connection.close()


EXTENSION = vectors.extension_path()


@pytest.mark.skipif(EXTENSION is None, reason="sqlite-vec has no build for this system")
@pytest.mark.parametrize("path", [None, "new.db"])
def test_derived_data_gets_the_one_extension_that_it_asks_for_and_no_other_afterwards(tmp_path: Path, path: str | None) -> None:
    connection = connect(tmp_path / path if path else None, extension=EXTENSION, durability="NORMAL")
    assert connection.execute("SELECT vec_length(vec_int8(x'0102'))").fetchall() == [(2,)]
    assert settings(connection) == {**WANTED, "synchronous": 1}
    with pytest.raises(apsw.Error, match="not authorized"):
        connection.execute("SELECT load_extension('/tmp/none.so')")
    with pytest.raises(apsw.Error, match="not authorized"):
        connection.load_extension(str(EXTENSION))
    connection.close()
    other = connect(tmp_path / "other.db")
    with pytest.raises(apsw.SQLError, match="no such function"):
        other.execute("SELECT vec_version()")
    other.close()


@pytest.mark.skipif(EXTENSION is None, reason="sqlite-vec has no build for this system")
def test_a_look_at_derived_data_has_the_extension_too(tmp_path: Path) -> None:
    Database(tmp_path / "a.db", migrations.MEMORY, extension=EXTENSION).write(lambda connection: None)
    looking = Database(tmp_path / "a.db", migrations.MEMORY, read_only=True, extension=EXTENSION)
    assert looking.read(lambda connection: connection.execute("SELECT vec_length(vec_int8(x'01'))").fetchall()) == [(1,)]
    looking.close()


def test_an_extension_that_cannot_be_loaded_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "vec0.so").write_bytes(b"for another system")
    for extension in (tmp_path / "vec0.so", tmp_path / "missing.so"):
        connection = connect(tmp_path / "a.db", extension=extension)
        assert settings(connection) == WANTED
        connection.close()


def test_nothing_of_memory_asks_for_an_extension_or_for_less_durability() -> None:
    faults = []
    for path in PACKAGE.rglob("*.py"):
        where = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("Database", "connect"):
                asked = {word.arg for word in node.keywords} & {"extension", "durability"}
                if asked and not where.startswith("index/") and where != "store/database.py":
                    faults.append(f"{where}:{node.lineno}: {asked}")
    assert faults == []


def test_a_schema_of_another_hand_runs_no_function_of_ours(tmp_path: Path) -> None:
    """What is registered for our own statements is out of the reach of a view or trigger in the file."""
    connection = connect(tmp_path / "a.db")
    connection.create_scalar_function("told", lambda: "secret", 0)
    connection.execute("CREATE VIEW v AS SELECT told() AS a")
    with pytest.raises(apsw.SQLError, match="unsafe use of told"):
        connection.execute("SELECT a FROM v").fetchall()
    connection.close()


def test_the_databases_are_kept_with_full_durability(tmp_path: Path) -> None:
    for schema in (migrations.MEMORY, migrations.USER):
        database = Database(tmp_path / f"{schema.name}.db", schema, lock=tmp_path / "lock")
        found: dict[str, Any] = database.read(settings)
        assert found == WANTED
        database.close()
