"""Digests commits: each becomes a passage, once; what nothing reaches any more is retired.

The truth is what git says. A pass compares the clone's branches, the HEADs of its worktrees and the log of each HEAD with
what the last one saw; where they are the same it has cost one call of git. A pass that is stopped, or dies, is done again:
each commit is known by its id, and is written in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, ClassVar

from lcode.git import log, refs
from lcode.git.command import Git, GitError
from lcode.git.log import Entry, FileChange
from lcode.git.refs import Refs
from lcode.git.repository import Place, find
from lcode.git.rewrites import Rewrite, rewrites
from lcode.index.change_symbols import SymbolChanges, Symbols, compare, is_code, symbols
from lcode.path_text import path_text, text_path
from lcode.redact import of_process
from lcode.store.paths import AgentPaths
from lcode.worker.digest_text import MERGED_READ, digest_text, made_at, revert_text
from lcode.worker.jobs import COMMITS, Turn

if TYPE_CHECKING:
    from lcode.memory.digests import Digests

FIRST = 200  # commits of a clone that is seen for the first time; the code index finds the rest
MOST = 2_000  # of any later pass
_LATE = 500  # commits digested of late among which what took the place of another is looked for
_GROUP = 40  # commits whose texts are read together
_FILES = 40  # of a commit whose symbols are compared
_LARGEST = 400_000  # bytes of such a file
_SYMBOLS_KEPT = 16  # texts whose symbols are kept: the next commit may have them again


class Commits:
    """The worker's job, for the database of one agent. `close` when done."""

    name = COMMITS
    then: ClassVar[Mapping[str, float]] = {}

    def __init__(self, paths: AgentPaths) -> None:
        self._paths = paths
        self._digests: Digests | None = None
        self._close: Callable[[], None] | None = None
        self._symbols = lru_cache(maxsize=_SYMBOLS_KEPT)(symbols)

    def run(self, place: Place, turn: Turn) -> bool:
        if place.common_dir is None:
            return False
        return Pass(self._opened(), place, turn, self._symbols).run()

    def _opened(self) -> Digests:
        if self._digests is None:
            from lcode.memory.digests import Digests
            from lcode.store import migrations
            from lcode.store.database import Database

            memory = Database(self._paths.memory_db, migrations.MEMORY, lock=self._paths.locks / "memory.lock")
            self._digests, self._close = Digests(memory, of_process()), memory.close
        return self._digests

    def close(self) -> None:
        if self._close is not None:
            self._close()
        self._digests = self._close = None


class Pass:
    """One look at the clone that `place` is in."""

    def __init__(
        self, digests: Digests, place: Place, turn: Turn, symbols_of: Callable[[str, bytes], Symbols] = symbols
    ) -> None:
        assert place.common_dir is not None
        self._digests = digests
        self._place = place
        self._common = place.common_dir
        self._worktree = path_text(place.root)
        self._git = place.git()
        self._turn = turn
        self._symbols = symbols_of
        self._texts: Mapping[str, bytes] = {}  # of the commits at hand, by their names

    def run(self) -> bool:
        """Whether there was anything to do. Raises GitError, StoreError, Stopped."""
        now = refs.read(self._place)
        key = f"refs {path_text(self._common)}"
        state = self._digests.state(key)
        signature = now.signature()
        if not now.tips or (state.get("signature") == signature and not self._turn.commits):
            return False
        fresh = self._new(now, state)
        branches = dict(fresh)
        for done, entry in enumerate(self._entries(list(branches))):
            self._turn.progress(done, len(fresh))
            self._digest(entry, branches[entry.id])
        changed = self._settle(now)
        self._digests.keep_state(key, {"signature": signature, "tips": sorted(now.tips), "marks": now.marks})
        return bool(fresh) or changed

    # -- what is new --------------------------------------------------------------------------------------------------

    def _new(self, now: Refs, state: Mapping[str, object]) -> list[tuple[str, str]]:
        """The commits that were not digested, oldest first, each with its branch ('' where it is on none)."""
        tips, marks = state.get("tips"), state.get("marks")
        before = [str(tip) for tip in tips] if isinstance(tips, list) else []
        moved = [move.new for move in now.since(marks if isinstance(marks, dict) else {})]
        named = [name or commit for name, commit in now.heads]
        others = [*moved[::-1], *self._turn.commits]
        limit = MOST if state else FIRST
        try:
            found = log.reached(self._git, [*named, *now.branches, *others], before, limit)
        except GitError:  # something that a log of HEAD names has lost what it was made on
            found = log.reached(self._git, [*named, *now.branches], before, limit)
        known = {digest.commit for digest in self._digests.all()}
        return [(commit, refs.branch_name(start)) for commit, start in reversed(found) if commit not in known]

    def _entries(self, commits: Sequence[str]) -> Iterator[Entry]:
        shallow = log.shallow(self._common)
        for start in range(0, len(commits), _GROUP):
            group = list(log.entries(self._git, commits[start : start + _GROUP], shallow=shallow))
            wanted = {text for entry in group for change in _compared(entry) for text, _ in _texts(change) if text}
            self._texts = log.blobs(self._git, wanted, _LARGEST)
            yield from group

    # -- one commit ---------------------------------------------------------------------------------------------------

    def _digest(self, entry: Entry, branch: str) -> None:
        merged: Sequence[str] = ()
        if len(entry.parents) > 1:
            with suppress(GitError):  # a shallow clone
                merged = log.merged(self._git, entry, MERGED_READ)
        text = digest_text(entry, self._changes(entry), branch=branch, merged=merged, redact=of_process().redact)
        attempt = revert_text(entry, of_process().redact)
        made = made_at(entry)
        self._digests.add(entry.id, text, branch=branch, worktree=self._worktree, made_at=made, attempt=attempt)

    def _changes(self, entry: Entry) -> SymbolChanges:
        return compare(
            (self._of(change.before, change.old), self._of(change.after, change.path))
            for change in _compared(entry)
            if all(not text or text in self._texts for text, _ in _texts(change))
        )

    def _of(self, text: str, path: str) -> Symbols:
        return self._symbols(path, self._texts[text]) if text else Symbols()

    # -- what is gone -------------------------------------------------------------------------------------------------

    def _settle(self, now: Refs) -> bool:
        """Retire what is reached no more, and bring back what is again; whether there was any."""
        known = self._digests.all()
        lost = self._unreached([digest.commit for digest in known], now)
        gone = [digest.commit for digest in known if digest.commit in lost and not digest.retired_at]
        back = [digest.commit for digest in known if digest.commit not in lost and digest.retired_at]
        for commit in back:
            self._digests.revive(commit, worktree=self._worktree)
        if gone:
            late = [digest.commit for digest in known if digest.commit not in lost][-_LATE:]
            found = self._rewrites(gone, late, now)
            for commit in gone:
                self._turn.progress(0)
                rewrite = found.get(commit, Rewrite("", ""))
                self._digests.retire(commit, replaced_by=rewrite.commit, reason=_reason(rewrite), worktree=self._worktree)
        return bool(gone or back)

    def _unreached(self, commits: Sequence[str], now: Refs) -> set[str]:
        """Those that no clone of the agent's reaches. Where a shallow one was cut shorter, what was cut off is not gone."""
        lost = log.unreached(self._git, commits, now.reach)
        if shallow := log.shallow(self._common):
            lost = _behind(self._git, lost, shallow)
        for path in self._digests.clones():
            if not lost:
                break
            other = find(text_path(path)) if text_path(path).is_dir() else None
            if other is not None and other.common_dir is not None and other.common_dir != self._common:
                with suppress(GitError):
                    lost = log.unreached(other.git(), lost, refs.read(other).reach)
        return lost

    def _rewrites(self, gone: Sequence[str], late: Sequence[str], now: Refs) -> Mapping[str, Rewrite]:
        moves = [move for moves in now.moves.values() for move in moves]
        patches = partial(log.patch_ids, self._git)
        with suppress(GitError):
            return rewrites(log.messages(self._git, gone), log.messages(self._git, late), moves, patches)
        return {}


def _compared(entry: Entry) -> Sequence[FileChange]:
    """The files of a commit whose symbols are compared; a merge's are those of the commits that it brings in."""
    if len(entry.parents) > 1:
        return ()
    return [change for change in entry.changes if is_code(change.path) and not change.submodule][:_FILES]


def _texts(change: FileChange) -> Sequence[tuple[str, str]]:
    return ((change.before, change.old), (change.after, change.path))


def _behind(git: Git, lost: Collection[str], shallow: Collection[str]) -> set[str]:
    """Those of the `lost` that are there and younger than where the clone was cut off."""
    newest = max((entry.committed for entry in log.messages(git, list(shallow))), default=0)
    return {entry.id for entry in log.messages(git, list(lost)) if entry.committed > newest}


def _reason(rewrite: Rewrite) -> str:
    if rewrite.commit:
        return f"{rewrite.how}: commit {rewrite.commit[:12]} took its place"
    return "no branch, worktree or tag reaches it any more"
