"""Edges between files by the names that one uses and another defines."""

from __future__ import annotations

from pathlib import Path

from lcode.index.build import CodeIndex
from lcode.index.graph import neighbours, update_graph
from lcode.index.open import IndexDatabase
from lcode.path_text import path_text


def edges(database: IndexDatabase) -> set[tuple[str, str]]:
    sql = (
        "SELECT a.path, b.path FROM edges JOIN files AS a ON a.id = source_file JOIN files AS b ON b.id = target_file"
        " WHERE a.checkout_id = edges.checkout_id"
    )
    return database.read(lambda connection: set(connection.execute(sql)))


def test_a_file_that_uses_a_name_is_joined_to_the_one_that_defines_it(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("class Engine:\n    def ignite(self):\n        return 1\n", encoding="utf-8")
    (tmp_path / "car.py").write_text(
        "from base import Engine\n\n\ndef drive():\n    return Engine().ignite()\n", encoding="utf-8"
    )
    (tmp_path / "tree.py").write_text("def grow():\n    return 'leaves'\n", encoding="utf-8")
    database = IndexDatabase(None)
    builder, root = CodeIndex(database, tmp_path), path_text(tmp_path)
    builder.update()
    assert update_graph(database, root)
    assert edges(database) == {("car.py", "base.py")}
    assert not update_graph(database, root)
    (tmp_path / "car.py").write_text("def drive():\n    return 0\n", encoding="utf-8")
    builder.update()
    assert update_graph(database, root)
    assert edges(database) == set()
    database.close()


def test_a_neighbour_gets_a_part_of_what_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text("def ignite_engine():\n    return 1\n", encoding="utf-8")
    for name in ("car", "bus"):
        (tmp_path / f"{name}.py").write_text("from base import ignite_engine\n\nignite_engine()\n", encoding="utf-8")
    database = IndexDatabase(None)
    CodeIndex(database, tmp_path).update()
    update_graph(database, path_text(tmp_path))

    def look(connection):  # type: ignore[no-untyped-def]
        ids = dict(connection.execute("SELECT path, id FROM files"))
        return ids, neighbours(connection, 1, {ids["base.py"]: 1.0}, {})

    ids, given = database.read(look)
    assert given == {ids["car.py"]: 0.5, ids["bus.py"]: 0.5}
    database.close()


def test_a_checkout_that_is_not_indexed_has_no_graph(tmp_path: Path) -> None:
    database = IndexDatabase(None)
    assert not update_graph(database, path_text(tmp_path))
    database.close()
