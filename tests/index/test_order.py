"""Which files an index that is not complete has already."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path

from lcode.index.build import CodeIndex
from lcode.index.open import IndexDatabase
from lcode.index.order import first_useful
from lcode.index.shape import read_paths
from lcode.path_text import path_text


def ordered(root: Path, *paths: str) -> list[str]:
    found = [(path, None, os.stat_result((0, 0, 0, 0, 0, 0, size(path), 0, 0, 0))) for path in paths]
    return [path for path, _, _ in first_useful(found)]


def size(path: str) -> int:
    return 5_000_000 if "huge" in path else 2_000


def test_source_comes_before_what_uses_it_and_before_what_is_not_ours(tmp_path: Path) -> None:
    wanted = [
        "setup.py", "src/shop/store.py", "src/shop/deep/label.py", "src/huge.py", "examples/sell.py", "tests/test_store.py",
        "README.md", "settings.toml", "docs/store.rst", "vendor/lib/other.py", "yarn.lock", "docs/logo.png",
    ]  # fmt: skip
    assert ordered(tmp_path, *sorted(wanted)) == wanted == ordered(tmp_path, *reversed(wanted))


def test_a_build_that_ends_early_has_the_source(tmp_path: Path) -> None:
    for folder, count in (("assets", 64), ("docs", 64), ("tests", 64), ("zoo", 64)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{'test_' * (folder == 'tests')}m{number}.py").write_text(f"def f{number}():\n    pass\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    calls = iter([False, False])
    with closing(IndexDatabase(None)) as database:
        report = CodeIndex(database, tmp_path).update(vectors=False, stop=lambda: next(calls, True))
        assert report.problem == "stopped"
        folders = {path.partition("/")[0] for path in database.read(lambda one: read_paths(one, path_text(tmp_path)))}
        assert folders == {"assets", "zoo"}
        assert CodeIndex(database, tmp_path).update(vectors=False).complete
        assert CodeIndex(database, tmp_path).status().files == 256
