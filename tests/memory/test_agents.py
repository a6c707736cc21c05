"""Identity: the same agent for every worktree and sub-folder, along with a move, never shared by accident with a fork."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lcode.errors import StoreDamaged, UserError
from lcode.git.repository import find
from lcode.memory.store import Store
from tests.support import fixture_repos


@pytest.fixture
def store(tmp_path: Path):
    made = Store(os.environ)
    yield made
    made.close()


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return fixture_repos.make("go", tmp_path / "project")


def agent_of(store: Store, folder: Path, choose=None) -> str:
    return store.resolve(find(folder), choose).agent.id


def test_sub_folders_and_worktrees_share_the_agent(store: Store, repo: Path, tmp_path: Path) -> None:
    first = agent_of(store, repo)
    git(repo, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    link = tmp_path / "link"
    link.symlink_to(repo)
    inside = next(path for path in repo.iterdir() if path.is_dir() and path.name != ".git")
    assert {agent_of(store, place) for place in (repo, inside, tmp_path / "tree", link)} == {first}
    assert len(store.agents.list()) == 1


def test_a_moved_repository_keeps_its_agent_and_the_user_is_told(store: Store, repo: Path, tmp_path: Path) -> None:
    first = agent_of(store, repo)
    repo.rename(tmp_path / "elsewhere")
    resolution = store.resolve(find(tmp_path / "elsewhere"))
    assert resolution.agent.id == first
    assert "moved here" in resolution.told
    assert store.resolve(find(tmp_path / "elsewhere")).told == ""


def test_a_copy_is_a_question_and_headless_a_fresh_agent(store: Store, repo: Path, tmp_path: Path) -> None:
    first = agent_of(store, repo)
    shutil.copytree(repo, tmp_path / "copy")
    git(repo, "clone", "-q", str(repo), str(tmp_path / "clone"))
    resolution = store.resolve(find(tmp_path / "copy"))
    assert resolution.agent.id != first
    assert "shares its history" in resolution.told
    asked: list[list[str]] = []

    def share(where: Path, twins):
        asked.append([twin.id for twin in twins])
        return twins[0]

    assert agent_of(store, tmp_path / "clone", share) == first
    assert first in asked[0]
    assert agent_of(store, tmp_path / "clone") == first


def test_a_folder_without_git_has_an_agent_that_its_sub_folders_share(store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes" / "deep" / "er").mkdir(parents=True)
    first = agent_of(store, tmp_path / "notes")
    assert agent_of(store, tmp_path / "notes" / "deep" / "er") == first
    git(tmp_path / "notes", "init", "-q")
    assert agent_of(store, tmp_path / "notes" / "deep") == first


def test_an_empty_repository_has_an_agent_and_learns_its_roots_later(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "fresh"
    place.mkdir()
    git(place, "init", "-q")
    first = agent_of(store, place)
    assert agent_of(store, place) == first


def test_a_shallow_clone_is_not_taken_for_another_repository(store: Store, repo: Path, tmp_path: Path) -> None:
    agent_of(store, repo)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "shallow")
    assert store.resolve(find(tmp_path / "shallow")).told == ""


def test_agents_are_renamed_split_and_found_by_name(store: Store, repo: Path) -> None:
    first = agent_of(store, repo)
    store.agents.rename(first, "limiter")
    assert store.agents.find("limiter").id == first
    assert store.agents.find(first[6:14]).id == first
    second = store.agents.split(find(repo))
    assert second.id != first
    assert agent_of(store, repo) == second.id
    with pytest.raises(UserError, match="no agent 'nobody'"):
        store.agents.find("nobody")


def test_a_known_store_that_is_gone_is_never_silently_empty(store: Store, repo: Path) -> None:
    agent = store.resolve(find(repo)).agent
    store.open(agent).read(lambda connection: None)
    agent = store.agents.find(agent.id)
    store.close()
    path = store.paths.agent(agent.id).memory_db
    path.unlink()
    with pytest.raises(StoreDamaged, match="is gone"):
        Store(os.environ).open(agent)
    path.touch()
    with pytest.raises(StoreDamaged, match="is gone"):
        Store(os.environ).open(agent)


def test_two_terminals_that_start_at_once_make_one_agent(repo: Path) -> None:
    one, two = Store(os.environ), Store(os.environ)
    place = find(repo)
    assert one.agents.known(place) is None
    assert two.agents.known(place) is None
    assert one.agents._create(place, ()).id == two.agents._create(place, ()).id
    one.close()
    two.close()
