"""What speaks for a file: one function a signal, from the index of one checkout to values by file or by chunk. Reads alone.

Everything is bounded: so many chunks, commits and files, however large the repository is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import apsw

from lcode.index.graph import Edges
from lcode.index.heads import Head
from lcode.index.paths import Paths
from lcode.index.ranking import COLUMNS, coverage, rarity
from lcode.index.schema import full_text
from lcode.index.words import any_of, document_words, stem
from lcode.store.database import fetch_all, scalar

CHUNKS = 600  # that full text may give
FILES = 200  # that the words of messages may give
COMMITS = 100  # that are like the question
_COMMON = 0.3  # of all commits: a word that stands in more of them tells nothing
_NEWEST = 200  # commits with a word that are looked at
_REMEMBERED = 300  # words of messages, with what the commits touched
_HALF_LIFE = 2_000  # commits after which one counts half
_SATURATION, _LENGTH = 2.0, 0.75  # of a word's commits in a file, as in bm25
_SHARES = (0.0, *(number**-0.5 for number in range(1, 65)))  # of a commit, by how many files it touched
_ENOUGH = 0.4  # of what commits touched is among the living files: then history weighs in full
_FREQUENT = 0.15  # of all chunks: beyond it a word is left out if there are better ones
_WEIGHED = 60_000  # chunks with the words, one word after the other, that are weighed at most
_LARGE = 20_000  # chunks from which on it is worth finding out


class File(NamedTuple):
    id: int
    path: str
    kind: str
    content: int
    language: str


class Place(NamedTuple):
    """A chunk in a file: what is ranked in the end. Chunk 0 is a file of which the index holds its path alone."""

    file: int
    chunk: int


class Often(NamedTuple):
    """How many commits have a word in their message, and how often they touched each path."""

    commits: int
    paths: dict[str, float]


@dataclass
class Checkout:
    """What is remembered of a checkout between questions, as long as nothing changed."""

    id: int
    chunks: int
    commits: int  # how many are known
    newest: int  # the id of the newest
    ordinary: float = 1.0  # how many of them touched a path, in the mean
    frequencies: dict[str, int] = field(default_factory=dict)
    touched: dict[int, list[str]] = field(default_factory=dict)  # by commit
    often: dict[str, Often] = field(default_factory=dict)  # by word of a message
    counts: dict[str, int] = field(default_factory=dict)  # of commits, by path
    paths: Paths | None = None  # of all files
    ids: dict[str, int | None] = field(default_factory=dict)  # of files, by path
    files: dict[int, File] = field(default_factory=dict)
    edges: dict[tuple[str, int], Edges] = field(default_factory=dict)  # of files, by side
    parts: dict[int, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)  # words of name and folders
    heads: dict[int, Head] = field(default_factory=dict)  # by chunk


class Scope(NamedTuple):
    """Where is searched: a condition on `files` with its bindings, and a kind of chunks; '' for everywhere."""

    of_files: str = ""
    bindings: tuple[str, ...] = ()
    kind: str = ""

    @property
    def where(self) -> str:
        """All of it, as a condition on `files` and `chunks` that follows another one."""
        of_files = f" AND {self.of_files}" if self.of_files else ""
        return f"{of_files} AND chunks.kind = ?" if self.kind else of_files

    @property
    def values(self) -> tuple[str, ...]:
        """The bindings of `where`."""
        return (*self.bindings, self.kind) if self.kind else self.bindings


EVERYWHERE = Scope()


def open_checkout(connection: apsw.Connection, root: str) -> Checkout | None:
    found = scalar(connection, "SELECT id FROM checkouts WHERE root = ?", (root,))
    if found is None:
        return None
    chunks = scalar(connection, f"SELECT count(*) FROM {full_text(found)}_docsize")
    commits, newest = fetch_all(connection, "SELECT count(*), coalesce(max(id), 0) FROM commits")[0]
    ordinary = scalar(connection, "SELECT avg(n) FROM (SELECT count(*) AS n FROM commit_files GROUP BY path)")
    return Checkout(int(found), int(chunks), commits, newest, ordinary or 1.0)


# -- words in chunks ------------------------------------------------------------------------------------------------


def lexical(
    connection: apsw.Connection, checkout: Checkout, expression: str, scope: Scope, limit: int = CHUNKS
) -> dict[Place, float]:
    """The chunks that match best, with their bm25."""
    if not expression:
        return {}
    table = full_text(checkout.id)
    inside, values = _inside(table, checkout, scope)
    rank = f"bm25({table}, {', '.join(map(str, COLUMNS))})"
    best = f"SELECT rowid AS row, {rank} AS score FROM {table} WHERE {table} MATCH ?{inside} ORDER BY score, rowid LIMIT ?"
    sql = f"SELECT code.file_id, code.chunk_id, -score FROM ({best}) JOIN code ON code.id = row ORDER BY score, row"
    rows = fetch_all(connection, sql, (expression, *values, limit))
    return {Place(file, chunk): score for file, chunk, score in rows}


def _inside(table: str, checkout: Checkout, scope: Scope) -> tuple[str, list[object]]:
    """The condition on rows of full text that they are inside `scope`. The files are found first, and looked for row by row:
    there may be far more chunks in them than match."""
    if scope == EVERYWHERE:
        return "", []
    chunks = " JOIN chunks ON chunks.id = code.chunk_id AND chunks.kind = ?" if scope.kind else ""
    values: list[object] = [scope.kind] if scope.kind else []
    files = ""
    if scope.of_files:
        files = f" AND code.file_id IN (SELECT files.id FROM files WHERE files.checkout_id = ? AND {scope.of_files})"
        values += [checkout.id, *scope.bindings]
    return f" AND EXISTS (SELECT 1 FROM code{chunks} WHERE code.id = {table}.rowid{files})", values


def worthwhile(connection: apsw.Connection, checkout: Checkout, words: Sequence[str]) -> list[str]:
    """The words to ask for. In a large checkout those that stand nearly everywhere are left out, and of very many the least
    rare: they cost most, say least."""
    if checkout.chunks < _LARGE or len(words) < 3:
        return list(words)
    counts = {word: _frequency(connection, checkout, word) for word in words}
    rare = sorted((word for word in words if counts[word] < _most(checkout)), key=counts.__getitem__)
    sums = accumulate(counts[word] for word in rare)
    kept = {word for at, (word, so_far) in enumerate(zip(rare, sums, strict=True)) if at < 2 or so_far <= _WEIGHED}
    return [word for word in words if word in kept] if len(kept) >= 2 else list(words)


def worth(connection: apsw.Connection, checkout: Checkout, words: Sequence[str]) -> dict[str, float]:
    """What each word is worth without its inflection, by how rare it is among the chunks."""
    return {stem(word): rarity(_frequency(connection, checkout, word), checkout.chunks) for word in words}


def _most(checkout: Checkout) -> int:
    """How far the chunks with a word are counted: one that more have is common."""
    return max(1, min(int(checkout.chunks * _FREQUENT), _WEIGHED))


def _frequency(connection: apsw.Connection, checkout: Checkout, word: str) -> int:
    """In how many chunks a word stands, or where it is common, no fewer than that."""
    if word not in checkout.frequencies:
        table = full_text(checkout.id)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {table} MATCH ? LIMIT ?)"
        checkout.frequencies[word] = int(scalar(connection, sql, (any_of([word]), _most(checkout))))
    return checkout.frequencies[word]


# -- files ----------------------------------------------------------------------------------------------------------


def load_files(connection: apsw.Connection, checkout: Checkout, ids: Iterable[int]) -> None:
    """Have these files in `checkout.files`."""
    missing = [file for file in ids if file not in checkout.files]
    if not missing:
        return
    sql = (
        "SELECT files.id, path, kind, coalesce(content_id, 0), coalesce(language, '') FROM files"
        " LEFT JOIN contents ON contents.id = content_id WHERE files.id IN (SELECT value FROM json_each(?))"
    )
    for row in fetch_all(connection, sql, (json.dumps(missing),)):
        checkout.files[row[0]] = File(*row)


def all_paths(connection: apsw.Connection, checkout: Checkout) -> Paths:
    """The paths of all files of the checkout."""
    if checkout.paths is None:
        rows = connection.execute("SELECT path FROM files WHERE checkout_id = ?", (checkout.id,))
        checkout.paths = Paths(path for (path,) in rows)
    return checkout.paths


def _by_path(connection: apsw.Connection, checkout: Checkout, paths: Iterable[str]) -> dict[str, int]:
    """The files of the checkout at these paths."""
    known = checkout.ids
    missing = sorted({path for path in paths if path not in known})
    if missing:
        known.update(dict.fromkeys(missing))
        sql = "SELECT files.path, files.id FROM json_each(?2) CROSS JOIN files ON checkout_id = ?1 AND files.path = value"
        known.update(fetch_all(connection, sql, (checkout.id, json.dumps(missing))))
    return {path: file for path in paths if (file := known[path]) is not None}


def filename(checkout: Checkout, files: Iterable[int], words: Sequence[str]) -> dict[int, float]:
    """The question's words in the names of files, and in those of their folders."""
    wanted = {stem(word) for word in words}
    found: dict[int, tuple[set[str], set[str]]] = {}
    having: dict[str, int] = {}
    total = 0
    for file in files:
        name, folders = _parts(checkout, file)
        total += 1
        in_name, in_folders = wanted & name, (wanted - name) & folders
        if in_name or in_folders:
            found[file] = in_name, in_folders
            for word in in_name | in_folders:
                having[word] = having.get(word, 0) + 1
    worth = {word: rarity(count, total) + 0.5 for word, count in having.items()}
    return {
        file: coverage(sorted(worth[word] for word in name), len(_parts(checkout, file)[0]))
        + 0.3 * sum(sorted(worth[word] for word in folders))
        for file, (name, folders) in found.items()
    }


def scoped(checkout: Checkout, files: Iterable[int], words: Sequence[str]) -> dict[int, float]:
    """How much of what stands before the question's colon is in the path of files."""
    wanted = {stem(word) for word in words}
    if not wanted:
        return {}
    found = {}
    for file in files:
        name, folders = _parts(checkout, file)
        if share := len(wanted & (name | folders)) / len(wanted):
            found[file] = share
    return found


def _parts(checkout: Checkout, file: int) -> tuple[frozenset[str], frozenset[str]]:
    known = checkout.parts.get(file)
    if known is None:
        folders, _, name = checkout.files[file].path.rpartition("/")
        base = name.rpartition(".")[0] or name
        known = checkout.parts[file] = (
            frozenset(map(stem, document_words(base))),
            frozenset(map(stem, document_words(folders))),
        )
    return known


# -- history --------------------------------------------------------------------------------------------------------


class Past(NamedTuple):
    """What past commits say of files, and which of them said most of each."""

    commits: dict[int, float]
    messages: dict[int, float]
    nearest: dict[int, int]  # by file, the commit
    living: float = 1.0  # what these signals weigh: less where most of what was touched is gone or was moved unseen


def past(connection: apsw.Connection, checkout: Checkout, words: Sequence[str]) -> Past:
    """Files by past commits: those like the question, and the words of all messages."""
    if not checkout.commits or not words:
        return Past({}, {}, {})
    sql = "SELECT rowid, bm25(commits_fts, 1.0, 1.0) AS score FROM commits_fts WHERE commits_fts MATCH ? ORDER BY score LIMIT ?"
    like = fetch_all(connection, sql, (any_of(words), COMMITS))
    _load_often(connection, checkout, words, {commit for commit, _ in like})
    touched = checkout.touched
    near: dict[str, float] = {}
    best: dict[str, tuple[float, int]] = {}
    for commit, score in like:
        paths = touched[commit]
        age = 0.5 ** ((checkout.newest - commit) / _HALF_LIFE)
        value = score * score * age / max(1, len(paths)) ** 0.5
        for path in paths:
            near[path] = near.get(path, 0.0) + value
            if value > best.get(path, (0.0, 0))[0]:
                best[path] = value, commit
    messages = _messages(connection, checkout, words)
    if len(messages) > FILES:
        least = sorted(messages.values(), reverse=True)[FILES]
        messages = {path: value for path, value in messages.items() if value > least}
    files = _by_path(connection, checkout, [*near, *messages])
    total = sum(messages.values())
    mapped = sum(value for path, value in messages.items() if path in files)
    return Past(
        {files[path]: value for path, value in near.items() if path in files},
        {files[path]: value for path, value in messages.items() if path in files},
        {files[path]: commit for path, (_, commit) in best.items() if path in files},
        min(1.0, mapped / total / _ENOUGH) if total > 0 else 1.0,
    )


def _messages(connection: apsw.Connection, checkout: Checkout, words: Sequence[str]) -> dict[str, float]:
    found = [checkout.often[word] for word in words]
    paths = {path for often in found for path in often.paths}
    _load_counts(connection, checkout, paths)
    counts = checkout.counts
    saturation = {path: _SATURATION * (1 - _LENGTH + _LENGTH * counts[path] / checkout.ordinary) for path in paths}
    values: dict[str, float] = {}
    get = values.get
    for often in found:
        worth = rarity(often.commits, checkout.commits)
        for path, times in often.paths.items():
            values[path] = get(path, 0.0) + worth * times / (times + saturation[path])
    return values


def _load_often(connection: apsw.Connection, checkout: Checkout, words: Iterable[str], like: set[int]) -> None:
    """Have what the commits with each of these words touched in `checkout.often`, and the paths of those and of `like`."""
    known = checkout.often
    if len(known) > _REMEMBERED:
        known.clear()
    missing = {word: _commits_with(connection, checkout, word) for word in words if word not in known}
    missing = {word: found if len(found) <= checkout.commits * _COMMON + 20 else [] for word, found in missing.items()}
    _load_touched(connection, checkout, like.union(*missing.values()))
    for word, commits in missing.items():
        known[word] = Often(len(commits), _often(checkout.touched, commits))


def _often(touched: Mapping[int, Sequence[str]], commits: Sequence[int]) -> dict[str, float]:
    """How often these commits touched each file, those that touched many files counting less."""
    often: dict[str, float] = {}
    get = often.get
    for commit in commits:
        paths = touched[commit]
        if 0 < len(paths) < len(_SHARES):  # who touches more says little of each
            share = _SHARES[len(paths)]
            for path in paths:
                often[path] = get(path, 0.0) + share
    return often


def _commits_with(connection: apsw.Connection, checkout: Checkout, word: str) -> list[int]:
    sql = "SELECT rowid FROM commits_fts WHERE commits_fts MATCH ? ORDER BY rowid DESC LIMIT ?"
    return [row[0] for row in connection.execute(sql, (any_of([word]), _NEWEST))]


def _load_touched(connection: apsw.Connection, checkout: Checkout, commits: set[int]) -> None:
    missing = sorted(commits - checkout.touched.keys())
    if missing:
        for commit in missing:
            checkout.touched[commit] = []
        sql = "SELECT commit_id, path FROM commit_files WHERE commit_id IN (SELECT value FROM json_each(?))"
        for commit, path in connection.execute(sql, (json.dumps(missing),)):
            checkout.touched[commit].append(path)


def _load_counts(connection: apsw.Connection, checkout: Checkout, paths: set[str]) -> None:
    missing = sorted(paths - checkout.counts.keys())
    if missing:
        sql = "SELECT value, (SELECT count(*) FROM commit_files WHERE commit_files.path = value) FROM json_each(?)"
        checkout.counts.update(fetch_all(connection, sql, (json.dumps(missing),)))


def churn(connection: apsw.Connection, checkout: Checkout, files: Collection[int]) -> dict[int, float]:
    """How often files were touched."""
    import math

    paths = {file: checkout.files[file].path for file in files}
    _load_counts(connection, checkout, set(paths.values()))
    return {file: math.log1p(checkout.counts[path]) for file, path in paths.items()}
