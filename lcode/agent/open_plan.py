"""The open plan of a session, from what its user and its agent wrote: items of their checklists that were not seen done.

Checklists (`- [ ] item`) count wherever they stand, other lists below a line that calls them a plan, steps or what remains.
A later word on an item holds: a tick, a strike, "step 3 is done", or the same list again without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from lcode.redact import cut

LONGEST = 240  # characters of an item
_SAME_LIST = 0.6  # of the items of an earlier list, from which on a list is that one again
_LIKE = 0.7  # share of words from which on two items are the same

_CHECK = r"^\s*(?:[-*+]|\d+[.)])?\s*\[(?P<mark>[ xX✓✔~-])\]\s+(?P<text>\S.*)$"
_BOX = r"^\s*(?:[-*+]\s+|\d+[.)]\s+)?(?P<box>[☐☑☒✅✔✓⬜◻])\s*(?P<text>\S.*)$"
_LISTED = r"^\s*(?:[-*+]|(?P<number>\d+)[.)])\s+(?P<text>\S.*)$"
_HEADING = r"""^\W*(?:.{0,60}\b)?(?:plan|next\ steps?|steps|to-?do(?:s|\ list)?|remaining|remains|still\ (?:open|to\ do|missing)
    |left(?:\ to\ do)?|open\ (?:items|points|tasks|questions)|outstanding|tasks)\b[^.]{0,50}:?\W*$"""
_FINISHED = r"""\b(?:steps?|items?|tasks?|points?|nr\.?|number)\ \#?(?P<a>\d+)\b[^.\n]{0,40}\b(?:done|completed?|finished)\b
    |\b(?:done|completed|finished)\ (?:with\ )?(?:steps?|items?|tasks?|points?)\ \#?(?P<b>\d+)\b"""
_DONE_LINE = r"^\W*(?:done|completed|finished)\s*:\s*(?P<text>\S.*)$"
_DONE_ITEM = r"^~~.*~~|(?:\(|—\s*|–\s*|-\s+|:\s*)(?:done|completed|finished)\)?\W*$|[✅✔]\s*$|^(?:done|completed)\s*[:—-]"


@dataclass(frozen=True)
class _Item:
    text: str
    done: bool
    list_id: int
    number: int  # in its list, from 1
    key: frozenset[str]


def open_items(texts: Iterable[str]) -> list[str]:
    """The items of all lists in `texts` (the oldest first) that are open after the last of them, in their order."""
    items: list[_Item] = []
    for at, text in enumerate(texts):
        found = list(_lists(text, at))
        items = _merged(items, found)
        if items:
            items = _ticked(items, text)
    return [item.text for item in items if not item.done]


def _lists(text: str, at: int) -> Iterable[_Item]:
    number, planned = 0, False
    for line in text.splitlines():
        if found := _patterns()["check"].match(line):
            number += 1
            yield _item(found["text"], found["mark"] not in " ~-", at, number)
        elif found := _patterns()["box"].match(line):
            number += 1
            yield _item(found["text"], found["box"] in "☑✅✔✓", at, number)
        elif planned and (found := _patterns()["listed"].match(line)):
            number = int(found["number"] or number + 1)
            yield _item(found["text"], _patterns()["done_item"].search(found["text"].strip()) is not None, at, number)
        elif line.strip():
            planned = _patterns()["heading"].match(line.strip()) is not None and len(line) < 120


def _item(text: str, done: bool, at: int, number: int) -> _Item:
    bare = " ".join(text.split())
    return _Item(cut(bare, LONGEST), done or _patterns()["done_item"].search(bare) is not None, at, number, _key(bare))


def _key(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w./-]*\w", re.sub(r"~~|\((?:done|open)\)", "", text).lower()))


def _like(one: _Item, other: _Item) -> bool:
    if not one.key or not other.key:
        return False
    return len(one.key & other.key) >= _LIKE * max(min(len(one.key), len(other.key)), 0.6 * max(len(one.key), len(other.key)))


def _merged(items: list[_Item], found: list[_Item]) -> list[_Item]:
    """`items` after a text with the lists `found`: what is on them again is as it says there."""
    if not found:
        return items
    again = {item: next((one for one in found if _like(item, one)), None) for item in items}
    lists = {item.list_id for item in items}
    repeated = {
        name
        for name in lists
        if sum(again[item] is not None for item in items if item.list_id == name)
        >= _SAME_LIST * sum(item.list_id == name for item in items)
    }
    kept = [item for item in items if again[item] is None and item.list_id not in repeated]
    return [*kept, *dict.fromkeys(found)]


def _ticked(items: list[_Item], text: str) -> list[_Item]:
    """`items` with those done of which `text` says so in passing."""
    newest = max(item.list_id for item in items)
    numbers = {int(found["a"] or found["b"]) for found in _patterns()["finished"].finditer(text)}
    lines = (_patterns()["done_line"].match(line) for line in text.splitlines())
    named = [_item(found["text"], True, -1, 0) for found in lines if found]
    return [
        replace(item, done=True)
        if (item.list_id == newest and item.number in numbers) or any(_like(item, one) for one in named)
        else item
        for item in items
    ]


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    texts = {
        "check": _CHECK, "box": _BOX, "listed": _LISTED, "done_item": _DONE_ITEM, "done_line": _DONE_LINE,
    }  # fmt: skip
    found = {name: re.compile(text, re.IGNORECASE) for name, text in texts.items()}
    verbose = {"heading": _HEADING, "finished": _FINISHED}
    return found | {name: re.compile(text, re.IGNORECASE | re.VERBOSE) for name, text in verbose.items()}
