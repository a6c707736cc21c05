"""Lines of blocks that cite code."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lcode.memory import block_lines
from lcode.memory.blocks import Blocks
from lcode.memory.grounded import Grounding
from lcode.store.database import fetch_all
from tests.memory.conftest import Tiers, by

CODE = "def load(path):\n    return open(path).read()\n\n\ndef save(path):\n    return None\n"


class Repository:
    """A repository, and the blocks of its agent."""

    def __init__(self, root: Path, tiers: Tiers) -> None:
        self.root = root
        self.tiers = tiers
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        (root / "app").mkdir()
        self.code = root / "app/loader.py"
        self.code.write_text(CODE)
        written = partial(block_lines.note, tiers.memory, root)
        self.blocks = Blocks(tiers.memory, tiers.user, tiers.redactor, worktree=str(root), branch="main", written=written)
        self.grounding = Grounding(tiers.memory, root)

    def rows(self) -> list[tuple[str, ...]]:
        sql = "SELECT line, path, symbol, digest FROM citations ORDER BY owner, number"
        return self.tiers.memory.read(lambda connection: fetch_all(connection, sql))

    def doubts(self) -> list[tuple[str, str, str]]:
        labels = {block.id: block.label for block in self.blocks.list() if block.id}
        return [(doubt.label, doubt.text, doubt.verdict.words) for doubt in self.grounding.lines(labels)]


@pytest.fixture
def repository(tiers: Tiers, tmp_path: Path) -> Iterator[Repository]:
    root = tmp_path / "repo"
    root.mkdir()
    yield Repository(root, tiers)


def test_a_line_is_anchored_when_it_is_written_and_stale_when_its_code_changes(repository: Repository) -> None:
    repository.blocks.append("architecture", "- loading is eager (`app/loader.py#load`), see docs", by())
    repository.blocks.append("architecture", "- nothing is cited here: 10:30, a#b, see app/loader.py", by())
    assert [row[1:3] for row in repository.rows()] == [("app/loader.py", "load")]
    repository.code.write_text(CODE.replace("return None", "return 1"))
    assert repository.doubts() == []
    repository.code.write_text(CODE.replace(".read()", ".readlines()"))
    line = "- loading is eager (`app/loader.py#load`), see docs"
    assert repository.doubts() == [("architecture", line, "STALE: load() changed (app/loader.py:1-2 now)")]


def test_a_line_that_stays_keeps_what_it_holds_on_to(repository: Repository) -> None:
    repository.blocks.append("architecture", "load is eager [app/loader.py:2]", by())
    before = repository.rows()
    repository.code.write_text(CODE.replace(".read()", ".readlines()"))
    repository.blocks.append("architecture", "save does nothing (app/loader.py#save)", by())
    assert repository.rows()[:1] == before
    assert [label for label, _, _ in repository.doubts()] == ["architecture"]
    repository.blocks.replace("architecture", "load is eager", "load reads lines", by())
    assert repository.doubts() == []


def test_lines_that_go_leave_nothing_behind(repository: Repository) -> None:
    repository.blocks.append("architecture", "load is eager (app/loader.py#load)", by())
    repository.blocks.create("api", "x", "save: app/loader.py#save", None, by())
    assert len(repository.rows()) == 2
    repository.blocks.rethink("architecture", "all new", by())
    repository.blocks.delete("api", by())
    assert repository.rows() == []


def test_blocks_that_all_repositories_share_cite_nothing(repository: Repository) -> None:
    repository.blocks.append("human", "knows app/loader.py#load by heart", by())
    assert repository.rows() == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("see (app/a.py#load), `b.go:12-20` and [c.rs:3].", ["app/a.py#load", "b.go:12-20", "c.rs:3"]),
        ("Session.send is in app/net.py#Session.send.", ["app/net.py#Session.send"]),
        ("[text](docs/a.md#section) at 10:30", ["docs/a.md#section"]),
        ("no citation: a.py, issue #12, C#, x:y", []),
    ],
)
def test_a_citation_in_a_line_is_known_by_its_looks(line: str, wanted: list[str]) -> None:
    assert [str(cited) for cited in block_lines.cited_in(line) if "." in cited.path] == wanted
