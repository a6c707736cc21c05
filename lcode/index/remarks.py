"""What is worth saying beside an answer: a filter that lets nothing through, a name that stands nowhere.

Without it a slip in a filter looks like code that is not there, and places that resemble a name like those that hold it.
"""

from __future__ import annotations

import re

import apsw

from lcode.index.filters import scope
from lcode.index.query import Query
from lcode.index.schema import full_text
from lcode.index.signals import Scope
from lcode.index.words import any_of, document_words
from lcode.store.database import fetch_all

_NAMED = 12  # languages or kinds that are named where one is asked for that is not there


def unmet(connection: apsw.Connection, checkout: int, path: str, language: str, kind: str) -> str:
    """Which of the filters of a search nothing in the checkout meets; '' where each of them lets something through."""
    by_kind = scope(kind=kind)
    of = "files LEFT JOIN contents ON contents.id = files.content_id"
    if by_kind.kind:
        of += " LEFT JOIN chunks ON chunks.content_id = contents.id"
    of_kind = "chunks.kind" if by_kind.kind else "files.kind"
    for one, column in ((scope(path), ""), (scope(language=language), "contents.language"), (by_kind, of_kind)):
        if not one.where:
            continue
        sql = f"SELECT 1 FROM {of} WHERE files.checkout_id = ?{one.where} LIMIT 1"
        if not fetch_all(connection, sql, (checkout, *one.values)):
            return f"the index has {_others(connection, checkout, one, column) if column else f'no file at or below {path}'}"
    return ""


def unknown(connection: apsw.Connection, checkout: int, query: str) -> str:
    """That the name which is asked for stands nowhere; '' where it does, or none is."""
    asked = Query(query)
    name = asked.name if asked.names else ""
    words = document_words(re.split(r"\.|::|#|->|/", name)[-1])
    if not words:
        return ""
    sql = f"SELECT 1 FROM {full_text(checkout)} WHERE {full_text(checkout)} MATCH ? LIMIT 1"
    return (
        "" if fetch_all(connection, sql, (any_of(words[-1:]),)) else f"{name} stands nowhere in the code; this is only like it"
    )


def _others(connection: apsw.Connection, checkout: int, one: Scope, column: str) -> str:
    """`no go; it has python, css`: what there is instead."""
    sql = (
        f"SELECT {column} FROM files JOIN contents ON contents.id = files.content_id"
        " JOIN chunks ON chunks.content_id = contents.id"
        f" WHERE files.checkout_id = ? AND {column} <> '' GROUP BY 1 ORDER BY count(*) DESC LIMIT {_NAMED}"
    )
    there = ", ".join(str(row[0]) for row in fetch_all(connection, sql, (checkout,)))
    return f"no {one.values[0]}{'; it has ' if there else ''}{there}"
