"""The text of files as they are now, where something was found: the index holds none.

A place is known by its lines, and by its bytes where they lay when it was indexed. While the file is as it was then, the bytes
lead to the place at once; else, and where both do not agree, all of the file is taken apart into lines.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import apsw

from lcode.index.files import read_regular
from lcode.index.signals import File
from lcode.store.database import fetch_one

CAP = 1_000_000  # bytes of a file that are read


class Span(NamedTuple):
    """Lines `first` to `last`, from 1 on and included; bytes `start` to `end`."""

    first: int
    last: int
    start: int
    end: int


class CurrentText:
    """What stands in the files of the checkout at `root`."""

    def __init__(self, connection: apsw.Connection, root: Path) -> None:
        self._connection = connection
        self._root = root
        self._texts: dict[int, _Text] = {}

    def lines(self, file: File, span: Span) -> list[str]:
        """The lines of `span`; none where the file is gone, or is no plain file."""
        text = self._text(file)
        part = text.part(span)
        return text.all[span.first - 1 : span.last] if part is None else part

    def changed(self, file: File) -> bool:
        """Whether the file is not what was indexed, as it was when its lines were read. Its content is compared only where its
        time or size does not tell: that needs the rules by which it was cut."""
        text = self._text(file)
        if not text.is_known or not text.is_there:
            return True
        if text.is_alike:
            return False
        from lcode.index.prepare import read

        source = read(f"{self._root}/", file.path, 0)
        return source is None or source.hash != text.hash

    def _text(self, file: File) -> _Text:
        known = self._texts.get(file.id)
        if known is None:
            sql = "SELECT size, mtime_ns, hash FROM files LEFT JOIN contents ON contents.id = content_id WHERE files.id = ?"
            known = self._texts[file.id] = _Text(f"{self._root}/{file.path}", fetch_one(self._connection, sql, (file.id,)))
        return known


class _Text:
    """One file, and what the index knows of it: size, time and hash, or nothing where it is no longer there."""

    def __init__(self, path: str, row: tuple[int, int, bytes | None] | None) -> None:
        self._path = path
        self.is_known = row is not None
        self._size, self._time, hash_ = row or (-1, -1, None)
        self.hash = hash_ or b""
        self.is_there = self.is_alike = False

    def part(self, span: Span) -> list[str] | None:
        """The lines of `span` by its bytes; None where it is not sure that they are these."""
        first, last, start, end = span
        before = min(start, 1)
        data = self._read(end - start + before + 1, start - before)
        if not self.is_alike or (before and data[:1] != b"\n"):
            return None
        rest = data[before + end - start :]
        lines = data[before : before + end - start].decode("utf-8", "replace").split("\n")
        return lines if rest in (b"\n", b"") and len(lines) == last - first + 1 else None

    @cached_property
    def all(self) -> list[str]:
        data = self._read(CAP, 0)
        return data.decode("utf-8", "replace").split("\n") if self.is_there else []

    def _read(self, limit: int, start: int) -> bytes:
        """Bytes of the file. It is alike where size and time say that it is what was indexed; one too young for its time
        to tell is not."""
        found = read_regular(self._path, limit, start)
        self.is_there = found is not None
        if found is None:
            return b""
        data, now = found
        self.is_alike = (now.st_size, now.st_mtime_ns) == (self._size, self._time)
        return data
