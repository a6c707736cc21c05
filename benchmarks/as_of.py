"""Asks a store of facts what was true at one moment as it was known at another, and counts wrong answers.

`python -m benchmarks.as_of [--questions 10000] [--changes 600] [--seed 0]`

A real repository with branches and merges, and a store filled through the program's own classes: facts with and without a
single-valued subject are kept, ended, taken back, said again and superseded, for the past and the future, at a commit or
none. Each answer is compared with that of a model which replays what was said by then, in plain Python.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lcode import clock
from lcode.git.repository import find
from lcode.memory.archival import Archival
from lcode.memory.lives import AsOf
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.moments import as_of
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECTS = ("", "", "test command", "package manager", "line length")


@dataclass(frozen=True)
class Said:
    """One thing that was said: `kind` insert, again, close or reopen. Times are stamps, '' none."""

    at: str
    kind: str
    fact: str
    subject: str = ""
    begin: str = ""
    end: str = ""
    commit: str = ""
    over: tuple[str, ...] = ()


@dataclass
class Life:
    """A fact of the model."""

    fact: str
    order: int
    subject: str
    begin: str
    begin_commit: str
    end: str = ""
    end_commit: str = ""
    after: str = ""

    @property
    def void(self) -> bool:
        return self.end != "" and self.end <= self.begin

    def lasts(self, at: str) -> bool:
        return self.end == "" or self.end > max(at, self.begin)

    def stop(self, at: str, commit: str, after: str) -> None:
        if self.end == "" or self.end > at:
            late = at > self.begin
            self.end, self.end_commit, self.after = at if late else self.begin, commit if late else self.begin_commit, after


@dataclass
class Model:
    """Everything that was said, in order. What was known at a moment is what is made of all that was said by then."""

    said: list[Said] = field(default_factory=list)
    _known: dict[int, dict[str, Life]] = field(default_factory=dict)

    def known(self, at: str = "~") -> dict[str, Life]:
        """What was known then; not to be changed."""
        number = sum(one.at <= at for one in self.said)
        if number not in self._known:
            facts: dict[str, Life] = {}
            for one in self.said[:number]:
                self._take(facts, one)
            self._known[number] = facts
        return self._known[number]

    def true(
        self, valid: str, known: str = "~", history: frozenset[str] | None = None, others: frozenset[str] = frozenset()
    ) -> set[str]:
        """The facts that were true. `history`: the commits in that of the one asked about; `others` are known and not in it."""

        def passed(at: str, commit: str) -> bool:
            if history is not None and commit in history | others:
                return commit in history
            return at <= valid

        return {
            life.fact
            for life in self.known(known).values()
            if passed(life.begin, life.begin_commit) and not (life.end and passed(life.end, life.end_commit))
        }

    def _take(self, facts: dict[str, Life], one: Said) -> None:
        if one.kind == "insert":
            facts[one.fact] = Life(one.fact, len(facts), one.subject, one.begin, one.commit)
            for earlier in one.over:
                facts[earlier].stop(one.begin, one.commit, one.fact)
        life = facts[one.fact]
        if one.kind == "again" and one.begin < life.begin:
            life.begin, life.begin_commit = one.begin, one.commit
        if one.kind == "close":
            life.end = ""
            life.stop(one.end, one.commit, "")
        if one.kind == "reopen" and life.end:
            for rival in facts.values():
                shares = rival is not life and life.subject != "" and rival.subject == life.subject
                if shares and (rival.fact == life.after or (rival.begin == life.begin and not rival.void)):
                    rival.end, rival.end_commit, rival.after = rival.begin, rival.begin_commit, life.fact
            life.end = life.end_commit = life.after = ""
        if life.subject:
            self._settle([other for other in facts.values() if other.subject == life.subject])

    def _settle(self, facts: list[Life]) -> None:
        """One at a time: each ends where the next begins; of those that begin together the last that was said holds."""
        real = [life for life in facts if not life.void]
        last = {life.begin: life for life in sorted(real, key=lambda life: life.order)}
        for life in real:
            holds = last[life.begin]
            later = [begin for begin in last if begin > life.begin]
            if holds is not life:
                life.stop(life.begin, life.begin_commit, holds.fact)
            elif later:
                after = last[min(later)]
                life.stop(after.begin, after.begin_commit, after.fact)


def stamp(minutes: int) -> str:
    return clock.stamp(START + timedelta(minutes=minutes))


class Filler:
    """Says things to a store and to the model."""

    def __init__(self, archival: Archival, commits: list[str], chance: random.Random) -> None:
        self.archival, self.commits, self.chance = archival, commits, chance
        self.model = Model()
        self.ids: dict[str, str] = {}

    def change(self, minute: int) -> None:
        now = stamp(minute)
        clock.set_source(lambda: clock.parse(now))
        by = Provenance(Actor.USER, Source.SAID, commit=self.chance.choice(self.commits) if self.chance.random() < 0.7 else "")
        kind = self.chance.choice(("insert", "insert", "insert", "close", "reopen", "again")) if self.ids else "insert"
        getattr(self, f"_{kind}")(now, by)

    def _when(self, by: Provenance) -> tuple[str, str]:
        """A time that is given, and the commit that goes with it; '' for now and here."""
        if self.chance.random() < 0.5:
            return "", by.commit
        return stamp(self.chance.randrange(0, 3_000)), self.chance.choice(["", *self.commits[:40]])

    def _insert(self, now: str, by: Provenance) -> None:
        fact, subject = f"fact {len(self.ids)}", self.chance.choice(SUBJECTS)
        begin, commit = self._when(by)
        over = tuple(self.chance.sample(sorted(self.ids), 1)) if self.ids and self.chance.random() < 0.2 else ()
        kept = self.archival.insert(
            fact, by, subject=subject or "none", supersedes=[self.ids[one] for one in over], valid_from=begin,
            valid_from_commit=commit,
        )  # fmt: skip
        self.ids[fact] = kept.id
        self.model.said.append(Said(now, "insert", fact, subject, begin or now, commit=commit, over=over))

    def _again(self, now: str, by: Provenance) -> None:
        begin, commit = self._when(by)
        lives = self.model.known()
        fact = self.chance.choice([one for one in lives if lives[one].lasts(max(now, begin))] or ["fact x"])
        kept = self.archival.insert(fact, by, subject="none", valid_from=begin, valid_from_commit=commit)
        if fact in self.ids:
            assert kept.id == self.ids[fact]
            self.model.said.append(Said(now, "again", fact, lives[fact].subject, begin or now, commit=commit))
        else:
            self.ids[fact] = kept.id
            self.model.said.append(Said(now, "insert", fact, "", begin or now, commit=commit))

    def _close(self, now: str, by: Provenance) -> None:
        fact = self.chance.choice(sorted(self.ids))
        end, commit = self._when(by)
        self.archival.close(self.ids[fact], by, at=end, commit=commit if end else "")
        self.model.said.append(Said(now, "close", fact, end=end or now, commit=commit))

    def _reopen(self, now: str, by: Provenance) -> None:
        fact = self.chance.choice(sorted(self.ids))
        self.archival.reopen(self.ids[fact], by)
        self.model.said.append(Said(now, "reopen", fact))


def history(folder: Path, number: int, chance: random.Random) -> dict[str, frozenset[str]]:
    """A repository with merges: each commit with itself and all that is in its history."""
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    stream, parents = [], dict[int, list[int]]()
    for at in range(1, number + 1):
        parents[at] = sorted(chance.sample(range(max(1, at - 6), at), min(at - 1, 1 + (chance.random() < 0.2))))
        when = int(clock.parse(stamp(at * 20)).timestamp())
        stream.append(f"commit refs/heads/b{at}\nmark :{at}\ncommitter A <a@example.org> {when} +0000\ndata 1\nx")
        stream += [f"{word} :{parent}" for word, parent in zip(("from", "merge"), parents[at], strict=False)]
    marks = folder / "marks"
    feed = "\n".join([*stream, "done", ""])
    command = ["git", "-C", str(folder), "fast-import", "--quiet", "--done", f"--export-marks={marks}"]
    subprocess.run(command, input=feed, text=True, check=True)
    ids = {int(mark[1:]): commit for mark, commit in (line.split() for line in marks.read_text().splitlines())}
    found: dict[int, frozenset[str]] = {}
    for at in range(1, number + 1):
        found[at] = frozenset([ids[at]]).union(*(found[parent] for parent in parents[at]))
    return {ids[at]: past for at, past in found.items()}


def ask(filler: Filler, folder: Path, past: dict[str, frozenset[str]], questions: int) -> tuple[int, float]:
    """How many answers were wrong, and the CPU seconds that the store took."""
    chance, place, everything = filler.chance, find(folder), frozenset(past)
    moments: dict[str, AsOf] = {}
    wrong, spent = 0, 0.0
    clock.set_source(lambda: clock.parse(stamp(4_000)))
    for _ in range(questions):
        valid, known = stamp(chance.randrange(-100, 3_200)), chance.choice(("", stamp(chance.randrange(-100, 3_200))))
        commit = chance.choice(sorted(past)) if chance.random() < 0.4 else ""
        if commit and commit not in moments:
            moments[commit] = as_of(commit, filler.archival, place)
        moment = replace(moments[commit], known_at=known) if commit else AsOf(valid, known)
        began = time.process_time()
        answer = {found.text for found in filler.archival.search("", limit=100_000, as_of=moment)}
        spent += time.process_time() - began
        inside = past[commit] if commit else None
        wrong += answer != filler.model.true(moment.valid_at, known or "~", inside, everything - (inside or everything))
    return wrong, spent


def run(questions: int, changes: int, seed: int) -> int:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        past = history(Path(name) / "repository", 120, chance)
        database = Database(Path(name) / "memory.db", migrations.MEMORY, lock=Path(name) / "lock")
        filler = Filler(Archival(database, Redactor({})), [*past, "f" * 40], chance)  # one that git does not know
        for at in range(changes):
            filler.change(at * 2)
        wrong, spent = ask(filler, Path(name) / "repository", past, questions)
        database.close()
    clock.set_source(None)
    print(f"{questions} questions about {len(filler.ids)} facts after {changes} changes: {wrong} wrong answers;", end=" ")
    print(f"{spent / questions * 1000:.2f} ms of CPU an answer")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    raise SystemExit(1 if run(given.questions, given.changes, given.seed) else 0)


if __name__ == "__main__":
    main()
