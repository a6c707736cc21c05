"""One SQLite file and the one thread that owns its connection: the only way to read or write the store.

Every write is one short `BEGIN IMMEDIATE` transaction, queued by a kernel lock in front of the file and retried as a
whole when SQLite is busy. SQLite's own locks remain the guarantee. Nothing may be held across a model call, a
subprocess or a question to the user: a transaction is a plain function of the connection.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import apsw

from lcode.errors import StoreBusy, StoreDamaged, StoreError, StoreNewer, StoreUnwritable
from lcode.store import check, commits, filesystem, migrations
from lcode.store.connect import WAIT, Durability, connect, own
from lcode.store.locks import QueueLock
from lcode.store.log_size import LogSize
from lcode.store.owner_thread import OwnerThread, deadline
from lcode.store.paths import create_private_file, private_folder, unopened
from lcode.store.presence import Presence

T = TypeVar("T")
Row = tuple[Any, ...]

OLDEST_SQLITE = (3, 51, 3)  # before it two connections that checkpoint at once can corrupt a WAL database
NETWORK_WAIT = 2_000  # milliseconds for the last one to let go of a store that is converted
_MILLISECONDS = int(WAIT * 1000)
GRACE = 5.0  # seconds more that a caller waits for its thread to say that it got no turn
_BUSY = (apsw.BusyError, apsw.LockedError)
_UNWRITABLE = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError)
# a text that is no longer UTF-8, or a length beyond all bounds, is damage that SQLite did not see itself
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.TooBigError, UnicodeDecodeError)


class _Taken(Exception):
    """The turn is another's, and this work does not wait for it."""


class Database:
    """A database file at `path` with the tables of `schema`; None is a private one in memory.

    `lock` is the queue's file. `read_only` never writes, not even a schema. `vfs` names the file system layer that SQLite
    is to use. `extension` and `durability`, as `connect` takes them, are for derived data alone.
    """

    def __init__(
        self,
        path: Path | None,
        schema: migrations.Schema,
        *,
        lock: Path | None = None,
        read_only: bool = False,
        vfs: str | None = None,
        extension: Path | None = None,
        durability: Durability = "FULL",
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._schema = schema
        self._vfs = vfs
        self._extension = extension
        self._durability = durability
        self._queue_lock = QueueLock(lock) if lock is not None else None
        self._note = commits.Note(path) if path is not None else None
        self._presence = Presence(path) if path is not None and lock is not None and not read_only else None
        self._thread = OwnerThread(f"lcode {schema.name}", self._finish, self._too_busy)
        self._connection: apsw.Connection | None = None
        self._log_size: LogSize | None = None
        self._store_id = ""
        self._depth = 0

    # -- calling ----------------------------------------------------------------------------------------------------

    def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """The result of `work` on the connection. Raises StoreError."""
        return self._thread.call(lambda: self._guarded(work), WAIT, GRACE, here=self._log_size is not None)

    def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """The result of `work` in one immediate transaction; inside another `write` it joins that one.

        `work` may run more than once and must do nothing but SQL. Raises StoreBusy, StoreUnwritable, StoreDamaged.
        """
        if self._log_size is not None:
            try:
                return self._thread.call(lambda: self._transaction(work, wait=False), WAIT, GRACE, here=True)
            except _Taken:
                pass
        return self._thread.call(lambda: self._transaction(work), WAIT, GRACE)

    async def run(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """`function(...)` on the database's thread, awaited: reads and writes inside it do not change threads."""
        return await self._thread.awaited(lambda: function(*arguments, **named), WAIT, GRACE)

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        return self.read(lambda connection: int(scalar(connection, "PRAGMA data_version")))

    def close(self, timeout: float = 5.0) -> None:
        """Close the connection and end the thread; gives up waiting after `timeout` seconds."""
        self._thread.close(timeout)

    # -- on the thread ----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()
            self._connection = None
        if self._queue_lock is not None:
            self._queue_lock.close()
        if self._note is not None:
            self._note.close()
        if self._presence is not None:
            self._presence.leave()

    def _too_busy(self) -> StoreBusy:
        holder = self._queue_lock.holder() if self._queue_lock else "another process"
        return StoreBusy(f"the memory store {self.path} is held by {holder}", "wait for it, or end that process, and try again")

    def _guarded(self, work: Callable[[apsw.Connection], T]) -> T:
        try:
            return work(self._connected())
        except _BUSY as error:
            raise self._too_busy() from error
        except _DAMAGED as error:
            raise self._damaged(error) from error
        except _UNWRITABLE as error:
            raise self._unwritable(error) from error

    def _transaction(self, work: Callable[[apsw.Connection], T], *, wait: bool = True) -> T:
        connection = self._connection or self._guarded(lambda connection: connection)
        if self.read_only:
            raise StoreUnwritable("this session reads memory and writes nothing")
        if self._depth:
            return work(connection)
        while True:
            try:
                return self._attempt(connection, work, wait=wait)
            except _BUSY as error:
                if not wait:
                    raise _Taken from error
                if time.monotonic() > deadline():
                    raise self._too_busy() from error
                time.sleep(random.uniform(0.001, 0.05))  # on the store's own thread
            except _DAMAGED as error:
                raise self._damaged(error) from error
            except _UNWRITABLE as error:
                raise self._unwritable(error) from error

    def _attempt(
        self, connection: apsw.Connection, work: Callable[[apsw.Connection], T], *, wait: bool = True, migrates: bool = False
    ) -> T:
        try:  # from here on: an interrupt must not leave the lock taken either
            self._queue(wait=wait)
            left = deadline() - time.monotonic()
            if left < 0:  # the caller was told that nothing was written
                raise self._too_busy()
            if connection.in_transaction:  # one interrupt broke it off, and another its end
                connection.execute("ROLLBACK")
            connection.set_busy_timeout(int(min(WAIT, left) * 1000) if wait else 0)
            connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            if not (migrates or migrations.current(connection, self._schema)):
                raise self._overtaken()
            return self._commit(connection, work)
        except BaseException:
            with suppress(apsw.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise
        finally:
            self._depth = 0
            connection.set_busy_timeout(_MILLISECONDS)
            if self._queue_lock is not None:
                self._queue_lock.free()

    def _queue(self, *, wait: bool = True) -> None:
        """Take the queue's lock. Raises _Taken where it is another's, and nobody waits."""
        if self._queue_lock is None or self._queue_lock.take(wait=False):
            return
        if not wait:
            raise _Taken
        with self._thread.queued():
            self._queue_lock.take()

    def _commit(self, connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
        """Do the work in the transaction that has begun, and end it."""
        before = connection.total_changes()
        result = work(connection)
        count = commits.count(connection) if connection.total_changes() != before else None
        state = commits.state_of(connection) if count is not None and not self._store_id else None
        connection.execute("COMMIT")
        if state is not None:
            self._store_id = state.store
        if count is not None and self._note is not None and self._queue_lock is not None:
            self._note.write(commits.State(self._store_id, count))
        if self._log_size is not None:
            self._log_size.tidy(connection)
        return result

    def _connected(self) -> apsw.Connection:
        while self._connection is None:
            try:
                self._connection = self._open()
            except _BUSY:  # several open a new file at once: the change to WAL does not wait for its turn
                if time.monotonic() > deadline():
                    raise
                time.sleep(random.uniform(0.001, 0.05))
        return self._connection

    def _open(self) -> apsw.Connection:
        check_sqlite()
        note = self._note.read() if self._note is not None else None  # before the file, which is never behind it
        if self.path is not None and self.read_only:
            connection = _open_read_only(self.path, self._vfs, self._extension)
        else:
            if self.path is not None:
                check.refuse_lost(self.path, note)
                private_folder(self.path.parent)
                if self._presence is not None:
                    self._presence.enter()
                create_private_file(self.path)
            connection = connect(self.path, vfs=self._vfs, extension=self._extension, durability=self._durability)
        try:
            migrations.check(connection, self._schema, self.path)
            if self.path is not None and migrations.version(connection):
                check.at_open(connection, self._schema, self.path, note)
            if not self.read_only:
                own(connection)
                self._configure(connection)
                if not migrations.current(connection, self._schema):
                    self._migrate(connection)
        except apsw.SQLError as error:  # of statements of ours that name what every store has
            connection.close()
            raise self._damaged(error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(self, connection: apsw.Connection) -> None:
        if self.path is None or not filesystem.on_network(self.path):
            connection.execute("PRAGMA journal_mode=WAL")
            self._log_size = LogSize(connection, WAIT)
            return
        connection.set_busy_timeout(NETWORK_WAIT)
        self._queue()
        try:
            connection.execute("PRAGMA synchronous=EXTRA")  # the removal of the journal commits: the folder is synced too
            mode = scalar(connection, "PRAGMA journal_mode=DELETE")
            connection.set_busy_timeout(_MILLISECONDS)
            if mode == "delete":
                return
        except _BUSY:
            pass
        finally:
            if self._queue_lock is not None:
                self._queue_lock.free()
        raise StoreBusy(
            f"the memory store {self.path} lies on a network and is open elsewhere in a form that is not safe there",
            "close every lcode that uses it, on every machine, and start this one again",
        )

    def _migrate(self, connection: apsw.Connection) -> None:
        """Bring the file to the newest schema, after a backup. Who comes second finds it done when the lock is free."""

        def apply(inside: apsw.Connection) -> None:
            migrations.check(inside, self._schema, self.path)
            if migrations.current(inside, self._schema):
                return
            if migrations.version(inside) and self.path is not None:
                migrations.backup_before(self.path, self._vfs)
            migrations.apply(inside, self._schema)

        self._attempt(connection, apply, migrates=True)

    def _overtaken(self) -> StoreNewer:
        return StoreNewer(
            f"the memory store {self.path} was brought forward by a newer lcode while this one was running",
            "end this one and start it again; nothing was changed",
        )

    def _unwritable(self, error: Exception) -> StoreUnwritable:
        hint = "free space or mend the folder's permissions; what was acknowledged is kept"
        what = f"the memory store {self.path} cannot be written"
        return unopened(what, self.path, error, hint) if self.path is not None else StoreUnwritable(f"{what}: {error}", hint)

    def _damaged(self, error: Exception) -> StoreDamaged:
        return StoreDamaged(f"the memory store {self.path} is damaged: {error}", check.MEND)


def fetch_all(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
    """Every row of a statement."""
    return list(connection.execute(sql, tuple(bindings)))


def fetch_one(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> Row | None:
    """The first row of a statement, or None."""
    return next(iter(connection.execute(sql, tuple(bindings))), None)


def scalar(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> Any:
    """The first column of the first row; None without one."""
    row = fetch_one(connection, sql, bindings)
    return row[0] if row else None


def check_sqlite() -> None:
    """Raise StoreError on an SQLite that can corrupt a store used by several sessions."""
    found = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if found < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()} is too old: {wanted} is needed", "run `pip install --upgrade apsw`"
        )


def _open_read_only(path: Path, vfs: str | None, extension: Path | None) -> apsw.Connection:
    try:
        return connect(path, read_only=True, vfs=vfs, extension=extension)
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        if not path.exists():
            raise
        # a WAL store in a folder that may not be written can be read only as a file that does not change
        try:
            return connect(path, immutable=True, vfs=vfs, extension=extension)
        except apsw.Error:
            raise error from None
