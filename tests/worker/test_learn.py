"""The worker looks a repository over once, as soon as it is indexed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lcode.git.repository import Place, find
from lcode.index.build import CodeIndex
from lcode.index.graph import update_graph
from lcode.index.open import IndexDatabase
from lcode.memory.model import Actor
from lcode.memory.store import Store
from lcode.path_text import path_text
from lcode.store.paths import AgentPaths
from lcode.worker.jobs import Turn
from lcode.worker.learn import Learn
from tests.git.repositories import commit, make


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = make(tmp_path / "repo")
    for path in ("net/a.py", "net/b.py", "db/c.py"):
        commit(root, path, "def run():\n    return 1\n")
    return find(root)


@pytest.fixture
def paths(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> AgentPaths:
    monkeypatch.setenv("LCODE_HOME", str(tmp_path / "home"))
    with closing(Store({"LCODE_HOME": str(tmp_path / "home")})) as store:
        agent = store.resolve(place, None).agent
        store.open(agent)
        return store.agent_paths(agent)


@pytest.fixture
def index(place: Place) -> Iterator[IndexDatabase]:
    with closing(IndexDatabase(None)) as database:
        CodeIndex(database, place.root).update()
        update_graph(database, path_text(place.root))
        yield database


def turn() -> Turn:
    return Turn(lambda done, total: None, lambda: False, lambda count: None)


def test_it_is_learned_once(place: Place, paths: AgentPaths, index: IndexDatabase, tmp_path: Path) -> None:
    assert Learn(paths, index).run(place, turn())
    assert not Learn(paths, index).run(place, turn())
    with closing(Store({"LCODE_HOME": str(tmp_path / "home")})) as store:
        memory = store.memory(store.open(store.agents.list()[0]), place)
        block = memory.blocks.get("architecture")
        assert block.actor is Actor.PROGRAM
        assert "net/ (2 files" in block.value
        assert memory.archival.about("overview: ")


def test_nothing_is_learned_of_what_is_not_indexed(place: Place, paths: AgentPaths) -> None:
    with closing(IndexDatabase(None)) as database:
        assert not Learn(paths, database).run(place, turn())


def test_an_agent_that_is_gone_learns_nothing(place: Place, paths: AgentPaths, index: IndexDatabase) -> None:
    gone = AgentPaths(paths.folder.with_name("agent-that-is-gone"))
    assert not Learn(gone, index).run(place, turn())
    assert not gone.folder.exists()
