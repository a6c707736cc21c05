"""Past commits beside living files: renames followed, new ones added, a rewritten history read anew."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lcode.git.command import Git
from lcode.index.history import MOST_FILES, read_commits, update_history
from lcode.index.open import IndexDatabase
from lcode.index.past import past_commits
from lcode.path_text import path_text


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, subject: str, **files: str | None) -> None:
    """A commit of these files; `__` in a name is a slash, and None takes the file away."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-m", subject)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def database() -> Iterator[IndexDatabase]:
    made = IndexDatabase(None)
    yield made
    made.close()


def update(database: IndexDatabase, root: Path, limit: int = 1_000) -> int:
    return update_history(database, Git(root), path_text(root), limit=limit)


def history(database: IndexDatabase) -> list[tuple[str, tuple[str, ...]]]:
    """Subjects, oldest first, each with its files."""

    def look(connection):  # type: ignore[no-untyped-def]
        found = []
        for row, subject in list(connection.execute("SELECT id, subject FROM commits ORDER BY id")):
            files = connection.execute("SELECT path FROM commit_files WHERE commit_id = ? ORDER BY path", (row,))
            found.append((subject, tuple(path for (path,) in files)))
        return found

    return database.read(look)


TEXT = "".join(f"line {number} of a file\n" for number in range(40))


def test_commits_stand_beside_the_files_they_touched(root: Path, database: IndexDatabase) -> None:
    commit(root, "First", a="1", b="2")
    commit(root, "Second", b="3")
    assert update(database, root) == 2
    assert history(database) == [("First", ("a", "b")), ("Second", ("b",))]
    assert update(database, root) == 0


def test_a_message_and_a_name_may_hold_any_character(root: Path, database: IndexDatabase) -> None:
    commit(root, "Mark \x01h\x02x\x02s\x02b\x02 :100644 A\n\n:100644 body", **{":a\x01\x02\nb": "1"})
    commit(root, " ", c="2")
    assert update(database, root) == 2
    assert history(database) == [("Mark \x01h\x02x\x02s\x02b\x02 :100644 A", (":a\x01\x02\nb",)), ("", ("c",))]


def test_a_commit_may_claim_any_time(root: Path, database: IndexDatabase) -> None:
    commit(root, "First", a="1")
    body = git(root, "cat-file", "commit", "HEAD")
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=root, check=True, capture_output=True, text=True,
        input=re.sub(r"> \d+ ", "> 99999999999999 ", body) + "\n",
    )  # fmt: skip
    git(root, "update-ref", "HEAD", made.stdout.strip())
    assert update(database, root) == 1
    (found,) = database.read(lambda connection: past_commits(connection, ""))
    assert datetime.fromtimestamp(found.time, UTC).year == 9999


def test_a_moved_file_keeps_its_history(root: Path, database: IndexDatabase) -> None:
    commit(root, "Make", old=TEXT)
    commit(root, "Move", old=None, folder__new=TEXT)
    commit(root, "Move again", folder__new=None, folder__newest=TEXT + "more\n")
    update(database, root)
    assert history(database) == [(subject, ("folder/newest",)) for subject in ("Make", "Move", "Move again")]


def test_a_move_that_comes_later_moves_what_is_known(root: Path, database: IndexDatabase) -> None:
    commit(root, "Make", old=TEXT)
    update(database, root)
    commit(root, "Move", old=None, new=TEXT)
    commit(root, "Change", new=TEXT + "more\n")
    assert update(database, root) == 2
    assert history(database) == [("Make", ("new",)), ("Move", ("new",)), ("Change", ("new",))]


def test_a_new_file_at_the_place_of_a_moved_one_has_a_history_of_its_own(root: Path, database: IndexDatabase) -> None:
    commit(root, "Make", place=TEXT)
    commit(root, "Move", place=None, elsewhere=TEXT)
    commit(root, "Another", place="something else entirely\n")
    update(database, root)
    assert history(database) == [("Make", ("elsewhere",)), ("Move", ("elsewhere",)), ("Another", ("place",))]


def test_growing_by_steps_gives_what_reading_at_once_gives(root: Path, database: IndexDatabase) -> None:
    for number in range(6):
        commit(root, f"Change {number}", **{f"f{number % 3}": f"{TEXT}{number}"})
        if number % 2:
            update(database, root)
    commit(root, "Move", f0=None, g0=f"{TEXT}3")
    update(database, root)
    whole = IndexDatabase(None)
    update(whole, root)
    assert history(database) == history(whole)
    whole.close()


def test_a_rewritten_history_is_read_anew(root: Path, database: IndexDatabase) -> None:
    commit(root, "Keep", a="1")
    commit(root, "Mistake", b="2")
    update(database, root)
    git(root, "reset", "-q", "--hard", "HEAD~1")
    commit(root, "Better", c="3")
    update(database, root)
    assert history(database) == [("Keep", ("a",)), ("Better", ("c",))]


def test_another_worktree_adds_its_commits_and_loses_none(root: Path, tmp_path: Path, database: IndexDatabase) -> None:
    commit(root, "Shared", a="1")
    git(root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    commit(root, "On main", b="2")
    commit(tmp_path / "side", "On side", c="3")
    update(database, root)
    update(database, tmp_path / "side")
    assert {subject for subject, _ in history(database)} == {"Shared", "On main", "On side"}
    assert update(database, root) == 0


def test_only_the_newest_are_kept(root: Path, database: IndexDatabase) -> None:
    for number in range(5):
        commit(root, f"Change {number}", a=str(number))
    update(database, root, limit=3)
    assert [subject for subject, _ in history(database)] == ["Change 2", "Change 3", "Change 4"]
    commit(root, "Change 5", a="5")
    update(database, root, limit=3)
    assert [subject for subject, _ in history(database)] == ["Change 3", "Change 4", "Change 5"]


def test_a_sweep_says_nothing_of_its_files(root: Path, database: IndexDatabase) -> None:
    commit(root, "Sweep", **{f"f{number}": "x" for number in range(MOST_FILES + 1)})
    update(database, root)
    assert history(database) == [("Sweep", ())]


def test_a_repository_without_commits_has_no_history(root: Path, database: IndexDatabase) -> None:
    assert update(database, root) == 0
    assert history(database) == []


def test_odd_names_and_messages_are_read(root: Path) -> None:
    name = 'a "b"\tc\nd é'
    (root / name).write_text("x", encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Subject\n\nBody with \x02 and\n\n:100644 lines like those of git")
    (found,) = read_commits(Git(root), "HEAD")
    assert [change.path for change in found.changes] == [name]
    assert found.subject == "Subject" and found.body.startswith("Body with")
