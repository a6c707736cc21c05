"""What became of a citation in a tree: whether the cited text is there as it was cited, and where.

First in its file. What is not there any more is looked for in files that may define its symbol, and where its file is gone, in
files that were not there when it was cited. A text that such a file held already then is a twin, and no move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from lcode.index.anchors import Anchor, Anchors, anchors, together
from lcode.memory import cited_text
from lcode.memory.citation import Citation
from lcode.memory.cited_text import CitedText
from lcode.memory.tree import File, Tree

KEPT_SHARE = 0.5  # of a file's lines that have to stay for it to count as the same
_LONG = 12  # tokens from which on a text is hardly twice the same by chance


class Standing(StrEnum):
    """Of a memory in a tree, best first."""

    GOOD = "good"
    UNANCHORED = "unanchored"  # it cites what could not be found when it was written
    TO_CHECK = "to be checked"  # it builds on what is stale or superseded
    STALE = "stale"


class Looked(NamedTuple):
    """What became of a citation. `now` is where it points to now; of a stale one where its symbol stands, if it does."""

    standing: Standing
    now: Citation
    reason: str = ""


def look(citations: Iterable[Citation], tree: Tree) -> dict[Citation, Looked]:
    """What became of each citation of code. What is no longer in its file is looked for elsewhere, all at once."""
    found: dict[Citation, Looked] = {}
    away: list[Citation] = []
    for citation in sorted(set(citations), key=lambda one: one.path):  # file by file: the syntax of few is kept
        looked = _in_its_file(citation, tree)
        if looked is None:
            away.append(citation)
        else:
            found[citation] = looked
    for search in (tree.indexed, tree.grepped):  # the index is asked in no time, but may not know of what changed just now
        places = search(dict.fromkeys(citation.name for citation in away if citation.name)) if away else {}
        for citation in away:
            found[citation] = _elsewhere(citation, tree, places)
        away = [citation for citation in away if citation.name and found[citation].standing is Standing.STALE]
    return found


def _in_its_file(citation: Citation, tree: Tree) -> Looked | None:
    """What became of a citation; None where it may have moved to another file."""
    cited = cited_text.read(citation.digest) if citation.digest else None
    if cited is None:
        return Looked(Standing.UNANCHORED, citation)
    if cited == cited_text.EXISTS:
        there = tree.exists(citation.path)
        return Looked(Standing.GOOD, citation) if there else _gone(citation)
    file = tree.file(citation.path)
    if file is None:
        return None
    if not file.readable:
        return Looked(Standing.UNANCHORED, citation, f"{citation.path} cannot be read")
    if file.hash == cited.file:
        return Looked(Standing.GOOD, citation)
    if citation in file.found:
        known: Looked | None = file.found[citation]
        return known
    found = tree.anchors(file)
    if found is None and file.parseable and not cited.of_bytes:
        return Looked(Standing.UNANCHORED, citation, f"{citation.path} is being written")
    if found is None and cited.of_file:
        return Looked(Standing.GOOD, citation)
    if found is None or cited.of_bytes:
        return _changed(citation)  # too large to say what
    looked = file.found[citation] = _compare(citation, cited, found)
    return looked


def _compare(citation: Citation, cited: CitedText, found: Anchors) -> Looked | None:
    if cited.of_file:
        if found.share(cited.sample) >= KEPT_SHARE:
            return Looked(Standing.GOOD, citation)
        return Looked(Standing.STALE, citation, f"most of {citation.path} was rewritten")
    if cited.of_lines:
        return _lines(citation, cited, found)
    return _symbol(citation, cited, found)


def _symbol(citation: Citation, cited: CitedText, found: Anchors) -> Looked | None:
    here = _here(citation, cited, found)
    if here:
        if same := _same(here, cited, found):
            return _at(citation, same)
        return _bare(citation, cited, found) or _changed(
            replace(citation, first=here[0].first, last=here[-1].last), here[0].kind
        )
    moved = called(citation.name, cited, found)
    if moved and len(moved) >= cited.everywhere:
        return _at(citation, min(moved, key=lambda group: abs(group[0].first - citation.first)))
    if bare := _bare(citation, cited, found):
        return bare
    if not found.parsed and cited.text is not None:
        return Looked(Standing.UNANCHORED, citation, f"{citation.path} cannot be parsed here")
    return None


def _here(citation: Citation, cited: CitedText, found: Anchors) -> list[Anchor]:
    """The definitions of the cited symbol. Only where it was cited by a name that several have does the name alone count."""
    several = cited.of_symbol and cited.text is not None and not cited.text.edge
    return found.symbol(citation.symbol, exact=not several)


def _bare(citation: Citation, cited: CitedText, found: Anchors) -> Looked | None:
    """A symbol in a file that is not understood, as in the midst of an edit: by its lines as they were written."""
    if cited.text is None or (found.parsed and not found.partial):
        return None
    places = found.find_bare(cited.text.raw, citation.last - citation.first + 1)
    if not places:
        return None
    first, last = min(places, key=lambda place: abs(place[0] - citation.first))
    return Looked(Standing.GOOD, replace(citation, first=first, last=last))


def _same(here: Sequence[Anchor], cited: CitedText, found: Anchors) -> Sequence[Anchor]:
    """The definitions of a symbol that are as cited: all of them, or the one to which others of its name were added."""
    if not here or cited.is_text(together(here), found.grammar):
        return here
    return [one for one in here if cited.is_text(one.text, found.grammar)][:1]


def called(name: str, cited: CitedText, found: Anchors) -> list[Sequence[Anchor]]:
    """The symbols of this own name, in whatever they stand, that are as cited."""
    groups: dict[str, list[Anchor]] = {}
    for one in found.named(name):
        groups.setdefault(one.symbol, []).append(one)
    return [same for group in groups.values() if (same := _same(group, cited, found))]


def _lines(citation: Citation, cited: CitedText, found: Anchors) -> Looked | None:
    assert cited.text is not None
    around = _here(citation, cited, found) if citation.symbol else []
    places = [place for one in around for place in found.find(cited.text, one.first, one.last)]
    if not places or len(places) < cited.inside:
        everywhere = found.find(cited.text)
        moved = not citation.symbol or not around or cited.text.tokens >= _LONG
        places = everywhere if moved and len(everywhere) >= cited.everywhere else []
    if places:
        first, last = min(places, key=lambda place: abs(place[0] - citation.first))
        return Looked(Standing.GOOD, replace(citation, first=first, last=last))
    if citation.symbol and not around:
        return None
    return Looked(Standing.STALE, citation, f"{_named_lines(citation)} of {citation.path} changed")


def _elsewhere(citation: Citation, tree: Tree, places: Mapping[str, Sequence[str]]) -> Looked:
    """Another file that holds the cited text now, and did not when it was cited."""
    cited = cited_text.read(citation.digest)
    gone = tree.file(citation.path) is None
    paths = list(tree.likely(places.get(citation.name, ()), citation.commit)) if citation.name else []
    if gone:
        paths += tree.new_since(citation.commit, citation.path)
    best = sorted(sorted(set(paths)), key=lambda path: _alike(path, citation.path), reverse=True)
    found = [
        now for path in best if path != citation.path and cited is not None and (now := _there(citation, cited, path, tree))
    ]
    past = tree.knows(citation.commit)
    if past:
        found = [now for now in found if _is_new(citation, cited, now, tree)]
    if found and (past or len(found) == 1):
        return Looked(Standing.GOOD, found[0])
    return _gone(citation, "" if gone else citation.symbol)


def _there(citation: Citation, cited: CitedText, path: str, tree: Tree) -> Citation | None:
    """The citation in another file, if that file holds the text."""
    file = tree.file(path)
    if file is None or not file.readable or not file.parseable:
        return None
    renamed = tree.file(citation.path) is None
    key = citation, renamed
    if key not in file.found:
        found = tree.anchors(file)
        file.found[key] = _held(replace(citation, path=path), cited, file, found, renamed) if found is not None else None
    held: Citation | None = file.found[key]
    return held


def _held(citation: Citation, cited: CitedText, file: File, found: Anchors, renamed: bool) -> Citation | None:
    """The citation as this file holds it; `renamed`: it may be the cited one, which had so many alike."""
    if cited.of_file or cited.of_bytes:
        same = file.hash == cited.file or (bool(cited.sample) and found.share(cited.sample) >= KEPT_SHARE)
        return citation if same else None
    if cited.of_lines:
        places = found.find(cited.text) if cited.text is not None else []
        return replace(citation, first=places[0][0], last=places[0][1]) if len(places) >= max(cited.everywhere, 1) else None
    if here := _here(citation, cited, found):
        kept = _same(here, cited, found)
        return _at(citation, kept).now if kept else None
    groups = called(citation.name, cited, found)
    if groups and (len(groups) >= cited.everywhere or not renamed):
        return _at(citation, groups[0]).now
    bare = _bare(citation, cited, found) if not groups else None
    return bare.now if bare is not None else None


def _is_new(citation: Citation, cited: CitedText | None, now: Citation, tree: Tree) -> bool:
    """Whether the text was not in that file already when it was cited: else it is a twin, and what was cited is gone."""
    before = tree.at(citation.commit, now.path) if tree.had(citation.commit, now.path) else None
    if before is None or cited is None or cited.text is None:
        return before is None
    then = anchors(now.path, before)
    file = tree.file(now.path)
    here = tree.anchors(file) if file is not None else None
    if here is None:
        return False
    if cited.of_lines:
        return len(here.find(cited.text)) > len(then.find(cited.text))
    return _count(citation, cited, here) > _count(citation, cited, then)


def _count(citation: Citation, cited: CitedText, found: Anchors) -> int:
    """How often the text of a symbol stands in a file, as far as that can be told."""
    groups = called(citation.name, cited, found)
    if groups or cited.text is None or not found.partial:
        return len(groups)
    return len(found.find_bare(cited.text.raw, citation.last - citation.first + 1))


def _at(citation: Citation, here: Sequence[Anchor]) -> Looked:
    first = here[0]
    symbol = first.symbol if len({one.symbol for one in here}) == 1 else citation.symbol
    return Looked(Standing.GOOD, replace(citation, symbol=symbol, first=first.first, last=here[-1].last))


def _changed(citation: Citation, kind: str = "") -> Looked:
    call = "()" if kind in ("function", "method") else ""
    what = f"{citation.symbol}{call}" if citation.symbol and not citation.is_lines else str(citation)
    return Looked(Standing.STALE, citation, f"{what} changed")


def _gone(citation: Citation, symbol: str = "") -> Looked:
    reason = f"{symbol} is no longer in {citation.path}" if symbol else f"{citation.path} is gone"
    return Looked(Standing.STALE, replace(citation, first=0, last=0), reason)


def _named_lines(citation: Citation) -> str:
    return f"lines {citation.first}-{citation.last}" if citation.last > citation.first else f"line {citation.first}"


def _alike(path: str, other: str) -> tuple[bool, int]:
    """How likely a file is another one's new place."""
    same = sum(1 for one, two in zip(path.split("/"), other.split("/"), strict=False) if one == two)
    return path.rpartition("/")[2] == other.rpartition("/")[2], same


def as_cited(citation: Citation, found: Anchors) -> bool:
    """Whether one version of its file holds what was cited."""
    cited = cited_text.read(citation.digest)
    if cited is None or cited.of_bytes or cited == cited_text.EXISTS:
        return True
    looked = _compare(citation, cited, found)
    return looked is not None and looked.standing is Standing.GOOD
