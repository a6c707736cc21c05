"""What faces and tools ask of the code index of one checkout: places, commits, files, the map, and how far the index is.

It reads what is there and never builds: whoever waits for an answer does not wait for an index. All of it is imported when it
is asked for, so that holding a reader costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from lcode.errors import ConfigError, StoreError
from lcode.path_text import path_text

if TYPE_CHECKING:
    from lcode.index.embedding import Embedder
    from lcode.index.map import RepositoryMap
    from lcode.index.model import Hit
    from lcode.index.open import IndexDatabase
    from lcode.index.past import PastCommit
    from lcode.index.search import CodeSearch
    from lcode.store.paths import AgentPaths

T = TypeVar("T")
LOOKS, LOOK = 40, 0.05  # for a small index a question waits: so many looks at most, so many seconds between two


@dataclass(frozen=True)
class Standing:
    """How far the index of a checkout is: `files` known of `total` (0: not known how many), `pending_vectors` contents that are
    found by words alone until their vectors are made, `pending_commits` whether the past is still to be read."""

    exists: bool = False
    ready: bool = False
    files: int = 0
    total: int = 0
    chunks: int = 0
    pending_vectors: int = 0
    pending_commits: bool = False
    problem: str = ""  # why the last question was answered by words alone
    unusable: str = ""  # why the index is not what is searched

    @property
    def settled(self) -> bool:
        """Whether words find all that there is."""
        return self.ready and not self.pending_commits

    @property
    def words(self) -> str:
        """What is missing, in a line; '' where nothing is."""
        if self.unusable:
            return f"the code index cannot be used: {self.unusable}"
        if not self.exists:
            return f"the code is not indexed yet: 0 of {self.total:,} files" if self.total else "the code is not indexed yet"
        parts = []
        if not self.ready:
            of = f" of {self.total:,}" if self.total > self.files else ""
            parts.append(f"indexing: {self.files:,}{of} files so far")
        if self.pending_commits:
            parts.append("past commits are not read yet")
        if self.pending_vectors:
            noun = "file is" if self.pending_vectors == 1 else "files are"
            parts.append(f"{self.pending_vectors:,} {noun} found by words alone for now: vectors follow")
        if self.problem:
            parts.append(f"found by words alone: {self.problem}")
        return "; ".join(parts)

    def shown(self) -> dict[str, Any]:
        return asdict(self)


class CodeReader:
    """The index of an agent, as the checkout at `root` sees it; opened at the first question. `database`: one that is open
    already, which is then its owner's to close. `embedder` gives the one by which questions are compared, `total` how many
    files there are while not all are indexed, 0 where that is not known. `coming` says whether what is missing is there in a
    matter of seconds, so that who asks may wait a moment for it. With `mend` what is found damaged is emptied,
    so that it can be built anew; `tell` gets a line then."""

    def __init__(
        self,
        paths: AgentPaths | None,
        root: Path,
        database: IndexDatabase | None = None,
        *,
        embedder: Callable[[], Embedder] | None = None,
        total: Callable[[], int] = lambda: 0,
        coming: Callable[[Standing], bool] = lambda _: False,
        mend: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._paths = paths
        self._root = root
        self._checkout = path_text(root)
        self._given = database
        self._embedder_for = embedder
        self._embedder: Embedder | None = None
        self._problem = ""
        self._total, self._mend, self._tell = total, mend, tell
        self.coming = coming
        self._opened: IndexDatabase | None = None
        self._search: CodeSearch | None = None
        self._listed: tuple[int, list[str]] | None = None
        self._opening = Lock()  # asked for by the thread of memory too, for vectors of what that holds

    # -- the database -----------------------------------------------------------------------------------------------

    @property
    def database(self) -> IndexDatabase:
        if self._given is not None:
            return self._given
        from lcode.index.open import index_path, open_index

        with self._opening:
            if self._opened is not None and self._opened.path is None and self._paths and index_path(self._paths).is_file():
                self.close()  # there was none when it was opened; now there is
            if self._opened is None:
                assert self._paths is not None
                self._opened = open_index(self._paths, read_only=True, mend=self._mend, tell=self._tell)
            return self._opened

    async def run(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """`function(...)` on the index's thread, so that the event loop does not wait."""
        return await self.database.run(function, *arguments, **named)

    def close(self) -> None:
        """Close what was opened here; the next question opens it again."""
        if self._opened is not None:
            self._opened.close()
        self._opened = self._search = self._listed = None

    # -- questions --------------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether anything of this checkout can be found."""
        return self.standing().exists

    def standing(self) -> Standing:
        from lcode.index import code_rows, history
        from lcode.index.open import NOT_YET

        if (unusable := self.database.stand_in()) not in ("", NOT_YET):
            return Standing(unusable=unusable)

        def look(connection: Any) -> Standing:
            checkout = code_rows.checkout(connection, self._checkout)
            if checkout is None:
                return Standing(total=self._total())
            kinds, chunks, pending = code_rows.counts(connection, checkout.id)
            files, ready = sum(kinds.values()), checkout.state in ("lexical", "ready")
            total = 0 if ready else self._total()
            unread = bool(checkout.head) and not history.is_read(connection, self._checkout)
            return Standing(files > 0 or ready, ready, files, total, chunks, pending, unread, self._lacking())

        return self.database.read(look)

    def _lacking(self) -> str:
        """Why questions are answered by words alone."""
        return self._problem or str(getattr(self._embedder, "problem", ""))

    def _model(self) -> Embedder | None:
        """The embedder; None for the usual one, also where the settings name one that cannot be had."""
        if self._embedder is None and self._embedder_for is not None:
            try:
                self._embedder, self._problem = self._embedder_for(), ""
            except ConfigError as error:
                self._problem = error.message
        return self._embedder

    def search(
        self, query: str, *, path: str = "", language: str = "", kind: str = "", limit: int = 10, explain: bool = False
    ) -> list[Hit]:
        """Places in the code, best first."""
        if self._search is None:
            from lcode.index.search import CodeSearch

            self._search = CodeSearch(self.database, self._root, embedder=self._model())
        return self._search.search(query, path=path, language=language, kind=kind, limit=limit, explain=explain)

    def remark(self, query: str, found: Sequence[Hit], *, path: str = "", language: str = "", kind: str = "") -> str:
        """What is worth saying beside what `search` found; '' for nothing."""
        from lcode.index import code_rows, remarks

        def look(connection: Any) -> str:
            checkout = code_rows.checkout(connection, self._checkout)
            if checkout is None or checkout.state not in ("lexical", "ready"):
                return ""
            if found:
                return remarks.unknown(connection, checkout.id, query)
            return remarks.unmet(connection, checkout.id, path, language, kind)

        return self.database.read(look)

    def commits(self, query: str, *, path: str = "", start: int = 0, end: int = 0, limit: int = 5) -> list[PastCommit]:
        """Past commits, best first; see `past_commits`."""
        from lcode.index.past import past_commits

        return self.database.read(
            lambda connection: past_commits(connection, query, path=path, start=start, end=end, limit=limit)
        )

    def defining(self, name: str) -> list[str] | None:
        """The files that define a name; None where the index is not there yet, or not whole."""
        from lcode.index import code_rows, exact

        def look(connection: Any) -> list[str] | None:
            checkout = code_rows.checkout(connection, self._checkout)
            whole = checkout is not None and checkout.state in ("lexical", "ready")
            return exact.defining(connection, checkout.id, name) if checkout is not None and whole else None

        try:
            return self.database.read(look)
        except StoreError:  # there is none, or it is damaged
            return None

    def crashed(self) -> frozenset[str]:
        """The files over which a parser crashed."""
        from lcode.index import code_rows

        def look(connection: Any) -> frozenset[str]:
            checkout = code_rows.checkout(connection, self._checkout)
            return frozenset(code_rows.crashed_files(connection, checkout.id) if checkout is not None else ())

        try:
            return self.database.read(look)
        except StoreError:
            return frozenset()

    def files(self) -> Sequence[str]:
        """The paths of all files of the checkout; the same object for as long as nothing changed."""
        from lcode.index.shape import read_paths

        version = self.database.data_version()
        if self._listed is None or self._listed[0] != version:
            self._listed = version, self.database.read(lambda connection: read_paths(connection, self._checkout))
        return self._listed[1]

    def definitions(self, beginning: str, limit: int) -> list[tuple[str, str]]:
        """Files that define a name with this beginning, each with the name."""
        from lcode.index.shape import read_definitions

        return self.database.read(lambda connection: read_definitions(connection, self._checkout, beginning, limit))

    def map(self, path: str = "", *, budget: int) -> RepositoryMap | None:
        """The shape of what lies below `path`; None where the index holds nothing of it."""
        from lcode.index.map import read_map

        note = self.standing().words
        return self.database.read(
            lambda connection: read_map(connection, self._root, self._checkout, path, budget=budget, note=note)
        )
