"""Named locks: one owner, free at once when it dies, never inherited."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lcode.errors import StoreUnwritable
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


def test_a_lock_whose_file_may_only_be_read_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = NamedLock(tmp_path / "a.lock")
    assert lock.acquire("session", "main")
    opened = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, mode)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        owner = NamedLock(tmp_path / "a.lock").owner()
        with pytest.raises(StoreUnwritable, match="cannot open the lock") as refused:
            NamedLock(tmp_path / "b.lock").acquire()
    assert owner is not None and (owner.pid, owner.branch) == (os.getpid(), "main")
    assert "LCODE_HOME" in refused.value.hint
    lock.release()


FORKER = """
import os, sys
from pathlib import Path
from lcode.store.locks import NamedLock
lock = NamedLock(Path(sys.argv[1]))
lock.acquire("testing")
end, hold = os.pipe()
if os.fork() == 0:
    os.close(hold)
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)
os.read(end, 1)
"""


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_lock_that_a_forked_child_of_a_dead_owner_holds_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.lock"
    owner = subprocess.Popen(
        [sys.executable, "-c", FORKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None and owner.stdin is not None
    assert owner.stdout.readline().strip().isdigit()
    mine = NamedLock(path)
    assert not mine.acquire()  # the owner lives: not waited for
    owner.kill()
    owner.wait()
    pauses: list[float] = []

    def let_go(seconds: float) -> None:
        """In place of the first pause: the child comes to its exec."""
        if not pauses and owner.stdin is not None and owner.stdout is not None:
            owner.stdin.close()
            owner.stdout.read()
        pauses.append(seconds)

    monkeypatch.setattr("lcode.store.locks.time.sleep", let_go)
    assert mine.acquire()
    assert pauses
    mine.release()
