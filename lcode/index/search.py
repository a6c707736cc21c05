"""The search of code: from a question to places, best first, each with why. The one engine behind tool, command and `@`.

Candidates come from full text, from past commits and from what the question says literally; signals are gathered for them
alone, and fused (`ranking`). A place is a chunk of a file: files are ranked by all that speaks for them, and a file's chunks by
their own words and meaning. The same index and question give the same places.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from lcode.index import code_rows, exact, filters, graph, signals, vectors
from lcode.index.current import CurrentText, Span
from lcode.index.embedding import Embedder, StaticEmbedder
from lcode.index.model import Hit, Signal
from lcode.index.narrow import NAME_PARTS, narrowed
from lcode.index.places import Evidence, ordered
from lcode.index.query import Query
from lcode.index.ranking import KINDS, WEIGHTS, above_ordinary, best_sum, shares
from lcode.index.signals import Checkout, Place, Scope
from lcode.index.words import any_of
from lcode.path_text import path_text
from lcode.store.database import Database, fetch_all, scalar

MOST = 200  # hits
_NEAR = 300  # chunks that are compared by meaning
_FEW = 20  # chunks found by words, below which meaning is asked for more
_MORE = 40
_SHOWN = 10  # hits that whoever asks for no more than these wants at most
_WEAK = 0.45  # of the best score, that of words or of all
_HOPS = 15  # files whose neighbours are looked at


@dataclass
class Ranking:
    """What was found of a question: the share of each signal in each file's score, and the chunks that spoke for it."""

    shares: dict[str, dict[int, float]] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    words: dict[Place, float] = field(default_factory=dict)
    near: dict[Place, float] = field(default_factory=dict)
    exact: exact.Exact = field(default_factory=dict)
    commits: dict[int, int] = field(default_factory=dict)


class CodeSearch:
    """Search in the checkout at `root`, as `database` has it. `weights` are for measuring what others would do."""

    def __init__(
        self,
        database: Database,
        root: Path,
        *,
        embedder: Embedder | None = None,
        weights: Mapping[str, float] = WEIGHTS,
    ) -> None:
        self._database = database
        self._root = root
        self._embedder = embedder
        self._weights = weights
        self._known: tuple[apsw.Connection, object, Checkout | None] | None = None

    def search(
        self, query: str, *, path: str = "", language: str = "", kind: str = "", limit: int = 10, explain: bool = False
    ) -> list[Hit]:
        """The best places for `query`. `path` is a file, a folder or a pattern (`src/**/*.py`); `kind` is of chunks (function,
        class, …) or of files (test, docs, …)."""
        asked, scope = Query(query), filters.scope(path, language, kind)

        def look(connection: apsw.Connection) -> list[Hit]:
            checkout = self._checkout(connection)
            if checkout is None or limit < 1:
                return []
            ranking = self._ranked(connection, checkout, asked, scope)
            places = self._places(connection, checkout, ranking, asked, scope, min(limit, MOST))
            return self._hits(connection, checkout, ranking, places, asked, explain)

        return self._database.read(look)

    def files(self, query: str, limit: int = 20) -> list[tuple[str, float]]:
        """The best files for `query`, with their scores."""

        def look(connection: apsw.Connection) -> list[tuple[str, float]]:
            checkout = self._checkout(connection)
            if checkout is None:
                return []
            scores = self._ranked(connection, checkout, Query(query), signals.EVERYWHERE).scores
            found = [(checkout.files[file].path, score) for file, score in scores.items()]
            return sorted(found, key=lambda item: (-item[1], item[0]))[:limit]

        return self._database.read(look)

    def _checkout(self, connection: apsw.Connection) -> Checkout | None:
        """What is known of the checkout, for as long as nothing was written. Another connection counts anew."""
        version = (scalar(connection, "PRAGMA data_version"), connection.total_changes())
        if self._known is None or self._known[0] is not connection or self._known[1] != version:
            self._known = connection, version, signals.open_checkout(connection, path_text(self._root))
        return self._known[2]

    # -- ranking files ----------------------------------------------------------------------------------------------

    def _ranked(self, connection: apsw.Connection, checkout: Checkout, query: Query, scope: Scope) -> Ranking:
        found = Ranking()
        words = signals.worthwhile(connection, checkout, query.words)
        found.words = signals.lexical(connection, checkout, any_of(words), scope)
        found.exact = exact.exact(connection, checkout, self._root, query, scope)
        named = exact.named(connection, checkout, self._root, query, scope)
        found.near = self._meaning(connection, checkout, query, scope, found.words)
        past = signals.past(connection, checkout, words)
        found.commits = past.nearest
        places = (*found.words, *found.near, *found.exact, *named)
        files = {place.file for place in places} | filters.allowed(connection, scope, {*past.commits, *past.messages})
        signals.load_files(connection, checkout, files)
        gathered: dict[str, Mapping[int, float]] = {
            "body": _by_file(found.words),
            "exact": _by_file({place: value for place, (value, _) in found.exact.items()}),
            "symbol": _by_file(named),
            "meaning": _by_file(found.near),
            "filename": signals.filename(checkout, files, query.words),
            "scope": signals.scoped(checkout, files, query.scope),
            "commits": past.commits,
            "messages": past.messages,
            "churn": signals.churn(connection, checkout, files),
        }
        living = past.living
        for name, values in gathered.items():
            weight = self._weights.get(name, 0.0) * (living if name in ("commits", "messages", "churn") else 1.0)
            self._add(found, name, weight, {file: value for file, value in values.items() if file in files})
        self._hop(connection, checkout, found, scope)
        listed = {place.file for place in found.exact if not place.chunk}
        for file in found.scores.keys() - listed:
            found.scores[file] *= KINDS.get(checkout.files[file].kind, 1.0)
        return found

    def _add(self, found: Ranking, name: str, weight: float, values: Mapping[int, float]) -> None:
        if weight <= 0:
            return
        parts = {file: weight * share for file, share in shares(values).items()}
        found.shares[name] = parts
        for file, part in parts.items():
            found.scores[file] = found.scores.get(file, 0.0) + part

    def _hop(self, connection: apsw.Connection, checkout: Checkout, found: Ranking, scope: Scope) -> None:
        """A little for what stands beside the best in the graph of symbols."""
        if not self._weights.get("graph"):
            return
        best = sorted(found.scores, key=lambda file: (-found.scores[file], file))[:_HOPS]
        given = graph.neighbours(connection, checkout.id, {file: found.scores[file] for file in best}, checkout.edges)
        inside = filters.allowed(connection, scope, given.keys() - found.scores.keys()) | found.scores.keys()
        values = {file: value for file, value in given.items() if file in inside}
        signals.load_files(connection, checkout, values)
        self._add(found, "graph", self._weights["graph"], values)

    def _meaning(
        self, connection: apsw.Connection, checkout: Checkout, query: Query, scope: Scope, words: Mapping[Place, float]
    ) -> dict[Place, float]:
        """How near in meaning the best chunks by words are; where they are few, the nearest of all."""
        if not self._weights.get("meaning"):
            return {}
        if self._embedder is None:
            self._embedder = StaticEmbedder()
        model = self._embedder
        if code_rows.meta(connection, "embedder") != model.name:
            return {}
        vector = model.query(query.bare)
        places = list(words)[:_NEAR]
        near = vectors.similarities(connection, vector, [place.chunk for place in places])
        found = {place: near[place.chunk] for place in places if place.chunk in near}
        if len(words) < _FEW and not query.name:
            more = dict(vectors.nearest(connection, checkout.id, vector, _MORE, scope))
            found |= {place: more[place.chunk] for place in filters.places(connection, checkout.id, scope, more)}
        return above_ordinary(found)

    # -- places -----------------------------------------------------------------------------------------------------

    def _places(
        self, connection: apsw.Connection, checkout: Checkout, found: Ranking, query: Query, scope: Scope, limit: int
    ) -> list[tuple[Place, float]]:
        """The best chunks of the best files."""
        best = sorted(found.scores, key=lambda file: (-found.scores[file], checkout.files[file].path))[:MOST]
        if not best:
            return []
        within = set(best)
        places = {place for place in (*found.words, *found.near, *found.exact) if place.file in within}
        places.update(filters.first_chunks(connection, scope, within - {place.file for place in places}))
        literal = {place: value for place, (value, _) in found.exact.items()}
        evidence = Evidence(found.words, found.near, literal)
        ranked = ordered(connection, checkout, evidence, found.scores, places, query.words)[:limit]
        if query.name and literal and limit <= _SHOWN:  # a name was found: what is only somewhat like it is noise
            words = _WEAK * max(found.words.values(), default=0.0)
            kept = {*literal, *(place for place, value in found.words.items() if value >= words)}
            ranked = [item for item in ranked if item[0] in kept or item[1] >= _WEAK * ranked[0][1]]
        return ranked

    def _hits(
        self,
        connection: apsw.Connection,
        checkout: Checkout,
        found: Ranking,
        places: list[tuple[Place, float]],
        query: Query,
        explain: bool,
    ) -> list[Hit]:
        columns = 'id, kind, symbol, start_line, end_line, "start", "end"'
        sql = f"SELECT {columns} FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
        rows = {row[0]: row[1:] for row in fetch_all(connection, sql, (json.dumps([place.chunk for place, _ in places]),))}
        current = CurrentText(connection, self._root)
        hits = []
        for place, score in places:
            file = checkout.files[place.file]
            why = self._why(connection, found, place) if explain else ()
            if not place.chunk:
                gone = not os.path.lexists(f"{self._root}/{file.path}")
                hits.append(Hit(file.path, 0, 0, "", file.kind, file.language, score, "", gone, why))
            if place.chunk not in rows:
                continue
            kind, symbol, *span = rows[place.chunk]
            lines = current.lines(file, Span(*span))
            start, end = span[:2]
            inside = narrowed(symbol, kind, query.name, lines, 1, len(lines)) if _is_defined(found, place, query) else None
            if inside is not None:
                symbol, kind, first, last = inside
                lines = lines[first - 1 : last]
                start, end = start + first - 1, start + last - 1
            text, changed = "\n".join(lines), current.changed(file)
            hits.append(Hit(file.path, start, end, symbol, kind, file.language, score, text, changed, why))
        return hits

    def _why(self, connection: apsw.Connection, found: Ranking, place: Place) -> tuple[Signal, ...]:
        """The signals of a place, the largest first."""
        rows = []
        for name, parts in found.shares.items():
            if part := parts.get(place.file, 0.0):
                detail = ""
                if name == "exact":
                    detail = next((what for at, (_, what) in found.exact.items() if at == place), "")
                elif name == "commits" and place.file in found.commits:
                    sql = "SELECT substr(hash, 1, 10) || ' ' || subject FROM commits WHERE id = ?"
                    detail = str(scalar(connection, sql, (found.commits[place.file],)) or "")
                rows.append(Signal(name, part, detail))
        return tuple(sorted(rows, key=lambda signal: (-signal.share, signal.name)))


def _is_defined(found: Ranking, place: Place, query: Query) -> bool:
    """Whether the name that was asked for is defined in a place. What looks like one may have been found as a path."""
    what = found.exact.get(place, (0.0, ""))[1]
    return bool(query.name) and what.lower() == NAME_PARTS.split(query.name)[-1].lower()


def _by_file(values: Mapping[Place, float]) -> dict[int, float]:
    chunks: dict[int, list[float]] = {}
    for place, value in values.items():
        chunks.setdefault(place.file, []).append(value)
    return {file: best_sum(found) for file, found in chunks.items()}


def paths_of(hits: Iterable[Hit]) -> list[str]:
    """The files of hits, each once, in their order."""
    return list(dict.fromkeys(hit.path for hit in hits))
