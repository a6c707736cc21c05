"""What took the place of commits that nothing reaches any more: an amend, a rebase, a squash.

Git keeps no record of that but the moves of HEAD, so the rest is told from the commits themselves: the same author, time and
subject; the same change; a message that names what was squashed; the same tree in the end. The first evidence that is there
decides; where there is none, nothing is said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lcode.git.log import Entry
from lcode.git.refs import Move

AMENDED, REBASED, SQUASHED = "amended", "rebased", "squashed"
_FIXUP = re.compile(r"^(?:fixup|squash|amend)! ")
_BULLET = re.compile(r"^(?:[*-]|\d+\.)\s+")
_ID = re.compile(r"\b[0-9a-f]{7,64}\b")
_SHORTEST = 8  # characters of a subject that says enough to be known again


@dataclass(frozen=True)
class Rewrite:
    """The commit that took another's place, and how."""

    commit: str
    how: str


def rewrites(
    gone: Sequence[Entry],
    there: Sequence[Entry],
    moves: Iterable[Move],
    patches: Callable[[Sequence[str]], Mapping[str, str]],
) -> dict[str, Rewrite]:
    """For each of the `gone` what took its place, as far as that is known; `there` are the commits of late that are reached.
    `patches` says what commits change, as hashes; it is asked only where nothing plainer tells."""
    found = _amended(gone, [*gone, *there], moves)
    _match(found, gone, there, lambda entry: (entry.author, entry.authored, entry.subject), REBASED)
    left = [entry for entry in gone if entry.id not in found]
    if left:
        changed = patches([entry.id for entry in (*left, *there)])
        _match(found, left, there, lambda entry: changed.get(entry.id), REBASED)
    _targets(found, gone)
    _named(found, gone, there)
    _same_tree(found, gone, there)
    _match(found, gone, there, lambda entry: (entry.author, entry.authored), REBASED)
    _below(found, gone)
    return found


def _amended(gone: Iterable[Entry], known: Iterable[Entry], moves: Iterable[Move]) -> dict[str, Rewrite]:
    """HEAD went from one commit to another with the same parents."""
    parents = {entry.id: entry.parents for entry in known}
    wanted = {entry.id for entry in gone}
    return {
        move.old: Rewrite(move.new, AMENDED)
        for move in moves
        if move.old in wanted and move.new in parents and move.new != move.old and parents[move.old] == parents[move.new]
        and not move.message.startswith(("checkout:", "reset:"))
    }  # fmt: skip


def _match(
    found: dict[str, Rewrite], gone: Iterable[Entry], there: Iterable[Entry], mark: Callable[[Entry], Hashable], how: str
) -> None:
    """Where just one of those that are there has the same mark, and is no older."""
    marked: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in there:
        marked[mark(entry)].append(entry)
    for entry in gone:
        key = mark(entry)
        twins = marked.get(key, []) if key else []
        if entry.id not in found and len(twins) == 1 and twins[0].committed >= entry.committed:
            found[entry.id] = Rewrite(twins[0].id, how)


def _named(found: dict[str, Rewrite], gone: Iterable[Entry], there: Iterable[Entry]) -> None:
    """A message that holds the id or, in a line of its own, the subject of another commit: as git and the forges write it when
    they squash."""
    lines: dict[str, Entry] = {}
    ids: dict[str, Entry] = {}
    for entry in there:
        for line in entry.body.splitlines():
            lines[_BULLET.sub("", line.strip())] = entry
        if "quash" in entry.body or "quash" in entry.subject:
            ids |= dict.fromkeys(_ID.findall(entry.body), entry)
    for entry in gone:
        if entry.id in found:
            continue
        named = next(
            (ids[mention] for mention in (entry.id, entry.id[:12], entry.id[:8], entry.id[:7]) if mention in ids), None
        )
        if named is None and len(entry.subject) >= _SHORTEST:
            named = lines.get(entry.subject)
        if named is not None and named.committed >= entry.committed:
            found[entry.id] = Rewrite(named.id, SQUASHED)


def _same_tree(found: dict[str, Rewrite], gone: Iterable[Entry], there: Iterable[Entry]) -> None:
    """The files came out the same, by another commit than those that it was made on."""
    trees: dict[str, list[Entry]] = defaultdict(list)
    for entry in there:
        trees[entry.tree].append(entry)
    for entry in gone:
        twins = [one for one in trees[entry.tree] if one.id not in entry.parents and one.committed >= entry.committed]
        if entry.id not in found and len(twins) == 1:
            found[entry.id] = Rewrite(twins[0].id, SQUASHED)


def _targets(found: dict[str, Rewrite], gone: Sequence[Entry]) -> None:
    """`fixup! SUBJECT` went where the commit of that subject did."""
    subjects = {entry.subject: found[entry.id] for entry in gone if entry.id in found}
    for entry in gone:
        target = _FIXUP.sub("", entry.subject)
        if entry.id not in found and target != entry.subject and target in subjects:
            found[entry.id] = Rewrite(subjects[target].commit, SQUASHED)


def _below(found: dict[str, Rewrite], gone: Sequence[Entry]) -> None:
    """What a squashed commit was made on, and is gone with it, was squashed too."""
    by_id = {entry.id: entry for entry in gone}
    left = [entry for entry in gone if entry.id in found and found[entry.id].how == SQUASHED]
    while left:
        entry = left.pop()
        for parent in entry.parents:
            if parent in by_id and parent not in found:
                found[parent] = found[entry.id]
                left.append(by_id[parent])
