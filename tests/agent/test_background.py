"""What a session sees of the index: by the embedding that the settings name, mended where it is damaged, and how far it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lcode.agent.background import Background
from lcode.config import Settings
from lcode.index.build import CodeIndex
from lcode.index.open import index_path, open_index
from lcode.index.reader import Standing
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths
from lcode.worker import nudge, status
from tests.support.embedding_server import KEY, EmbeddingServer

ENVIRON = {"EMBEDDING_KEY": KEY}


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "store.py").write_text("def add_parcel(label):\n    return label\n")
    return folder


@pytest.fixture
def paths(tmp_path: Path) -> AgentPaths:
    return AgentPaths(tmp_path / "agents" / "a")


def service(server: EmbeddingServer) -> Settings:
    return Settings(embedding_provider="openai", embedding_url=f"{server.url}/v1", embedding_key_env="EMBEDDING_KEY")


def build(paths: AgentPaths, seen: Background, root: Path) -> None:
    with closing(open_index(paths)) as database:
        assert CodeIndex(database, root, embedder=seen.embedder()).update().complete


def overwrite(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:] = b"\x5a" * len(data)
    path.write_bytes(bytes(data))


def test_code_and_questions_are_compared_by_the_embedding_that_the_settings_name(
    root: Path, paths: AgentPaths, server: EmbeddingServer
) -> None:
    with closing(Background(paths, root, service(server), ENVIRON)) as seen:
        build(paths, seen, root)
        asked = len(server.requests)
        hits = seen.code.search("add parcel", explain=True)
        assert len(server.requests) == asked + 1
        assert any(signal.name == "meaning" for signal in hits[0].why)
        assert seen.code.standing().words == ""
        assert dict(seen.report())["index"] == "1 files, 1 chunks: complete"


def test_without_the_service_words_find_it_and_why_is_said(root: Path, paths: AgentPaths) -> None:
    with EmbeddingServer() as server, closing(Background(paths, root, service(server), ENVIRON)) as seen:
        build(paths, seen, root)
    with closing(Background(paths, root, service(server), ENVIRON)) as seen:
        assert [hit.path for hit in seen.code.search("add parcel")] == ["store.py"]
        assert "found by words alone: the embedding service" in seen.code.standing().words


def test_without_its_key_words_find_it_and_why_is_said(root: Path, paths: AgentPaths) -> None:
    with closing(Background(paths, root, Settings(), {})) as seen:
        build(paths, seen, root)
    with closing(Background(paths, root, Settings(embedding_provider="openai"), {})) as seen:
        assert [hit.path for hit in seen.code.search("add parcel")] == ["store.py"]
        assert "OPENAI_API_KEY, which is not set" in seen.code.standing().words


@pytest.mark.parametrize("mend", [True, False])
def test_damage_is_mended_by_a_session_that_may_write_and_the_worker_is_told(root: Path, paths: AgentPaths, mend: bool) -> None:
    with closing(Background(paths, root, Settings(), {})) as seen:
        build(paths, seen, root)
    overwrite(index_path(paths))
    with closing(Background(paths, root, Settings(), {}, mend=mend)) as seen:
        assert seen.code.search("add parcel") == []
        assert (seen.code.database.stand_in() == "") is mend
        assert not mend or nudge.take(paths) == [nudge.Nudge(root)]
        if mend:
            build(paths, seen, root)
            assert [hit.path for hit in seen.code.search("add parcel")] == ["store.py"]


def test_while_it_is_indexed_it_is_said_of_how_many_files(root: Path, paths: AgentPaths) -> None:
    lock = NamedLock(status.lock_file(paths))
    paths.folder.mkdir(parents=True)
    assert lock.acquire("worker")
    try:
        told = status.CheckoutStatus(str(root), "files", 412, 5_003)
        status.write(paths, status.WorkerStatus(os.getpid(), status.WORKING, checkouts=(told,)))
        with closing(Background(paths, root, Settings(), {})) as seen:
            assert seen.total() == 5_003
            assert seen.report() == [
                ("store", str(paths.folder)),
                ("index", "the code is not indexed yet: 0 of 5,003 files"),
                ("worker", f"process {os.getpid()}: indexing: 412 of 5,003 files, not watching yet"),
            ]
            assert seen.line() == "indexing 412 of 5,003 files"
            assert not seen.coming(Standing(True, False, 412, 5_003))  # a large one is not waited for
            assert seen.coming(Standing(True, False, 12, 236)) and not seen.coming(Standing(True, True, 236))
            status.write(paths, status.WorkerStatus(os.getpid(), status.WORKING))
            assert seen.coming(Standing())  # the worker has only just begun
            status.write(paths, status.WorkerStatus(os.getpid(), status.IDLE, checkouts=(status.CheckoutStatus(str(root)),)))
            assert not seen.coming(Standing())  # nothing is on its way
    finally:
        lock.release()
    assert Standing(True, False, 412, 5_003).words == "indexing: 412 of 5,003 files so far"
