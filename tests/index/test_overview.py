"""The overview of an indexed repository: true, from named sources, and the same for the same tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lcode.git.command import Git
from lcode.index.build import CodeIndex
from lcode.index.entry_points import entry_points
from lcode.index.graph import update_graph
from lcode.index.history import read_commits
from lcode.index.open import IndexDatabase
from lcode.index.overview import ARCHITECTURE_LIMIT, CONVENTIONS_LIMIT, Overview, overview
from lcode.path_text import path_text
from tests.git.repositories import commit, git, make

FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.2"\n[project.scripts]\nshop = "shop.cli:main"\n',
    "src/shop/__init__.py": '"""A shop for tests."""\n',
    "src/shop/store/__init__.py": '"""Keeps what is sold."""\n',
    "src/shop/store/rows.py": "class Row:\n    def save(self):\n        return 1\n",
    "src/shop/store/tables.py": "from shop.store.rows import Row\n\n\ndef open_table():\n    return Row()\n",
    "src/shop/pay/__init__.py": "",
    "src/shop/pay/card.py": "from shop.store.tables import open_table\n\n\ndef charge():\n    return open_table()\n",
    "src/shop/pay/bill.py": "from shop.store import rows\n\n\ndef bill():\n    return rows.Row()\n",
    "src/shop/cli.py": "from shop.pay.card import charge\n\ndef main(): ...\n\nif __name__ == '__main__':\n    main()",
    "tests/test_pay.py": "from shop.pay.card import charge\n\n\ndef test_charge():\n    assert charge()\n",
    ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n      - run: git config user.name bot\n      - run: pytest -n 2\n",
}


def look(root: Path) -> Overview:
    with closing(IndexDatabase(None)) as database:
        CodeIndex(database, root).update()
        update_graph(database, path_text(root))
        commits = read_commits(Git(root), "HEAD")
        found = database.read(lambda connection: overview(connection, root, path_text(root), commits, Git(root)))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = make(tmp_path_factory.mktemp("shop"), commits=0)
    for path, text in FILES.items():
        commit(root, path, text)
    for number in range(25):
        for path in ("src/shop/store/rows.py", "tests/test_pay.py"):
            (root / path).write_text(f"{FILES[path]}# {number}\n")
            git(root, "add", path)
        git(root, "commit", "-q", "-m", f"store: keep more ({number}) (#{number})")
    yield root


def test_modules_are_told_with_what_they_use(shop: Path) -> None:
    lines = look(shop).architecture.split("\n")
    assert "Project: shop 1.2 (pyproject.toml)" in lines
    assert "Entry points: shop = shop.cli:main, src/shop/cli.py" in lines
    assert "src/shop/pay/ (3 files, 10 lines); uses src/shop/store/" in lines
    assert any(line.startswith("src/shop/store/ (3 files") and "«Keeps what is sold.»" in line for line in lines)
    assert not any("uses src/shop/pay/" in line and line.startswith("src/shop/store/") for line in lines)


def test_habits_are_told_with_their_numbers(shop: Path) -> None:
    kept = look(shop).conventions
    assert "CI (.github/workflows/ci.yml) runs: «pytest -n 2»" in kept
    assert "git config" not in kept
    assert "69 % of the last 36 commit subjects begin with a scope: `store:` (25)" in kept


def test_details_cite_what_they_speak_of(shop: Path) -> None:
    found = {statement.subject: statement for statement in look(shop).statements}
    assert found["module src/shop/pay"].citations == (
        "src/shop/pay/card.py",
        "src/shop/pay/bill.py",
        "src/shop/pay/__init__.py",
    )
    pair = found["src/shop/store/rows.py changes with tests/test_pay.py"]
    assert "in 25 of the 26 commits that touched it" in pair.text
    assert pair.commits


def test_the_same_tree_gives_the_same_overview_within_its_limits(shop: Path) -> None:
    first, second = look(shop), look(shop)
    assert first == second
    assert len(first.architecture) <= ARCHITECTURE_LIMIT
    assert len(first.conventions) <= CONVENTIONS_LIMIT


def test_what_is_not_indexed_has_no_overview(tmp_path: Path) -> None:
    with closing(IndexDatabase(None)) as database:
        assert database.read(lambda connection: overview(connection, tmp_path, path_text(tmp_path), [], None)) is None


@pytest.mark.parametrize(
    ("path", "text", "starts"),
    [
        ("app/main.py", "def main(): ...\n", False),
        ("app/main.py", "if __name__ == '__main__':\n    run()\n", True),
        ("app/__main__.py", "", True),
        ("cmd/tool/main.go", "package main\n\nfunc main() {\n}\n", True),
        ("pkg/main.go", "package pkg\n", False),
        ("src/main.rs", "fn main() {}\n", True),
        ("src/server.c", "int main(int argc, char **argv) {\n", True),
        ("tests/main.py", "if __name__ == '__main__':\n    run()\n", False),
        ("tests-integration/src/main.rs", "fn main() {}\n", False),
    ],
)
def test_a_program_starts_where_the_text_says_so(tmp_path: Path, path: str, text: str, starts: bool) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    assert entry_points(tmp_path, [path], []) == ([path] if starts else [])
