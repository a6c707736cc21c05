"""Places where what a question says stands literally: a name that is defined, a path, a quoted text, an expression.

What the whole question is counts for more than all else, what a part of it is only somewhat: a sentence may name a file and
mean another. Names and paths are found by the index. A text or an expression is looked for in the files themselves, among the
few that full text proposes: their number, size and the time for it are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import apsw

from lcode import clock
from lcode.index.current import CurrentText, Span
from lcode.index.query import Query
from lcode.index.signals import Checkout, Place, Scope, all_paths, lexical, load_files
from lcode.index.words import any_of, document_words
from lcode.store.database import fetch_all

FILES = 60  # that are read for a text
_SECONDS = 0.15
_LINE = 300  # characters of a line that an expression sees
_PLACES = 200
_RARE = 20  # places that hold a text, above which it tells nothing
_DECLARING = (".pyi", ".d.ts", ".h", ".hpp")
_BRIEF = 3  # lines: an overload, a declaration
_SEPARATORS = re.compile(r"\.|::|#|->|/")
_WORDS = re.compile(r"\w+")
_LITERALS = re.compile(r"\\.|[^\w\s]")
Exact = dict[Place, tuple[float, str]]  # how much it is just that, and what


def exact(connection: apsw.Connection, checkout: Checkout, root: Path, query: Query, scope: Scope) -> Exact:
    """Where the whole question stands, with a value of 1 where there is no doubt."""
    found: Exact = {}
    for place, value, what in _whole(connection, checkout, root, query, scope):
        if value > found.get(place, (0.0, ""))[0]:
            found[place] = value, what
    return found


def named(connection: apsw.Connection, checkout: Checkout, root: Path, query: Query, scope: Scope) -> dict[Place, float]:
    """Where something stands that a longer question names: the fewer such places, the more each is worth."""
    found: dict[Place, float] = {}
    if not query.is_one:
        for part in _parts(connection, checkout, root, query, scope):
            for place, value in part.items():
                found[place] = found.get(place, 0.0) + value / len(part) ** 0.5
    return found


def _whole(
    connection: apsw.Connection, checkout: Checkout, root: Path, query: Query, scope: Scope
) -> Iterator[tuple[Place, float, str]]:
    if query.name:
        yield from definitions(connection, checkout, query.name, scope)
    for path, line in query.paths if query.is_one else query.located:
        for place, value in _paths(connection, checkout, path, line, scope):
            yield place, value, path
    if query.message:
        for place in _phrase(connection, checkout, query.message, scope):
            yield place, 0.9, f'"{query.message}"'
    for text in query.quoted:
        if len(text) + 2 >= len(query.bare):
            for place in _texts(connection, checkout, root, text, scope):
                yield place, 0.9, f'"{text}"'
    if query.expression is not None:
        for place in _matches(connection, checkout, root, query.expression, scope):
            yield place, 0.9, query.bare


def _parts(
    connection: apsw.Connection, checkout: Checkout, root: Path, query: Query, scope: Scope
) -> Iterator[dict[Place, float]]:
    for name in query.names:
        yield {place: value for place, value, _ in definitions(connection, checkout, name, scope)}
    for path, line in query.paths:
        yield dict(_paths(connection, checkout, path, line, scope))
    for text in query.quoted:
        yield dict.fromkeys(_texts(connection, checkout, root, text, scope), 1.0)


def definitions(connection: apsw.Connection, checkout: Checkout, name: str, scope: Scope) -> Iterator[tuple[Place, float, str]]:
    """Where a name is defined: `parse_port`, or with what is around it, as `Session.run`."""
    parts = [part for part in _SEPARATORS.split(name) if part]
    if not parts:
        return
    sql = (
        "SELECT files.id, chunks.id, definitions.name, chunks.symbol, files.kind, files.path,"
        " chunks.end_line - chunks.start_line FROM definitions"  # CROSS: the name first, and not all that is inside the scope
        " CROSS JOIN files ON files.content_id = definitions.content_id JOIN chunks ON chunks.id = definitions.chunk_id"
        f" WHERE definitions.name = ? AND files.checkout_id = ?{scope.where} ORDER BY files.path, chunks.number LIMIT ?"
    )
    rows = fetch_all(connection, sql, (parts[-1], checkout.id, *scope.values, _PLACES))
    for file, chunk, written, symbol, kind, path, size in rows:
        around = _SEPARATORS.split(symbol)
        value = 1.0 if written == parts[-1] else 0.85
        inside = around[:-1] if around and around[-1].lower() == written.lower() else around
        if len(parts) > 1:
            value *= _agreement([part.lower() for part in parts[:-1]], [part.lower() for part in inside if part], path)
        elif inside[-1:] == [written]:
            value *= 0.85  # rather a class than what makes one of it
        value *= 1.0 if kind == "source" else 0.9
        if path.endswith(_DECLARING) or size < _BRIEF:  # rather where it is written out than where it is declared
            value *= 0.9
        yield Place(file, chunk), value, written


def _agreement(wanted: list[str], inside: list[str], path: str) -> float:
    """How well what a name was asked for in is what it stands in: definitions, or for one at the top of a file, its path."""
    if inside[-len(wanted) :] == wanted:
        return 1.0
    above = _WORDS.findall(path.lower())
    return 0.9 if not inside and all(part in above for part in wanted) else 0.5


def defining(connection: apsw.Connection, checkout: int, name: str, limit: int = 400) -> list[str]:
    """The files that define a name, to the letter."""
    sql = (
        "SELECT DISTINCT files.path FROM definitions CROSS JOIN files ON files.content_id = definitions.content_id"
        " WHERE definitions.name = ?1 AND definitions.name = ?1 COLLATE BINARY AND files.checkout_id = ?2"
        " ORDER BY files.path LIMIT ?3"
    )
    return [path for (path,) in fetch_all(connection, sql, (name, checkout, limit))]


def _paths(
    connection: apsw.Connection, checkout: Checkout, path: str, line: int, scope: Scope
) -> Iterator[tuple[Place, float]]:
    """The file at a path, at that line (also one of which nothing but its path is known), those whose path ends with it (also
    without its suffix), or those in a folder of that name."""
    likely = json.dumps(all_paths(connection, checkout).ending(path, _PLACES, folders="/" in path))
    kind = (scope.kind,) if scope.kind else ()
    rows = fetch_all(connection, _at_line(scope), (likely, *kind, line, checkout.id, *scope.values))
    for found, file, chunk in rows:
        lowered, wanted = found.lower(), path.lower()
        ends = lowered == wanted or lowered.endswith(f"/{wanted}")
        value = 1.0 if found == path else 0.95 if ends else 0.8
        if not ends and f"/{wanted}/" in f"/{lowered}":
            value = 0.5  # in a folder of that name
        yield Place(file, chunk), value


def _at_line(scope: Scope) -> str:
    """The chunk at a line, or else the first, of each of these files; 0 for one of which nothing but its path is known."""
    kind = " AND kind = ?" if scope.kind else ""
    best = f"SELECT id FROM chunks WHERE chunks.content_id = files.content_id{kind} ORDER BY end_line >= ? DESC, number LIMIT 1"
    return (
        "SELECT files.path, files.id, coalesce(chunks.id, 0) FROM json_each(?) CROSS JOIN files ON files.path = value"
        f" LEFT JOIN chunks ON chunks.id = ({best})"
        f" WHERE files.checkout_id = ?{scope.where} ORDER BY json_each.key"
    )


def _phrase(connection: apsw.Connection, checkout: Checkout, text: str, scope: Scope) -> Iterable[Place]:
    """Where all words of a text stand in their order, also over the end of a line; none where that is no rare thing. Tests are
    left out: their names are sentences about what stands elsewhere."""
    words = document_words(text)
    found = lexical(connection, checkout, 'body : "' + " ".join(words) + '"', scope, _RARE + 1) if words else {}
    load_files(connection, checkout, {place.file for place in found})
    return [place for place in found if checkout.files[place.file].kind != "test"] if len(found) <= _RARE else ()


def _texts(connection: apsw.Connection, checkout: Checkout, root: Path, text: str, scope: Scope) -> Iterator[Place]:
    """Where a text stands as it is, first by its words in their order, then to the letter."""
    words = document_words(text)
    if not words:
        return
    phrase = 'body : "' + " ".join(words) + '"'
    wanted = " ".join(text.lower().split())
    places = lexical(connection, checkout, phrase, scope, FILES)
    yield from _verified(connection, checkout, root, places, lambda lines: wanted in " ".join(" ".join(lines).lower().split()))


def _matches(
    connection: apsw.Connection, checkout: Checkout, root: Path, expression: re.Pattern[str], scope: Scope
) -> Iterator[Place]:
    """Where an expression matches in a line."""
    words = [word for word in document_words(_LITERALS.sub(" ", expression.pattern)) if len(word) > 2]
    if words:
        all_of = " AND ".join(any_of([word]) for word in words)
        places = lexical(connection, checkout, all_of, scope, FILES) or lexical(
            connection, checkout, any_of(words), scope, FILES
        )
        yield from _verified(
            connection, checkout, root, places, lambda lines: any(expression.search(line[:_LINE]) for line in lines)
        )


def _verified(
    connection: apsw.Connection, checkout: Checkout, root: Path, places: Iterable[Place], holds: Callable[[list[str]], bool]
) -> Iterator[Place]:
    """Those of `places` whose lines, as they are in the files now, are as wanted."""
    limit = clock.monotonic() + _SECONDS
    wanted = list(places)
    load_files(connection, checkout, {place.file for place in wanted})
    sql = 'SELECT id, start_line, end_line, "start", "end" FROM chunks WHERE id IN (SELECT value FROM json_each(?))'
    spans = {row[0]: Span(*row[1:]) for row in fetch_all(connection, sql, (json.dumps([place.chunk for place in wanted]),))}
    text = CurrentText(connection, root)
    for place in wanted:
        if clock.monotonic() > limit:
            return
        span = spans.get(place.chunk)
        if span is not None and holds(text.lines(checkout.files[place.file], span)):
            yield place
