"""Rows of passages: how they are read with their tags, citations and life, and what of them is written beside the text."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from lcode.errors import MemoryEditError
from lcode.memory import lives
from lcode.memory.citation import Citation
from lcode.memory.model import Actor, Passage, Source, Trust
from lcode.store.database import Row, fetch_all

_COLUMNS = (
    "passages.id, passages.text, passages.kind,"
    " (SELECT json_group_array(tag) FROM passage_tags WHERE passage_seq = passages.seq), passages.citations,"
    " passages.created_at, passages.actor, passages.source, passages.trust, passages.session_id, {score}, {begin}, {end},"
    " {next}, coalesce((SELECT subject FROM passage_subjects WHERE passage_id = passages.id), ''),"
    " (SELECT json_group_array(depends_on) FROM passage_links WHERE passage_id = passages.id), passages.confidence,"
    " passages.commit_id, (SELECT json_group_array(json_array(path, symbol, first, last, digest, commit_id) ORDER BY number)"
    " FROM citations WHERE owner = passages.id)"
)


def columns(*, score: str = "0.0", life: bool = False) -> str:
    """What `passage` reads, from `passages`. `life`: its state is that of the join that `lives.true_at` gives."""
    begin, end, after = (lives.VALID_FROM, lives.VALID_TO, lives.SUPERSEDED_BY) if life else _NEWEST
    return _COLUMNS.format(score=score, begin=begin, end=end, next=after)


_NEWEST = ("coalesce(nullif(passages.valid_from, ''), passages.created_at)", "passages.valid_to", "passages.superseded_by")


def passage(row: Row) -> Passage:
    """The record of a row."""
    tags, texts, links = (tuple(json.loads(row[at])) for at in (3, 4, 15))
    return Passage(
        id=row[0], text=row[1], kind=row[2], tags=tags, citations=texts, created_at=row[5], actor=Actor(row[6]),
        source=Source(row[7]), trust=Trust(row[8]), session_id=row[9], score=float(row[10]), valid_from=row[11],
        valid_to=row[12], superseded_by=row[13], subject=row[14], depends_on=links, confidence=row[16], commit=row[17],
        cited=tuple(Citation(*values) for values in json.loads(row[18])),
    )  # fmt: skip


def at(connection: apsw.Connection, seq: int) -> Row:
    """The columns of the passage with this number."""
    return fetch_all(connection, f"SELECT {columns()} FROM passages WHERE seq = ?", (seq,))[0]


def full_id(connection: apsw.Connection, name: str) -> str:
    """The id that a passage's id, or the unique beginning of one, means. Raises MemoryEditError."""
    bare = name if name.startswith("passage-") else f"passage-{name}"
    end = f"{bare}\U0010ffff" if bare != "passage-" else bare  # which every id begins with
    rows = fetch_all(connection, "SELECT id FROM passages WHERE id >= ? AND id < ? LIMIT 2", (bare, end))
    if len(rows) != 1:
        raise MemoryEditError(f"there is no passage '{name}'" if not rows else f"'{name}' fits several passages")
    return str(rows[0][0])


def cite(connection: apsw.Connection, owner: str, citations: Sequence[Citation], recorded_at: str) -> None:
    """Add what a passage does not cite yet; what is cited anew holds on to the text as it is now."""
    sql = "SELECT number, path, symbol, first, last, digest, commit_id FROM citations WHERE owner = ? ORDER BY number"
    known = {str(Citation(*row[1:])): row[0] for row in fetch_all(connection, sql, (owner,))}
    for cited in citations:
        place = (cited.path, cited.symbol, cited.first, cited.last, cited.digest, cited.commit, recorded_at)
        number = known.get(str(cited))
        if number is None:
            number = known[str(cited)] = max(known.values(), default=0) + 1
            connection.execute(
                "INSERT INTO citations (path, symbol, first, last, digest, commit_id, recorded_at, owner, number)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*place, owner, number),
            )
        elif cited.digest:
            connection.execute(
                "UPDATE citations SET path = ?, symbol = ?, first = ?, last = ?, digest = ?, commit_id = ?, recorded_at = ?"
                " WHERE owner = ? AND number = ?",
                (*place, owner, number),
            )


def uncite(connection: apsw.Connection, owner: str) -> None:
    """Take back what a passage cites."""
    connection.execute("DELETE FROM citations WHERE owner = ?", (owner,))
    connection.execute("UPDATE passages SET citations = '[]' WHERE id = ?", (owner,))


def link(connection: apsw.Connection, passage_id: str, bases: Sequence[str]) -> None:
    """Note which passages one builds on."""
    connection.executemany(
        "INSERT INTO passage_links (passage_id, depends_on) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(passage_id, base) for base in bases if base != passage_id],
    )
