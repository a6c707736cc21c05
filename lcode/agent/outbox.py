"""What a session writes while the store cannot be written: kept in order, and written as soon as it can be again.

Every write of a session to recall goes through `write`. Where it fails the session goes on in memory, if somebody is there
to be told; without anybody the error ends the run. The writes carry ids made by their client, so that one whose outcome
is unknown may be made again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from lcode.agent.spool import Spool, count
from lcode.errors import StoreBusy, StoreError, StoreUnwritable
from lcode.events import Emit, Notice
from lcode.memory.recall_writes import Operation
from lcode.memory.session_memory import SessionMemory

T = TypeVar("T")

NOT_NOW = (StoreUnwritable, StoreBusy)  # what may be over in a while
REACH = 0.1  # seconds that the store's thread may take to answer while others hold the store


class Outbox:
    """One session's. `interactive` is whether somebody is there to be told and asked, `spool` the file that outlives the
    process (None: it is lost with it), `free` says whether a write would get its turn at once. `saved` is called on the
    store's thread when all that waited is in the store."""

    def __init__(
        self,
        memory: SessionMemory,
        *,
        interactive: bool,
        spool: Spool | None = None,
        free: Callable[[], bool] = lambda: True,
    ) -> None:
        self.interactive = interactive
        self.saved: Callable[[], Any] = lambda: None
        self.refused = False  # a write to memory was refused meanwhile: the model is told when it is possible again
        self._memory = memory
        self._spool = spool
        self._free = free
        self._waiting: deque[list[Operation]] = deque()
        self._cause: StoreError | None = None
        self._turn = asyncio.Lock()
        self._emit: Emit | None = None
        self._untold: list[Notice] = []

    @property
    def waiting(self) -> bool:
        """Whether the store could not be written the last time."""
        return bool(self._waiting)

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return self._cause.message if self._cause else ""

    def listen(self, emit: Emit) -> None:
        """Tell the user through `emit` from now on."""
        self._emit = emit
        for notice in self._untold:
            emit(notice)
        self._untold.clear()

    async def write(self, work: Callable[[], T]) -> T:
        """`work`, which writes to recall and reads nothing, in one transaction, after all that waits. What was begun is
        not cancelled with its caller. Raises StoreError: where nobody is there to be told, or it is no matter of time."""
        task = asyncio.ensure_future(self._write(work))
        task.add_done_callback(_taken)
        return await asyncio.shield(task)

    async def _write(self, work: Callable[[], T]) -> T:
        async with self._turn:
            if await self._flushed():
                try:
                    result: T = await self._memory.run(self._memory.recall.atomically, work)
                except NOT_NOW as error:
                    if not self.interactive:
                        raise
                    self._cause = error
                else:
                    return result
            return self._keep(work)

    async def flush(self) -> bool:
        """Whether nothing waits (any more)."""
        if not self._waiting:
            return True
        async with self._turn:
            return await self._flushed()

    async def reachable(self) -> bool:
        """Whether the store can be read without a wait: not while its thread waits for its turn to write."""
        if not isinstance(self._cause, StoreBusy):
            return True
        answer = asyncio.ensure_future(self._memory.run(lambda: None))
        answer.add_done_callback(_taken)
        done, _ = await asyncio.wait({answer}, timeout=REACH)
        return bool(done)

    async def settled(self) -> None:
        """Wait for writes that are under way."""
        async with self._turn:
            pass

    async def close(self) -> str:
        """Try once more; one line about what is not saved, or ''."""
        if await self.flush():
            return ""
        what = f"{count(self._waiting)} of session {self._memory.session_id[8:16]}"
        if self._spool is not None and self._spool.path is not None:
            return f"{what} could not be saved ({self.reason}); the next start of lcode here saves them from {self._spool.path}"
        return f"{what} could not be saved and are lost ({self.reason})"

    # -- inside -----------------------------------------------------------------------------------------------------

    def _keep(self, work: Callable[[], T]) -> T:
        first = not self._waiting
        result, operations = self._memory.recall.recorded(work)
        self._waiting.append(operations)
        if self._spool is not None:
            self._spool.keep(self._waiting)
        if first:
            self._tell(f"{self.reason}: going on in memory; all is written as soon as it can be, until then only reading"
                       " runs without asking", "warning")  # fmt: skip
        return result

    async def _flushed(self) -> bool:
        """Write what waits, in order. Nothing is tried while somebody still holds the store: that would take long."""
        if not self._waiting:
            return True
        if isinstance(self._cause, StoreBusy) and not self._free():
            return False
        what = count(self._waiting)
        while self._waiting:
            try:
                await self._memory.run(self._memory.recall.replay, self._waiting[0])
            except NOT_NOW as error:
                self._cause = error
                return False
            self._waiting.popleft()
        self._cause = None
        if self._spool is not None:
            self._spool.discard()
        with suppress(StoreError):
            await self._memory.run(self.saved)
        self._tell(f"memory can be written again: {what} saved, nothing is missing")
        return True

    def _tell(self, text: str, level: str = "info") -> None:
        notice = Notice(text, level)
        if self._emit is None:
            self._untold.append(notice)
        else:
            self._emit(notice)


def _taken(task: asyncio.Future[Any]) -> None:
    """Nobody may ask for the outcome any more."""
    if not task.cancelled():
        task.exception()
