"""All that a search can meet of a checkout's index, as values that two indexes can be compared by, whatever their ids are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from lcode.path_text import path_text

_CODE = """
SELECT files.path, chunks.number, chunks.kind, symbol, signature, doc, start_line, end_line, "start", "end", hex(vector),
       contents.language, contents.lines, contents.partial, hex(contents."references"), hex(contents.hash)
FROM code JOIN files ON files.id = code.file_id JOIN chunks ON chunks.id = code.chunk_id
     JOIN contents ON contents.id = chunks.content_id AND contents.id = files.content_id
WHERE files.checkout_id = ?
"""
_NAMES = """
SELECT files.path, name, chunks.number FROM definitions JOIN files ON files.content_id = definitions.content_id
JOIN chunks ON chunks.id = definitions.chunk_id WHERE files.checkout_id = ?
"""
_WORDS = """
SELECT files.path, chunks.number, col, "offset", term FROM temp.words LEFT JOIN code ON code.id = words.doc
LEFT JOIN files ON files.id = code.file_id LEFT JOIN chunks ON chunks.id = code.chunk_id
"""


def searchable(path: Path, root: Path) -> dict[str, list[Any]]:
    """Files, code, names, words of the checkout at `root` in the index at `path`, each sorted."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        checkout = next(iter(connection.execute("SELECT id FROM checkouts WHERE root = ?", (path_text(root),))))[0]
        connection.execute(f"CREATE VIRTUAL TABLE temp.words USING fts5vocab ('main', 'code_fts_{checkout}', 'instance')")
        files = connection.execute("SELECT path, size, kind FROM files WHERE checkout_id = ?", (checkout,))
        bare = f"SELECT (SELECT count(*) FROM code_fts_{checkout}_docsize), count(*) FROM code WHERE file_id IN"
        return {
            "files": sorted(files),
            "code": sorted(connection.execute(_CODE, (checkout,)), key=repr),
            "names": sorted(connection.execute(_NAMES, (checkout,))),
            "words": sorted(connection.execute(_WORDS), key=repr),
            "rows": list(connection.execute(f"{bare} (SELECT id FROM files WHERE checkout_id = ?)", (checkout,))),
            "orphans": list(
                connection.execute(
                    "SELECT (SELECT count(*) FROM code WHERE file_id NOT IN (SELECT id FROM files)),"
                    " (SELECT count(*) FROM chunks WHERE content_id NOT IN (SELECT id FROM contents)),"
                    " (SELECT count(*) FROM definitions WHERE chunk_id NOT IN (SELECT id FROM chunks))"
                )
            ),
            "fault": [row for row in connection.execute("PRAGMA integrity_check(3)") if row[0] != "ok"],
        }


def differences(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> list[str]:
    """In what two of them differ; [] where they are equal."""
    found = []
    for name, rows in one.items():
        others = other[name]
        if rows != others:
            small = max(len(rows), len(others)) < 20_000
            missing = [row for row in rows if row not in others][:3] if small else []
            more = [row for row in others if row not in rows][:3] if small else []
            found.append(f"{name}: {len(rows)} and {len(others)}; only in one {missing}, only in the other {more}")
    return found
