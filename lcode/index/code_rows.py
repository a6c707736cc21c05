"""The rows of the code index, and all SQL on them: contents with their chunks, and what each checkout has of them.

Functions of a connection, to be called inside `Database.read` and `Database.write`. A file's row, its rows in `code` and its
full text change together in one transaction, so that whenever a build ends, what is searchable is right.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apsw

from lcode.index.model import Chunk, Parsed
from lcode.index.schema import create_full_text, drop_full_text, full_text

CRASHED = 2  # of what was understood of a content: nothing, its parser crashed
TO_EMBED, EMBEDDED, NOT_EMBEDDED = 0, 1, 2  # of contents; the last: found by names alone, wherever it is
_CHUNK = 'kind, symbol, signature, doc, start_line, end_line, "start", "end"'
_UNUSED = "NOT EXISTS (SELECT 1 FROM files WHERE files.content_id = contents.id)"


class Checkout(NamedTuple):
    id: int
    state: str  # new, building, lexical (vectors are to come), ready
    head: str
    seen_at: int


class FileRow(NamedTuple):
    """What is known of a file of a checkout."""

    id: int
    content: int | None
    size: int
    mtime_ns: int  # -1 where the file was too young to tell a later change by its time
    inode: int
    kind: str


class Fields(NamedTuple):
    """What full text holds of a chunk, and a checksum of its bytes."""

    path: str
    names: str
    body: str
    checksum: int


class Entry(NamedTuple):
    """A file as it is to be written."""

    path: str
    kind: str
    size: int
    mtime_ns: int
    inode: int
    hash: bytes  # of its content; b'' where it is only listed
    parsed: Parsed | None  # None where the content is known already
    lines: int
    fields: list[Fields]  # one a chunk
    embed: bool  # whether it is to be found by meaning
    before: int | None  # the content that the file had when it was looked up


class Content(NamedTuple):
    """A content that is known."""

    id: int
    embedded: int


# -- checkouts ---------------------------------------------------------------------------------------------------------


def meta(connection: apsw.Connection, key: str) -> str:
    return str(_one(connection, "SELECT value FROM meta WHERE key = ?", (key,)) or "")


def set_meta(connection: apsw.Connection, key: str, value: str) -> None:
    connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))


def checkout(connection: apsw.Connection, root: str) -> Checkout | None:
    """The checkout at `root`; None for one that was never indexed."""
    row = next(iter(connection.execute("SELECT id, state, head, seen_at FROM checkouts WHERE root = ?", (root,))), None)
    return None if row is None else Checkout(*row)


def make_checkout(connection: apsw.Connection, root: str, now: int) -> Checkout:
    """The checkout at `root`, made with its full text where there is none."""
    known = checkout(connection, root)
    if known is not None:
        return known
    connection.execute("INSERT INTO checkouts (root, seen_at) VALUES (?, ?)", (root, now))
    made = Checkout(connection.last_insert_rowid(), "new", "", now)
    create_full_text(connection, made.id)
    return made


def set_checkout(connection: apsw.Connection, checkout: int, *, branch: str, head: str, state: str, now: int) -> None:
    connection.execute(
        "UPDATE checkouts SET branch = ?, head = ?, state = ?, seen_at = ? WHERE id = ?", (branch, head, state, now, checkout)
    )


def checkouts(connection: apsw.Connection) -> list[tuple[int, str, str, int]]:
    """Id, root, state and when it was seen last, of each."""
    return list(connection.execute("SELECT id, root, state, seen_at FROM checkouts"))


def drop_checkout(connection: apsw.Connection, checkout: int, now: int, most: int) -> bool:
    """Forget a checkout, at most `most` files at a time; whether it is gone."""
    ids = [row[0] for row in connection.execute("SELECT id FROM files WHERE checkout_id = ? LIMIT ?", (checkout, most))]
    remove_files(connection, checkout, ids, now)
    if len(ids) == most:
        return False
    drop_full_text(connection, checkout)
    connection.execute("DELETE FROM edges WHERE checkout_id = ?", (checkout,))
    connection.execute("DELETE FROM checkouts WHERE id = ?", (checkout,))
    return True


# -- files -------------------------------------------------------------------------------------------------------------


def file_rows(connection: apsw.Connection, checkout: int, paths: Iterable[str]) -> list[tuple[str, FileRow]]:
    """Those of `paths` that are known, with what is known."""
    sql = "SELECT path, id, content_id, size, mtime_ns, inode, kind FROM files WHERE checkout_id = ? AND path = ?"
    found = connection.executemany(sql, ((checkout, path) for path in paths))
    return [(row[0], FileRow(*row[1:])) for row in found]


def files_after(connection: apsw.Connection, checkout: int, path: str, most: int) -> list[tuple[int, str]]:
    """Id and path of at most `most` files, in the order of their paths, after `path`."""
    sql = "SELECT id, path FROM files WHERE checkout_id = ? AND path > ? ORDER BY path LIMIT ?"
    return list(connection.execute(sql, (checkout, path, most)))


def files_below(connection: apsw.Connection, checkout: int, path: str) -> list[tuple[int, str]]:
    """Id and path of the file at `path`, or of all files in that folder."""
    one = "SELECT id, path FROM files WHERE checkout_id = ?1 AND"  # with OR, all files would be gone through
    sql = f"{one} path = ?2 UNION ALL {one} path > ?2 || '/' AND path < ?2 || '0'"
    return list(connection.execute(sql, (checkout, path)))


def count_files(connection: apsw.Connection, checkout: int) -> int:
    return int(_one(connection, "SELECT count(*) FROM files WHERE checkout_id = ?", (checkout,)))


def counts(connection: apsw.Connection, checkout: int) -> tuple[dict[str, int], int, int]:
    """Files by kind, chunks that are searched, and contents that wait for their vectors."""
    kinds = dict(connection.execute("SELECT kind, count(*) FROM files WHERE checkout_id = ? GROUP BY kind", (checkout,)))
    chunks = _one(connection, f"SELECT count(*) FROM {full_text(checkout)}_docsize")
    return kinds, int(chunks), backlog_size(connection, checkout)


def newest_file(connection: apsw.Connection) -> int:
    """The largest id of a file; those that are made later are larger."""
    return int(_one(connection, "SELECT max(id) FROM files") or 0)


def touch_files(connection: apsw.Connection, files: Iterable[tuple[int, int, int, int]]) -> None:
    """Size, time and inode of files, each before its id, whose content is as it was."""
    connection.executemany("UPDATE files SET size = ?, mtime_ns = ?, inode = ? WHERE id = ?", files)


def remove_files(connection: apsw.Connection, checkout: int, files: Sequence[int], now: int) -> None:
    """Forget files of a checkout: they are gone, or are no longer among those that count."""
    _unlink(connection, checkout, files, now)
    connection.executemany("DELETE FROM files WHERE id = ?", ((file,) for file in files))


def _unlink(connection: apsw.Connection, checkout: int, files: Sequence[int], now: int) -> None:
    """Take files out of the search; their contents stay, as used until now."""
    one = [(file,) for file in files]
    rows = list(connection.executemany("SELECT id FROM code WHERE file_id = ?", one))
    connection.executemany(f"DELETE FROM {full_text(checkout)} WHERE rowid = ?", rows)
    connection.executemany("DELETE FROM code WHERE file_id = ?", one)
    used = "UPDATE contents SET used_at = ? WHERE id = (SELECT content_id FROM files WHERE id = ?)"
    connection.executemany(used, ((now, file) for file in files))


# -- writing -----------------------------------------------------------------------------------------------------------


def find_content(connection: apsw.Connection, hash_: bytes) -> Content | None:
    row = next(iter(connection.execute("SELECT id, embedded FROM contents WHERE hash = ?", (hash_,))), None)
    return None if row is None else Content(*row)


def any_crashed(connection: apsw.Connection, contents: Iterable[int | None]) -> bool:
    """Whether the parser of any of these contents crashed."""
    sql = f"SELECT 1 FROM contents WHERE id = ? AND partial = {CRASHED}"
    return any(True for _ in connection.executemany(sql, ((content,) for content in contents)))


def crashed_files(connection: apsw.Connection, checkout: int) -> list[str]:
    """The files of a checkout over which a parser crashed."""
    sql = f"SELECT path FROM files JOIN contents ON contents.id = content_id WHERE checkout_id = ? AND partial = {CRASHED}"
    return [path for (path,) in connection.execute(f"{sql} ORDER BY path", (checkout,))]


def content_chunks(connection: apsw.Connection, content: int) -> tuple[list[Chunk], list[tuple[str, int]]]:
    """The chunks of a content that is known, and the names that it defines, each with the number of its chunk."""
    rows = list(connection.execute(f"SELECT id, {_CHUNK} FROM chunks WHERE content_id = ? ORDER BY number", (content,)))
    numbers = {row[0]: number for number, row in enumerate(rows)}
    names = connection.execute("SELECT name, chunk_id FROM definitions WHERE content_id = ? ORDER BY rowid", (content,))
    return [Chunk(*row[1:]) for row in rows], [(name, numbers[chunk]) for name, chunk in names if chunk in numbers]


def write_contents(connection: apsw.Connection, entries: Iterable[Entry], now: int) -> None:
    """Keep what was parsed; a content that is known meanwhile is left as it is."""
    content = int(_one(connection, "SELECT max(id) FROM contents") or 0)
    chunk = int(_one(connection, "SELECT max(id) FROM chunks") or 0)
    made: list[tuple[Any, ...]] = []
    chunks: list[tuple[Any, ...]] = []
    names: list[tuple[Any, ...]] = []
    here: set[bytes] = set()
    for entry in entries:
        parsed = entry.parsed
        if parsed is None or entry.hash in here or find_content(connection, entry.hash) is not None:
            continue
        here.add(entry.hash)
        content += 1
        kept = _kept_vectors(connection, entry)
        state = NOT_EMBEDDED if not (entry.embed and parsed.chunks) else TO_EMBED if None in kept else EMBEDDED
        references = pack_references(parsed.references)
        partial = CRASHED if parsed.crashed else int(parsed.partial)
        made.append((content, entry.hash, parsed.language, entry.lines, partial, references, state, now))
        pairs = zip(parsed.chunks, entry.fields, kept, strict=True)
        chunks += [(chunk + n, content, n - 1, *one, its.checksum, vector) for n, (one, its, vector) in enumerate(pairs, 1)]
        names += [(name, content, chunk + number + 1) for name, number in parsed.definitions]
        chunk += len(parsed.chunks)
    connection.executemany("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", made)
    columns = f"id, content_id, number, {_CHUNK}, checksum, vector"
    connection.executemany(f"INSERT INTO chunks ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", chunks)
    connection.executemany("INSERT INTO definitions VALUES (?, ?, ?)", names)


def _kept_vectors(connection: apsw.Connection, entry: Entry) -> list[bytes | None]:
    """The vectors of the entry's chunks that the file had before, as they are now: of most where it was only edited."""
    known: dict[tuple[str, int], bytes] = {}
    if entry.before is not None and entry.embed:
        sql = "SELECT symbol, checksum, vector FROM chunks WHERE content_id = ? AND vector IS NOT NULL"
        known = {(symbol, sum_): vector for symbol, sum_, vector in connection.execute(sql, (entry.before,))}
    chunks = entry.parsed.chunks if entry.parsed is not None else []
    return [known.get((one.symbol, fields.checksum)) for one, fields in zip(chunks, entry.fields, strict=True)]


def write_files(connection: apsw.Connection, checkout: int, entries: Iterable[Entry], now: int) -> list[str]:
    """Make files searchable as they are now, their contents being there; the paths of those that are to be read again."""
    left: list[str] = []
    code = int(_one(connection, "SELECT max(id) FROM code") or 0)
    rows: list[tuple[int, int, int]] = []
    texts: list[tuple[Any, ...]] = []
    for entry in entries:
        content = find_content(connection, entry.hash) if entry.hash else None
        chunks: list[int] = []
        if content is not None:
            chunks = _chunk_ids(connection, content.id)
            if entry.embed and content.embedded == NOT_EMBEDDED and chunks:
                connection.execute("UPDATE contents SET embedded = ? WHERE id = ?", (TO_EMBED, content.id))
        file = None
        if len(chunks) == len(entry.fields) and (content is not None or not entry.hash):  # else it was collected meanwhile
            file = _write_file(connection, checkout, entry, None if content is None else content.id, now)
        if file is None:
            left.append(entry.path)
            continue
        for chunk, fields in zip(chunks, entry.fields, strict=True):
            code += 1
            rows.append((code, file, chunk))
            texts.append((code, *fields[:3]))
    connection.executemany("INSERT INTO code VALUES (?, ?, ?)", rows)
    connection.executemany(f"INSERT INTO {full_text(checkout)} (rowid, path, names, body) VALUES (?, ?, ?, ?)", texts)
    return left


def _chunk_ids(connection: apsw.Connection, content: int) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM chunks WHERE content_id = ? ORDER BY number", (content,))]


def _write_file(connection: apsw.Connection, checkout: int, entry: Entry, content: int | None, now: int) -> int | None:
    """The id of the file's row; None where somebody else has written it since it was looked up, perhaps something newer."""
    values = (content, entry.size, entry.mtime_ns, entry.inode, entry.kind)
    sql = "SELECT id, content_id FROM files WHERE checkout_id = ? AND path = ?"
    old = next(iter(connection.execute(sql, (checkout, entry.path))), None)
    if old is not None:
        if old[1] != entry.before:
            return None
        _unlink(connection, checkout, (old[0],), now)
        sql = "UPDATE files SET content_id = ?, size = ?, mtime_ns = ?, inode = ?, kind = ? WHERE id = ?"
        connection.execute(sql, (*values, old[0]))
        return int(old[0])
    sql = "INSERT INTO files (content_id, size, mtime_ns, inode, kind, checkout_id, path) VALUES (?, ?, ?, ?, ?, ?, ?)"
    connection.execute(sql, (*values, checkout, entry.path))
    return connection.last_insert_rowid()


def merge_full_text(connection: apsw.Connection, checkout: int, pages: int) -> bool:
    """Join parts of the full text, at most about so many pages; whether there was something to join."""
    before = connection.total_changes()
    table = full_text(checkout)
    connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (pages,))
    return connection.total_changes() - before >= 2


def pack_references(references: dict[str, int]) -> bytes:
    """Names with how often each is used, as `contents` holds them."""
    if not references:
        return b""
    return zlib.compress("\n".join(f"{name} {count}" for name, count in references.items()).encode("utf-8", "replace"), 1)


def unpack_references(packed: bytes) -> dict[str, int]:
    if not packed:
        return {}
    pairs = (line.rpartition(" ") for line in zlib.decompress(packed).decode().split("\n"))
    return {name: int(count) for name, _, count in pairs}


# -- vectors -----------------------------------------------------------------------------------------------------------


def backlog(connection: apsw.Connection, checkout: int, after: int, most: int) -> list[tuple[int, bytes, str]]:
    """Id and hash of contents of the checkout that wait for their vectors, each with one path that has it."""
    there = "FROM files INDEXED BY files_by_content WHERE content_id = contents.id AND checkout_id = ?1 LIMIT 1"
    sql = f"SELECT id, hash, (SELECT path {there}) FROM contents WHERE embedded = 0 AND id > ?2 AND EXISTS (SELECT 1 {there})"
    return list(connection.execute(f"{sql} ORDER BY id LIMIT ?3", (checkout, after, most)))


def backlog_size(connection: apsw.Connection, checkout: int) -> int:
    sql = (
        "SELECT count(*) FROM contents WHERE embedded = 0 AND EXISTS"
        " (SELECT 1 FROM files WHERE content_id = contents.id AND checkout_id = ?)"
    )
    return int(_one(connection, sql, (checkout,)))


def without_vector(connection: apsw.Connection, content: int) -> list[tuple[int, Chunk]]:
    """The chunks of a content that have no vector, each after its id."""
    sql = f"SELECT id, {_CHUNK} FROM chunks WHERE content_id = ? AND vector IS NULL ORDER BY number"
    return [(row[0], Chunk(*row[1:])) for row in connection.execute(sql, (content,))]


def write_vectors(connection: apsw.Connection, contents: Iterable[tuple[int, Sequence[tuple[int, bytes]]]]) -> None:
    """The vectors that chunks of contents were without, each after its chunk. A content that is gone is passed over."""
    for content, vectors in contents:
        before = connection.total_changes()
        rows = ((vector or None, chunk, content) for chunk, vector in vectors)
        connection.executemany("UPDATE chunks SET vector = ? WHERE id = ? AND content_id = ?", rows)
        if connection.total_changes() - before == len(vectors):
            connection.execute("UPDATE contents SET embedded = ? WHERE id = ?", (EMBEDDED, content))


def with_vectors(connection: apsw.Connection, after: int, most: int) -> list[int]:
    """At most so many contents after the id `after` that have vectors, be it of some chunks alone."""
    some = "EXISTS (SELECT 1 FROM chunks WHERE content_id = contents.id AND vector IS NOT NULL)"
    sql = f"SELECT id FROM contents WHERE id > ?1 AND (embedded = {EMBEDDED} OR embedded = {TO_EMBED} AND {some})"
    return [row[0] for row in connection.execute(f"{sql} ORDER BY id LIMIT ?2", (after, most))]


def forget_vectors(connection: apsw.Connection, contents: Sequence[int]) -> None:
    """Put the vectors of contents back to those that are to be made."""
    connection.executemany("UPDATE chunks SET vector = NULL WHERE content_id = ?", ((content,) for content in contents))
    connection.executemany("UPDATE contents SET embedded = ? WHERE id = ?", ((TO_EMBED, content) for content in contents))


# -- the cache ---------------------------------------------------------------------------------------------------------


def used_bytes(connection: apsw.Connection) -> int:
    """What the database takes without its free pages."""
    size, pages, free = (int(_one(connection, f"PRAGMA {name}")) for name in ("page_size", "page_count", "freelist_count"))
    return size * (pages - free)


def unused_contents(connection: apsw.Connection, most: int) -> list[int]:
    """Contents that no checkout has, those used longest ago first."""
    sql = f"SELECT id FROM contents WHERE {_UNUSED} ORDER BY used_at, id LIMIT ?"
    return [row[0] for row in connection.execute(sql, (most,))]


def forget_contents(connection: apsw.Connection, contents: Iterable[int]) -> int:
    """Forget contents, but for those that a checkout has meanwhile; how many it was."""
    sql = f"SELECT id FROM contents WHERE id = ? AND {_UNUSED}"
    found = list(connection.executemany(sql, ((content,) for content in contents)))
    for table in ("chunks", "definitions", "imports"):
        connection.executemany(f"DELETE FROM {table} WHERE content_id = ?", found)
    connection.executemany("DELETE FROM contents WHERE id = ?", found)
    return len(found)


def _one(connection: apsw.Connection, sql: str, bindings: Sequence[Any] = ()) -> Any:
    row = next(iter(connection.execute(sql, bindings)), None)
    return row[0] if row else None
