"""Asks questions about a dialogue that `recall_generator` made, and questions that it does not answer.

A question is asked only if its words name one scene of the dialogue and no other. Half of those that can be said without any
content word of their evidence are said so; `Question.shared` counts what is left in common.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache

from benchmarks.recall_dates import spans
from benchmarks.recall_generator import UNANSWERABLE, Dialogue, Instance, is_unseen
from benchmarks.recall_script import FOLDER, Ask, Scene, inventories
from benchmarks.recall_sets import Question, Turn, content_stems, plain_terms
from benchmarks.recall_slots import Slots

_NAMES = re.compile(r"\{(?:[\w-]+:)?([A-Za-z][\w-]*?)(?:_|-|~s|~ing|~)?\}")
_PRONOUNS = ("i", "me", "my", "we", "do", "have", "am", "me-self", "when", "do-we", "are-we", "have-we")
_OF_US = {"we": "we", "do-we": "do we", "are-we": "are we", "have-we": "have we"}
_OF_THEM = {"we": "the team", "do-we": "does the team", "are-we": "is the team", "have-we": "has the team"}
_DATED = ("fact", "said", "why", "multi", "person", "life")
_MOST_OF_ONE = 2  # questions about one piece of evidence


def ask(dialogue: Dialogue, count: int) -> list[Question]:
    """`count` questions in a fixed order, a fifth of them without an answer."""
    rng = random.Random(dialogue.seed * 7 + 1)
    absent = round(count * UNANSWERABLE)
    answerable = _balanced(rng, _unambiguous([*_single(dialogue, rng), *_grouped(dialogue, rng)]), count - absent)
    taken = {question.text for question in answerable}
    asked = [*answerable, *_absent(dialogue, rng, absent, taken)]
    rng.shuffle(asked)
    return [_numbered(question, dialogue.seed, number) for number, question in enumerate(asked, 1)]


def _numbered(question: Question, seed: int, number: int) -> Question:
    fields = question.__dict__ | {"id": f"{seed}-q{number}"}
    return Question(**fields)


def _unambiguous(found: Sequence[Question]) -> list[Question]:
    counted = Counter(question.text for question in found)
    return [question for question in found if counted[question.text] == 1]


def _balanced(rng: random.Random, found: list[Question], count: int) -> list[Question]:
    """Questions of all kinds in turn, few about the same evidence."""
    rng.shuffle(found)
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in found:
        by_kind[question.kind].append(question)
    weights = {"fact": 5, "why": 3, "dated": 2, "multi": 2}
    order = [kind for kind in sorted(by_kind) for _ in range(weights.get(kind, 1))]
    asked: Counter[str] = Counter()
    chosen: list[Question] = []
    while len(chosen) < count and any(by_kind.values()):
        for kind in order:
            while by_kind[kind]:
                question = by_kind[kind].pop()
                if max(asked[each] for each in question.evidence) < _MOST_OF_ONE:
                    asked.update(question.evidence)
                    chosen.append(question)
                    break
    return chosen[:count]


# -- about one scene ----------------------------------------------------------------------------------------------------


def _single(dialogue: Dialogue, rng: random.Random) -> Iterator[Question]:
    for instance in dialogue.instances:
        for asking in instance.scene.asks:
            if asking.grouped or any(label not in instance.evidence for label in asking.evidence):
                continue
            turns = [instance.evidence[label] for label in asking.evidence]
            texts = [text for text in asking.texts if _names_it(dialogue, instance, text)]
            if texts:
                yield _question(dialogue, rng, asking, texts, instance, turns)


def _names_it(dialogue: Dialogue, instance: Instance, text: str) -> bool:
    """Whether no other scene of the same form would be asked about in the same words."""
    names = [name for name in _NAMES.findall(text) if name not in _PRONOUNS]
    if any(name.lower() not in instance.slots.bound for name in names):
        return False  # it would speak of what was never said
    own = [instance.slots.bound[name.lower()] for name in names]
    personal = re.search(r"\{(i|my|me|do|am|have)\}", text)
    for other in dialogue.instances:
        if other is instance or other.scene.name != instance.scene.name:
            continue
        if personal and other.people[0] != instance.people[0]:
            continue
        if all(other.slots.bound.get(name.lower()) == value for name, value in zip(names, own, strict=True)):
            return False
    return True


def _question(
    dialogue: Dialogue, rng: random.Random, asking: Ask, texts: Sequence[str], instance: Instance, turns: Sequence[Turn]
) -> Question:
    more = _pronouns(dialogue, rng, instance, turns[0])
    shown = [instance.slots.fill(text, more) for text in texts]
    apart = [text for text in shown if not shared(text, turns)]
    text = rng.choice(apart) if apart and rng.random() < 0.3 else rng.choice(shown)
    text = _manner(dialogue, rng, text, asking.kind, turns)
    return _made(dialogue, text, turns, asking.kind, instance.scene)


def _manner(dialogue: Dialogue, rng: random.Random, text: str, kind: str, turns: Sequence[Turn]) -> str:
    """The question as one of several people would type it."""
    chance = rng.random()
    if kind in _DATED and chance < 0.08:
        named = spans(turns[0].time, dialogue.asked_at)
        if len(turns) == 1 and named:
            text = f"{text.rstrip('?')} {rng.choice(named).text}?"
    elif chance < 0.16:
        return " ".join(plain_terms(text))
    elif chance < 0.26:
        text = f"{rng.choice(inventories()['ask-lead'])[0]} {text}"
    text = text if rng.random() < 0.85 else text.rstrip("?")
    return text if rng.random() < 0.5 else text[:1].upper() + text[1:]


def shared(text: str, turns: Sequence[Turn]) -> int:
    """How many content words of a question stand in its evidence."""
    return len(content_stems(text) & frozenset().union(*(content_stems(turn.text) for turn in turns)))


def _made(dialogue: Dialogue, text: str, turns: Sequence[Turn], kind: str, scene: Scene | None) -> Question:
    ids = tuple(turn.id for turn in turns)
    sessions = tuple(dict.fromkeys(identity.partition(":")[0] for identity in ids))
    common = shared(text, turns) if turns else -1
    return Question("", text, ids, kind, dialogue.asked_at, sessions, common, scene is not None and is_unseen(scene))


def _pronouns(dialogue: Dialogue, rng: random.Random, instance: Instance, turn: Turn | None) -> dict[str, str]:
    """I and we as the one who asks would say it: where people have names, these."""
    if dialogue.mode == "solo" and turn is not None and turn.role == "assistant" and turn.kind == "said":
        return _OF_US | {"i": "you", "me": "you", "my": "your", "do": "do", "have": "have", "am": "are", "me-self": "yourself"}
    if dialogue.mode == "solo":
        return _OF_US | {"i": "I", "me": "me", "my": "my", "do": "do", "have": "have", "am": "am", "me-self": "myself"}
    name = (turn.name if turn is not None else "") or instance.people[0]
    own = {"i": name, "me": name, "my": f"{name}'s", "do": "does", "have": "has", "am": "is", "me-self": "themselves"}
    return own | (_OF_THEM if rng.random() < 0.5 else _OF_US)


# -- about several ------------------------------------------------------------------------------------------------------


def _grouped(dialogue: Dialogue, rng: random.Random) -> Iterator[Question]:
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in dialogue.instances:
        groups[instance.scene.name].append(instance)
    named = {"release": "we released {version}", "outage": "the outage of the {component}"}
    events = [
        (each.slots.fill(text), each.evidence["e1"].time) for name, text in named.items() for each in groups.get(name, ())
    ]
    for instances in groups.values():
        for asking in instances[0].scene.asks:
            if asking.grouped and "{when}" in asking.texts[0]:
                yield from _dated(dialogue, rng, asking, instances, events)
            elif asking.grouped:
                yield from _of_key(dialogue, rng, asking, instances)


def _of_key(dialogue: Dialogue, rng: random.Random, asking: Ask, instances: Sequence[Instance]) -> Iterator[Question]:
    keyed: dict[tuple[str, ...], list[Instance]] = defaultdict(list)
    for instance in instances:
        keyed[instance.key].append(instance)
    for same in keyed.values():
        if len(same) > 1:
            turns = [instance.evidence[asking.evidence[0]] for instance in same]
            yield _question(dialogue, rng, asking, asking.texts, same[0], turns)


def _dated(
    dialogue: Dialogue, rng: random.Random, asking: Ask, instances: Sequence[Instance], events: Sequence[tuple[str, datetime]]
) -> Iterator[Question]:
    for instance in instances:
        own = instance.evidence[asking.evidence[0]]
        named = spans(own.time, dialogue.asked_at, events)
        for span in rng.sample(named, min(2, len(named))):
            text = rng.choice(asking.texts)
            fellows = [
                other.evidence[asking.evidence[0]]
                for other in instances
                if span.holds(other.evidence[asking.evidence[0]].time)
                and ("{i}" not in text or other.people == instance.people)
            ]
            if len(fellows) <= 3:
                shown = instance.slots.fill(text, _pronouns(dialogue, rng, instance, own) | {"when": span.text})
                yield _made(dialogue, shown, sorted(fellows, key=lambda turn: turn.time), asking.kind, instance.scene)


# -- about nothing ------------------------------------------------------------------------------------------------------


@cache
def _unasked() -> tuple[str, ...]:
    lines = (FOLDER / "unasked.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def _absent(dialogue: Dialogue, rng: random.Random, count: int, taken: set[str]) -> list[Question]:
    """Questions that sound like the others and have no answer: of things that the dialogue speaks of, about what it
    does not say of them; of matters that it never has; a few of other worlds."""
    said = [content_stems(turn.text) for turn in dialogue.turns]
    near = [scene for scene in dialogue.available if scene.asks and scene not in dialogue.left_out and scene.key]
    found: list[Question] = []
    while len(found) < count:
        chance = rng.random()
        if chance < 0.12:
            text = rng.choice(_unasked())
        else:
            text = _unplanted(dialogue, rng, rng.choice(near if chance < 0.65 and near else dialogue.left_out))
        stems = content_stems(text)
        if not text or text in taken or not stems or any(stems <= turn for turn in said):
            continue
        taken.add(text)
        shown = _manner(dialogue, rng, text, "", [])
        found.append(Question("", shown, (), "unanswerable", dialogue.asked_at))
    return found


def _unplanted(dialogue: Dialogue, rng: random.Random, scene: Scene) -> str:
    """A question about an instance of the scene that there is not; '' if the draw hits one that there is."""
    asking = rng.choice(scene.asks)
    text = rng.choice(asking.texts)
    slots = Slots(rng, dialogue.style, dialogue.sessions[-1].time, None, scene.kinds)
    instance = Instance(scene, slots, [0])
    users = [""] if dialogue.mode == "solo" else dialogue.users
    instance.people = (rng.choice(users), "")
    own = (instance.people[0],) if scene.each else instance.key
    planted = own in dialogue.used[scene.topic]
    if planted or (scene not in dialogue.left_out and not _names_key(scene, text)):
        return ""
    more: Mapping[str, str] = _pronouns(dialogue, rng, instance, None)
    if "{when}" in text:
        turn = rng.choice(rng.choice(dialogue.sessions).turns)
        more = dict(more) | {"when": rng.choice(spans(turn.time, dialogue.asked_at)).text}
    return slots.fill(text, more)


def _names_key(scene: Scene, text: str) -> bool:
    return all(name in [each.lower() for each in _NAMES.findall(text)] for name in scene.key)
