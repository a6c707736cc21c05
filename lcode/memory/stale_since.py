"""Since which commit cited code is no longer as it was cited. Asked of git, and only for what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lcode.index.anchors import anchors
from lcode.memory.citation import Citation
from lcode.memory.cited_places import Standing, as_cited
from lcode.memory.grounding import Verdict
from lcode.memory.tree import Tree

_MOST_COMMITS = 400  # of a file's that are considered: the search takes about nine readings of it then


def with_since(verdict: Verdict, tree: Tree) -> Verdict:
    """The verdict with the commit that broke its first stale citation; '' where that is not committed, or not known."""
    if verdict.standing is not Standing.STALE or verdict.since or not verdict.broken:
        return verdict
    return replace(verdict, since=since(verdict.broken[0], tree))


def since(citation: Citation, tree: Tree) -> str:
    """The first commit of those that HEAD has and the cited one has not, from which on the text is not as cited."""
    if not tree.knows(citation.commit):
        return ""
    newest_first = tree.commits(f"--max-count={_MOST_COMMITS}", f"{citation.commit}..HEAD", "--", citation.path)
    commits = newest_first[::-1]
    if not commits or _holds(citation, commits[-1], tree):
        return ""
    return commits[_first(commits, citation, tree)]


def _first(commits: Sequence[str], citation: Citation, tree: Tree) -> int:
    """By halving: where a text was changed and changed back, the beginning of one of the times when it was another."""
    good, bad = -1, len(commits) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        if _holds(citation, commits[middle], tree):
            good = middle
        else:
            bad = middle
    return bad


def _holds(citation: Citation, commit: str, tree: Tree) -> bool:
    data = tree.at(commit, citation.path)
    return data is not None and as_cited(citation, anchors(citation.path, data))
