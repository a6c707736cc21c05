"""Named locks: one owner, free at once when it dies, never inherited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lcode.store.locks import NamedLock

HOLDER = """
import sys
from pathlib import Path
from lcode.store.locks import NamedLock
lock = NamedLock(Path(sys.argv[1]))
print(lock.acquire("testing"), flush=True)
sys.stdin.read()
"""


def test_a_held_lock_names_its_owner_and_is_free_when_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "session.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    mine = NamedLock(path)
    owner = mine.owner()
    assert owner is not None
    assert (owner.pid, owner.purpose) == (holder.pid, "testing")
    assert not mine.acquire()
    holder.kill()
    holder.wait()
    assert mine.owner() is None
    assert mine.acquire()
    mine.release()


def test_a_child_does_not_inherit_a_lock(tmp_path: Path) -> None:
    mine = NamedLock(tmp_path / "a.lock")
    assert mine.acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    mine.release()
    assert NamedLock(tmp_path / "a.lock").acquire()
    child.communicate(b"\n")


def test_a_released_lock_leaves_no_file_and_can_be_taken_again(tmp_path: Path) -> None:
    lock = NamedLock(tmp_path / "a.lock")
    for _ in range(3):
        assert lock.acquire()
        lock.release()
    assert list(tmp_path.iterdir()) == []


def test_looking_at_a_lock_does_not_take_it(tmp_path: Path) -> None:
    lock = NamedLock(tmp_path / "a.lock")
    assert lock.acquire()
    assert NamedLock(tmp_path / "a.lock").owner() is not None
    assert NamedLock(tmp_path / "a.lock").owner() is not None
    lock.release()
    assert NamedLock(tmp_path / "a.lock").owner() is None
