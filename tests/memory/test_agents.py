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


def commit(folder: Path, text: str) -> None:
    """A repository at `folder` with a history of its own."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", text)


def test_an_agent_that_has_no_place_did_not_move(store: Store, repo: Path, tmp_path: Path) -> None:
    first = agent_of(store, repo)
    second = store.agents.split(find(repo)).id
    assert not store.agents.find(first).paths
    git(repo, "clone", "-q", str(repo), str(tmp_path / "clone"))
    assert store.agents.moved(find(tmp_path / "clone")) is None
    resolution = store.resolve(find(tmp_path / "clone"))
    assert resolution.agent.id not in (first, second)
    assert "shares its history" in resolution.told


def test_another_repository_in_the_same_place_does_not_get_the_memory(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "project"
    commit(place, "one")
    first = agent_of(store, place)
    shutil.rmtree(place)
    commit(place, "two")
    assert store.agents.known(find(place)) is None
    resolution = store.resolve(find(place))
    assert resolution.fresh
    assert resolution.agent.id != first
    assert f"lcode agents share {first[6:14]}" in resolution.told
    assert not store.agents.find(first).paths
    again = store.resolve(find(place))
    assert (again.agent.id, again.told) == (resolution.agent.id, "")


def test_a_repository_made_anew_and_empty_does_not_get_the_memory(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "project"
    commit(place, "one")
    first = agent_of(store, place)
    shutil.rmtree(place)
    place.mkdir()
    git(place, "init", "-q")
    assert agent_of(store, place) != first


def test_a_fresh_clone_of_the_same_project_in_the_same_place_keeps_the_memory(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "project"
    commit(place, "one")
    first = agent_of(store, place)
    git(tmp_path, "clone", "-q", str(place), "copy")
    shutil.rmtree(place)
    (tmp_path / "copy").rename(place)
    resolution = store.resolve(find(place))
    assert (resolution.agent.id, resolution.told) == (first, "")


def test_a_shallow_clone_in_the_same_place_keeps_the_memory(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "project"
    commit(place, "one")
    first = agent_of(store, place)
    git(tmp_path, "clone", "-q", "--depth", "1", place.as_uri(), "copy")
    shutil.rmtree(place)
    (tmp_path / "copy").rename(place)
    assert agent_of(store, place) == first


def test_an_agent_that_projects_share_is_known_by_the_history_of_each(store: Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        commit(tmp_path / name, name)
    first = agent_of(store, tmp_path / "one")
    store.agents.bind(first, find(tmp_path / "two"))
    (tmp_path / "one" / ".git" / "description").write_text("touched")  # as if its git folder was another
    assert agent_of(store, tmp_path / "one") == agent_of(store, tmp_path / "two") == first


def test_a_known_repository_is_found_without_git(store: Store, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = agent_of(store, repo)
    monkeypatch.setenv("PATH", "/nonexistent")
    git_runs: list[object] = []
    monkeypatch.setattr("lcode.git.command.Git._call", lambda *arguments: git_runs.append(arguments) or (1, b"", b""))
    assert agent_of(store, repo) == first
    assert not git_runs


def test_an_ephemeral_look_changes_nothing_where_a_folder_became_a_repository_or_one_moved(
    store: Store, repo: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    notes, project = agent_of(store, tmp_path / "notes"), agent_of(store, repo)
    git(tmp_path / "notes", "init", "-q")
    repo.rename(tmp_path / "elsewhere")
    store.close()
    looked = sorted(path.name for path in store.paths.home.rglob("*"))
    look = Store(os.environ, ephemeral=True)
    assert look.resolve(find(tmp_path / "notes")).agent.id == notes
    assert look.resolve(find(tmp_path / "elsewhere")).agent.id == project
    look.close()
    assert sorted(path.name for path in store.paths.home.rglob("*")) == looked
