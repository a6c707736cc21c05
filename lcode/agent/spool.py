"""Writes that wait for the store, in a private file: what a session could not save, the next start saves.

A line is the recall writes of one transaction. They carry ids made by their client, so that a file may be applied again,
or by several at once. It stands where it could be written: in the agent's folder, else the runtime or temporary folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lcode.errors import StoreBusy, StoreUnwritable
from lcode.memory.recall import Recall
from lcode.memory.recall_writes import Operation, from_line, to_line
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths

_HEADER = '"lcode outbox 1"\n'
_SUFFIX = ".outbox"


def folders(paths: AgentPaths, environ: Mapping[str, str]) -> list[Path]:
    """Where such files may stand, the best place first."""
    import tempfile

    runtime = environ.get("XDG_RUNTIME_DIR")
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    places = [paths.folder / "outbox", *([Path(runtime) / "lcode"] if runtime else [])]
    return [*places, Path(environ.get("TMPDIR") or tempfile.gettempdir()) / f"lcode-{user}"]


class Spool:
    """The file of one session. Nothing is written before the first `keep`."""

    def __init__(self, places: Sequence[Path], agent_id: str, session_id: str) -> None:
        self._places = list(places)
        self._name = f"{agent_id}.{session_id}{_SUFFIX}"
        self.path: Path | None = None  # where it stands; None: nowhere

    def keep(self, waiting: Sequence[Sequence[Operation]]) -> None:
        """Have all that is waiting in the file; only its last transaction is new. Where that fails `path` is None."""
        if self.path is not None:
            if self._append(self.path, to_line(waiting[-1])):
                return
            self.discard()  # it may have half a line at its end, and what follows it would be lost
        whole = _HEADER + "".join(map(to_line, waiting))
        for folder in filter(_private, self._places):
            path = folder / self._name
            if self._append(path, whole, fresh=True):
                self.path = path
                return
            _remove(path)  # begun, where there is no room for it

    def discard(self) -> None:
        """All of it is in the store, or in another file."""
        if self.path is not None:
            _remove(self.path)
            self.path = None

    @staticmethod
    def _append(path: Path, text: str, *, fresh: bool = False) -> bool:
        """Down to the disk. Half a line at the end is left out when the file is read."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(path, flags | (os.O_TRUNC if fresh else 0), 0o600)
        except OSError:
            return False
        try:
            data = text.encode()
            done = os.write(descriptor, data) == len(data)
            os.fsync(descriptor)
            return done
        except OSError:
            return False
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _private(folder: Path) -> bool:
    """Make the folder; whether it is ours alone."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def collect(places: Sequence[Path], agent_id: str, locks: Path, recall: Recall) -> list[str]:
    """Save what sessions that are gone left behind; a line about each. What cannot be saved yet stays where it is."""
    told = []
    for path in _found(places, agent_id):
        session_id = path.name.removesuffix(_SUFFIX).partition(".")[2]
        if NamedLock(locks / f"{session_id}.lock").owner() is not None:
            continue  # it is live, and does so itself
        try:
            waiting = _read(path)
            for operations in waiting:
                recall.replay(operations)
        except (StoreUnwritable, StoreBusy):
            continue
        except (ValueError, TypeError, KeyError, OSError):
            told.append(f"{path} holds messages that could not be saved, and cannot be read; it is kept as {_set_aside(path)}")
            continue
        path.unlink(missing_ok=True)
        if not waiting:  # its session was killed before the first write that it wanted to keep
            continue
        saved = count(waiting)
        verb = "is" if saved.startswith("1 ") else "are"
        told.append(f"{saved} of session {session_id[8:16]}, which could not be saved then, {verb} in memory now")
    return told


def count(waiting: Sequence[Sequence[Operation]]) -> str:
    """How much is waiting, in words: its messages, or where there are none its writes."""
    messages = sum(name == "add_message" for operations in waiting for name, _ in operations)
    number, noun = (messages, "message") if messages else (len(waiting), "write")
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _found(places: Sequence[Path], agent_id: str) -> Iterator[Path]:
    for folder in places:
        if folder.is_dir() and _private(folder):
            yield from sorted(folder.glob(f"{agent_id}.*{_SUFFIX}"))


def _read(path: Path) -> list[list[Operation]]:
    """Raises ValueError where it is none of ours, and OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        text = file.read()
    if _HEADER.startswith(text):  # begun, and no more
        return []
    header, *lines = text.splitlines(keepends=True)
    if header != _HEADER:
        raise ValueError("not an outbox of lcode")
    return [from_line(line) for line in lines if line.endswith("\n")]


def _set_aside(path: Path) -> Path:
    aside = path.with_suffix(".unreadable")
    with suppress(OSError):
        path.replace(aside)
    return aside
