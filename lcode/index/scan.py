"""One pass over the files of a checkout: which have changed, and their rows written in short transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import apsw

from lcode import clock
from lcode.errors import UserError
from lcode.index import code_rows as rows
from lcode.index import schema
from lcode.index.analysing import Analysing, Done
from lcode.index.code_rows import Content, Entry, FileRow
from lcode.index.files import IGNORE, Found, Listing, listed
from lcode.index.order import first_useful
from lcode.index.prepare import Known, Source, entry, read
from lcode.index.progress import Ended, Meter, Report, Stop, Tell
from lcode.store.database import Database

T = TypeVar("T")
Changed = tuple[str, FileRow | None, os.stat_result]  # a file, its row where it has one, and what it is now
_COMPARED = 1_000  # files that are compared with their rows at a time
_ORDERED = 20_000  # files that are put in order together
_READ = (64, 500_000)  # files and bytes that are looked up together
_FILES = 200  # in a transaction, at most
_AIM = 0.025  # seconds that a transaction should take
_CHUNKS = (32, 2_000)  # that it may write, at least and at most
_MERGED = 32  # pages of full text that are joined in one
_DOUBTS = 50  # files that are read to tell whether anything changed
_TOUCHED = 500  # files of which only the time has changed, in one
_REMOVED = 50  # files that are forgotten in one
_RULES = frozenset({".gitignore", IGNORE, ".gitmodules"})  # where these change, any file may


def unchanged(row: FileRow, status: os.stat_result) -> bool:
    return row.mtime_ns == status.st_mtime_ns and row.size == status.st_size and row.inode == status.st_ino


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _storable(path: str) -> str:
    """The path as text that can be stored; of a name that is not UTF-8 something that no file is called."""
    if path.isascii():
        return path
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class FileScan:
    """A pass over files of the checkout `checkout` at `root`."""

    def __init__(
        self,
        database: Database,
        root: Path,
        checkout: int,
        report: Report | None = None,
        tell: Tell | None = None,
        stop: Stop = lambda: False,
    ) -> None:
        self._database = database
        self._root = root
        self._base = f"{root}/"
        self._checkout = checkout
        self._report = report or Report()
        self._tell = tell
        self._stop = stop
        self._now = clock.now()
        self._generation = database.read(schema.generation)
        self._seen = bytearray()
        self._entries: list[Entry] = []
        self._waiting = 0
        self._most = _CHUNKS[0] * 4
        self._left: list[str] = []
        self._touched: list[tuple[int, int, int, int]] = []
        self._doubts = 0
        self._analysing = Analysing(database.path.parent / "locks" if database.path is not None else None)
        self._newest = database.read(rows.newest_file)

    # -- what is to be done --------------------------------------------------------------------------------------------

    def count_unchanged(self, files: Iterable[Found]) -> int:
        """How many of `files` are as their rows say; -1 as soon as one is not."""
        count = 0
        for batch in _batches(files, _COMPARED):
            known = self._rows(batch)
            for path, status in batch:
                row = known.get(_storable(path))
                if row is None or not (unchanged(row, status) or self._looked_into(path, row)):
                    return -1
            count += len(batch)
        return count

    def _looked_into(self, path: str, row: FileRow) -> bool:
        """Whether a file that was too young for its time to tell holds what it did; of many that costs too much."""
        self._doubts += 1
        if row.mtime_ns != -1 or self._doubts > _DOUBTS:
            return False
        source = read(self._base, path, 0)
        if source is None or (source.kind, source.size) != (row.kind, row.size):
            return False
        if not source.hash:
            return True
        known = self._database.read(lambda connection: rows.find_content(connection, source.hash))
        return known is not None and known.id == row.content

    def all(self, listing: Listing) -> None:
        """Make the rows those of the files that are listed, and of no others."""
        self._meter = Meter(self._tell, "files", listing.total)
        done = 0
        changed: list[Changed] = []
        for batch in _batches(listing, _COMPARED):
            known = self._rows(batch)
            for row in known.values():
                self._see(row.id)
            before = len(changed)
            found = ((path, known.get(_storable(path)), status) for path, status in batch)
            changed += (item for item in found if item[1] is None or not unchanged(item[1], item[2]))
            done += len(batch) - (len(changed) - before)
            self._meter.at(done)
            if len(changed) >= _ORDERED:
                done, changed = self._take(first_useful(changed), done), []
        done = self._take(first_useful(changed), done)
        self._flush()
        self._again()
        self._remove_unseen()
        self._analysing.survived()
        self._merge()
        self._meter.at(done, last=True)

    def some(self, paths: Sequence[str]) -> None:
        """The same for files and folders that are named, whether they are still there or not."""
        self._meter = Meter(self._tell, "files", len(paths))
        gone: dict[int, None] = {}
        direct: list[Found] = []
        unknown: list[str] = []
        for path in dict.fromkeys(paths):
            known = self._database.read(
                lambda connection, at=path: rows.files_below(connection, self._checkout, at)  # type: ignore[misc]
            )
            status = self._regular(path)
            if status is not None and [name for _, name in known] == [path]:
                direct.append((path, status))  # a file that counted before still does: rules have not changed
                continue
            gone |= dict.fromkeys(file for file, _ in known)
            if os.path.lexists(self._base + path):
                unknown.append(path)
        found = list(self._listed(unknown)) if unknown else []
        known_rows = self._rows([*direct, *found])
        for row in known_rows.values():
            gone.pop(row.id, None)
        self._take([(path, known_rows.get(_storable(path)), status) for path, status in [*direct, *found]], 0)
        self._flush()
        self._again()
        self._remove(list(gone))

    def touches_rules(self, paths: Iterable[str]) -> bool:
        """Whether any file may count now that did not, or the other way."""
        return any(path.rpartition("/")[2] in _RULES or not path or path.startswith(("/", "../")) for path in paths)

    @property
    def wary(self) -> bool:
        """Whether a process ended while it was parsing: then all files are to be gone through."""
        return self._analysing.wary

    def _regular(self, path: str) -> os.stat_result | None:
        import stat

        try:
            status = os.lstat(self._base + path)
        except (OSError, ValueError):
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _listed(self, paths: Sequence[str]) -> Iterable[Found]:
        try:
            return list(listed(self._root, paths))
        except UserError:  # without git all is listed, and the rest left out
            folders = tuple(f"{path}/" for path in paths)
            return [found for found in Listing(self._root) if found[0] in paths or found[0].startswith(folders)]

    def _rows(self, files: Sequence[Found]) -> dict[str, FileRow]:
        paths = [_storable(path) for path, _ in files]
        return dict(self._database.read(lambda connection: rows.file_rows(connection, self._checkout, paths)))

    # -- reading -------------------------------------------------------------------------------------------------------

    def _take(self, changed: Sequence[Changed], done: int) -> int:
        """Read, parse and write what has changed."""
        group: list[tuple[Source, FileRow | None]] = []
        size = 0
        for path, row, status in changed:
            done += 1
            source = self._source(path, status)
            if source is None:
                if row is not None:
                    self._unsee(row.id)
                continue
            group.append((source, row))
            size += len(source.data)
            if len(group) >= _READ[0] or size >= _READ[1]:
                self._prepare(group)
                self._meter.at(done)
                group, size = [], 0
        self._prepare(group)
        return done

    def _source(self, path: str, status: os.stat_result) -> Source | None:
        stored = _storable(path)
        if stored != path:
            return Source(stored, "binary", status.st_size, status.st_mtime_ns, status.st_ino, b"", b"")
        now_ns = int(clock.now().timestamp() * 1_000_000) * 1_000
        return read(self._base, path, now_ns)

    def _prepare(self, group: Sequence[tuple[Source, FileRow | None]]) -> None:
        """Have what is new in the group parsed, here or by a helper, and take what helpers have done meanwhile."""
        if self._stop():
            self._write_waiting()
            raise Ended("stopped")
        known = self._database.read(lambda connection: _look_up(connection, [source for source, _ in group]))
        contents = [row.content for _, row in group if row is not None]
        wary = self._database.read(lambda connection: rows.any_crashed(connection, contents))
        wanted: list[tuple[Source, int | None]] = []
        for source, row in group:
            content, _ = known.get(source.hash, (None, None))
            as_it_was = row is not None and row.kind == source.kind and row.content == (content.id if content else None)
            if row is not None and as_it_was and (content is not None or not source.hash):
                self._touch(row, source)
            elif source.hash:
                wanted.append((source, row.content if row is not None else None))
            else:
                self._add(entry(source, None, row.content if row is not None else None))
        if wanted:
            parts = [known.get(source.hash, (None, None))[1] for source, _ in wanted]
            self._add_all(self._analysing.put(wanted, parts, wary=wary))

    def _add_all(self, done: Iterable[Done]) -> None:
        for source, analysed, before in done:
            self._add(entry(source, analysed, before))

    def close(self) -> None:
        self._analysing.close()

    def _touch(self, row: FileRow, source: Source) -> None:
        if (row.size, row.mtime_ns, row.inode) != (source.size, source.mtime_ns, source.inode):
            self._touched.append((source.size, source.mtime_ns, source.inode, row.id))
        if len(self._touched) >= _TOUCHED:
            self._flush_touched()

    def _flush_touched(self) -> None:
        touched, self._touched = self._touched, []
        if touched:
            self._write(lambda connection: rows.touch_files(connection, touched))

    # -- writing -------------------------------------------------------------------------------------------------------

    def _add(self, one: Entry) -> None:
        count = len(one.fields) + 1
        if self._entries and (self._waiting + count > self._most or len(self._entries) >= _FILES):
            self._write_waiting()
        self._entries.append(one)
        self._waiting += count

    def _flush(self) -> None:
        """Write all that is on its way."""
        self._add_all(self._analysing.rest())
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write what waits, and learn from the time that it took how much may wait."""
        self._flush_touched()
        entries, self._entries = self._entries, []
        count, self._waiting = self._waiting, 0
        if not entries:
            return
        now = int(self._now.timestamp())
        started = clock.monotonic()
        parts = 1
        if count > self._most:  # a single large file
            self._write(lambda connection: rows.write_contents(connection, entries, now))
            parts = 2

        def work(connection: apsw.Connection) -> list[str]:
            rows.write_contents(connection, entries, now)
            return rows.write_files(connection, self._checkout, entries, now)

        self._left += self._write(work)
        self._report.files += len(entries)
        self._report.chunks += sum(len(one.fields) for one in entries)
        each = (clock.monotonic() - started) / parts / count
        wanted = _AIM / max(each, 1e-6)
        self._most = int(min(max((self._most + wanted) / 2, _CHUNKS[0]), _CHUNKS[1]))

    def _again(self) -> None:
        """Files that somebody else had to do with between two steps."""
        left, self._left = self._left, []
        found = [(path, status) for path in left if (status := self._regular(path)) is not None]
        known = self._rows(found)
        self._take([(path, known.get(path), status) for path, status in found], 0)
        self._flush()

    def _write(self, work: Callable[[apsw.Connection], T]) -> T:
        def checked(connection: apsw.Connection) -> T:
            if schema.generation(connection) != self._generation:
                raise Ended("the index was made anew meanwhile")
            return work(connection)

        return self._database.write(checked)

    def _merge(self) -> None:
        """Join the parts of the full text that many short transactions left."""
        if self._report.files < _FILES:
            return
        while self._write(lambda connection: rows.merge_full_text(connection, self._checkout, _MERGED)):
            if self._stop():
                return

    # -- what is gone --------------------------------------------------------------------------------------------------

    def _see(self, file: int) -> None:
        if file >= len(self._seen) * 8:
            self._seen.extend(bytes(max(file // 8 + 1 - len(self._seen), len(self._seen))))
        self._seen[file >> 3] |= 1 << (file & 7)

    def _unsee(self, file: int) -> None:
        if file < len(self._seen) * 8:
            self._seen[file >> 3] &= ~(1 << (file & 7))

    def _is_seen(self, file: int) -> bool:
        return file < len(self._seen) * 8 and bool(self._seen[file >> 3] & (1 << (file & 7)))

    def _remove_unseen(self) -> None:
        after = ""
        gone: list[int] = []
        while page := self._database.read(
            lambda connection, at=after: rows.files_after(connection, self._checkout, at, _COMPARED)  # type: ignore[misc]
        ):
            after = page[-1][1]
            gone += [file for file, _ in page if file <= self._newest and not self._is_seen(file)]
        self._remove(gone)

    def _remove(self, files: Sequence[int]) -> None:
        now = int(self._now.timestamp())
        for batch in _batches(files, _REMOVED):
            self._write(lambda connection, gone=batch: rows.remove_files(connection, self._checkout, gone, now))  # type: ignore[misc]
            self._report.removed += len(batch)


def _look_up(connection: apsw.Connection, sources: Iterable[Source]) -> dict[bytes, tuple[Content, Known]]:
    """Which contents are known already, with their chunks."""
    found: dict[bytes, tuple[Content, Known]] = {}
    for source in sources:
        if source.hash and source.hash not in found:
            content = rows.find_content(connection, source.hash)
            if content is not None:
                found[source.hash] = (content, rows.content_chunks(connection, content.id))
    return found
