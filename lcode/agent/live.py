"""Which sessions are live, who holds them, and what they do: from the kernel's locks and the store, never from a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from lcode.errors import SessionBusy, UserError
from lcode.memory.activity import activity
from lcode.memory.dates import local
from lcode.memory.model import SessionRow
from lcode.memory.session_memory import SessionMemory
from lcode.store.locks import NamedLock, Owner


def with_owners(memory: SessionMemory, rows: Sequence[SessionRow], lock_of: Callable[[str], NamedLock]) -> list[SessionRow]:
    """`rows`, those that are live with their holder and what they are doing."""
    found = []
    for row in rows:
        owner = lock_of(row.id).owner()
        if owner is None:
            found.append(row)
            continue
        doing = str(memory.database.read(lambda connection, name=row.id: activity(connection, name)))  # type: ignore[misc]
        found.append(
            replace(
                row, live=True, owner=describe(owner), pid=owner.pid, terminal=owner.terminal, since=owner.started,
                branch=owner.branch or row.branch, activity=doing,
            )
        )  # fmt: skip
    return found


def silent(memory: SessionMemory, locks: Path) -> list[SessionRow]:
    """Live sessions in which nothing was said yet."""
    rows = []
    for path in locks.glob("session-*.lock"):
        if NamedLock(path).owner() is not None:
            with suppress(UserError):  # one that could not be stored yet
                rows.append(memory.recall.session(path.stem))
    return sorted((row for row in rows if not row.messages), key=lambda row: row.created_at, reverse=True)


def describe(owner: Owner) -> str:
    """Who holds a session, in a few words."""
    if not owner.pid:
        return "another process"
    terminal = f" on {owner.terminal}" if owner.terminal else ""
    branch = f", on branch {owner.branch}" if owner.branch else ""
    return f"process {owner.pid}{terminal} since {local(owner.started)}{branch}"


def busy(session_id: str, owner: Owner | None) -> SessionBusy:
    """The refusal of a session that another process holds."""
    holder = describe(owner) if owner is not None else "another process"
    return SessionBusy(
        f"session {session_id[8:16]} is open in another terminal: {holder}",
        "add --fork to go on with a copy of it, close it there, or start a new session",
        session_id=session_id,
    )


def cut_off(settled: int) -> list[str]:
    """What the user is told of calls that a dead process left without a result."""
    calls = "1 call" if settled == 1 else f"{settled} calls"
    return [f"the session was cut off: {calls} had no result and say so now"] if settled else []


def not_ephemeral(what: str) -> UserError:
    return UserError(f"an ephemeral session cannot {what}", "leave out --ephemeral, or start a new session")


def refuse_imported(row: SessionRow) -> None:
    """Raises UserError for a session of another program: its calls are of tools that there are none of here."""
    if row.origin:
        raise UserError(
            f"session {row.id[8:16]} was imported ({row.origin}): it can be read and found, not continued",
            f"start a session and have it look; `lcode sessions show {row.id[8:16]}` shows it",
        )


def none_free(some: bool) -> UserError:
    """Why no session can be continued: there is none, or all are live."""
    if some:
        return UserError("every session here is open in another terminal", "add --fork to go on with a copy of the newest")
    return UserError("there is no session to continue here", "start one with `lcode`, or see `lcode sessions`")


def hold(lock: NamedLock, branch: str) -> NamedLock:
    """Take the lock of a new session. Raises SessionBusy."""
    if not lock.acquire("session", branch):
        raise busy(lock.path.stem, lock.owner())
    return lock


async def claim(
    memory: SessionMemory, name: str | None, lock_of: Callable[[str], NamedLock], branch: str
) -> tuple[SessionRow, NamedLock]:
    """The session that is named, or the newest that nobody holds, and the lock on it, which is held now. Raises UserError."""
    rows = [await memory.run(memory.recall.session, name)] if name is not None else await memory.run(memory.recall.sessions, 50)
    for row in rows:
        refuse_imported(row)
        lock = lock_of(row.id)
        if lock.acquire("session", branch):
            with released_on_error(lock):  # what its last holder left, who may have gone just now
                return await memory.run(memory.recall.session, row.id), lock
        if name is not None:
            raise busy(row.id, lock.owner())
    raise none_free(bool(rows))


@contextmanager
def released_on_error(lock: NamedLock | None) -> Iterator[None]:
    """Free the lock, if there is one, where opening its session fails."""
    try:
        yield
    except BaseException:
        if lock is not None:
            lock.release()
        raise
