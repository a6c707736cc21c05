"""From a file to the rows that make it searchable: read, told of which kind it is, cut into chunks, split into words.

Secrets are taken out before that: neither words nor signatures nor vectors hold any, and files that are made to hold them are
not read at all.

The costly part of indexing, done outside of any transaction, here or in another process. Nothing here knows the database.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lcode.index.code_rows import Entry, Fields
from lcode.index.files import LISTED, NAMES, WHOLE, kind_of_content, kind_of_path, read_regular
from lcode.index.model import Chunk, Parsed
from lcode.index.words import document_text, fields
from lcode.redact import of_process
from lcode.sensitive import is_sensitive

RULES = "2"  # of this module, of the kinds of files, of words
CAP = 1_000_000  # bytes of code in a file that are read; of what is larger only the beginning
_CAP_OF_DATA = 131_072  # the same of what is not code
UNPARSED = "unparsed.txt"  # the name under which a file is cut whose own syntax cannot be read
YOUNG = 100_000_000  # nanoseconds in which a file can change without a change of its time
_YOUNG_IN_SECONDS = 2_000_000_000  # the same where times are kept in seconds


class Source(NamedTuple):
    """A file as it was read. `data` is what of it is searched; b'' where it is only listed."""

    path: str
    kind: str
    size: int
    mtime_ns: int
    inode: int
    hash: bytes
    data: bytes


class Analysed(NamedTuple):
    """What was made of a source: its chunks where they were not known, and the words of each."""

    parsed: Parsed | None
    lines: int
    fields: list[Fields]


Known = tuple[list[Chunk], list[tuple[str, int]]]  # chunks, and names that are defined, each with the number of its chunk


def read(base: str, path: str, now_ns: int) -> Source | None:
    """The file at `base + path`; None where there is none, or none that can be read. `now_ns` is the time before that."""
    kind = "sensitive" if _is_sensitive(base, path) else kind_of_path(path)
    listed = kind in LISTED
    found = read_regular(base + path, 0 if listed else CAP)
    if found is None:
        return None
    data, status = found
    size = status.st_size
    if not listed:
        kind = kind_of_content(kind, data)
        if kind not in LISTED and size > CAP:
            data = _head(data, CAP if kind in ("source", "test") else _CAP_OF_DATA)
            kind = "large" if kind in WHOLE else kind
    mtime_ns = -1 if young(status, now_ns) else status.st_mtime_ns
    if kind in LISTED:
        return Source(path, kind, size, mtime_ns, status.st_ino, b"", b"")
    return Source(path, kind, size, mtime_ns, status.st_ino, content_hash(path, data), data)


def _is_sensitive(base: str, path: str) -> bool:
    return is_sensitive(Path(base + path), _home())


@cache
def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no entry in the user database
        return Path("/nonexistent")


def young(status: os.stat_result, now_ns: int) -> bool:
    """Whether the file could change once more and keep its time."""
    seconds = status.st_mtime_ns % 1_000_000_000 == 0
    return now_ns - status.st_mtime_ns < (_YOUNG_IN_SECONDS if seconds else YOUNG)


def _head(data: bytes, limit: int) -> bytes:
    cut = data.rfind(b"\n", 0, limit)
    return data[: cut + 1 if cut >= 0 else limit]


def content_hash(path: str, data: bytes) -> bytes:
    """What a content is known by: its bytes, and what else decides into which chunks they are cut."""
    from lcode.index import chunking
    from lcode.index.languages import language_of

    language = language_of(path, data)
    rules = f"{language} {chunking.version(language)}".encode()
    return hashlib.blake2b(data, digest_size=16, key=hashlib.blake2b(rules, digest_size=32).digest()).digest()


def analyse(path: str, kind: str, data: bytes, known: Known | None, cut_as: str = "") -> Analysed:
    """What a file's content comes to; one that is `known` is not cut into chunks again. `cut_as`: another name to cut it by."""
    data = of_process().blank(data)
    if known is None:
        from lcode.index.chunking import chunk

        try:
            parsed = chunk(cut_as or path, data)
        except Exception:  # noqa: BLE001 - a fault over one file must not keep all others from being found
            parsed = chunk(UNPARSED, data)
        chunks, definitions = parsed.chunks, parsed.definitions
    else:
        parsed = None
        chunks, definitions = known
    defined: dict[int, list[str]] = {}
    for name, number in definitions:
        defined.setdefault(number, []).append(name)
    found: list[Fields] = []
    bare = kind in NAMES
    path_text = document_text(path)
    for number, one in enumerate(chunks):
        raw = data[one.start : one.end]
        _, names, body = fields("", one, "" if bare else raw.decode("utf-8", "replace"), defined.get(number, ()))
        found.append(Fields(path_text, names, body, zlib.crc32(raw)))
    return Analysed(parsed, data.count(b"\n") + (not data.endswith(b"\n") and bool(data)), found)


def entry(source: Source, analysed: Analysed | None, before: int | None) -> Entry:
    """The rows of a file that had the content `before`; of one that was not analysed it is known only that it is there."""
    parsed, lines, found = analysed or (None, 0, [])
    embed = analysed is not None and source.kind in WHOLE
    return Entry(*source[:6], parsed, lines, found, embed, before)


def documents(chunks: Iterable[Chunk], data: bytes) -> list[str]:
    """What an embedder is given for each chunk."""
    data = of_process().blank(data)
    return [f"{one.symbol}\n{data[one.start : one.end].decode('utf-8', 'replace')}" for one in chunks]


def version() -> str:
    """Of the rules by which files are read, cut and split into words: another one makes other rows of the same files."""
    from lcode.index import chunking

    return f"{chunking.VERSION}.{RULES}"
