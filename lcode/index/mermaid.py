"""The repository's shape as a Mermaid flow chart: modules as boxes, an arrow from who uses to who is used.

A module is a folder or a file: folders are opened, the one that is used most first, for as long as the chart stays small.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from lcode.index.shape import Shape
from lcode.index.text import clean
from lcode.tokens import approximate_tokens

_FEWEST, _MOST = 4, 60  # boxes
_MARKS = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "#": "&num;"}
_TOKENS = 40  # that a box takes with its arrows, about


def chart(shape: Shape, path: str, budget: int) -> str:
    """The chart of the source files that were asked for, in at most `budget` tokens, about; at the least its first line."""
    room = max(_FEWEST, min(_MOST, budget // _TOKENS))
    while True:
        lines = _lines(shape, path, room)
        if approximate_tokens("\n".join(lines)) <= budget or room <= _FEWEST:
            break
        room = max(_FEWEST, room * 3 // 4)
    while len(lines) > 1 and approximate_tokens("\n".join(lines)) > budget:
        lines.pop()  # the arrows stand last, the weakest at the end
    return "\n".join(lines)


def _lines(shape: Shape, path: str, room: int) -> list[str]:
    sources = sorted(shape.central())
    boxes = _boxes(shape, sources, path, room)
    box_of = {name: next((box for box in _parents(name) if box in boxes), "") for name in sources}
    arrows: dict[tuple[str, str], float] = defaultdict(float)
    for source in sources:
        for target, weight in shape.uses.get(source, {}).items():
            pair = (box_of.get(source, ""), box_of.get(target, ""))
            if pair[0] and pair[1] and pair[0] != pair[1]:
                arrows[pair] += weight
    counts = Counter(box_of.values())
    ids = {box: f"m{number}" for number, box in enumerate(sorted(boxes))}
    lines = ["flowchart LR"]
    for box in sorted(boxes):
        about = f" ({counts[box]} files)" if box.endswith("/") else ""
        lines.append(f'  {ids[box]}["{_escaped(box)}{about}"]')
    ranked = sorted(arrows, key=lambda pair: (-arrows[pair], pair))
    return lines + [f"  {ids[one]} --> {ids[other]}" for one, other in ranked[: 2 * len(boxes)]]


def _boxes(shape: Shape, sources: list[str], path: str, room: int) -> set[str]:
    """Folders (with a `/` at their end) and files that together hold all sources: at most `room` of them."""
    children: dict[str, set[str]] = {}
    weight: dict[str, float] = defaultdict(float)
    for name in sources:
        above = [*_parents(name), ""]
        for child, parent in pairwise(above):
            children.setdefault(parent, set()).add(child)
            weight[child] += 1 + shape.rank(name)
    top = f"{path.rstrip('/')}/" if path and path not in shape.files else ""
    boxes = set(children.get(top, set()) or {name for name in sources if name == path})
    while True:
        closed = sorted((box for box in boxes if box in children), key=lambda box: (-weight[box], box))
        opened = next((box for box in closed if len(boxes) - 1 + len(children[box]) <= room), None)
        if opened is None:
            return boxes if len(boxes) <= room else set(sorted(boxes, key=lambda box: (-weight[box], box))[:room])
        boxes = (boxes - {opened}) | children[opened]


def _parents(path: str) -> list[str]:
    """The file and the folders that it stands in, from the inside out."""
    found = [path]
    folder = path.rpartition("/")[0]
    while folder:
        found.append(f"{folder}/")
        folder = folder.rpartition("/")[0]
    return found


def _escaped(text: str) -> str:
    """Text in a box: no quotation mark may end it, and nothing in it is markup."""
    return "".join(_MARKS.get(letter, letter) for letter in clean(text, 80))
