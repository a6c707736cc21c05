"""Whether memories are still true of the code: staleness is a function of what a memory cites and of the tree at hand.

A citation is stale where the cited text is not there as it was cited. A text that only moved, within its file or to another
one, is as cited, and the citation points to where it is now; a symbol that was renamed is not. What builds on a stale memory,
or on one that was superseded, is to be checked. Nothing of this is stored: two worktrees see each their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lcode.index.anchors import Anchors, together
from lcode.memory import cited_text
from lcode.memory.citation import Citation, parse
from lcode.memory.cited_places import Looked, Standing, called, look
from lcode.memory.model import short_passage
from lcode.memory.tree import File, Tree
from lcode.sensitive import is_sensitive


@dataclass(frozen=True)
class Verdict:
    """`reason` says why in words. `broken` are the citations that are stale, `moved` those that point elsewhere than when they
    were made, as they are now, and `were` the same as they were made; `places` are all that hold, with the lines of now.
    `since` is the commit that broke the first of them, where somebody asked for it."""

    standing: Standing = Standing.GOOD
    reason: str = ""
    since: str = ""
    moved: tuple[Citation, ...] = ()
    broken: tuple[Citation, ...] = ()
    places: tuple[Citation, ...] = ()
    were: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.standing is Standing.GOOD

    @property
    def words(self) -> str:
        """What a reader is told of it: `STALE since abc1234: load() changed (app/loader.py:7-10 now)`; '' of a good one."""
        if self.standing is Standing.STALE:
            now = next((f" ({_lines_of(one)} now)" for one in self.broken if one.first), "")
            return f"STALE{f' since {self.since[:7]}' if self.since else ''}: {self.reason}{now}"
        return "" if self.is_good else f"{self.standing.value}{f': {self.reason}' if self.reason else ''}"

    def cites(self, texts: Sequence[str]) -> list[str]:
        """Citations as they were written, with those that moved as they are now."""
        now = {was: f"{one} (was {was})" for was, one in zip(self.were, map(str, self.moved), strict=True)}
        return [now.get(text) or now.get(str(parse(text)), text) for text in texts]


# -- when a citation is made -----------------------------------------------------------------------------------------------


def anchor(citation: Citation, tree: Tree, commit: str) -> Citation:
    """The citation with what it holds on to; without a digest where there is nothing to hold on to."""
    bare = replace(citation, digest="", commit=commit)
    if citation.depends_on:
        return citation
    if citation.first or citation.symbol:
        file = tree.file(citation.path)
        if file is None or not file.readable or _is_private(tree, citation.path):
            return bare
        found = tree.anchors(file)
        if found is None:
            return replace(bare, digest=str(cited_text.of_bytes(file.hash)))
        return _of_lines(bare, file, found) if citation.is_lines else _of_symbol(bare, file, found)
    return replace(bare, digest=_of_file(citation.path, tree))


def _is_private(tree: Tree, path: str) -> bool:
    """Whether nothing of the content may be kept, not even a digest."""
    return is_sensitive(tree.root / path, Path.home())


def _of_file(path: str, tree: Tree) -> str:
    if not tree.exists(path):
        return ""
    file = tree.file(path)
    if file is None or not file.readable or _is_private(tree, path):
        return str(cited_text.EXISTS)
    found = tree.anchors(file)
    sample = found.sample() if found is not None and not found.binary else []
    return str(cited_text.of_file(file.hash, sample) if len(sample) > 1 else cited_text.EXISTS)


def _of_symbol(citation: Citation, file: File, found: Anchors) -> Citation:
    here = found.symbol(citation.symbol)
    if not here:
        return citation
    names = {one.symbol for one in here}
    symbol = here[0].symbol if len(names) == 1 else citation.symbol
    text = together(here)
    cited = cited_text.of_symbol(file.hash, found.grammar, text, 0)
    digest = replace(cited, everywhere=len(called(symbol.rpartition(".")[2], cited, found)))
    return replace(citation, symbol=symbol, first=here[0].first, last=here[-1].last, digest=str(digest))


def _of_lines(citation: Citation, file: File, found: Anchors) -> Citation:
    last = min(citation.last, found.lines_count)
    text = found.lines(citation.first, last)
    if text is None:
        return citation
    symbol = found.around(citation.first, last)
    around = found.symbol(symbol) if symbol else []
    inside = sum(len(found.find(text, one.first, one.last)) for one in around)
    digest = cited_text.of_lines(file.hash, found.grammar, text, inside, len(found.find(text)))
    return replace(citation, symbol=symbol, last=last, digest=str(digest))


# -- memories --------------------------------------------------------------------------------------------------------------


def verdicts(
    facts: Mapping[str, Sequence[Citation]],
    tree: Tree,
    links: Mapping[str, Sequence[str]] | None = None,
    ended: Mapping[str, str] | None = None,
) -> dict[str, Verdict]:
    """How each memory stands in a tree. `facts` has what each cites, `links` what each builds on, `ended` those that no longer
    hold, and why."""
    tree.refresh()
    looked = look((one for citations in facts.values() for one in citations if not one.depends_on), tree)
    found = {
        owner: _verdict([(one, looked[one]) for one in citations if not one.depends_on]) for owner, citations in facts.items()
    }
    doubtful = {owner: verdict.reason for owner, verdict in found.items() if verdict.standing is Standing.STALE}
    return _spread(found, doubtful | dict(ended or {}), links or {})


def _verdict(looked: Sequence[tuple[Citation, Looked]]) -> Verdict:
    """Of a memory by what became of its citations: stale if one of them is, unanchored if none is anchored."""
    stale = [one for _, one in looked if one.standing is Standing.STALE]
    places = tuple(one.now for _, one in looked if one.standing is Standing.GOOD)
    away = [(cited, one.now) for cited, one in looked if one.standing is Standing.GOOD and str(one.now) != str(cited)]
    moved, were = tuple(now for _, now in away), tuple(str(cited) for cited, _ in away)
    if stale:
        reason, broken = _words(stale), tuple(one.now for one in stale)
        return Verdict(Standing.STALE, reason, moved=moved, broken=broken, places=places, were=were)
    if looked and all(one.standing is Standing.UNANCHORED for _, one in looked):
        return Verdict(Standing.UNANCHORED, _words([one for _, one in looked]))
    return Verdict(moved=moved, places=places, were=were)


def _words(looked: Sequence[Looked]) -> str:
    return "; ".join(dict.fromkeys(one.reason for one in looked if one.reason))


def _spread(found: dict[str, Verdict], doubtful: Mapping[str, str], links: Mapping[str, Sequence[str]]) -> dict[str, Verdict]:
    """What builds on something doubtful, over any number of steps, is to be checked."""
    dependants: dict[str, list[str]] = {}
    for owner, bases in links.items():
        for base in bases:
            dependants.setdefault(base, []).append(owner)
    left, seen = list(doubtful), set(doubtful)
    while left:
        base = left.pop(0)
        why = doubtful.get(base) or "is to be checked itself"
        for owner in dependants.get(base, ()):
            if owner in seen:
                continue
            seen.add(owner)
            left.append(owner)
            if owner in found and found[owner].standing is not Standing.STALE:
                reason = f"builds on {short_passage(base)}: {why}"
                found[owner] = replace(found[owner], standing=Standing.TO_CHECK, reason=reason)
    return found


def _lines_of(citation: Citation) -> str:
    return str(Citation(citation.path, first=citation.first, last=citation.last))
