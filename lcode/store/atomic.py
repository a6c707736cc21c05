"""Whole files are replaced, never half written: a temporary file in the same folder, synced, renamed over the old one.

A reader sees the old bytes or the new ones, also after a crash (but for files that cannot be replaced). Mode, owner,
extended attributes and symbolic links stay.
`expected` makes the write a compare-and-swap on content: whoever changed the file in between is not overwritten.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lcode.errors import UserError

_LOCK_TRIES, _LOCK_PAUSE = 200, 0.005


class ContentChanged(UserError):
    """The file does not hold the bytes that the writer expected. `present` is what it holds now (None: no such file)."""

    def __init__(self, path: Path, present: bytes | None) -> None:
        super().__init__(f"{path} changed while it was being written", "Read it again, then repeat the change.")
        self.path = path
        self.present = present


class Anything:
    """The type of ANYTHING: no expectation of what the file holds."""


ANYTHING: Final = Anything()


def write_bytes(path: Path, data: bytes, *, expected: bytes | Anything | None = ANYTHING, mode: int | None = None) -> None:
    """Replace (or create) `path` with `data`. Parents must exist. Raises OSError, and ContentChanged where `expected`
    (None: no file) is not what is there. `mode` is for a new file; a file that exists keeps its own."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    before = _status(target)
    if before is not None:
        if not stat.S_ISREG(before.st_mode):
            raise OSError(f"{target} is not a regular file")
        if not _may_write(target):
            raise PermissionError(13, "the file is read-only", str(target))
    if before is not None and (before.st_nlink > 1 or not _may_write(target.parent)):
        return _in_place(target, data, expected)  # a rename would cut the hard link, or is not allowed
    temporary = _temporary(target)
    try:
        _fill(temporary, data, target, before, mode)
        with _locked(target.parent):
            _swap(temporary, target, expected)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def write_text(path: Path, text: str, *, expected: bytes | Anything | None = ANYTHING, mode: int | None = None) -> None:
    """`write_bytes` in UTF-8, newlines as they are in `text`."""
    write_bytes(path, text.encode("utf-8"), expected=expected, mode=mode)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _temporary(target: Path) -> Path:
    """A name beside `target` that nothing else uses and that stays within 255 bytes."""
    stem = os.fsencode(target.name)[:200]
    return target.with_name(f".{os.fsdecode(stem)}.{os.urandom(6).hex()}.tmp")


def _fill(temporary: Path, data: bytes, target: Path, before: os.stat_result | None, mode: int | None) -> None:
    """Write `data` to a new file with the rights that `target` has (or a new file would get), down to the disk."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    private = before is not None or mode is not None
    descriptor = os.open(temporary, flags, 0o600 if private else 0o666)
    with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
        if before is not None:
            _like(file.fileno(), target, before)
        elif mode is not None and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _like(descriptor: int, target: Path, before: os.stat_result) -> None:
    """Owner, extended attributes and mode of `target`, as far as this process may set them."""
    if not hasattr(os, "fchmod"):
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(target):
                with contextlib.suppress(OSError):
                    os.setxattr(descriptor, name, os.getxattr(target, name))
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _swap(temporary: Path, target: Path, expected: bytes | Anything | None) -> None:
    if expected is None:
        try:
            os.link(temporary, target)  # unlike a rename, fails when somebody else made the file
        except FileExistsError:
            raise ContentChanged(target, _present(target)) from None
        except OSError:  # a file system without hard links
            _check(target, None)
            temporary.replace(target)
        return
    _check(target, expected)
    temporary.replace(target)


def _check(target: Path, expected: bytes | Anything | None) -> None:
    if isinstance(expected, Anything):
        return
    present = _present(target)
    if present != expected:
        raise ContentChanged(target, present)


def _present(target: Path) -> bytes | None:
    try:
        return target.read_bytes()
    except FileNotFoundError:
        return None


def _in_place(target: Path, data: bytes, expected: bytes | Anything | None) -> None:
    """Overwrite a file that cannot be replaced: it has other names (hard links), or its folder may not be changed.
    Here, and only here, a crash can leave half of the new text."""
    with _locked(target.parent):
        _check(target, expected)
        with target.open("r+b") as file:
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Between comparing and renaming no other lcode may write in `folder`. Where it cannot be locked, we go on without."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    import time

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE)
            except OSError:
                break
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """The rename itself must reach the disk; file systems that cannot sync a folder are left to themselves."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
