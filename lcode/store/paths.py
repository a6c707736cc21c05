"""Where things lie on disk. Folders of the store are private (0700), its files too (0600)."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lcode.errors import EXIT_ERROR, StoreUnwritable
from lcode.store.atomic import sync_folder

# A full or broken disk, a quota, one that may only be read, too many open files: what may be over when it is tried again.
_PASSING = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS),
        *(errno.EBUSY, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    }
)
_ANOTHER = "move away what stands there or mend its permissions, or set LCODE_HOME to another folder"


def home(environ: Mapping[str, str]) -> Path:
    """`$LCODE_HOME`, else the platform's data folder with `lcode` in it. A relative one is meant from the user's home: from
    where a command runs it would be another store in each place, and inside the repository."""
    if given := environ.get("LCODE_HOME"):
        return Path.home() / Path(given).expanduser()
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Application Support"
    else:
        named = environ.get("XDG_DATA_HOME", "")
        base = named if Path(named).is_absolute() else "~/.local/share"  # as the specification says
    return Path(base).expanduser() / "lcode"


@dataclass(frozen=True)
class StorePaths:
    """The layout below the store's home."""

    home: Path

    @property
    def user_db(self) -> Path:
        return self.home / "user.db"

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def forgetting(self) -> Path:
        """A note that something is being forgotten, and since when; not a word of what."""
        return self.home / "forgetting"

    def forgetting_since(self) -> str:
        """When a forgetting was begun that is not finished; '' for none."""
        try:
            return self.forgetting.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def agent(self, agent_id: str) -> AgentPaths:
        return AgentPaths(self.home / "agents" / agent_id)


@dataclass(frozen=True)
class AgentPaths:
    """The layout below one agent's folder."""

    folder: Path

    @property
    def memory_db(self) -> Path:
        return self.folder / "memory.db"

    @property
    def locks(self) -> Path:
        return self.folder / "locks"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def outputs(self) -> Path:
        """Full tool outputs that were too long for the model."""
        return self.folder / "outputs"

    @property
    def history(self) -> Path:
        """What was typed at the prompt of this repository."""
        return self.folder / "history"


def private_folder(folder: Path) -> Path:
    """Make `folder` (and its parents) readable by its owner alone. Raises StoreUnwritable."""
    try:
        if not folder.is_dir():
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for one in missing:
                one.chmod(0o700)  # a parent gets the umask's mode
                sync_folder(one.parent)  # what a synced file lies in must outlast a loss of power as well
    except OSError as error:
        hint = "set LCODE_HOME to a folder that can be written, or use --ephemeral"
        raise unwritable(f"cannot make the folder {folder}", error, hint) from error
    return folder


def unwritable(what: str, error: OSError, hint: str) -> StoreUnwritable:
    """The error of a place that cannot be written; temporary only where that may pass by itself."""
    fault = StoreUnwritable(f"{what}: {error.strerror or error}", hint)
    if error.errno not in _PASSING:
        fault.exit_code = EXIT_ERROR
    return fault


def unopened(what: str, path: Path, error: Exception, hint: str) -> StoreUnwritable:
    """The error of a file that cannot be opened or written; temporary unless something stands in the way that stays."""
    reason = next(filter(None, (_obstacle(Path(f"{path}{end}")) for end in ("", "-wal", "-shm", "-journal"))), "")
    text = error.strerror if isinstance(error, OSError) else None
    fault = StoreUnwritable(f"{what}: {reason or text or error}", _ANOTHER if reason else hint)
    if reason:
        fault.exit_code = EXIT_ERROR
    return fault


def refuse_closed(folder: Path) -> None:
    """Raise StoreUnwritable where `folder` is there and may not be looked into: that it seems empty would say nothing."""
    try:
        if not folder.exists() or os.access(f"{folder}{os.sep}.", os.R_OK | os.X_OK):
            return
        reason = "permission denied" if folder.is_dir() else "it is no folder"
    except OSError as error:
        reason = str(error.strerror)
    fault = StoreUnwritable(f"memory in {folder} cannot be used: {reason}", _ANOTHER)
    fault.exit_code = EXIT_ERROR
    raise fault


def _obstacle(path: Path) -> str:
    """Why there can be no file at `path` for us however long one waits; '' where none is seen. What can be read, and only not
    be written, may be so for a while: a file system that was mounted again as read-only."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        there = path.parent.exists()
        return f"permission denied for {path.parent}" if there and not os.access(path.parent, os.R_OK | os.X_OK) else ""
    except OSError as error:
        return "" if error.errno in _PASSING else f"{path.name}: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"{path.name} is {'a folder' if stat.S_ISDIR(mode) else 'no file'}"
    return "" if os.access(path, os.R_OK) else f"permission denied for {path.name}"


def create_private_file(path: Path) -> None:
    """Make `path` empty with mode 0600 if it does not exist: SQLite gives its -wal and -shm the mode of the database."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise unwritable(f"cannot write {path}", error, "set LCODE_HOME to a folder that can be written") from error
