"""Lines of core memory that cite code: what they hold on to is taken when a line is written, and kept while it stays.

A line cites where it names a file that there is with a symbol or lines of it: `app/loader.py#load`, (app/loader.py:12-20).
Blocks of the user's own, which all repositories share, cite nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from lcode import clock
from lcode.memory.citation import Citation, parse
from lcode.memory.model import Block, Scope
from lcode.store.database import Database, fetch_all, fetch_one

_CITES = re.compile(r"[\w@+.-][\w@+./-]*(?::\d+(?:-\d+)?(?![\w:])|#[^\W\d][\w.:-]*\w)")
MOST = 200  # citations of a block


def cited_in(line: str) -> list[Citation]:
    """What a line may cite, by its looks."""
    found = [parse(match.group()) for match in _CITES.finditer(line)]
    return list(dict.fromkeys(cited for cited in found if cited.first or cited.symbol))


def note(memory: Database, root: Path, block: Block) -> None:
    """Keep what the new lines of a block cite, and drop what lines cited that are gone."""
    cites = block.scope is not Scope.USER and block.version > 0 and _CITES.search(block.value) is not None
    if not cites and not memory.read(lambda connection: _known(connection, block.id)):
        return
    lines = [line for line in block.value.splitlines() if cited_in(line)] if cites else []
    known = memory.read(lambda connection: _known(connection, block.id))
    fresh = list(_anchored(root, [line for line in dict.fromkeys(lines) if line not in known])) if lines else []

    def work(connection: apsw.Connection) -> None:
        now, there = clock.stamp(), _known(connection, block.id)
        for line in there - set(lines):
            connection.execute("DELETE FROM citations WHERE owner = ? AND line = ?", (block.id, line))
        for line, cited in fresh:
            if line not in there:
                values = (
                    block.id,
                    block.id,
                    line,
                    cited.path,
                    cited.symbol,
                    cited.first,
                    cited.last,
                    cited.digest,
                    cited.commit,
                )
                connection.execute(_ADD, (*values, now))

    if fresh or known - set(lines):
        memory.write(work)


def any_cited(memory: Database, block_ids: Sequence[str]) -> bool:
    """Whether a line of these blocks cites anything."""
    sql = "SELECT 1 FROM citations WHERE owner IN (SELECT value FROM json_each(?)) LIMIT 1"
    return memory.read(lambda connection: fetch_one(connection, sql, (json.dumps(block_ids),))) is not None


_ADD = (
    "INSERT INTO citations (owner, number, line, path, symbol, first, last, digest, commit_id, recorded_at)"
    " VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM citations WHERE owner = ?), ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _known(connection: apsw.Connection, block_id: str) -> set[str]:
    return {row[0] for row in fetch_all(connection, "SELECT DISTINCT line FROM citations WHERE owner = ?", (block_id,))}


def _anchored(root: Path, lines: list[str]) -> Iterator[tuple[str, Citation]]:
    """What these lines cite of files that there are."""
    from lcode.memory.grounding import anchor
    from lcode.memory.tree import Tree

    tree = Tree(root)
    head, count = tree.head(), 0
    for line in lines:
        for cited in cited_in(line):
            path = replace(cited, path=cited.path.rstrip("."))
            if count < MOST and tree.file(path.path) is not None:
                count += 1
                yield line, anchor(path, tree, head)
