"""Opens `index.db`. It is derived: where it is damaged, cut short or of another version it is made anew, and that is all that
anybody notices. Where it cannot be made, an empty one in memory stands in for it, and searches find nothing.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import apsw

from lcode import clock
from lcode.errors import StoreBusy, StoreDamaged, StoreError, StoreUnwritable
from lcode.index import schema
from lcode.index.vectors import extension_path
from lcode.store import database as store
from lcode.store.connect import connect, own, reset
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths, create_private_file, private_folder

T = TypeVar("T")
Tell = Callable[[str], None]

_PATIENCE = 3.0  # seconds for another process that is making the index anew
_RETRY = 5.0  # seconds until a file that could not be used is tried again
NOT_YET = "it is not made yet"
NEWER = "it is of a newer version of lcode"
_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)


class _NotYet(Exception):
    """There is a file, and no table in it."""


class _Newer(StoreError):
    """The index is of a newer version of lcode, which may be at work with it: it is left alone."""


def open_index(paths: AgentPaths, *, read_only: bool = False, mend: bool = False, tell: Tell | None = None) -> IndexDatabase:
    """The agent's index. `read_only`: nothing is written, and where there is none yet an empty one in memory is given; with
    `mend` what is found damaged is emptied all the same. `tell` gets one line if what was there had to go."""
    path = index_path(paths)
    lock = paths.locks / "index.lock"
    if read_only and not path.is_file():
        return IndexDatabase(None, tell=tell)
    if not read_only and not _writable(path):
        return IndexDatabase(path if path.is_file() else None, read_only=path.is_file(), tell=tell)
    if read_only:
        return IndexDatabase(path, lock=lock if mend else None, read_only=True, tell=tell)
    return IndexDatabase(path, lock=lock, tell=tell)


def index_path(paths: AgentPaths) -> Path:
    return paths.folder / "index.db"


def _writable(path: Path) -> bool:
    """Whether the index can be written where it lies; a full disk shows only later."""
    try:
        private_folder(path.parent)
    except StoreUnwritable:
        return False
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


class IndexDatabase(store.Database):
    """A database that heals itself: damage, whenever it is met, costs what the index holds and no more.

    It is emptied in place, by SQLite's own means, so that whoever else has it open goes on with the new one. One that is open
    for reading is emptied only where a `lock` was given.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        lock: Path | None = None,
        read_only: bool = False,
        tell: Tell | None = None,
        vfs: str | None = None,
    ) -> None:
        super().__init__(
            path,
            schema.INDEX,
            lock=None if read_only else lock,
            read_only=read_only,
            vfs=vfs,
            extension=extension_path(),
            durability="NORMAL",
        )
        self._tell = tell
        self._lock = lock
        self._stand_in = ""
        self._again_at = 0.0
        self._generation = ""

    def stand_in(self) -> str:
        """Why an empty database in memory stands in for the file; '' where none does."""
        return self.read(lambda _: self._stand_in)

    def reset(self, reason: str, generation: str = "") -> None:
        """Empty the index and say why; with `generation` only if it is still that one. Also one of a newer version."""

        def work(_: apsw.Connection) -> None:
            if self.path is not None and not self.read_only and self._stand_in in ("", NEWER):
                known, newer = generation or self._generation, bool(self._stand_in)
                self._let_go()
                self._stand_in = ""
                self._empty(self.path, reason, known, newer=newer)

        self.read(work)

    # -- on the thread ---------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[apsw.Connection], T]) -> T:
        if self._stand_in and not self._depth and clock.monotonic() > self._again_at:
            self._stand_in = ""
            self._let_go()
        return self._healing(lambda: store.Database._guarded(self, work))

    def _transaction(self, work: Callable[[apsw.Connection], T], *, wait: bool = True) -> T:
        return self._healing(lambda: store.Database._transaction(self, work, wait=wait))

    def _healing(self, attempt: Callable[[], T]) -> T:
        """What `attempt` comes to, with a sound database at the latest when it is made again."""
        for heal in (self._heal, self._give_up):
            try:
                return attempt()
            except StoreDamaged as error:
                if self._depth or self.path is None:
                    raise
                heal(str(error.__cause__ or error))
            except apsw.SQLError as error:
                found = self._version()
                if found == schema.VERSION or self._depth:
                    raise
                self._let_go()
                if found:
                    raise StoreError("the code index is now one of another version of lcode", "start this one again") from error
        return attempt()

    def _commit(self, connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
        result = work(connection)
        connection.execute("COMMIT")
        if self._log_size is not None:
            self._log_size.tidy(connection)
        return result

    def _open(self) -> apsw.Connection:
        store.check_sqlite()
        if self.path is not None and not self._stand_in:
            try:
                return self._look(self.path) if self.read_only else self._open_file(self.path)
            except _NotYet:
                self._stand_in, self._again_at = NOT_YET, clock.monotonic() + _RETRY
            except (apsw.Error, StoreError) as error:
                self._give_up(str(error))
        connection = connect(None, extension=self._extension)
        schema.create(connection)
        return connection

    def _open_file(self, path: Path) -> apsw.Connection:
        private_folder(path.parent)
        create_private_file(path)
        if reason := _unfit(path, self._vfs):
            self._empty(path, reason, "")
        connection = connect(path, vfs=self._vfs, extension=self._extension, durability="NORMAL")
        try:
            own(connection)
            self._configure(connection)
            _create(connection)
            self._generation = schema.generation(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look(self, path: Path) -> apsw.Connection:
        """A connection for reading, after the damage that can be seen at once was mended, if it may be."""
        reason = _unfit(path, self._vfs)
        if reason and self._lock is not None:
            self._mend("", reason)
            reason = _unfit(path, self._vfs)
        if reason:
            raise StoreError(reason)
        connection = _for_reading(path, self._vfs, self._extension)
        if not schema.version(connection):
            connection.close()
            raise _NotYet
        self._generation = schema.generation(connection)
        return connection

    def _heal(self, fault: str) -> None:
        """Empty the database in which damage was found."""
        self._let_go()
        if self._stand_in or self.path is None:
            return
        reason = f"the code index was damaged ({fault})"
        with suppress(apsw.Error, StoreError):
            if self.read_only:
                self._mend(self._generation, reason)
            else:
                self._empty(self.path, reason, self._generation)

    def _mend(self, generation: str, reason: str) -> None:
        """The same by a connection that may write."""
        if self._lock is not None:
            with closing(IndexDatabase(self.path, lock=self._lock, tell=self._tell, vfs=self._vfs)) as writable:
                if generation:
                    writable.reset(reason, generation)
                else:  # opening it is enough
                    writable.stand_in()

    def _give_up(self, fault: str) -> None:
        """Let an empty database in memory stand in for a while."""
        self._let_go()
        self._stand_in = fault
        self._again_at = clock.monotonic() + _RETRY
        self._say(f"the code index cannot be used ({fault}): searches of code find nothing")

    def _empty(self, path: Path, reason: str, generation: str, *, newer: bool = False) -> None:
        """Empty the database unless another process has done so: if it cannot be used, is still the one of `generation`, or is
        one of a newer version and that is meant."""
        lock = NamedLock(path.parent / "locks" / "index-rebuild.lock")
        limit = clock.monotonic() + _PATIENCE
        while not lock.acquire("making the code index anew"):
            if clock.monotonic() > limit:
                raise StoreBusy(f"{lock.owner() or 'another process'} is making it anew")
            time.sleep(random.uniform(0.001, 0.02))  # on the database's own thread
        try:
            if newer or _unfit(path, self._vfs, generation):
                self._say(f"{reason} and is built anew")
                reset(path, vfs=self._vfs, wait=_PATIENCE)
                with closing(connect(path, vfs=self._vfs, durability="NORMAL")) as connection:
                    _create(connection)
        finally:
            lock.release()

    def _version(self) -> str:
        """Of the tables, for a statement that does not fit them: '' where somebody has just emptied the database."""
        with suppress(apsw.Error):
            if self._connection is not None:
                return schema.version(self._connection)
        return schema.VERSION

    def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = None

    def _say(self, line: str) -> None:
        if self._tell is not None:
            self._tell(line)


def _for_reading(path: Path, vfs: str | None, extension: Path | None = None) -> apsw.Connection:
    try:
        return connect(path, read_only=True, vfs=vfs, extension=extension)
    except (apsw.CantOpenError, apsw.ReadOnlyError):  # a folder that may not be written
        return connect(path, immutable=True, vfs=vfs, extension=extension)


def _unfit(path: Path, vfs: str | None, generation: str = "") -> str:
    """Why a file cannot be used as it is; "" for an index, and for an empty one. With `generation` that one cannot either.
    Raises _Newer."""
    try:
        with closing(_for_reading(path, vfs)) as connection:
            found = schema.version(connection)
            made = schema.generation(connection) if found else ""
    except _BROKEN as error:
        return f"the code index was damaged ({error})"
    if schema.newer(found, schema.VERSION):
        raise _Newer(NEWER)
    if found not in ("", schema.VERSION):
        return "the code index is of another version of lcode"
    return "the code index was damaged" if generation and made == generation else ""


def _create(connection: apsw.Connection) -> None:
    """Make the tables where they are not."""
    if schema.version(connection) == schema.VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not schema.version(connection):
            schema.create(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            connection.execute("ROLLBACK")
        raise
