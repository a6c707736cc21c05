"""Reads the scenes of `recall_scenes`: small dialogues with alternatives, slots, labelled evidence and questions.

Their form is described in `recall_scenes/README.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "recall_scenes"
_LINE = re.compile(r"(?P<maybe>\?)?(?P<role>[UATC](?:\|[UATC])?)(?:\*(?P<evidence>e\d))?: (?P<text>.*)")
_QUESTION = re.compile(r"(?P<form>[QG]) (?P<kind>[a-z]+) (?P<evidence>e\d(?: e\d)*): (?P<text>.*)")
_NAMED = re.compile(r"\{([a-z]+):([a-z]+)[_~-]?\}")
_LATER = re.compile(r"-- (\d+)-(\d+)")


@dataclass(frozen=True)
class Line:
    roles: tuple[str, ...]
    texts: tuple[str, ...]
    evidence: str = ""
    maybe: bool = False


@dataclass(frozen=True)
class Ask:
    kind: str
    evidence: tuple[str, ...]
    texts: tuple[str, ...]
    grouped: bool


@dataclass
class Scene:
    """`times`: so many instances in one dialogue; `repeat`: so many of the same key; `each`: one for every speaker."""

    name: str
    topic: str
    key: tuple[str, ...] = ()
    times: int = 1
    repeat: int = 1
    each: bool = False
    parts: list[list[Line]] = field(default_factory=lambda: [[]])
    later: list[tuple[int, int]] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, str]:
        """Names given to slots, and the inventories that they are of."""
        lines = [text for part in self.parts for line in part for text in line.texts]
        return {name: kind for text in lines for name, kind in _NAMED.findall(text)}


@cache
def scenes() -> tuple[Scene, ...]:
    """All scenes in the order of the files' names."""
    found: list[Scene] = []
    for path in sorted(FOLDER.glob("*.txt")):
        if path.name in ("words.txt", "noise.txt", "unasked.txt"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line and not line.startswith("#"):
                try:
                    _take(found, line)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number}: {error}") from error
    return tuple(found)


def _take(found: list[Scene], line: str) -> None:
    if line.startswith("== "):
        name, *options = line[3:].split()
        scene = Scene(name, name)
        for option in options:
            key, _, value = option.partition("=")
            if key == "key":
                scene.key = tuple(value.split(","))
            elif key in ("topic", "times", "repeat"):
                setattr(scene, key, value if key == "topic" else int(value))
            elif key == "each":
                scene.each = True
            else:
                raise ValueError(f"unknown option {option}")
        found.append(scene)
    elif later := _LATER.fullmatch(line):
        found[-1].later.append((int(later[1]), int(later[2])))
        found[-1].parts.append([])
    elif ask := _QUESTION.fullmatch(line):
        found[-1].asks.append(Ask(ask["kind"], tuple(ask["evidence"].split()), _alternatives(ask["text"]), ask["form"] == "G"))
    elif said := _LINE.fullmatch(line):
        roles = tuple(said["role"].split("|"))
        part = found[-1].parts[-1]
        part.append(Line(roles, _alternatives(said["text"]), said["evidence"] or "", bool(said["maybe"])))
    else:
        raise ValueError(f"not understood: {line}")


def _alternatives(text: str) -> tuple[str, ...]:
    return tuple(part.strip().replace("\\n", "\n").replace("\\t", "\t") for part in text.split(" || "))


@cache
def inventories() -> dict[str, list[tuple[str, ...]]]:
    """Slot → its values, each with other ways to say it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    current: list[tuple[str, ...]] = []
    for line in (FOLDER / "words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line.strip() and not line.startswith("#"):
            current.append(tuple(part.strip() for part in line.split(" ~ ")))
    return found


Noise = tuple[int, int, list[str], list[str], list[str]]  # least and most lines, first lines, lines, last lines


@cache
def noises() -> dict[str, Noise]:
    """What tools print, by kind."""
    found: dict[str, Noise] = {}
    for line in (FOLDER / "noise.txt").read_text(encoding="utf-8").splitlines():
        if head := re.fullmatch(r"\[(\w+) (\d+)-(\d+)\]", line):
            found[head[1]] = (int(head[2]), int(head[3]), [], [], [])
        elif found and line:
            *_, first, lines, last = list(found.values())[-1]
            (first if line.startswith("^ ") else last if line.startswith("$ ") else lines).append(
                line.removeprefix("^ ").removeprefix("$ ")
            )
    return found
