"""`forget` is real: a text goes out of the store, its full text, its log, every backup and every file of the home.

Nobody else may have the store open meanwhile. The order lets it be done again after it was killed at any point: files and
backups first, the store itself last, and a note without a word of the text until all is done; while that is there nothing
is passed over because it looks clean. Tombstones say when and by whom.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from lcode import clock
from lcode.errors import MemoryEditError, StoreDamaged, StoreUnwritable
from lcode.index.open import index_path
from lcode.memory.forget_rows import Found, Wish, apply, beginning
from lcode.memory.restore import refuse_live
from lcode.memory.scrub import Scrub
from lcode.store import check, commits, migrations
from lcode.store.atomic import sync_folder, write_bytes, write_text
from lcode.store.backup import Origin, leftovers, list_backups, remove_leftovers, rewrite
from lcode.store.connect import connect, own
from lcode.store.paths import StorePaths, private_folder
from lcode.store.presence import Presence

if TYPE_CHECKING:
    from lcode.memory.session_memory import SessionMemory

_ID = re.compile(r"(?:(message|passage|session)-)?([0-9a-f]{8,32})")
_VERSION = re.compile(r"([\w/-]+)@v?(\d{1,9})")
_DATABASES = (".db", ".db-wal", ".db-shm", ".db-journal")
Reached = Callable[[str], None]


@dataclass
class Place:
    """A database with what lies beside it. `agent` is '' for the user's own; `rows` is what is in it; `backups` how many there
    are; `files` those that hold the text, `outputs` those that belong to what is forgotten."""

    origin: Origin
    rows: Found
    backups: int
    files: list[Path] = field(default_factory=list)
    outputs: list[Path] = field(default_factory=list)
    aside: bool = False
    concerned: bool = False

    @property
    def agent(self) -> str:
        return self.origin.agent_id


@dataclass
class Forgotten:
    """What there was, or what was done. `left` are files that hold the text all the same."""

    places: list[Place]
    files: list[Path]  # of all agents: logs
    left: list[Path] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for place in self.places:
            total += place.rows.counts
            total["files"] += len(place.files) + len(place.outputs)
        total["files"] += len(self.files)
        return +total


# -- what is meant ----------------------------------------------------------------------------------------------------


@dataclass
class Meant:
    """Words of the user: rows by their ids, and texts."""

    texts: list[str] = field(default_factory=list)
    messages: set[str] = field(default_factory=set)
    passages: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    versions: set[tuple[str, int]] = field(default_factory=set)

    @property
    def by_id(self) -> bool:
        return bool(self.messages or self.passages or self.sessions or self.versions)

    def wish(self, *, ignore_case: bool = False, regex: bool = False) -> Wish:
        scrub = Scrub(self.texts, ignore_case=ignore_case, regex=regex)
        rows = frozenset(self.messages), frozenset(self.passages), frozenset(self.sessions)
        return Wish(scrub, *rows, frozenset(self.versions))


def meant(words: Sequence[str], memory: SessionMemory) -> Meant:
    """Ids of messages, passages and sessions (or unique beginnings of them, of eight digits at least), `LABEL@vN` for a version
    of a block; anything else is a text. Raises MemoryEditError for an id of nothing."""
    found = Meant()
    kinds = {"message": found.messages, "passage": found.passages, "session": found.sessions}
    for word in words:
        named = _ID.fullmatch(word)
        kind, digits = named.groups("") if named else ("", "")
        rows = {f"{name}-{digits}": ids for name, ids in kinds.items() if digits and kind in ("", name)}
        hits = [(row, ids) for begin, ids in rows.items() for row in memory.database.read(partial(beginning, begin=begin))]
        if len(hits) > 1:
            raise MemoryEditError(f"'{word}' fits several: {', '.join(row for row, _ in hits)}", "give more of the id")
        if hits:
            hits[0][1].add(hits[0][0])
        elif kind:
            raise MemoryEditError(f"there is no {kind} '{word}' here", "with --text it is a text")
        elif (version := _VERSION.fullmatch(word)) and any(row.label == version[1] for row in memory.blocks.rows()):
            found.versions.add(_version(memory, version[1], int(version[2])))
        else:
            found.texts.append(word)
    return found


def _version(memory: SessionMemory, label: str, number: int) -> tuple[str, int]:
    block = memory.blocks.known(label)
    if not 0 < number <= abs(block.version):
        raise MemoryEditError(f"'{label}' has no version {number}", f"`lcode memory log {label}` lists them")
    return block.id, number


# -- looking ----------------------------------------------------------------------------------------------------------


def preview(paths: StorePaths, wish: Wish, agent_id: str = "", extra: Sequence[Path] = ()) -> Forgotten:
    """What would be touched, by doing it to copies. `agent_id` is whose the ids are; `extra` are folders outside the home in
    which sessions may have left messages. Raises StoreDamaged."""
    pending = bool(paths.forgetting_since())
    places = [_look(origin, wish, agent_id, pending=pending) for origin in _origins(paths)]
    if any(place.concerned for place in places):
        for place in places:
            place.concerned = place.concerned or place.aside
    beside = [path for path in _files(paths.home) if paths.home / "agents" not in path.parents]
    beside += [path for folder in extra for path in _files(folder)]
    return Forgotten(places, _holding(beside, wish))


def _origins(paths: StorePaths) -> list[Origin]:
    agents = [Origin.of_agent(paths.agent(folder.name)) for folder in sorted(paths.home.glob("agents/*/"))]
    return [origin for origin in (Origin.of_user(paths), *agents) if origin.path.exists() and origin.path.stat().st_size]


def _look(origin: Origin, wish: Wish, agent_id: str, *, pending: bool) -> Place:
    try:
        with closing(connect(origin.path, read_only=True)) as source, check.copied(source, origin.path) as copy:
            rows = apply(copy, wish, edit=False)
    except (apsw.Error, UnicodeDecodeError) as error:
        raise StoreDamaged(f"{origin.path} is damaged: {error}", check.MEND) from error
    by_id = bool(agent_id) and origin.agent_id in ("", agent_id)
    aside = origin.damaged.exists() and (by_id or bool(wish.scrub))  # nobody knows what is in there
    place = Place(origin, rows, len(list_backups(origin)), aside=aside)
    if origin.agent_id:
        place.files = _holding(_files(origin.path.parent), wish)
        place.outputs = [path for name in rows.outputs if (path := origin.path.parent / "outputs" / name).exists()]
    place.concerned = pending or by_id or bool(rows.counts or place.files) or _in_bytes(origin, wish)
    return place


def _in_bytes(origin: Origin, wish: Wish) -> bool:
    """Whether a text is in the pages of a database or its backups, be it in no row any more."""
    beside = [origin.path, Path(f"{origin.path}-wal"), *leftovers(origin), *origin.damaged.rglob("*")]
    beside += [index for index in _index_files(origin) if index.exists()]
    if any(wish.scrub.holds(path) for path in [*beside, *(backup.path for backup in list_backups(origin))]):
        return True
    return bool(wish.scrub) and any(_in_rows(backup.path, wish) for backup in list_backups(origin))


def _in_rows(path: Path, wish: Wish) -> bool:
    try:
        with closing(connect(path, immutable=True)) as source, check.copied(source, path) as copy:
            return bool(apply(copy, wish, edit=False).counts)
    except (apsw.Error, UnicodeDecodeError):  # nobody can tell
        return True


def _index_files(origin: Origin) -> list[Path]:
    if not origin.agent_id:
        return []
    index = origin.path.parent / "index.db"
    return [index, *(Path(f"{index}{end}") for end in ("-wal", "-shm"))]


def _files(folder: Path) -> Iterator[Path]:
    """The files of text below a folder: no databases, no locks, nothing that was moved aside."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if "locks" in parts or "damaged" in parts or "backups" in parts or path.name.endswith(_DATABASES):
            continue
        if path.is_file() and not path.is_symlink():
            yield path


def _holding(files: Sequence[Path] | Iterator[Path], wish: Wish) -> list[Path]:
    return [path for path in files if wish.scrub.holds(path)] if wish.scrub else []


# -- doing ------------------------------------------------------------------------------------------------------------


def forget(
    paths: StorePaths, wish: Wish, agent_id: str = "", extra: Sequence[Path] = (), reached: Reached = lambda _: None
) -> Forgotten:
    """Forget it everywhere; what was touched. `reached` is told of each step. Raises SessionBusy while a session is open,
    StoreBusy while another process uses the store, StoreDamaged, StoreUnwritable."""
    refuse_live(paths)
    with ExitStack() as stack:
        for origin in _origins(paths):
            private_folder(origin.path.parent / "locks")
            stack.enter_context(Presence(origin.path).alone())
            if origin.agent_id:
                stack.enter_context(Presence(index_path(paths.agent(origin.agent_id))).alone())
        found = preview(paths, wish, agent_id, extra)
        try:
            _do(paths, wish, found, extra, reached)
        except (OSError, apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as error:
            raise StoreUnwritable(f"not all could be forgotten: {error}", "free space, and repeat the command") from error
        found.left = _left(paths, wish, extra)
    return found


def _do(paths: StorePaths, wish: Wish, found: Forgotten, extra: Sequence[Path], reached: Reached) -> None:
    note = paths.forgetting
    write_text(note, f"{clock.stamp()}\n", mode=0o600)
    sync_folder(paths.home)
    reached("noted")
    for path in [*found.files, *(path for place in found.places for path in place.files)]:
        write_bytes(path, wish.scrub.data(path.read_bytes()), mode=0o600)
        reached(f"file {path.name}")
    for place in (place for place in found.places if place.concerned):
        for path in place.outputs:
            path.unlink(missing_ok=True)
        _beside(place.origin, wish, reached)
    # of all places at the last: until then a repetition finds by its rows what belongs to them
    for place in (place for place in found.places if place.concerned):
        _rows(place.origin, wish, reached)
    note.unlink()
    sync_folder(paths.home)
    reached("done")


def _beside(origin: Origin, wish: Wish, reached: Reached) -> None:
    """Forget in what lies beside a database: what was moved aside, unfinished work, the index of the code, backups."""
    if origin.damaged.exists():
        shutil.rmtree(origin.damaged)
    remove_leftovers(origin)
    for path in _index_files(origin):  # derived: it is made anew of the code as it is
        path.unlink(missing_ok=True)
    reached(f"beside {origin.path.name}")

    def change(connection: apsw.Connection) -> None:
        apply(connection, wish, edit=False)

    rewrite(origin, change)
    reached(f"backups of {origin.path.name}")


def _rows(origin: Origin, wish: Wish, reached: Reached) -> None:
    """Forget in the database itself, so that no page of it, nor of its log, holds what its rows held."""
    with closing(connect(origin.path)) as connection:
        migrations.check(connection, origin.schema, origin.path)
        own(connection)
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("BEGIN IMMEDIATE")
        state = commits.state_of(connection)
        apply(connection, wish, edit=True)
        count = commits.count(connection)
        reached(f"rows of {origin.path.name}")
        connection.execute("COMMIT")
        if state is not None and count is not None:
            note = commits.Note(origin.path)
            note.write(commits.State(state.store, count))
            note.close()
        reached(f"committed {origin.path.name}")
        connection.execute("VACUUM")
        reached(f"vacuumed {origin.path.name}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    reached(f"finished {origin.path.name}")


def _left(paths: StorePaths, wish: Wish, extra: Sequence[Path]) -> list[Path]:
    """Files that hold the text all the same, such as the registry where it is part of a path."""
    if not wish.scrub:
        return []
    everything = [path for folder in (paths.home, *extra) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in everything if wish.scrub.holds(path)]
