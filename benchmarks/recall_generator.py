"""Makes our own set: dialogues of a coder with an agent over months, and questions with the messages that answer them.

Everything follows from the seed. A dialogue is put together from the scenes of `recall_scenes`, each with names of its own, in
sessions on working days; among them stand scenes that nobody asks about, noise of tools, and other scenes of the same form.
Speakers have no names (one user and the agent), or several users have, or two colleagues talk to each other.

TUNING and REPORT are seeds apart; a quarter of the scenes is kept out of the tuning sets, so that figures on them show what
carries over to what was not seen.
"""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from benchmarks.recall_script import Line, Scene, inventories, scenes
from benchmarks.recall_sets import Conversation, Session, Turn
from benchmarks.recall_slots import Slots

TUNING = tuple(range(101, 111))
REPORT = tuple(range(201, 211))
SESSIONS, SCENES, QUESTIONS = 60, 230, 200
UNANSWERABLE = 0.2
_ECHOES = ("{what}: {text}", "{text} ({what})", "{text}, as for {what}", "about {what}: {text}", "{text}. That is for {what}")
_ZERO = datetime(2025, 1, 6, tzinfo=UTC)


def is_unseen(scene: Scene) -> bool:
    """Whether a scene is in no tuning set."""
    return zlib.crc32(scene.name.encode()) % 4 == 0


def ours(
    seeds: Iterable[int], *, sessions: int = SESSIONS, count: int = SCENES, questions: int = QUESTIONS
) -> list[Conversation]:
    """One dialogue for each seed."""
    from benchmarks.recall_asking import ask

    made = []
    for seed in seeds:
        dialogue = Dialogue(seed, sessions, count)
        made.append(Conversation(f"ours-{seed}", dialogue.sessions, ask(dialogue, questions)))
    return made


@dataclass
class Instance:
    """A scene as it was played: what its slots stand for, who spoke, and the turns that are evidence."""

    scene: Scene
    slots: Slots
    at: list[int]  # the session of each part
    people: tuple[str, str] = ("", "")
    evidence: dict[str, Turn] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self.slots.value(name)[0] for name in self.scene.key)


class Dialogue:
    """All sessions of one store. `mode`: solo (no names), named (several users), pair (two people and no agent)."""

    def __init__(self, seed: int, sessions: int, count: int) -> None:
        self.rng = rng = random.Random(seed)
        self.seed = seed
        self.mode = ("solo", "named", "solo", "pair", "named")[seed % 5]
        self.style = rng.choice(("snake", "camel"))
        names = [value[0] for value in inventories()["speaker"]]
        self.users = rng.sample(names, 3 if self.mode == "named" else 2)
        self.agent = rng.choice(inventories()["agent"])[0]
        self.lower = {name: rng.random() < 0.4 for name in names}
        self.used: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        self.available = [scene for scene in scenes() if seed in REPORT or seed >= 1000 or not is_unseen(scene)]
        asked = [scene for scene in self.available if scene.asks]
        self.left_out = rng.sample(asked, len(asked) // 6)
        self.sessions = self._empty_sessions(sessions)
        self.asked_at = self.sessions[-1].time.replace(hour=9, minute=0) + timedelta(days=1)
        self.instances = self._instances(count)
        self._number = 0
        self._play()

    @property
    def turns(self) -> list[Turn]:
        return [turn for session in self.sessions for turn in session.turns]

    # -- what happens when --------------------------------------------------------------------------------------------

    def _empty_sessions(self, count: int) -> list[Session]:
        rng = self.rng
        day = _ZERO + timedelta(days=rng.randint(0, 120))
        found: list[Session] = []
        for number in range(count):
            day += timedelta(days=rng.choice((0, 1, 1, 1, 2, 2, 3, 4, 6, 9)))
            if day.weekday() > 4 and rng.random() < 0.85:
                day += timedelta(days=7 - day.weekday())
            start = day.replace(hour=rng.randint(7, 20), minute=rng.randint(0, 59))
            if found and start <= found[-1].time + timedelta(hours=3):
                start = found[-1].time + timedelta(hours=4)
                day = max(day, start.replace(hour=0, minute=0))
            area = rng.choice(inventories()["area"])[0]
            found.append(
                Session(f"s{number + 1}", start, "", f"{area}/{rng.choice(inventories()['noun'])[0].replace(' ', '-')}")
            )
        return found

    def _instances(self, count: int) -> list[Instance]:
        pool = [scene for scene in self.available if scene.asks and scene not in self.left_out]
        order: list[Scene] = []
        for scene in pool:
            order += [scene] * scene.times
            if scene.each and self.mode != "solo":
                order += [scene] * (len(self.users) - 1)
        once = [scene for scene in pool if scene.times == 1 and not scene.each]
        while len(order) < count:
            order.append(self.rng.choice(once))
        self.rng.shuffle(order)
        found: list[Instance] = []
        for scene in order[: max(count, len(pool))]:
            for instance in self._of(scene):
                found.append(instance)
        return found

    def _of(self, scene: Scene) -> list[Instance]:
        """One instance, or several of the same key."""
        made: list[Instance] = []
        for _ in range(scene.repeat):
            at = self._places(scene)
            if at is None:
                continue
            for _ in range(30):
                fixed = {name: made[0].slots.value(name) for name in scene.key} if made else {}
                instance = Instance(scene, self._slots(scene, at[0], fixed), at)
                people = self._people(instance)
                key = (people[0],) if scene.each else instance.key
                if made or (not scene.key and not scene.each) or key not in self.used[scene.topic]:
                    self.used[scene.topic].add(key)
                    instance.people = people
                    made.append(instance)
                    break
        return made

    def _places(self, scene: Scene) -> list[int] | None:
        at = [self.rng.randrange(len(self.sessions))]
        for low, high in scene.later:
            begin = self.sessions[at[-1]].time
            fitting = [
                number
                for number, session in enumerate(self.sessions)
                if low <= (session.time - begin).days <= high and number > at[-1]
            ]
            if not fitting:
                return None if at[0] < len(self.sessions) // 3 else self._places(scene)
            at.append(self.rng.choice(fitting))
        return at

    def _people(self, instance: Instance) -> tuple[str, str]:
        """Who says the user's lines, and who the agent's."""
        if self.mode == "solo":
            return "", ""
        if self.mode == "pair":
            first, second = self.rng.sample(self.users, 2)
            return first, second
        return self.users[instance.at[0] % len(self.users)] if self.rng.random() < 0.9 else self.rng.choice(
            self.users
        ), self.agent

    # -- what is said -------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        parts: dict[int, list[tuple[Instance, int]]] = defaultdict(list)
        for instance in self.instances:
            for number, at in enumerate(instance.at):
                parts[at].append((instance, number))
        filler = [scene for scene in scenes() if not scene.asks and scene.name not in ("f-start", "f-thanks")]
        start, end = (next(scene for scene in scenes() if scene.name == name) for name in ("f-start", "f-thanks"))
        for number, session in enumerate(self.sessions):
            planned = parts[number]
            for _ in range(self.rng.randint(2, 5 + 2 * len(planned))):
                planned.append((self._filler(self.rng.choice(filler), number), 0))
            self.rng.shuffle(planned)
            if self.rng.random() < 0.55:
                planned.insert(0, (self._filler(start, number), 0))
            if self.rng.random() < 0.3:
                planned.append((self._filler(end, number), 0))
            drafts = [turn for instance, part in planned for turn in self._turns(session, instance, part)]
            session.turns = self._timed(session, drafts)

    def _slots(self, scene: Scene, at: int, fixed: Mapping[str, tuple[str, ...]]) -> Slots:
        return Slots(self.rng, self.style, self.sessions[at].time, fixed, scene.kinds)

    def _filler(self, scene: Scene, at: int) -> Instance:
        instance = Instance(scene, self._slots(scene, at, {}), [at])
        instance.people = self._people(instance)
        return instance

    def _turns(self, session: Session, instance: Instance, part: int) -> list[tuple[Instance, str, Turn]]:
        made = []
        instance.slots.time = session.time
        for line in instance.scene.parts[part]:
            if line.maybe and self.rng.random() < 0.4:
                continue
            made.append((instance, line.evidence, self._turn(session, instance, line)))
        return made

    def _turn(self, session: Session, instance: Instance, line: Line) -> Turn:
        role = self.rng.choice(line.roles)
        text = instance.slots.fill(self.rng.choice(line.texts))
        name = instance.people[0] if role == "U" else instance.people[1]
        if role in "UA":
            text = self._spoken(self._echoed(instance, text, line), role, name, session)
        if self.mode == "pair":
            text = f"```\n{text}\n```" if role in "TC" else text
            return Turn("", "user" if name == self.users[0] else "assistant", session.time, text, name)
        if role == "C":
            return Turn("", "assistant", session.time, f"→ shell {text}", name, "call")
        if role == "T":
            return Turn("", "tool", session.time, text, "", "tool")
        return Turn("", "user" if role == "U" else "assistant", session.time, text, name)

    def _echoed(self, instance: Instance, text: str, line: Line) -> str:
        """A line that does not say what it is about, saying it now and then."""
        about = [value for name in instance.scene.key if (value := instance.slots.value(name)[0]).lower() not in text.lower()]
        if not about or self.rng.random() > (0.6 if line.evidence else 0.2):
            return text
        what = about[0]
        return self.rng.choice(_ECHOES).format(text=text.rstrip("."), what=what)

    def _spoken(self, text: str, role: str, name: str, session: Session) -> str:
        """A line as somebody would write it: with what comes before and after, in a manner that stays theirs."""
        rng, who = self.rng, "user" if role == "U" else "assistant"
        other = Slots(rng, self.style, session.time)
        if rng.random() < 0.15:
            lead = rng.choice(inventories()[f"{who}-lead"])[0]
            text = f"{lead}, {text}" if who == "user" else f"{lead} {text}"
        tails = [value[0] for value in inventories()[f"{who}-tail"]]
        for tail in rng.sample(tails, rng.choice((0, 0, 0, 1, 1)) if who == "user" else rng.choice((0, 0, 1, 1, 2, 3))):
            end = "" if text[-1:] in ".!?" else rng.choice((".", ".", ",")) if who == "user" else "."
            said = other.fill(tail)
            before = said if said[-1] in ".!?" else f"{said}."
            said = f"{text}{end} {said}" if rng.random() < 0.7 or who == "assistant" else f"{before} {text}"
            text = said
        if who == "user" and self.lower[name or self.users[0]]:
            return text if "`" in text else _lowered(text)
        return text[:1].upper() + text[1:] if text.partition(" ")[0].strip(",.").isalpha() and rng.random() < 0.8 else text

    def _timed(self, session: Session, drafts: Sequence[tuple[Instance, str, Turn]]) -> list[Turn]:
        """The turns with their ids and times; what is evidence is told to its instance."""
        now = session.time
        turns: list[Turn] = []
        for instance, label, draft in drafts:
            now += timedelta(seconds=self.rng.choice((3, 5, 9, 14, 25, 40, 70, 130, 300, 700)))
            self._number += 1
            turn = Turn(f"{session.id}:{len(turns) + 1}", draft.role, now, draft.text, draft.name, draft.kind)
            turns.append(turn)
            if label:
                instance.evidence[label] = turn
        return turns


def _lowered(text: str) -> str:
    """Small letters where a word is no name and no identifier."""
    words = text.split(" ")
    return " ".join(
        word.lower() if word[:1].isupper() and word[1:].islower() and at == 0 else word for at, word in enumerate(words)
    )
