"""The text of a place: that of its lines as they are now, whether its bytes still lead there or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lcode.index.build import CodeIndex
from lcode.index.current import CurrentText, Span
from lcode.index.open import IndexDatabase
from lcode.index.signals import File

LINES = ["def one():", "    return 'größe'", "", "def two():", "    return 2", ""]
YEAR = 31_536_000


@contextmanager
def indexed(root: Path, text: str) -> Iterator[tuple[CurrentText, File, list[Span]]]:
    """What is known of a file with `text` that has not changed for a year: its current text, the file, its chunks."""
    path = root / "a.py"
    path.write_bytes(text.encode())
    os.utime(path, (path.stat().st_mtime - YEAR,) * 2)
    database = IndexDatabase(None)
    try:
        CodeIndex(database, root).update(vectors=False)
        sql = 'SELECT start_line, end_line, "start", "end" FROM chunks ORDER BY number'
        spans = database.read(lambda connection: [Span(*row) for row in connection.execute(sql)])
        yield (
            database.read(lambda connection: CurrentText(connection, root)),
            database.read(
                lambda connection: File(*connection.execute("SELECT id, path, kind, 0, '' FROM files").fetchall()[0])
            ),
            spans,
        )
    finally:
        database.close()


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(LINES),
        "\n".join(LINES).rstrip(),
        "x = 'ß'\n",
        "\n\n# only a remark",
        "y = 1\n\n" * 300 + "z = '" + "ab " * 1_500,
    ],
)
def test_a_file_as_it_was_gives_the_lines_of_each_place(tmp_path: Path, text: str) -> None:
    with indexed(tmp_path, text) as (current, file, spans):
        assert spans
        for span in spans:
            assert current.lines(file, span) == text.split("\n")[span.first - 1 : span.last]
        assert not current.changed(file)


def test_a_place_is_read_without_the_rest_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lcode.index import current as module

    text = "".join(f"def f{number}():\n    return {'x' * 1_400!r}\n\n\n" for number in range(50))
    read: list[int] = []
    whole = module.read_regular

    def counted(path: str, limit: int, start: int = 0) -> object:
        read.append(limit)
        return whole(path, limit, start)

    monkeypatch.setattr(module, "read_regular", counted)
    with indexed(tmp_path, text) as (current, file, spans):
        assert "def f49" in "\n".join(current.lines(file, spans[-1]))
        assert sum(read) < 2_000


@pytest.mark.parametrize("keeps_time", [True, False])
def test_a_file_that_changed_gives_the_lines_that_are_there_now(tmp_path: Path, keeps_time: bool) -> None:
    with indexed(tmp_path, "\n".join(LINES)) as (current, file, spans):
        path = tmp_path / "a.py"
        before = path.stat()
        path.write_text("\n".join(["# new", *LINES]))
        if keeps_time:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        span = spans[0]
        assert current.lines(file, span) == ["# new", *LINES][span.first - 1 : span.last]
        assert current.changed(file)


def test_a_file_that_was_only_touched_is_not_changed(tmp_path: Path) -> None:
    with indexed(tmp_path, "\n".join(LINES)) as (current, file, spans):
        os.utime(tmp_path / "a.py")
        assert current.lines(file, spans[0]) == LINES[spans[0].first - 1 : spans[0].last]
        assert not current.changed(file)


def test_a_file_that_is_gone_gives_no_lines(tmp_path: Path) -> None:
    with indexed(tmp_path, "\n".join(LINES)) as (current, file, spans):
        (tmp_path / "a.py").unlink()
        assert current.lines(file, spans[0]) == []
        assert current.changed(file)
