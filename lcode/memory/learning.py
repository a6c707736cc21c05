"""Keeps in memory what a repository tells of itself: two blocks of core memory, and the details as passages with citations.

All of it comes from files and history, so it is marked unverified. A block that the user or the agent wrote to is theirs, and
left as it is. A detail takes the place of the one that said the same thing before; one that no longer holds ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lcode.errors import MemoryEditError
from lcode.memory.directions import without_directions
from lcode.memory.model import Actor, Source, Trust

if TYPE_CHECKING:
    from lcode.git.repository import Place
    from lcode.index.open import IndexDatabase
    from lcode.index.overview import Overview, Statement
    from lcode.memory.citation import Citation
    from lcode.memory.model import Passage
    from lcode.memory.session_memory import SessionMemory
    from lcode.memory.tree import Tree

TAG = "overview"
SUBJECT = f"{TAG}: "  # what the subjects of all details begin with


@dataclass(frozen=True)
class BlockOutcome:
    """What became of a block: `written`, `unchanged`, `kept` (somebody's own words are left) or `refused`."""

    label: str
    outcome: str
    chars: int
    limit: int


@dataclass(frozen=True)
class Learned:
    """`details` are the passages that hold now, of which `new` were not kept before; `ended` no longer hold."""

    blocks: tuple[BlockOutcome, ...]
    details: int
    new: int
    ended: int


def look_over(database: IndexDatabase, place: Place) -> Overview | None:
    """The overview of the checkout at `place`; None where the index does not know it yet."""
    from lcode.git.command import GitError
    from lcode.index.habits import COMMITS
    from lcode.index.history import Commit, read_commits
    from lcode.index.overview import overview
    from lcode.path_text import path_text

    git = place.git() if place.common_dir and not place.is_bare else None
    commits: list[Commit] = []
    if git is not None and place.head:
        with suppress(GitError):
            commits = read_commits(git, "HEAD", limit=COMMITS)
    return database.read(lambda connection: overview(connection, place.root, path_text(place.root), commits, git))


def keep(memory: SessionMemory, found: Overview, place: Place) -> Learned:
    """Write what was found. Nothing is written twice: the same overview again changes nothing."""
    from lcode.memory.tree import Tree

    tree = Tree(place.root)
    pairs = (("architecture", found.architecture), ("conventions", found.conventions))
    blocks = tuple(_block(memory, label, value) for label, value in pairs if value)
    there = memory.archival.about(SUBJECT)
    before = {passage.subject: passage for passage in there}
    now = {_detail(memory, statement, tree, before.get(f"{SUBJECT}{statement.subject}")) for statement in found.statements}
    said = {f"{SUBJECT}{statement.subject}" for statement in found.statements}
    gone = [passage for passage in there if passage.subject not in said]
    for passage in gone:
        by = memory.provenance(Actor.PROGRAM, Source.FILE, trust=Trust.UNVERIFIED)
        memory.archival.close(passage.id, by, reason="the repository no longer shows it")
    return Learned(blocks, len(now), len(now - {passage.id for passage in there}), len(gone))


def _block(memory: SessionMemory, label: str, value: str) -> BlockOutcome:
    block = memory.blocks.get(label)
    value = without_directions(value)
    fitting = value[: block.limit].rsplit("\n", 1)[0] if len(value) > block.limit else value
    if block.value == fitting:
        return BlockOutcome(label, "unchanged", len(block.value), block.limit)
    if block.version != 0 and not (block.actor is Actor.PROGRAM and block.source is Source.FILE):
        return BlockOutcome(label, "kept", len(block.value), block.limit)
    by = memory.provenance(Actor.PROGRAM, Source.FILE, trust=Trust.UNVERIFIED)
    try:
        written = memory.blocks.rethink(label, fitting, by, base_version=block.version)
    except MemoryEditError:  # somebody wrote to it meanwhile
        return BlockOutcome(label, "refused", len(block.value), block.limit)
    return BlockOutcome(label, "written", len(written.value), written.limit)


def _detail(memory: SessionMemory, statement: Statement, tree: Tree, there: Passage | None) -> str:
    """Keep a detail, if what is `there` is not the same; its id."""
    from lcode.memory.citation import parse
    from lcode.memory.grounding import anchor

    cited = [anchor(parse(path), tree, memory.commit) for path in statement.citations]
    if there is not None and there.text == statement.text and _texts(there.cited) == _texts(cited):
        return there.id
    source = Source.COMMIT if statement.commits else Source.FILE
    by = memory.provenance(Actor.PROGRAM, source, trust=Trust.UNVERIFIED)
    passage = memory.archival.insert(
        statement.text, by, kind="fact", tags=(TAG,), citations=cited, subject=f"{SUBJECT}{statement.subject}"
    )
    return passage.id


def _texts(cited: Iterable[Citation]) -> set[tuple[str, str]]:
    """What is cited, as it was then."""
    return {(one.path, one.digest) for one in cited}
