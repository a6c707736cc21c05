"""Opens `index.db`. It is derived: where it is damaged, cut short or of another version it is made anew, and that is all that
anybody notices. Where it cannot be made, an empty one in memory stands in for it, and searches find nothing.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import apsw

from lcode import clock
from lcode.errors import StoreBusy, StoreDamaged, StoreError, StoreUnwritable
from lcode.index import schema
from lcode.index.vectors import extension_path
from lcode.store import database as store
from lcode.store.connect import connect, own
from lcode.store.locks import NamedLock
from lcode.store.paths import AgentPaths, create_private_file, private_folder

T = TypeVar("T")
Tell = Callable[[str], None]

_PATIENCE = 3.0  # seconds for another process that is making the index anew
_RETRY = 5.0  # seconds until a file that could not be used is tried again
_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)


def open_index(paths: AgentPaths, *, read_only: bool = False, tell: Tell | None = None) -> IndexDatabase:
    """The agent's index. `read_only`: nothing is written, and where there is none yet an empty one in memory is given.
    `tell` gets one line if what was there had to go."""
    path = index_path(paths)
    if read_only and not path.is_file():
        return IndexDatabase(None, tell=tell)
    if not read_only and not _writable(path):
        return IndexDatabase(path if path.is_file() else None, read_only=path.is_file(), tell=tell)
    return IndexDatabase(path, lock=None if read_only else paths.locks / "index.lock", read_only=read_only, tell=tell)


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

    It is emptied in place, by SQLite's own means, so that whoever else has it open goes on with the new one.
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
            lock=lock,
            read_only=read_only,
            vfs=vfs,
            extension=extension_path(),
            durability="NORMAL",
        )
        self._tell = tell
        self._stand_in = ""
        self._again_at = 0.0
        self._generation = ""

    def stand_in(self) -> str:
        """Why an empty database in memory stands in for the file; '' where none does."""
        return self.read(lambda _: self._stand_in)

    def reset(self, reason: str) -> None:
        """Empty the index and say why."""
        self.read(lambda connection: self._replace(connection, reason))

    # -- on the thread ---------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[apsw.Connection], T]) -> T:
        if self._stand_in and clock.monotonic() > self._again_at:
            self._let_go()
        try:
            return super()._guarded(work)
        except StoreDamaged as error:
            if self._depth or not self._heal(error):
                raise
            return super()._guarded(work)
        except apsw.SQLError as error:
            raise self._replaced(error) from error

    def _transaction(self, work: Callable[[apsw.Connection], T], *, wait: bool = True) -> T:
        try:
            return super()._transaction(work, wait=wait)
        except StoreDamaged as error:
            if self._depth or not self._heal(error):
                raise
            return super()._transaction(work, wait=wait)
        except apsw.SQLError as error:
            raise self._replaced(error) from error

    def _commit(self, connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
        result = work(connection)
        connection.execute("COMMIT")
        if self._log_size is not None:
            self._log_size.tidy(connection)
        return result

    def _open(self) -> apsw.Connection:
        store.check_sqlite()
        self._stand_in = ""
        try:
            if self.path is not None:
                return self._look(self.path) if self.read_only else self._open_file(self.path)
        except (apsw.Error, StoreError) as error:
            self._stand_in = str(error)
            self._again_at = clock.monotonic() + _RETRY
            self._say(f"the code index cannot be used ({error}): searches of code find nothing")
        connection = connect(None, extension=self._extension)
        schema.create(connection)
        return connection

    def _open_file(self, path: Path) -> apsw.Connection:
        private_folder(path.parent)
        create_private_file(path)
        connection = connect(path, vfs=self._vfs, extension=self._extension, durability="NORMAL")
        try:
            if reason := _unfit(connection):
                self._empty(connection, path, reason, lambda: bool(_unfit(connection)))
            own(connection)
            self._configure(connection)
            _create(connection)
            self._generation = schema.generation(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look(self, path: Path) -> apsw.Connection:
        try:
            connection = connect(path, read_only=True, vfs=self._vfs, extension=self._extension)
        except (apsw.CantOpenError, apsw.ReadOnlyError):  # a folder that may not be written
            connection = connect(path, immutable=True, vfs=self._vfs, extension=self._extension)
        if reason := _unfit(connection):
            connection.close()
            raise StoreError(reason)
        return connection

    def _heal(self, error: StoreDamaged) -> bool:
        """Have the next use find a sound database; False where this one cannot be replaced."""
        connection, fault = self._connection, error.__cause__ or error
        if connection is None or self.path is None or self._stand_in:
            return False
        if not self.read_only:
            with suppress(apsw.Error):
                connection.execute("ROLLBACK")
            with suppress(apsw.Error, StoreError):
                self._replace(connection, f"the code index was damaged ({fault})")
        self._let_go()
        return True

    def _replace(self, connection: apsw.Connection, reason: str) -> None:
        """Empty the database unless another process has done so since it was opened here."""
        if self.path is not None and not self.read_only and not self._stand_in:
            self._empty(connection, self.path, reason, lambda: self._still_the_same(connection))
            self._let_go()

    def _still_the_same(self, connection: apsw.Connection) -> bool:
        try:
            return schema.generation(connection) in (self._generation, "unknown")
        except apsw.Error:
            return True

    def _empty(self, connection: apsw.Connection, path: Path, reason: str, wanted: Callable[[], bool]) -> None:
        lock = NamedLock(path.parent / "locks" / "index-rebuild.lock")
        limit = clock.monotonic() + _PATIENCE
        while not lock.acquire("making the code index anew"):
            if clock.monotonic() > limit:
                raise StoreBusy(f"{lock.owner() or 'another process'} is making it anew")
            time.sleep(random.uniform(0.001, 0.02))  # on the database's own thread
        try:
            if wanted():
                self._say(f"{reason} and is built anew")
                _reset(connection)
        finally:
            lock.release()

    def _replaced(self, error: apsw.SQLError) -> Exception:
        """What a statement that does not fit the tables comes to: a fault of ours, or a database of another lcode's."""
        connection = self._connection
        with suppress(apsw.Error):
            if connection is not None and schema.version(connection) == schema.VERSION:
                return error
        self._let_go()
        return StoreError("the code index was replaced by another lcode meanwhile", "try again")

    def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = None

    def _say(self, line: str) -> None:
        if self._tell is not None:
            self._tell(line)


def _unfit(connection: apsw.Connection) -> str:
    """Why a file cannot be used as it is; '' for an index, and for an empty one."""
    try:
        found = schema.version(connection)
        fault = ""
    except _BROKEN as error:
        fault, found = str(error), ""
    if fault:
        return f"the code index was damaged ({fault})"
    return "" if found in ("", schema.VERSION) else "the code index is of another version of lcode"


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


def _reset(connection: apsw.Connection) -> None:
    """Make a database empty, whatever is in it, as SQLite's manual has it."""
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.config(apsw.SQLITE_DBCONFIG_RESET_DATABASE, 1)
    try:
        connection.execute("VACUUM")
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_RESET_DATABASE, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
