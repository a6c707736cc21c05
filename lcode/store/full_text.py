"""The full text beside the rows of a database: which tables have it, in whatever schema the file has, and how it follows them.

An index names the rows that it is of: a table, or a view of those of its rows that it holds. FTS5 keeps no text of its own,
so that an entry is taken out by what its row said before.
"""

from __future__ import annotations

import re

import apsw

_CONTENT = re.compile(r"\bcontent = '(\w+)'")


def indexes(connection: apsw.Connection) -> list[tuple[str, str]]:
    """The rows (a table or a view) and the index of every full text."""
    sql = "SELECT name, sql FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE % USING fts5 (%' ORDER BY rowid"
    found = ((str(name), _CONTENT.search(str(text))) for name, text in connection.execute(sql))
    return [(content[1], name) for name, content in found if content]


def of(connection: apsw.Connection, table: str) -> list[tuple[str, str]]:
    """Those that the rows of `table` may be in."""
    return [(rows, index) for rows, index in indexes(connection) if rows == table or rows.endswith(f"_{table}")]


def add(connection: apsw.Connection, table: str, where: str, values: tuple[object, ...]) -> None:
    """Index the rows of `table` for which `where` holds."""
    for rows, index in of(connection, table):
        connection.execute(
            f"INSERT INTO {index} (rowid, text, terms) SELECT seq, text, terms FROM {rows} WHERE seq IN"
            f" (SELECT seq FROM {table} WHERE {where}) ORDER BY seq",
            values,
        )


def remove(connection: apsw.Connection, table: str, where: str, values: tuple[object, ...]) -> None:
    """Take the rows of `table` for which `where` holds out of its full text, while they still say what they said."""
    for rows, index in of(connection, table):
        connection.execute(
            f"INSERT INTO {index} ({index}, rowid, text, terms) SELECT 'delete', seq, text, terms FROM {rows} WHERE seq IN"
            f" (SELECT seq FROM {table} WHERE {where})",
            values,
        )


def rebuild(connection: apsw.Connection) -> None:
    """Make all of it anew from the rows."""
    for _, index in indexes(connection):
        connection.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
