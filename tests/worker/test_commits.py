"""Workers digest what git does while they live, told by hooks or by what they see: real processes, real hooks."""

from __future__ import annotations

import signal
from pathlib import Path

from lcode.git import hooks
from lcode.git.repository import find
from lcode.memory.digests import Digests
from lcode.redact import of_process
from lcode.store.paths import private_folder
from lcode.worker import nudge
from tests.e2e.program import until
from tests.worker.commits import Kept, Repository
from tests.worker.harness import Agent


def work(agent: Agent) -> tuple[Repository, Kept]:
    return Repository(agent.root), Kept(agent.root, agent.paths)


def reached(repository: Repository) -> set[str]:
    return set(repository.git("rev-list", "HEAD", "--branches").split())


def settled(repository: Repository, kept: Kept) -> None:
    there = reached(repository)
    with kept.database() as database:
        known = Digests(database, of_process())
        live = lambda: {one.commit for one in known.all() if not one.retired_at}  # noqa: E731
        until(lambda: live() == there, "what is there is digested, and nothing else is live")


def test_two_that_work_at_once_digest_each_commit_once(agent: Agent, tmp_path: Path) -> None:
    repository, kept = work(agent)
    foreign = agent.root / ".git/hooks/post-commit"
    foreign.write_text("#!/bin/sh\necho ran >>.git/foreign\nexec true\n")
    foreign.chmod(0o755)
    hooks.install(find(agent.root), private_folder(nudge.folder(agent.paths)))
    agent.enter()
    agent.enter()
    workers = [agent.start(), agent.start()]
    seen = reached(repository)

    def note(commit: str) -> str:
        seen.add(commit)
        return commit

    for number in range(3):
        note(repository.commit(f"On main {number}", **{f"m{number}_py": f"def on_main_{number}():\n    pass\n"}))
        repository.git("commit", "-q", "--amend", "-m", f"Amended {number}")
        note(repository.head())
        repository.git("checkout", "-q", "-b", f"side{number}", "HEAD~1")
        for step in range(2):
            note(repository.commit(f"Side {number} {step}", **{f"s{number}_{step}_py": "x = 1\n"}))
        if owner := next((one for one in workers if one.pid == agent.owner()), None):
            owner.send_signal(signal.SIGKILL)  # another takes over
            owner.wait()
            workers.append(agent.start())
        repository.git("rebase", "-q", "main")
        note(repository.head())
        note(repository.head("HEAD~1"))
        repository.git("checkout", "-q", "main")
        repository.git("merge", "-q", "--no-ff", "--no-edit", f"side{number}")
        note(repository.head())
        repository.git("branch", "-q", "-D", f"side{number}")
    settled(repository, kept)
    digests = kept.all()
    assert seen <= digests.keys()
    assert {commit for commit, one in digests.items() if one.retired_at} == digests.keys() - reached(repository)
    assert sorted(commit for commit, _, _ in kept.passages()) == sorted(digests)
    assert (agent.root / ".git/foreign").read_text().count("ran") >= 9


def test_without_hooks_a_commit_and_a_deleted_branch_are_seen(agent: Agent) -> None:
    repository, kept = work(agent)
    agent.enter()
    agent.start()
    settled(repository, kept)
    repository.git("checkout", "-q", "-b", "side")
    lost = repository.commit("Only here")
    settled(repository, kept)
    repository.git("checkout", "-q", "-")
    settled(repository, kept)
    repository.git("branch", "-q", "-D", "side")
    settled(repository, kept)
    assert kept.all()[lost].retired_at


def test_a_commit_in_a_worktree_without_a_session_is_told_by_its_hook(agent: Agent, tmp_path: Path) -> None:
    repository, kept = work(agent)
    hooks.install(find(agent.root), private_folder(nudge.folder(agent.paths)))
    agent.enter()
    agent.start()
    settled(repository, kept)
    repository.git("worktree", "add", "-q", "-b", "there", str(tmp_path / "tree"))
    tree = Repository(tmp_path / "tree", repository.seconds)
    lost = tree.commit("There")
    tree.git("commit", "-q", "--amend", "--allow-empty", "-m", "There again")
    repository.git("worktree", "remove", "--force", str(tree.root))
    settled(repository, kept)
    until(lambda: lost in kept.all(), "what only the hook knew is digested")
    told = agent.status()
    assert told is not None and [one.root for one in told.checkouts] == [str(agent.root)]


def test_what_happened_while_no_worker_lived_is_made_up_for(agent: Agent) -> None:
    repository, kept = work(agent)
    first = repository.commit("First")
    repository.git("commit", "-q", "--amend", "--allow-empty", "-m", "The first")
    agent.enter()
    agent.start()
    settled(repository, kept)
    assert kept.all()[first].replaced_by == repository.head()
