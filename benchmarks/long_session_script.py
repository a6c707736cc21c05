"""What happens in a scripted long session: a project, a user who asks, and an agent that reads, runs, edits and answers.

Everything follows from a seed. The user plants instructions and names, the agent keeps a plan with open items and says what
comes next; `holds` is what of it must be known at a turn. Sizes are those of real sessions: results of 1 to 20 kB (4 to 5 on
average), replies of 50 to 300 tokens.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.provider_server import Turn, call, turn

_AREAS = """orders invoices shipping refunds catalogue search pricing stock coupons accounts sessions reports exports imports
webhooks notifications audit billing ledger carts"""
_VERBS = """split rename cover document simplify cache validate batch retry paginate index trace throttle migrate deduplicate
normalise compress archive"""
_THINGS = """parser queue worker schema client router serializer scheduler importer mailer cache lock gateway registry pool
cursor adapter formatter"""
_WORDS = """when the request comes in twice within a second so that nobody has to look at it again because the old one was slow
and failed under load with a full disk after we changed how rows are read from the table by two processes at once while
nothing else runs on that machine and every result is kept until the next one arrives"""
AREAS, VERBS, THINGS, WORDS = (text.split() for text in (_AREAS, _VERBS, _THINGS, _WORDS))

INSTRUCTIONS = (
    ("Never rename the column `{area}_{thing}_id`: the reports read it by name.", "{area} column reports renaming"),
    ("Please don't touch `legacy/{area}_{thing}.py` without asking me first.", "legacy {area} file without asking"),
    ("From now on every migration of {area} needs a way back.", "{area} migrations way back"),
    ("In {area} we use plain SQL, not the ORM, for anything that runs every minute.", "{area} SQL or ORM every minute"),
    ("I prefer small functions over classes in the {area} {thing}.", "{area} {thing} style preference"),
    ("No new dependencies for the {thing} of {area}, the licence check takes weeks.", "{area} {thing} dependencies licence"),
    ("The {area} {thing} must answer within {number} ms, the gateway gives up then.", "{area} {thing} time limit gateway"),
    ("Always run the {area} tests before you call something of the {thing} done.", "{area} {thing} tests before done"),
    ("Bitte ändere an der Schnittstelle von {area} nichts, das {thing}-Team braucht sie so.", "{area} Schnittstelle Team"),
    ("Amounts in {area} stay in cents as integers, never floats, also in the {thing}.", "{area} amounts cents floats"),
)  # fmt: skip
NAMES = (
    ("The failing one was request req-{hex} on the {area} {thing}.", "req-{hex}", "{area} {thing} failing request id"),
    ("The {area} staging database is {area}-{number}.internal:5433.", "{area}-{number}.internal:5433",
     "{area} staging database host"),
    ("Commit {hex} brought the slow {thing} into {area}.", "{hex}", "{area} slow {thing} commit"),
    ("The customer's ticket about {area} is OPS-{number}.", "OPS-{number}", "customer ticket about {area}"),
    ("The {area} {thing} is turned on by the flag {area}_{thing}_v{digit}.", "{area}_{thing}_v{digit}",
     "{area} {thing} feature flag"),
)  # fmt: skip


@dataclass(frozen=True)
class Plant:
    """Something that must be known from turn `since` until before `until`: `needle` is it to the letter, `query` what one
    would search for without knowing it."""

    kind: str
    needle: str
    query: str
    since: int
    until: int = 1 << 30


@dataclass(frozen=True)
class Exchange:
    """A message of the user and the replies to it, each but the last with a call."""

    text: str
    replies: tuple[Turn, ...]


class Session:
    """The script. `write` makes the project, `exchanges` is what is said, `plants` what is to be known of it."""

    def __init__(self, turns: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._turns = turns
        self.plants: list[Plant] = []
        self._files = {f"src/{area}/{thing}.py": self._source(area, thing) for area in AREAS for thing in THINGS[:6]}
        self._logs = {f"logs/run{number}.log": self._log() for number in range(60)}
        self._versions = dict.fromkeys(self._files, 1)
        self._plan: list[str] = []
        self._next = ""
        self._used: set[str] = set()
        self.exchanges = [self._exchange(number) for number in range(turns)]

    def write(self, folder: Path) -> None:
        for name, text in {**self._files, **self._logs}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def holds(self, at: int) -> list[Plant]:
        """What is to be known after the exchange `at` began."""
        return [plant for plant in self.plants if plant.since <= at < plant.until]

    # -- the project ------------------------------------------------------------------------------------------------

    def _size(self) -> int:
        """Bytes of a result: most are short, some long."""
        low, high = self._random.choices(((1_000, 3_000), (3_000, 8_000), (8_000, 20_000)), (70, 22, 8))[0]
        return self._random.randint(low, high)

    def _source(self, area: str, thing: str) -> str:
        lines, room = [f'"""The {thing} of {area}."""', "", "VERSION = 1", ""], self._size() * 7 // 10  # lines are numbered
        while room > 0:
            name = f"{self._random.choice(VERBS)}_{self._random.choice(THINGS)}"
            body = [
                f"def {name}(row: dict[str, int], limit: int = {self._random.randint(1, 900)}) -> int:",
                f'    """{self._sentence(9)}"""',
                f"    found = row.get('{self._random.choice(THINGS)}', 0) * {self._random.randint(2, 99)}",
                f"    if found > limit:  # {self._sentence(6)}",
                f"        raise ValueError(f'{area}: {{found}} is over {{limit}}')",
                "    return found",
                "",
            ]
            lines += body
            room -= sum(map(len, body))
        return "\n".join(lines)

    def _log(self) -> str:
        lines, room = [], self._size()
        while room > 0:
            at = f"{self._random.randint(0, 23):02}:{self._random.randint(0, 59):02}"
            level = self._random.choice(("INFO", "INFO", "DEBUG", "WARN", "ERROR"))
            lines.append(f"{at} {level} {self._random.choice(AREAS)}.{self._random.choice(THINGS)}: {self._sentence(7)}")
            room -= len(lines[-1])
        return "\n".join(lines)

    def _sentence(self, words: int) -> str:
        at = self._random.randrange(len(WORDS))
        return " ".join(WORDS[(at + step) % len(WORDS)] for step in range(words))

    # -- what is said -----------------------------------------------------------------------------------------------

    def _exchange(self, number: int) -> Exchange:
        area, thing = self._random.choice(AREAS), self._random.choice(THINGS)
        text = (
            f"{self._random.choice(VERBS).capitalize()} the {thing} of {area}, {self._sentence(self._random.randint(8, 30))}."
        )
        if number % 8 == 2:
            text += f" {self._instruction(number)}"
        if number % 9 == 4:
            text += f" {self._name(number)}"
        steps = [self._step(number) for _ in range(self._random.choices((0, 1, 2, 3), (20, 40, 30, 10))[0])]
        return Exchange(text, (*steps, turn(self._answer(number, area, thing))))

    def _fill(self, number: int, templates: Sequence[Sequence[str]]) -> list[str]:
        """A template, filled so that it was never said before."""
        while True:
            chosen = self._random.choice(templates)
            values = {
                "area": self._random.choice(AREAS), "thing": self._random.choice(THINGS),
                "hex": f"{self._random.getrandbits(32):08x}", "number": self._random.randint(101, 999),
                "digit": self._random.randint(2, 9),
            }  # fmt: skip
            filled = [part.format(**values) for part in chosen]
            if filled[-1] not in self._used:
                self._used.add(filled[-1])
                return filled

    def _instruction(self, number: int) -> str:
        text, query = self._fill(number, INSTRUCTIONS)
        self.plants.append(Plant("instruction", text, query, number))
        return text

    def _name(self, number: int) -> str:
        text, needle, query = self._fill(number, NAMES)
        self.plants.append(Plant("identifier", needle, query, number))
        return text

    def _step(self, number: int) -> Turn:
        """A reply with one call."""
        said = self._sentence(self._random.randint(15, 70)).capitalize() + "."
        kind = self._random.choices(("read", "run", "edit"), (55, 35, 10))[0]
        path = self._random.choice(list(self._files))
        if kind == "read":
            made = [call("read_file", path=path)]
        elif kind == "run":
            log = self._random.choice(list(self._logs))
            made = [call("shell", command=f"cat {log}" + ("; exit 1" if self._random.random() < 0.2 else ""))]
        else:
            old, new = self._versions[path], self._versions[path] + 1
            self._versions[path] = new
            edits = [{"old": f"VERSION = {old}\n", "new": f"VERSION = {new}\n"}]
            made = [call("read_file", path=path), call("edit_file", path=path, edits=edits)]
        return turn(said, *made)

    def _answer(self, number: int, area: str, thing: str) -> str:
        parts = [f"Done with the {thing} of {area}: {self._sentence(self._random.randint(30, 260))}."]
        if number % 20 == 5:
            parts.append(self._new_plan(number))
        elif number % 20 in (10, 15) and len(self._plan) > 2:
            parts.append(self._ticked(number))
        if number % 6 == 1:
            parts.append(self._next_action(number))
        return "\n\n".join(parts)

    def _new_plan(self, number: int) -> str:
        """What was left of the plan before is finished, and four items are new."""
        done, self._plan = self._plan, []
        for item in done:
            self._close("plan item", item, number)
        while len(self._plan) < 4:
            words = [
                self._random.choice(VERBS),
                self._random.choice(THINGS),
                self._random.choice(AREAS),
                self._random.choice(VERBS),
            ]
            item = f"{words[0]} the {words[1]} of {words[2]} and {words[3]} its {self._random.choice(THINGS)}"
            if item not in self._used:
                self._used.add(item)
                self._plan.append(item)
                self.plants.append(Plant("plan item", item, f"plan {words[0]} {words[1]} {words[2]}", number))
        return "Plan:\n" + "\n".join([*(f"- [x] {item}" for item in done), *(f"- [ ] {item}" for item in self._plan)])

    def _ticked(self, number: int) -> str:
        item, *self._plan = self._plan
        self._close("plan item", item, number)
        return "\n".join([f"- [x] {item}", *(f"- [ ] {left}" for left in self._plan)])

    def _next_action(self, number: int) -> str:
        if self._next:
            self._close("next action", self._next, number)
        area, thing = self._random.choice(AREAS), self._random.choice(THINGS)
        self._next = f"run `make {area}-{thing}-{number}` and compare its output with that of yesterday"
        self.plants.append(Plant("next action", self._next, f"next make {area} {thing} compare output", number))
        return f"Next: {self._next}."

    def _close(self, kind: str, needle: str, number: int) -> None:
        for at, plant in enumerate(self.plants):
            if (plant.kind, plant.needle, plant.until) == (kind, needle, 1 << 30):
                self.plants[at] = Plant(kind, needle, plant.query, plant.since, number)
