"""What is heard of saves, with the operating system's own events."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from lcode import clock
from lcode.git.repository import find
from lcode.worker import changes as timing
from lcode.worker.changes import Batch, Changes
from lcode.worker.checkouts import Checkout
from lcode.worker.watch import Watch
from tests.e2e.program import until


class Heard:
    """A watch at work, and what it heard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._woken = Event()
        self.changes = Changes(self._woken.set)
        self.watch = Watch(find(root), self.changes)
        self.watch.start()
        until(lambda: self.watch.mode != "", "the watch is set up")
        self.next()  # the look at everything that follows the start

    def next(self) -> Batch:
        """The next batch, when its time has come."""
        found: list[Batch] = []

        def take() -> bool:
            batch = self.changes.take()
            if batch is not None:
                found.append(batch)
            return bool(found)

        until(take, "something was heard", 10)
        return found[0]

    def nothing_but(self, path: str) -> Batch:
        """A save of `path` is all that is heard, though other things happened before it."""
        (self.root / path).write_text("heard\n")
        return self.next()


@pytest.fixture
def heard(repo: Path) -> Iterator[Heard]:
    (repo / ".gitignore").write_text("ignored/\n*.log\n")
    (repo / "ignored").mkdir()
    (repo / "src").mkdir(exist_ok=True)
    made = Heard(repo)
    assert made.watch.mode == "events", made.watch.reason
    yield made
    made.watch.stop()


def test_a_save_is_heard(heard: Heard) -> None:
    (heard.root / "src" / "new.py").write_text("x = 1\n")
    assert heard.next().paths == {"src/new.py"}


def test_an_editor_that_renames_a_new_file_over_the_old_one_is_heard(heard: Heard) -> None:
    (heard.root / "src" / "a.py").write_text("x = 1\n")
    heard.next()
    temporary = heard.root / "src" / ".a.py.swp"
    temporary.write_text("x = 2\n")
    temporary.replace(heard.root / "src" / "a.py")
    assert "src/a.py" in heard.next().paths


def test_what_is_made_in_a_new_folder_is_heard(heard: Heard) -> None:
    folder = heard.root / "one" / "two"
    folder.mkdir(parents=True)
    (folder / "deep.py").write_text("x = 1\n")
    paths = set(heard.next().paths)
    while "one/two/deep.py" not in paths:
        paths |= heard.next().paths
    (folder / "deep.py").write_text("x = 2\n")
    assert heard.next().paths == {"one/two/deep.py"}


def test_a_folder_that_is_removed_has_everything_looked_at(heard: Heard) -> None:
    from shutil import rmtree

    folder = heard.root / "src"
    (folder / "a.py").write_text("x = 1\n")
    heard.next()
    rmtree(folder)
    assert heard.next().everything


def test_a_folder_that_is_moved_out_has_everything_looked_at(heard: Heard, tmp_path: Path) -> None:
    (heard.root / "src").rename(tmp_path / "elsewhere")
    assert heard.next().everything


def test_nothing_is_heard_of_ignored_folders_and_of_gits_objects(heard: Heard) -> None:
    (heard.root / "ignored" / "a.py").write_text("x = 1\n")
    (heard.root / ".git" / "objects" / "ab").mkdir(exist_ok=True)
    (heard.root / ".git" / "objects" / "ab" / "cd").write_text("x\n")
    batch = heard.nothing_but("src/b.py")
    assert batch.paths == {"src/b.py"} and not batch.git and not batch.everything


def test_a_folder_of_caches_that_appears_later_is_not_watched(heard: Heard) -> None:
    (heard.root / ".gitignore").write_text("ignored/\nnode_modules/\n")
    assert heard.next().everything
    modules = heard.root / "node_modules" / "thing"
    modules.mkdir(parents=True)
    (modules / "index.js").write_text("1\n")
    assert heard.nothing_but("src/b.py").paths == {"src/b.py"}


def test_a_folder_that_is_ignored_no_longer_is_watched(heard: Heard) -> None:
    (heard.root / ".gitignore").write_text("*.log\n")
    assert heard.next().everything

    def is_heard() -> bool:
        (heard.root / "ignored" / "a.py").write_text(os.urandom(4).hex())
        batch = heard.changes.take()
        return batch is not None and "ignored/a.py" in batch.paths

    until(is_heard, "saves there are heard", 10)


def test_a_commit_is_heard_and_nothing_else_of_gits(heard: Heard) -> None:
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Nothing"], cwd=heard.root, check=True)
    batch = heard.next()
    assert batch.git and not batch.paths and not batch.everything


def test_a_branch_switch_with_thousands_of_files_is_one_look(heard: Heard) -> None:
    run = lambda *words: subprocess.run(["git", *words], cwd=heard.root, check=True, capture_output=True)  # noqa: E731
    run("checkout", "-q", "-b", "many")
    for number in range(2_000):
        folder = heard.root / f"f{number % 40}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.py").write_text(f"x = {number}\n")
    run("add", ".")
    run("commit", "-q", "-m", "Many")
    until(lambda: heard.changes.take() is None and heard.changes.due() is None, "it is quiet")
    run("checkout", "-q", "-")
    batches = [heard.next()]
    assert any(batch.everything for batch in batches) and all(batch.git or batch.everything for batch in batches)
    assert timing.MANY < 2_000


def test_a_linked_worktree_hears_of_its_own_branch(heard: Heard, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "other", str(other)], cwd=heard.root, check=True)
    linked = Heard(other)
    try:
        subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Nothing"], cwd=other, check=True)
        assert linked.next().git
    finally:
        linked.watch.stop()


def test_too_many_folders_are_told_and_the_files_are_looked_at_instead(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers import inotify_c

    real = inotify_c.InotifyFD.add_callback

    def add(self: object, path: bytes, *rest: object) -> object:
        if path.endswith(b"src"):
            raise OSError(errno.ENOSPC, "inotify watch limit reached")
        return real(self, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(inotify_c.InotifyFD, "add_callback", add)
    (repo / "src").mkdir(exist_ok=True)
    heard = Heard(repo)
    assert heard.watch.mode == "polling" and "max_user_watches" in heard.watch.reason


def test_where_nothing_tells_of_saves_looks_are_as_rare_as_they_are_costly(repo: Path) -> None:
    checkout = Checkout(repo, lambda: None)
    checkout.watch.mode = "polling"

    def rest() -> float:
        return round((checkout.look_due() or 0.0) - clock.monotonic(), 1)

    checkout.looked(90.0, changed=True)  # the first build: that is no measure of a look
    assert rest() <= 2.0
    checkout.looked(0.5, changed=False)
    assert rest() == pytest.approx(10.0, abs=0.2)
    for _ in range(20):
        checkout.looked(0.5, changed=False)
    assert rest() == pytest.approx(60.0, abs=0.2)
    checkout.looked(30.0, changed=True)
    assert rest() == pytest.approx(10.0, abs=0.2)


def test_too_many_watchers_are_told(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers import inotify_c

    def none(self: object, *rest: object) -> object:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(inotify_c.InotifyFD, "__init__", none)
    heard = Heard(repo)
    assert heard.watch.mode == "polling" and "max_user_instances" in heard.watch.reason


def test_a_limit_that_is_reached_later_ends_the_watch(heard: Heard) -> None:
    descriptor = heard.watch._observer._inotify_fd

    def none(*_: object) -> object:
        heard.watch.reason = "the limit"
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    descriptor.add_callback = none
    (heard.root / "another").mkdir()
    until(heard.watch.broken, "it is noticed", 10)
    assert heard.watch.mode == "polling"
    assert heard.next().everything


def test_without_git_caches_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    (root / "node_modules").mkdir(parents=True)
    heard = Heard(root)
    try:
        (root / "node_modules" / "a.js").write_text("1\n")
        assert heard.nothing_but("b.py").paths == {"b.py"}
    finally:
        heard.watch.stop()
