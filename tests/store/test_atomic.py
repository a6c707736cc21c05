from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lcode.store import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_made_with_the_users_mask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        atomic.write_bytes(tmp_path / "a", b"x")
        atomic.write_text(tmp_path / "b", "é\r\n", mode=0o600)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600
    assert (tmp_path / "b").read_bytes() == "é\r\n".encode()
    assert names(tmp_path) == ["a", "b"]


def test_mode_and_attributes_of_a_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("old")
    path.chmod(0o754)
    try:
        os.setxattr(path, "user.note", b"kept")
    except (OSError, AttributeError):
        attributes = False
    else:
        attributes = True
    atomic.write_bytes(path, b"new", mode=0o600)
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o754
    assert not attributes or os.getxattr(path, "user.note") == b"kept"


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "soft").symlink_to("target")
    os.link(tmp_path / "target", tmp_path / "hard")
    atomic.write_bytes(tmp_path / "soft", b"new and longer")
    atomic.write_bytes(tmp_path / "hard", b"hi")
    assert (tmp_path / "soft").is_symlink()
    assert (tmp_path / "target").read_text() == (tmp_path / "hard").read_text() == "hi"
    assert (tmp_path / "target").stat().st_nlink == 2


def test_a_file_that_is_not_as_expected_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("theirs")
    for expected in (b"mine", None):
        with pytest.raises(atomic.ContentChanged) as caught:
            atomic.write_bytes(path, b"new", expected=expected)
        assert caught.value.present == b"theirs"
    with pytest.raises(atomic.ContentChanged) as caught:
        atomic.write_bytes(tmp_path / "gone", b"new", expected=b"old")
    assert caught.value.present is None
    assert path.read_text() == "theirs" and names(tmp_path) == ["a"]
    atomic.write_bytes(path, b"new", expected=b"theirs")
    atomic.write_bytes(tmp_path / "b", b"made", expected=None)
    assert path.read_text() == "new" and names(tmp_path) == ["a", "b"]


def test_what_is_no_file_or_is_read_only_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            atomic.write_bytes(path, b"x")
    (tmp_path / "readonly").write_text("x")
    (tmp_path / "readonly").chmod(0o444)
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            atomic.write_bytes(tmp_path / "readonly", b"y")
    assert names(tmp_path) == ["pipe", "readonly"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_file_in_a_folder_that_may_not_change_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    path = tmp_path / "closed/a"
    path.write_text("old")
    path.parent.chmod(0o555)
    try:
        atomic.write_bytes(path, b"new", expected=b"old")
    finally:
        path.parent.chmod(0o755)
    assert path.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic.write_bytes(path, b"new")
    assert path.read_text() == "old" and names(tmp_path) == ["a"]


def test_a_name_of_full_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    atomic.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_no_update_is_lost_between_threads(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")

    def count() -> None:
        for _ in range(15):
            while True:
                before = path.read_bytes()
                try:
                    atomic.write_bytes(path, str(int(before) + 1).encode(), expected=before)
                except atomic.ContentChanged:
                    continue
                break

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == "60" and names(tmp_path) == ["count"]


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"o" * 100_000)
    program = (
        "import os, sys; from pathlib import Path; from lcode.store import atomic\n"
        "real = os.fsync; os.fsync = lambda fd: os._exit(9)\n"
        f"atomic.write_bytes(Path({str(path)!r}), b'n' * 100_000)"
    )
    result = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2])
    assert result.returncode == 9
    assert path.read_bytes() == b"o" * 100_000
