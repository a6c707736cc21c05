"""Has the contents of files analysed: here, or by helpers where there is much, or where a parser may end the process.

A parser is native code. One that crashes takes this process with it, and the next one would die over the same file, for ever.
So a process says on disk for as long as it parses; where one ended meanwhile, helpers parse all that is left, and the file over
which a helper dies is cut into plain windows and remembered. Its later versions are left to helpers as well.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lcode.errors import StoreError
from lcode.index.parsing import MOST, Pool, processors
from lcode.index.prepare import Analysed, Known, Source, analyse
from lcode.store.locks import NamedLock

if TYPE_CHECKING:
    from concurrent.futures import Future

_POOLED = 4_000_000  # bytes that are parsed before helpers are started
_MARK = "parsing.*.lock"

Wanted = tuple[Source, int | None]  # a file, and the content that it had when it was looked up
Done = tuple[Source, Analysed, int | None]


class Analysing:
    """Analyses for one pass over files; `close` when done. `locks`: the folder of the index's locks, None for one in memory."""

    def __init__(self, locks: Path | None) -> None:
        self._locks = locks
        self._dead = [] if locks is None else [lock for lock in map(NamedLock, locks.glob(_MARK)) if lock.owner() is None]
        self._mark: NamedLock | None = None
        self._bytes = 0
        self._pool: Pool | None = None
        self._asked: deque[tuple[list[Wanted], Future[list[Analysed]]]] = deque()

    @property
    def wary(self) -> bool:
        """Whether a process ended while it was parsing, so that nothing is parsed here."""
        return bool(self._dead)

    def put(self, wanted: Sequence[Wanted], known: Sequence[Known | None], *, wary: bool) -> Iterator[Done]:
        """Have these analysed; what is done by now, of these or earlier ones. What is `known` is not parsed again. `wary`: not
        in this process."""
        self._bytes += sum(len(source.data) for (source, _), one in zip(wanted, known, strict=True) if one is None)
        questions = [(source.path, source.kind, source.data, one) for (source, _), one in zip(wanted, known, strict=True)]
        pool = self._helpers(wary)
        if pool is None:
            self._say_so()
            for (source, before), question in zip(wanted, questions, strict=True):
                yield source, analyse(*question), before
            return
        bare = [(source._replace(data=b""), before) for source, before in wanted]  # the helper has it
        self._asked.append((bare, pool.submit(questions)))
        yield from self._answers(2 * pool.size)

    def rest(self) -> Iterator[Done]:
        """What is still with helpers, when it is done."""
        yield from self._answers(0)

    def _answers(self, most: int) -> Iterator[Done]:
        while len(self._asked) > most:
            wanted, answers = self._asked.popleft()
            for (source, before), analysed in zip(wanted, answers.result(), strict=True):
                yield source, analysed, before

    def _helpers(self, wary: bool) -> Pool | None:
        """Helpers where they are needed, or once so much was parsed that more of it pays for them."""
        many = self._bytes > _POOLED and processors() > 1
        if self._pool is None and (many or wary or self.wary):
            self._pool = Pool(min(processors(), MOST))
        return self._pool

    def _say_so(self) -> None:
        """Leave word that this process is parsing: a lock that the kernel frees, and nobody removes, if it ends."""
        if self._mark is None and self._locks is not None:
            self._mark = NamedLock(self._locks / _MARK.replace("*", os.urandom(6).hex()))
            with suppress(StoreError, OSError):  # a full disk
                self._mark.acquire("parsing")

    def survived(self) -> None:
        """All files were gone through: whatever ended a process, it was met again, or is no more."""
        for lock in self._dead:
            with suppress(StoreError, OSError):
                if lock.acquire("cleaning up"):
                    lock.release()
        self._dead = []

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._mark is not None:
            self._mark.release()
            self._mark = None
