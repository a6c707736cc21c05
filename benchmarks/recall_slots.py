"""Fills the slots of a scene: names and numbers that stay the same in it, and noise as tools print it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from benchmarks.recall_script import inventories, noises

_SLOT = re.compile(
    r"\{(?:(?P<alias>[\w-]+):)?(?P<name>[A-Za-z][\w-]*?)(?P<form>_|-|~s|~ing|~)?(?::(?P<low>\d+)-(?P<high>\d+))?\}"
)
_RANGE = re.compile(r"\{[\w-]+:(\d+)-(\d+)\}")
_CHOICE = re.compile(r"<([^<>|\n]*(?:\|[^<>|\n]*)+)>")
_UNITS = {
    "timeout": ("{} seconds", (2, 5, 8, 10, 15, 20, 25, 30, 45, 60, 75, 90, 120, 180)),
    "batch size": ("{}", (50, 64, 100, 128, 200, 250, 256, 400, 500, 512, 800, 1000, 2000, 5000)),
    "retry limit": ("{}", (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)),
    "cache lifetime": ("{} minutes", (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90)),
    "page length": ("{}", (10, 15, 20, 25, 30, 40, 50, 75, 100)),
    "pool size": ("{}", (4, 5, 8, 10, 12, 16, 20, 24, 32, 48, 64)),
    "upload limit": ("{} MB", (5, 10, 16, 20, 25, 32, 50, 64, 100, 250)),
    "log retention": ("{} days", (3, 5, 7, 10, 14, 21, 30, 60, 90)),
    "heartbeat interval": ("{} seconds", (1, 2, 3, 5, 10, 15, 20, 30, 60)),
    "concurrency": ("{}", (1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32)),
}
_EXTENSIONS = {"snake": ("py", "rs", "py", "sql"), "camel": ("ts", "tsx", "go", "java", "kt")}
_ING = {"split": "splitting", "flush": "flushing", "apply": "applying"}


class Slots:
    """The slots of one scene. `choose` says which value of an inventory may be taken; `style` how identifiers are written."""

    def __init__(
        self,
        rng: random.Random,
        style: str,
        time: datetime,
        fixed: Mapping[str, tuple[str, ...]] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        self._rng = rng
        self._style = style
        self.time = time
        self.bound: dict[str, tuple[str, ...]] = dict(fixed or {})
        self.kinds = kinds or {}

    def fill(self, text: str, more: Mapping[str, str] | None = None) -> str:
        """`text` with all slots filled; `more` are values that hold for this text alone."""
        text = _CHOICE.sub(lambda found: self._rng.choice(found[1].split("|")), text)
        text = _RANGE.sub(lambda found: str(self._rng.randint(int(found[1]), int(found[2]))), text)
        return _SLOT.sub(lambda found: self._one(found, more or {}), text)

    def _one(self, found: re.Match[str], more: Mapping[str, str]) -> str:
        name, form, alias = found["name"], found["form"] or "", found["alias"] or ""
        if alias == "noise":
            return self.noise(name)
        if name in more:
            return more[name]
        plain = name.lower() if not name.islower() else name
        value = self.value(alias or plain, plain if alias else self.kinds.get(plain, plain))
        shown = _form(value, form)
        return shown.upper() if name.isupper() else shown[:1].upper() + shown[1:] if name[0].isupper() else shown

    def value(self, local: str, inventory: str = "") -> tuple[str, ...]:
        """What the name `local` stands for, drawn from the inventory where it stands for nothing yet."""
        if local not in self.bound:
            self.bound[local] = self._draw(inventory or local)
        return self.bound[local]

    def _draw(self, name: str) -> tuple[str, ...]:
        kind = name if name in inventories() else name.rstrip("0123456789")
        if kind in ("value",):
            return (self._measure(),)
        if kind in ("ident", "path", "version", "port", "hash", "day"):
            return getattr(self, f"_{kind}")()  # type: ignore[no-any-return]
        taken = set(self.bound.values())
        values = [value for value in inventories()[kind] if value not in taken]
        return self._rng.choice(values)

    def _measure(self) -> str:
        form, numbers = _UNITS[self.value("setting")[0]]
        used = {value[0] for name, value in self.bound.items() if name.startswith("value")}
        return self._rng.choice([shown for shown in map(form.format, numbers) if shown not in used])

    def _ident(self) -> tuple[str, ...]:
        verb, noun = self._rng.choice(inventories()["verb"])[0], self._rng.choice(inventories()["noun"])[0]
        return identifier(verb, noun, self._style)

    def _path(self) -> tuple[str, ...]:
        area, noun = self._rng.choice(inventories()["area"])[0], self._rng.choice(inventories()["noun"])[0]
        joined = noun.replace(" ", "_") if self._style == "snake" else _camel(noun)
        root = self._rng.choice(("src", "src", "lib", "app", "packages/core"))
        return (f"{root}/{area}/{joined}.{self._rng.choice(_EXTENSIONS[self._style])}",)

    def _version(self) -> tuple[str, ...]:
        return (f"{self._rng.randint(0, 9)}.{self._rng.randint(0, 30)}.{self._rng.randint(0, 9)}",)

    def _port(self) -> tuple[str, ...]:
        return (str(self._rng.randint(2000, 9999)),)

    def _hash(self) -> tuple[str, ...]:
        return (f"{self._rng.getrandbits(28):07x}",)

    def _day(self) -> tuple[str, ...]:
        day = self.time + timedelta(days=self._rng.randint(6, 60))
        form = self._rng.choice(("%B {}", "the {} of %B", "{} %b", "%d.%m."))
        return (day.strftime(form).format(day.day),)

    def noise(self, kind: str) -> str:
        """What a tool would print: some lines speak of what the scene speaks of, most of other things."""
        low, high, first, lines, last = noises()[kind]
        own: dict[str, tuple[str, ...]] = self.bound
        shown = []
        chosen = [(self._rng.choice(lines), self._rng.random() < 0.3) for _ in range(self._rng.randint(low, high))]
        for text, is_own in [*((text, True) for text in first), *chosen, *((text, True) for text in last)]:
            self.bound = dict(own) if is_own else {}
            shown.append(self.fill(text))
        self.bound = own
        return "\n".join(shown)


def identifier(verb: str, noun: str, style: str) -> tuple[str, ...]:
    """A compound identifier, and what it does in words: plain, in the third person, as a noun."""
    joined = f"{verb}_{noun.replace(' ', '_')}" if style == "snake" else _camel(f"{verb} {noun}")
    third = verb[:-1] + "ies" if verb.endswith("ly") else verb + ("es" if verb.endswith(("sh", "ch")) else "s")
    noun_form = _ING.get(verb) or (verb[:-1] if verb.endswith("e") else verb) + "ing"
    return joined, f"{verb} the {noun}", f"{third} the {noun}", f"{noun_form} the {noun}"


def _camel(words: str) -> str:
    first, *rest = words.split()
    return first + "".join(word[0].upper() + word[1:] for word in rest)


def snake(name: str) -> str:
    """An identifier or several words, in small letters joined by underscores."""
    return re.sub(r"[\s/.-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()


def _form(value: tuple[str, ...], form: str) -> str:
    if form == "_":
        return snake(value[0])
    if form == "-":
        return snake(value[0]).replace("_", "-")
    if form == "~":
        return value[1] if len(value) > 1 else value[0]
    if form == "~s":
        return value[2]
    return value[3] if form == "~ing" else value[0]
