"""A disk that can lose its power: an SQLite VFS over the real one, and a model of what would outlast the loss.

Everything is passed through to real files, so that all connections see what they wrote. Beside them a `Disk` keeps what
has reached the medium for certain, that is what was synced, and everything done since. At chosen operations it takes a
`Snapshot`, from which `restore` makes the files as they might be found afterwards: of what was not synced each sector of
512 bytes holds any of the states it went through, a file has any of its sizes, what it grew by may be garbage, and a name
that was made or removed may be there or not. An operation that is under way when the power goes has not happened for
certain, but may have in part. SQLite's own assumption holds: a write leaves the bytes beside it alone.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
BASE = "unix"
_TEMPORARY = apsw.SQLITE_OPEN_DELETEONCLOSE
_SYNCS_FOLDER = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
STYLES = ("nothing", "everything", "prefix", "prefix", "shuffled", "shuffled", "shuffled", "shuffled")


@dataclass(frozen=True)
class Change:
    """A write of `data` at `offset`, or (None) a truncation to that length."""

    offset: int
    data: bytes | None

    def apply(self, image: bytearray) -> None:
        if self.data is None:
            del image[self.offset :]
            return
        if len(image) < self.offset:
            image.extend(bytes(self.offset - len(image)))
        image[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class Inode:
    """A file: what is on the medium, and what was done since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable)
        self.pending.clear()

    def copy(self) -> Inode:
        return Inode(bytearray(self.durable), list(self.pending))


@dataclass(frozen=True)
class Snapshot:
    """The disk at the moment of the loss. `seen` is what the observer said then."""

    number: int
    operation: str
    kept: dict[str, Inode]
    renames: tuple[tuple[str, Inode | None], ...]
    seen: Any

    def restore(self, source: Path, target: Path, seed: int) -> None:
        """Make the files below `source` as they might be found, below `target`."""
        rng = random.Random(seed)
        style = rng.choice(STYLES)
        names = dict(self.kept)
        for name, inode in self.renames:
            if style == "everything" or (style != "nothing" and rng.random() < 0.5):
                names[name] = inode  # type: ignore[assignment]
        for name, inode in names.items():
            if inode is not None:
                path = target / Path(name).relative_to(source)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_bytes(_survivor(inode, style, rng))
                path.chmod(0o600)


def _survivor(inode: Inode, style: str, rng: random.Random) -> bytes:
    """One content that the file may have after the loss."""
    if style == "nothing" or not inode.pending:
        return bytes(inode.durable)
    count = len(inode.pending)
    if style == "everything":
        horizon = dict.fromkeys(_touched(inode), count)
    elif style == "prefix":  # in order up to one that was torn
        torn = rng.randrange(count)
        horizon = {sector: torn + rng.randint(0, 1) for sector in _touched(inode)}
    else:
        horizon = {sector: rng.randint(0, count) for sector in _touched(inode)}
    return _compose(inode, horizon, rng, shuffled=style == "shuffled")


def _touched(inode: Inode) -> list[int]:
    end = max([len(inode.durable), *(change.offset + len(change.data or b"") for change in inode.pending)])
    found: set[int] = set()
    for change in inode.pending:
        last = end if change.data is None else change.offset + len(change.data)
        found.update(range(change.offset // SECTOR, (last + SECTOR - 1) // SECTOR))
    return sorted(found)


def _compose(inode: Inode, horizon: dict[int, int], rng: random.Random, *, shuffled: bool) -> bytes:
    """Each sector as it was after as many changes as its horizon says."""
    image = bytearray(inode.durable)
    sizes = [len(image)]
    due: dict[int, list[int]] = {}
    for sector, after in horizon.items():
        due.setdefault(after, []).append(sector)
    states: dict[int, bytes] = {}
    for after in range(len(inode.pending) + 1):
        if after:
            inode.pending[after - 1].apply(image)
            sizes.append(len(image))
        for sector in due.get(after, ()):
            states[sector] = bytes(image[sector * SECTOR : (sector + 1) * SECTOR])
    size = rng.choice(sizes) if shuffled else sizes[max(horizon.values())]
    result = bytearray(inode.durable[:size])
    result.extend(bytes(size - len(result)))
    for sector, state in states.items():
        start, end = sector * SECTOR, min((sector + 1) * SECTOR, size)
        if start < end:
            missing = end - start - len(state)
            fill = b"" if missing <= 0 else rng.randbytes(missing) if rng.random() < 0.5 else bytes(missing)
            result[start:end] = (state + fill)[: end - start]
    return bytes(result)


class Disk:
    """What every file below `root` looks like on the medium. `points` are the numbers of the operations at which the power
    is lost; `observe` is asked at each of them, before it."""

    def __init__(self, root: Path, points: Collection[int] = (), observe: Callable[[], Any] = lambda: None) -> None:
        self.root = root
        self.points = frozenset(points)
        self.observe = observe
        self.operations = 0
        self.snapshots: list[Snapshot] = []
        self._lock = threading.RLock()
        self._names: dict[str, Inode] = {}  # as the processes see them
        self._kept: dict[str, Inode] = {}  # as the medium holds them
        self._renames: list[tuple[str, Inode | None]] = []

    def _tick(self, operation: str) -> None:
        self.operations += 1
        if self.operations in self.points:
            copies: dict[int, Inode] = {}

            def copy(inode: Inode) -> Inode:
                return copies.setdefault(id(inode), inode.copy())

            kept = {name: copy(inode) for name, inode in self._kept.items()}
            renames = tuple((name, copy(inode) if inode else None) for name, inode in self._renames)
            self.snapshots.append(Snapshot(self.operations, operation, kept, renames, self.observe()))

    def opened(self, name: str, existed: bool) -> Inode:
        """The inode of a file that was just opened. One that is empty and not known was made a moment ago."""
        with self._lock:
            if name in self._names:
                return self._names[name]
            content = Path(name).read_bytes() if existed else b""
            inode = self._names[name] = Inode(bytearray(content))
            if content:
                self._kept[name] = inode
            else:
                self._renames.append((name, inode))
                self._tick(f"create {Path(name).name}")
            return inode

    def changed(self, inode: Inode, change: Change, what: str) -> None:
        with self._lock:
            inode.pending.append(change)
            self._tick(what)

    def synced(self, inode: Inode, what: str, folder: str = "") -> None:
        with self._lock:
            self._tick(what)
            inode.sync()
            if folder:
                self.folder_synced(Path(folder))

    def removed(self, name: str) -> None:
        with self._lock:
            if self._names.pop(name, None) is not None:
                self._renames.append((name, None))
                self._tick(f"delete {Path(name).name}")

    def renamed(self, old: str, new: str) -> None:
        with self._lock:
            if (inode := self._names.pop(old, None)) is not None:
                self._names[new] = inode
                self._renames += [(new, inode), (old, None)]
                self._tick(f"rename {Path(old).name}")

    def folder_synced(self, folder: Path) -> None:
        with self._lock:
            for name, inode in self._renames:
                if Path(name).parent == folder:
                    if inode is None:
                        self._kept.pop(name, None)
                    else:
                        self._kept[name] = inode
            self._renames = [entry for entry in self._renames if Path(entry[0]).parent != folder]


class PowerLossVFS(apsw.VFS):  # type: ignore[misc]
    """Registers itself under `name`; `close` takes it back."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.disk = disk
        super().__init__(name, BASE)

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or flags[0] & _TEMPORARY or not Path(path).is_relative_to(self.disk.root):
            return apsw.VFSFile(BASE, name, flags)
        return _File(self.disk, path, name, flags)

    def xDelete(self, path: str, sync_folder: bool) -> None:
        super().xDelete(path, sync_folder)
        self.disk.removed(path)
        if sync_folder:
            self.disk.folder_synced(Path(path).parent)

    def close(self) -> None:
        self.unregister()


class _File(apsw.VFSFile):  # type: ignore[misc]
    def __init__(self, disk: Disk, path: str, name: Any, flags: list[int]) -> None:
        existed = os.path.exists(path)  # noqa: PTH110
        super().__init__(BASE, name, flags)
        self._disk, self._name = disk, Path(path).name
        self._inode = disk.opened(path, existed)
        # the real VFS syncs the folder with the first sync of a journal or log that it opened so that it might be made
        creates = flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _SYNCS_FOLDER
        self._folder = str(Path(path).parent) if creates else ""

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.changed(self._inode, Change(offset, bytes(data)), f"write {self._name}")
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.changed(self._inode, Change(size, None), f"truncate {self._name}")
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.synced(self._inode, f"sync {self._name}", self._folder)
        self._folder = ""
