"""How the memories of one agent stand in one worktree: what they cite and build on is read from the store, and judged.

Everything that is shown asks here. Nothing is written but the citations of block lines (see `block_lines`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import apsw

from lcode import clock
from lcode.index.below import below
from lcode.memory.citation import Citation, parse
from lcode.memory.cited_places import Standing
from lcode.memory.grounding import Verdict, anchor, verdicts
from lcode.memory.model import Passage, short_passage
from lcode.memory.session_memory import CodeNames
from lcode.memory.stale_since import with_since
from lcode.memory.tree import Tree
from lcode.store.database import Database, fetch_all

MOST_SINCE = 5  # stale memories of an answer of which it is looked up since when they are
WEIGHTS = {Standing.GOOD: 1.0, Standing.UNANCHORED: 0.95, Standing.TO_CHECK: 0.75, Standing.STALE: 0.5}  # of a hit's score
_CITATIONS = "SELECT owner, line, path, symbol, first, last, digest, commit_id FROM citations"
# what passages build on, over any number of steps
_BASES = (
    "WITH RECURSIVE linked (owner, base) AS ("
    " SELECT passage_id, depends_on FROM passage_links WHERE passage_id IN (SELECT value FROM json_each(?1))"
    " UNION SELECT passage_links.passage_id, depends_on FROM linked JOIN passage_links ON passage_links.passage_id = base)"
    " SELECT owner, base FROM linked"
)
_IS_OVER = "((valid_to != '' AND valid_to <= ?1) OR (valid_to = '' AND superseded_by != ''))"
_ENDED = f"SELECT id, superseded_by FROM passages WHERE {_IS_OVER} AND id IN (SELECT value FROM json_each(?2))"
# passages that are still true, and that cite or build on anything
_LIVE = (
    f"SELECT id, text FROM passages WHERE NOT {_IS_OVER} AND kind != 'commit' AND (citations != '[]'"
    " OR EXISTS (SELECT 1 FROM passage_links WHERE passage_id = passages.id)"
    " OR EXISTS (SELECT 1 FROM citations WHERE owner = passages.id)) ORDER BY seq"
)


@dataclass(frozen=True)
class Doubt:
    """A memory that is not good: a passage, or a line of a block (`label`)."""

    owner: str
    text: str
    verdict: Verdict
    label: str = ""


@dataclass(frozen=True)
class CitedLine:
    """A line of a block that cites."""

    block_id: str
    line: str
    cited: tuple[Citation, ...]


class Grounding:
    """`code` is what the code index knows. May be used from any thread."""

    def __init__(self, memory: Database, root: Path, code: CodeNames | None = None) -> None:
        self._memory = memory
        self._tree = Tree(root, code)
        self._lock = Lock()

    # -- citing -----------------------------------------------------------------------------------------------------

    def cite(self, texts: Iterable[str], cwd: Path | None = None) -> list[Citation]:
        """The citations that texts mean, with what they hold on to; of paths as they are said in the folder `cwd`."""
        with self._lock:
            self._tree.refresh()
            head = self._tree.head()
            return [anchor(self._meant(text, cwd), self._tree, head) for text in texts]

    def _meant(self, text: str, cwd: Path | None) -> Citation:
        cited = parse(text)
        if cwd is None or cited.depends_on:
            return cited
        path = below(self._tree.root, cwd, cited.path)
        return replace(cited, path=path) if path else cited

    def has(self, path: str) -> bool:
        """Whether there is such a file in the worktree."""
        with self._lock:
            return self._tree.file(path) is not None

    def found_in(self, text: str, read: Sequence[str]) -> list[Citation]:
        """What a text cites by its words, of the files that were read (see `found_citations`)."""
        from lcode.memory.found_citations import found_citations

        with self._lock:
            head = self._tree.head()
            return [anchor(cited, self._tree, head) for cited in found_citations(text, self._tree, read)]

    # -- passages ---------------------------------------------------------------------------------------------------

    def of(self, passages: Sequence[Passage], *, since: bool = False) -> dict[str, Verdict]:
        """How passages stand, by their ids; `since`: with the commit that broke each of the first stale ones."""
        facts = {passage.id: [parse(text) for text in passage.citations] for passage in passages}
        found = self._judged(facts, since=since)
        return {passage.id: found[passage.id] for passage in passages}

    def _judged(self, facts: dict[str, list[Citation]], *, since: bool) -> dict[str, Verdict]:
        """Judge passages by the rows of their citations, and by those texts where there are no rows."""
        cited, links, ended = self._memory.read(lambda connection: _rows(connection, list(facts)))
        with self._lock:
            found = verdicts(facts | cited, self._tree, links, ended)
            if since:
                stale = [owner for owner in facts if found[owner].standing is Standing.STALE][:MOST_SINCE]
                found |= {owner: with_since(found[owner], self._tree) for owner in stale}
        return found

    def ranked(self, passages: Sequence[Passage], found: Mapping[str, Verdict]) -> list[Passage]:
        """Passages by their scores, those that are in doubt behind good ones of a similar score."""

        def weight(passage: Passage) -> float:
            verdict = found.get(passage.id)
            return WEIGHTS[verdict.standing] if verdict is not None else 1.0

        return sorted(passages, key=lambda passage: -passage.score * weight(passage))

    def doubts(self) -> list[Doubt]:
        """Every passage that is still held to be true and is not good here."""
        rows = self._memory.read(lambda connection: fetch_all(connection, _LIVE, (clock.stamp(),)))
        texts: dict[str, str] = dict(rows)
        facts = self._memory.read(lambda connection: _written(connection, list(texts)))
        found = self._judged(facts, since=True)
        return [Doubt(owner, texts[owner], found[owner]) for owner in texts if not found[owner].is_good]

    # -- lines of blocks ----------------------------------------------------------------------------------------------

    def cited_lines(self, block_ids: Sequence[str]) -> list[CitedLine]:
        """The lines of these blocks that cite."""
        sql = f"{_CITATIONS} WHERE owner IN (SELECT value FROM json_each(?)) AND line != '' ORDER BY owner, number"
        rows = self._memory.read(lambda connection: fetch_all(connection, sql, (json.dumps(block_ids),)))
        found: dict[tuple[str, str], list[Citation]] = {}
        for owner, line, *values in rows:
            found.setdefault((owner, line), []).append(Citation(*values))
        return [CitedLine(owner, line, tuple(cited)) for (owner, line), cited in found.items()]

    def lines(self, labels: Mapping[str, str], *, since: bool = False) -> list[Doubt]:
        """The lines that are not good, of the blocks with these ids; `labels` has the label of each."""
        return self.judged(self.cited_lines(list(labels)) if labels else [], labels, since=since)

    def judged(self, lines: Sequence[CitedLine], labels: Mapping[str, str], *, since: bool = False) -> list[Doubt]:
        """Those of `lines` that are not good. Asks nothing of the store."""
        facts = {str(number): line.cited for number, line in enumerate(lines)}
        if not facts:
            return []
        with self._lock:
            found = verdicts(facts, self._tree)
            doubtful = [number for number in facts if not found[number].is_good]
            if since:
                found |= {number: with_since(found[number], self._tree) for number in doubtful[:MOST_SINCE]}
        doubts = [(lines[int(number)], found[number]) for number in doubtful]
        return [Doubt(line.block_id, line.line, verdict, labels[line.block_id]) for line, verdict in doubts]


def _rows(
    connection: apsw.Connection, owners: Sequence[str]
) -> tuple[dict[str, list[Citation]], dict[str, list[str]], dict[str, str]]:
    """What passages cite, what they build on with what that cites, and which of it has ended."""
    links: dict[str, list[str]] = {}
    for owner, base in fetch_all(connection, _BASES, (json.dumps(owners),)):
        links.setdefault(owner, []).append(base)
    bases = {base for of_one in links.values() for base in of_one}
    everyone = json.dumps([*owners, *bases])
    cited: dict[str, list[Citation]] = {base: [] for base in bases}
    for owner, _, *values in fetch_all(
        connection, f"{_CITATIONS} WHERE owner IN (SELECT value FROM json_each(?)) ORDER BY owner, number", (everyone,)
    ):
        cited.setdefault(owner, []).append(Citation(*values))
    ended = {
        passage_id: f"superseded by {short_passage(successor)}" if successor else "which no longer holds"
        for passage_id, successor in fetch_all(connection, _ENDED, (clock.stamp(), json.dumps([*bases])))
    }
    for owner in owners:
        if not cited.get(owner):
            cited.pop(owner, None)
    return cited, links, ended


def _written(connection: apsw.Connection, owners: Sequence[str]) -> dict[str, list[Citation]]:
    """The citations of passages as they were written."""
    sql = "SELECT id, citations FROM passages WHERE id IN (SELECT value FROM json_each(?))"
    rows = fetch_all(connection, sql, (json.dumps(owners),))
    return {passage_id: [parse(text) for text in json.loads(texts)] for passage_id, texts in rows}
