"""`lcode doctor` on what stands where the store keeps its files: folders and files as they should be, and to be written.

A look at memory needs none of that, so that a store which nobody can write to may pass every other check.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.cli.doctor_finding import Finding
from lcode.cli.options import Options

if TYPE_CHECKING:
    from lcode.store.paths import StorePaths

_FIX = "`lcode doctor --fix` mends it"
_MOVE = "move it to another place, or set LCODE_HOME to another folder"
_NAMED = 3  # paths that are named in one line


def access_check(options: Options) -> Iterator[Finding]:
    """Every folder and file that a session needs, before anything in them is read."""
    from lcode.store.paths import StorePaths, home

    paths = StorePaths(home(os.environ))
    if not paths.home.is_dir():
        return
    closed: list[Path] = []
    for path, is_folder in _expected(paths):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Finding("access", "fail", f"{path}: {error.strerror}", _MOVE)
            continue
        if not (stat.S_ISDIR if is_folder else stat.S_ISREG)(mode):
            yield _misplaced(path, mode, is_folder=is_folder)
        elif not os.access(path, os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)):
            closed.append(path)
    if closed:
        yield _unwritable(closed)


def _expected(paths: StorePaths) -> Iterator[tuple[Path, bool]]:
    """What may stand in the store's home, and whether it must be a folder. What is not there yet is made when it is needed."""
    agents = paths.home / "agents"
    yield from ((folder, True) for folder in (paths.home, paths.locks, paths.log, agents))
    yield from _database(paths.home, "user")
    for folder in sorted(agents.glob("agent-*")):
        yield from ((one, True) for one in (folder, folder / "locks", folder / "backups", folder / "outputs"))
        yield from _database(folder, "memory")


def _database(folder: Path, name: str) -> Iterator[tuple[Path, bool]]:
    """A database, its logs, and all locks beside it."""
    yield from ((folder / f"{name}.db{end}", False) for end in ("", "-wal", "-shm"))
    for end in ("lock", "open", "commits"):
        yield from ((path, False) for path in sorted((folder / "locks").glob(f"*.{end}")))


def _misplaced(path: Path, mode: int, *, is_folder: bool) -> Finding:
    """Something else stands in a place of the store. It goes where it holds nothing."""
    found = "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "neither a file nor a folder"
    text = f"{path} is {found}, and has to be a {'folder' if is_folder else 'file'}"
    if _is_empty(path, mode):
        return Finding("access", "fail", text, f"it is empty: {_FIX}", partial(_removed, path))
    return Finding("access", "fail", text, _MOVE)


def _is_empty(path: Path, mode: int) -> bool:
    if path.is_symlink():
        return False
    if not stat.S_ISDIR(mode):
        return stat.S_ISREG(mode) and not path.stat().st_size
    try:
        return next(path.iterdir(), None) is None
    except OSError:
        return False


def _removed(path: Path) -> str:
    """Neither call removes anything that has come to hold something: a file is looked at once more."""
    if path.is_dir():
        path.rmdir()
    elif not path.stat().st_size:
        path.unlink()
    return f"removed {path}, which was empty"


def _unwritable(closed: Sequence[Path]) -> Finding:
    names = ", ".join(map(str, closed[:_NAMED])) + (f" and {len(closed) - _NAMED} more" if len(closed) > _NAMED else "")
    ours = [path for path in closed if _may_be_opened(path)]
    hint = _FIX if ours else "mend its permissions or mount it to be written, or set LCODE_HOME to another folder"
    return Finding("access", "fail", f"cannot be written: {names}", hint, partial(_opened, ours) if ours else None)


def _may_be_opened(path: Path) -> bool:
    """Whether it is only the permissions that its owner, who we are, gave to it."""
    found = path.stat()
    wanted = 0o700 if stat.S_ISDIR(found.st_mode) else 0o600
    return hasattr(os, "getuid") and found.st_uid == os.getuid() and found.st_mode & wanted != wanted


def _opened(closed: Sequence[Path]) -> str:
    for path in closed:
        mode = path.stat().st_mode
        path.chmod(stat.S_IMODE(mode) | (0o700 if stat.S_ISDIR(mode) else 0o600))
    return f"can be written again: {closed[0]}" + (f" and {len(closed) - 1} more" if len(closed) > 1 else "")
