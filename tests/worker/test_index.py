"""The index follows what is saved: real workers, real files, real git."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lcode.store.locks import NamedLock
from lcode.worker import nudge
from tests.e2e.program import runs, until
from tests.support.index_rows import searchable
from tests.worker.harness import Agent, Index


@pytest.fixture
def index(agent: Agent) -> Index:
    """The index of an agent whose worker has nothing left to do."""
    agent.enter()
    agent.start()
    agent.settled()
    return Index(agent)


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def test_the_checkout_is_indexed_without_being_asked(agent: Agent, index: Index) -> None:
    assert len(index.definitions()) > 3
    assert agent.here().watch == "events"


def test_a_save_can_be_searched_without_being_asked_for(agent: Agent, index: Index) -> None:
    for number in range(5):  # how soon, `benchmarks.worker` measures
        (agent.root / "saved.py").write_text(f"def saved_now_{number}():\n    return {number}\n")
        until(lambda: index.has(f"saved_now_{number}"), "the save can be found", 20)  # noqa: B023
    assert not index.has("saved_now_3")


def test_a_save_while_the_checkout_is_indexed_does_not_wait_for_that(agent: Agent) -> None:
    for number in range(1_500):
        folder = agent.root / f"p{number % 30}"
        folder.mkdir(exist_ok=True)
        body = "\n".join(f"def f{number}_{at}(a, b):\n    return a + b + {at}\n" for at in range(30))
        (folder / f"m{number}.py").write_text(body)
    index = Index(agent)
    agent.enter()
    agent.start()
    until(lambda: agent.here().watch == "events" and agent.here().job == "files", "the first look is under way")
    until(lambda: len(index.definitions()) > 0, "something is indexed")
    began = time.monotonic()
    (agent.root / "p0" / "m0.py").write_text("def saved_meanwhile():\n    return 1\n")
    until(lambda: index.has("saved_meanwhile"), "the save can be found", 20)
    taken, still = time.monotonic() - began, agent.here().job
    assert still == "files" or taken <= 2.0, (taken, still)
    agent.settled()
    found = index.definitions()
    assert ("p0/m0.py", "saved_meanwhile") in found and ("p0/m0.py", "f0_0") not in found
    assert sum(1 for path, _ in found if path.startswith("p")) >= 1_499 * 30


def test_files_that_are_renamed_or_removed_are_not_found_any_more(agent: Agent, index: Index) -> None:
    folder = agent.root / "fresh"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(f"def in_{name}():\n    return 1\n")
    until(lambda: index.has("in_one") and index.has("in_two"), "both are found", 20)
    (folder / "one.py").rename(folder / "three.py")
    until(lambda: ("fresh/three.py", "in_one") in index.definitions(), "it is found by its new name", 20)
    until(lambda: ("fresh/one.py", "in_one") not in index.definitions(), "and by the old one no more", 20)
    from shutil import rmtree

    rmtree(folder)
    until(lambda: not index.has("in_one") and not index.has("in_two"), "nothing of the folder is found", 20)


def test_another_branch_is_what_is_found_after_a_switch(agent: Agent, index: Index) -> None:
    git(agent.root, "checkout", "-q", "-b", "feature")
    for number in range(400):
        (agent.root / f"feature_{number}.py").write_text(f"def feature_{number}():\n    return {number}\n")
    git(agent.root, "add", ".")
    git(agent.root, "commit", "-q", "-m", "Add the feature")
    until(lambda: sum(name.startswith("feature_") for _, name in index.definitions()) == 400, "all of it is found", 30)
    git(agent.root, "checkout", "-q", "-")
    until(lambda: not any(name.startswith("feature_") for _, name in index.definitions()), "none of it is found", 30)
    git(agent.root, "checkout", "-q", "feature")
    until(lambda: sum(name.startswith("feature_") for _, name in index.definitions()) == 400, "all of it is found", 30)


def test_what_is_ignored_from_now_on_is_not_found_any_more(agent: Agent, index: Index) -> None:
    (agent.root / "private.py").write_text("def private_thing():\n    return 1\n")
    until(lambda: index.has("private_thing"), "it is found", 20)
    (agent.root / ".lcodeignore").write_text("private.py\n")
    until(lambda: not index.has("private_thing"), "it is not found any more", 20)


def test_a_killed_worker_leaves_nothing_that_the_next_does_not_finish(agent: Agent) -> None:
    for number in range(600):
        body = "\n".join(f"def g{number}_{at}():\n    return {at}\n" for at in range(20))
        (agent.root / f"g{number}.py").write_text(body)
    agent.enter()
    index = Index(agent)
    first = agent.start()
    until(lambda: any(name.startswith("g") for _, name in index.definitions()), "it has begun")
    first.kill()
    first.wait()
    agent.start()
    agent.settled()
    found = [path for path, name in index.definitions() if name.startswith(path[:-3] + "_")]
    assert len(found) == 600 * 20


def test_worktrees_are_indexed_each_for_itself(agent: Agent, index: Index, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(agent.root, "worktree", "add", "-q", "-b", "other", str(other))
    agent.enter("terminal", other)
    agent.settled(other)
    (other / "there.py").write_text("def only_there():\n    return 1\n")
    until(lambda: index.has("only_there", other), "it is found there", 20)
    assert not index.has("only_there")


def test_another_process_that_indexes_is_waited_for(agent: Agent) -> None:
    lock = NamedLock(agent.paths.locks / "index-build.lock")
    assert lock.acquire("indexing")
    agent.enter()
    agent.start()

    def waits() -> bool:
        here = agent.here()
        return "files" in here.waiting and not here.job

    until(waits, "it waits")
    index = Index(agent)
    assert index.definitions() == set()
    lock.release()
    agent.settled()
    assert len(index.definitions()) > 3 and agent.here().error == ""


def test_a_nudge_has_a_checkout_indexed_in_which_nobody_is(agent: Agent) -> None:
    nudge.drop(agent.paths, agent.root)
    process = agent.start()
    assert process.wait(timeout=60) == 0
    assert len(Index(agent).definitions()) > 3


def test_a_run_without_a_terminal_has_the_index_made_and_leaves_no_process(agent: Agent) -> None:
    from tests.e2e.program import Program

    program = Program(agent.root, {"LCODE_WORKER": "1", "CI": ""})
    assert program("-p", "where is anything?").code == 0
    index = Index(agent)
    until(lambda: len(index.definitions()) > 3, "the index was made", 30)
    until(lambda: agent.owner() == 0, "the worker has ended", 30)


def test_a_secret_of_the_environment_that_stands_in_a_file_is_not_indexed(agent: Agent) -> None:
    """One without a shape by which it could be told."""
    from tests.e2e.program import Program

    (agent.root / "harbour.py").write_text('def light_harbour():\n    return "quietharbourlamp9", "plainharbourlamp9"\n')
    program = Program(agent.root, {"LCODE_WORKER": "1", "CI": "", "HARBOUR_TOKEN": "quietharbourlamp9"})
    assert program("-p", "where is the light?").code == 0
    until(lambda: Index(agent).has("light_harbour"), "the index was made", 30)
    until(lambda: agent.owner() == 0, "the worker has ended", 30)
    words = {row[4] for row in searchable(agent.paths.folder / "index.db", agent.root)["words"]}
    assert {word for word in words if "harbourlamp" in word} == {"plainharbourlamp9", "plainharbourlamp"}


def test_an_ephemeral_run_starts_none(agent: Agent) -> None:
    from tests.e2e.program import Program

    program = Program(agent.root, {"LCODE_WORKER": "1", "CI": ""})
    assert program("--ephemeral", "-p", "where is anything?").code == 0
    assert agent.owner() == 0
    assert not (agent.paths.folder / "index.db").exists() and not list(agent.paths.locks.glob("client.*"))


def test_a_worker_that_is_switched_off_is_not_started(agent: Agent) -> None:
    from tests.e2e.program import Program

    program = Program(agent.root, {"LCODE_WORKER": "0"})
    assert program("-p", "where is anything?").code == 0
    assert agent.owner() == 0 and not (agent.paths.folder / "index.db").exists()


def test_a_job_that_fails_is_told_and_the_worker_lives_on(agent: Agent) -> None:
    agent.enter()
    process = agent.start()
    agent.settled()
    index_file = agent.paths.folder / "index.db"
    before = index_file.stat().st_ino
    with index_file.open("r+b") as file:
        file.seek(0)
        file.write(os.urandom(4_096))
    index = Index(agent)

    def found() -> bool:
        (agent.root / "after.py").write_text(f"def after_damage():\n    return {time.monotonic_ns()}\n")
        return index.has("after_damage")

    until(found, "saves are found again", 60)
    assert process.poll() is None and before
    assert runs(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_vectors_that_cannot_be_made_keep_nothing_else_and_the_reason_stands(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODE_EMBEDDING_PROVIDER", "openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    agent.enter()
    agent.start()
    index = Index(agent)
    until(lambda: "OPENAI_API_KEY" in agent.here().error, "the reason is said")
    (agent.root / "saved.py").write_text("def saved_all_the_same():\n    return 1\n")
    until(lambda: index.has("saved_all_the_same"), "a save can be found")
    assert agent.here().error.startswith(("vectors: the embedding needs a key", "texts: the embedding needs a key"))
