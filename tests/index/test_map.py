"""The repository's shape within a budget: the central first, the same each time, and never more than was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from lcode.index import code_rows
from lcode.index.map import RepositoryMap, read_map, without_index
from lcode.index.open import IndexDatabase
from lcode.path_text import path_text
from lcode.tokens import approximate_tokens

# path: (names that it defines, names that it uses)
SHOP: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "shop/__main__.py": (("main",), ("Store", "Basket")),
    "shop/store.py": (("Store", "open_store", "_hidden"), ()),
    "shop/basket.py": (("Basket",), ("Store",)),
    "shop/pay/card.py": (("charge",), ("Basket", "Store")),
    "tests/test_store.py": (("test_store",), ("Store", "open_store")),
    "docs/guide.md": ((), ()),
}
EDGES = {
    ("shop/__main__.py", "shop/store.py"): 3.0,
    ("shop/__main__.py", "shop/basket.py"): 1.0,
    ("shop/basket.py", "shop/store.py"): 4.0,
    ("shop/pay/card.py", "shop/basket.py"): 2.0,
    ("shop/pay/card.py", "shop/store.py"): 1.0,
    ("tests/test_store.py", "shop/store.py"): 2.0,
}


def _kind(path: str) -> str:
    return "test" if path.startswith("tests/") else "docs" if path.startswith("docs/") else "source"


def fill(database: IndexDatabase, root: Path, files: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
    """The rows that a build and the graph would have made."""

    def work(connection: apsw.Connection) -> None:
        checkout = code_rows.make_checkout(connection, path_text(root), 1).id
        for number, (path, (defined, used)) in enumerate(files.items(), 1):
            references = code_rows.pack_references(dict.fromkeys(used, 2))
            content = (number, path.encode(), "python", 40, 0, references, 2, 1)
            connection.execute("INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", content)
            for at, name in enumerate(defined):
                chunk = (number, at, "class" if name[0].isupper() else "function", name, name, 10 * at + 1, 10 * at + 9)
                columns = 'content_id, number, kind, symbol, signature, doc, start_line, end_line, "start", "end", checksum'
                connection.execute(f"INSERT INTO chunks ({columns}) VALUES (?, ?, ?, ?, ?, '', ?, ?, 0, 1, 0)", chunk)
            file = (number, checkout, path, number, _kind(path))
            columns = "id, checkout_id, path, content_id, size, mtime_ns, inode, kind"
            connection.execute(f"INSERT INTO files ({columns}) VALUES (?, ?, ?, ?, 100, 1, 1, ?)", file)
        ids = {path: number for number, path in enumerate(files, 1)}
        edges = [(checkout, ids[one], ids[other], weight) for (one, other), weight in EDGES.items() if one in ids]
        connection.executemany("INSERT INTO edges VALUES (?, ?, ?, ?, 1)", edges)

    database.write(work)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in SHOP:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'"""What {file.stem} is for."""\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n[project.scripts]\nshop = "shop.__main__:main"\n')
    return tmp_path


@pytest.fixture
def database(root: Path) -> Iterator[IndexDatabase]:
    with closing(IndexDatabase(None)) as made:
        fill(made, root, SHOP)
        yield made


def drawn(database: IndexDatabase, root: Path, path: str = "", budget: int = 2_000, note: str = "") -> RepositoryMap:
    found = database.read(lambda connection: read_map(connection, root, path_text(root), path, budget=budget, note=note))
    assert found is not None
    return found


def test_files_stand_with_their_definitions_users_and_words(database: IndexDatabase, root: Path) -> None:
    text = drawn(database, root).text(2_000)
    assert "6 files (4 source, 1 docs, 1 test), 160 lines of source: python 100 %" in text
    assert "Entry points: shop = shop.__main__:main, shop/__main__.py" in text
    assert "  store.py (40 lines, used by 4) «What store is for.»: class Store:1, open_store():11, _hidden():21" in text
    assert "  card.py (40 lines) «What card is for.»: charge():1; uses shop/basket.py, shop/store.py" in text
    assert "\ntests/ (1 file): tests" in text


def test_names_that_others_use_most_come_first(database: IndexDatabase, root: Path) -> None:
    [store] = [file for file in drawn(database, root).data(2_000)["central"] if file["path"] == "shop/store.py"]
    assert [(symbol["name"], symbol["users"]) for symbol in store["symbols"]] == [
        ("Store", 4),
        ("open_store", 1),
        ("_hidden", 0),
    ]


def test_the_central_files_are_those_that_are_left_when_room_is_short(database: IndexDatabase, root: Path) -> None:
    text = drawn(database, root, budget=120).text(120)
    assert approximate_tokens(text) <= 120
    assert "store.py" in text
    assert "card.py" not in text
    assert "less central source files are not shown]" in text


@pytest.mark.parametrize("budget", [100, 150, 300, 1_000])
def test_a_budget_is_kept(database: IndexDatabase, root: Path, budget: int) -> None:
    many = {f"pkg{at % 9}/module_{at}.py": ((f"Thing{at}", f"make_thing_{at}"), ()) for at in range(300)}
    with closing(IndexDatabase(None)) as large:
        fill(large, root, many)
        found = drawn(large, root, budget=budget)
        assert approximate_tokens(found.text(budget)) <= max(budget, 250)  # the folders and the head always stand
        assert approximate_tokens(found.chart(budget)) <= budget


def test_the_same_index_gives_the_same_map(database: IndexDatabase, root: Path) -> None:
    assert drawn(database, root).text(700) == drawn(database, root).text(700)
    assert drawn(database, root).chart(700) == drawn(database, root).chart(700)


def test_a_part_is_drawn_with_who_uses_it_from_outside(database: IndexDatabase, root: Path) -> None:
    text = drawn(database, root, "shop/pay").text(1_000)
    assert text.startswith("shop/pay/: 1 file (1 source)")
    assert "uses shop/basket.py, shop/store.py" in text
    assert "test_store" not in text
    assert database.read(lambda connection: read_map(connection, root, path_text(root), "nowhere")) is None


@pytest.mark.parametrize("path", ["shop/boxes.py", "tests/test_boxes.py"])
def test_of_one_file_all_definitions_stand_in_their_order(root: Path, path: str) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("\n" * 12 + "    def stack(self): ...\n")
    with closing(IndexDatabase(None)) as database:
        fill(database, root, {path: (("Box", "_Box.stack", "_open_box"), ())})
        text = drawn(database, root, path, budget=300).text(300)
    assert "class Box:1, _Box.stack():13, _open_box():21" in text


def test_what_the_index_lacks_is_said(database: IndexDatabase, root: Path) -> None:
    assert "indexing: 3 of 6 files" in drawn(database, root, note="indexing: 3 of 6 files so far").text(1_000)


def test_a_chart_has_a_box_for_each_module_and_arrows_to_what_it_uses(database: IndexDatabase, root: Path) -> None:
    lines = drawn(database, root).chart(2_000).split("\n")
    assert lines[0] == "flowchart LR"
    boxes = {line.split("[")[1].strip('"]'): line.split("[")[0].strip() for line in lines if "[" in line}
    assert set(boxes) == {"shop/__main__.py", "shop/basket.py", "shop/pay/card.py", "shop/store.py"}
    assert f"  {boxes['shop/basket.py']} --> {boxes['shop/store.py']}" in lines


def test_names_from_the_repository_are_no_markup_in_a_chart(root: Path) -> None:
    with closing(IndexDatabase(None)) as hostile:
        fill(hostile, root, {'a"]<b>#.py': ((), ()), "b.py": ((), ())})
        assert "a&quot;]‹b&gt;&num;.py" in drawn(hostile, root).chart(500)


def test_without_an_index_a_look_at_the_files_answers(root: Path) -> None:
    text = without_index(root, "", 500)
    assert "shop" in text
    assert approximate_tokens(text) <= 500
