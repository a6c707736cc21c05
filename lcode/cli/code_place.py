"""The code index of the place a command is in: opened, and built at once where that is a matter of seconds.

A place that has no agent yet gets none by being looked at: its index is made in memory, for this command alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lcode.cli.options import Options
from lcode.cli.place import directory, opened
from lcode.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lcode.agent.runtime import Runtime
    from lcode.index.open import IndexDatabase
    from lcode.index.reader import CodeReader, Standing

HOW = "`lcode index` builds it"
QUICK = 2_000  # files that are looked at for changes while somebody waits: some hundredths of a second
Below = Callable[[str], str]


@contextmanager
def searched(options: Options, *, wants_code: bool) -> Iterator[tuple[Runtime, CodeReader | None, Below]]:
    """The runtime, the reader of its index (None where it is not wanted, or cannot be had in a few seconds: that is said), and
    what turns a path of the command line into one of the index."""
    with opened(options) as runtime:

        def below(path: str) -> str:
            return from_root(options, runtime.root, path)

        if not wants_code:
            yield runtime, None, below
            return
        with closing(index_of(runtime, options)) as database:
            yield runtime, ready_reader(runtime, database), below


def index_of(runtime: Runtime, options: Options) -> IndexDatabase:
    """The index of the place's agent; one in memory where there is no agent, or nothing is to be written."""
    from lcode.cli.report import complain
    from lcode.index.open import IndexDatabase, index_path, open_index

    if not runtime.agent.id:
        return IndexDatabase(None)
    paths = runtime.store.agent_paths(runtime.agent)
    if options.ephemeral or runtime.ephemeral:
        return open_index(paths, read_only=index_path(paths).is_file(), tell=complain)

    def tell(line: str) -> None:
        complain(line)
        runtime.background.nudge()

    return open_index(paths, tell=tell)


def ready_reader(runtime: Runtime, database: IndexDatabase) -> CodeReader | None:
    """A reader of the index, which is built or brought up to date now if it is small; None with a word of advice where it is
    not there."""
    from lcode.cli.code_build import build
    from lcode.cli.report import complain
    from lcode.index.reader import CodeReader
    from lcode.index.size import is_small

    seen = runtime.background
    reader = CodeReader(None, runtime.root, database, embedder=seen.embedder, total=seen.total, coming=seen.coming)
    standing = _awaited(reader)
    if standing.ready:
        if standing.files <= QUICK and not database.read_only and _has_changed(runtime, database):
            build(runtime, database)
        return reader
    if not _works(runtime) and not database.read_only and is_small(runtime.root):
        build(runtime, database)
        return reader
    if standing.exists:
        return reader
    if works := _works(runtime):
        runtime.background.nudge()
    complain(standing.words, "the worker does it now: `lcode index --status` says how far" if works else HOW)
    return None


def _awaited(reader: CodeReader) -> Standing:
    """How the index stands, after a moment if a worker is only just making it and it is small."""
    import time

    from lcode.index.reader import LOOK, LOOKS

    standing = reader.standing()
    for _ in range(LOOKS):
        if not reader.coming(standing):
            break
        time.sleep(LOOK)
        standing = reader.standing()
    return standing


def _has_changed(runtime: Runtime, database: IndexDatabase) -> bool:
    """Whether files changed and no worker takes that up."""
    from lcode.index.build import CodeIndex

    return not _works(runtime) and not CodeIndex(database, runtime.root).no_change()


def _works(runtime: Runtime) -> bool:
    """Whether a worker serves this checkout."""
    from lcode.path_text import path_text
    from lcode.worker import status

    worker = status.read(runtime.store.agent_paths(runtime.agent)) if runtime.agent.id else None
    return worker is not None and worker.of(path_text(runtime.root)) is not None


def from_root(options: Options, root: Path, path: str) -> str:
    """A path of the command line as the index writes it. Raises UsageError where it leads out of the repository."""
    from lcode.index.below import below

    found = below(root, directory(options).resolve(), path) if path else ""
    if found is None:
        raise UsageError(f"{path} is outside the repository {root}", "name a file or folder of it")
    return found
