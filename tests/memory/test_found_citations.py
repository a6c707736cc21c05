"""What a text speaks of is found among the files that were read; where it could be another, nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcode.memory.found_citations import MOST, found_citations
from lcode.memory.tree import Tree

QUEUE = """class RetryPolicy:
    def delay(self, attempt):
        return 2 ** attempt

    def run(self):
        pass


def next_delay(policy):
    return policy.delay(1)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    files = {
        "shop/queue.py": QUEUE,
        "shop/other.py": "def run():\n    pass\n\n\ndef next_delay():\n    pass\n",
        "a/util.py": "def helper_of_a():\n    pass\n",
        "b/util.py": "def helper_of_b():\n    pass\n",
        "shop/__init__.py": "",
        "Makefile": "check:\n\tpytest\n",
        ".env": "TOKEN=x\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Tree(tmp_path)


ALL = ("shop/queue.py", "a/util.py", "b/util.py", "shop/__init__.py", "Makefile", ".env", "gone.py")


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("Retries live in shop/queue.py.", ["shop/queue.py"]),
        ("Retries live in queue.py, as lines.", ["shop/queue.py"]),
        ("The delay doubles: RetryPolicy.delay.", ["shop/queue.py#RetryPolicy.delay"]),
        ("`RetryPolicy` in queue.py doubles it", ["shop/queue.py#RetryPolicy"]),
        ("next_delay() asks for one", ["shop/queue.py#next_delay"]),
        ("see queue.py:2-3 and RetryPolicy", ["shop/queue.py:2-3", "shop/queue.py#RetryPolicy"]),
        ("helper_of_a is in a/util.py", ["a/util.py#helper_of_a"]),
        ("`make check` of the Makefile", ["Makefile"]),
        ("Helpers are in util.py", []),  # which?
        ("The runs of the queue are slow, e.g. on Mondays", []),
        ("Exports are in __init__.py", []),
        ("The token is in .env", []),
        ("It was in gone.py", []),
        ("Another/queue.py is not it", []),
        ("myqueue.py and queue.pyc are others", []),
        ("See https://example.org/queue.py", []),
        ("Nothing is named", []),
    ],
)
def test_what_a_text_names_is_cited(tree: Tree, text: str, cited: list[str]) -> None:
    assert [str(one) for one in found_citations(text, tree, ALL)] == cited


def test_a_symbol_that_two_files_define_needs_the_file(tree: Tree) -> None:
    paths = ("shop/queue.py", "shop/other.py")
    assert found_citations("next_delay() asks for one", tree, paths) == []
    assert [str(one) for one in found_citations("next_delay() of other.py", tree, paths)] == ["shop/other.py#next_delay"]


def test_only_what_was_read_and_not_too_much_is_cited(tree: Tree) -> None:
    assert found_citations("Retries live in queue.py", tree, ()) == []
    text = "queue.py:1, queue.py:2, queue.py:3, queue.py:4, queue.py:5"
    assert len(found_citations(text, tree, ALL)) == MOST
